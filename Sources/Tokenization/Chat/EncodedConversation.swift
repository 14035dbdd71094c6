/// A conversation as text and tokens, with what is to be learned of it.
public struct EncodedConversation: Sendable, Equatable {
  /// What the template wrote; begin-of-text that the tokenizer adds is not part of it.
  public internal(set) var text: String
  /// The learned stretches of the text, in bytes of UTF-8, in order.
  public internal(set) var learned: [Range<Int>] = []
  public internal(set) var ids: [Int32] = []
  /// For each token whether it is to be learned.
  public internal(set) var isTarget: [Bool] = []
  /// Whether the template writes earlier turns of the assistant otherwise than they were said, so
  /// that only the last turn is learned, or even this one as it stands.
  public internal(set) var isRewritten = false
  /// Roles of messages with a text of which the template writes nothing.
  public internal(set) var unwrittenRoles: Set<String> = []
  /// What the template leaves out of messages that it otherwise writes, as `ConversationNotices`
  /// names it.
  public internal(set) var unwrittenParts: Set<String> = []
  /// Whether messages have parts that are no text: images, audio.
  public internal(set) var hasMedia = false
  /// Whether the conversation has tools and the template writes nothing of them.
  public internal(set) var leavesOutTools = false
  /// Whether no marker ends a learned turn: the model does not learn to stop there.
  public internal(set) var lacksEnd = false
  /// What the template wrote that looks like a marker and is no token of the model: learned as
  /// letters.
  public internal(set) var unknownMarkers: Set<String> = []
}
