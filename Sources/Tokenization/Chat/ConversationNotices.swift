internal import ModelFiles

/// What is to be said of conversations once they are encoded: gathered over all of a data set, a
/// sentence each.
public struct ConversationNotices: Sendable, Equatable {
  private var count = 0
  private var rewritten = 0
  private var withoutTools = 0
  private var withoutEnd = 0
  private var withMedia = 0
  private var unwritten: [String: Int] = [:]
  private var parts: [String: Int] = [:]
  private var markers: Set<String> = []

  public init() {}

  public mutating func add(_ conversation: EncodedConversation) {
    count += 1
    if conversation.isRewritten { rewritten += 1 }
    if conversation.leavesOutTools { withoutTools += 1 }
    if conversation.lacksEnd { withoutEnd += 1 }
    if conversation.hasMedia { withMedia += 1 }
    for role in conversation.unwrittenRoles { unwritten[role, default: 0] += 1 }
    for part in conversation.unwrittenParts { parts[part, default: 0] += 1 }
    markers.formUnion(conversation.unknownMarkers)
  }

  public mutating func add(_ other: ConversationNotices) {
    count += other.count
    rewritten += other.rewritten
    withoutTools += other.withoutTools
    withoutEnd += other.withoutEnd
    withMedia += other.withMedia
    unwritten.merge(other.unwritten, uniquingKeysWith: +)
    parts.merge(other.parts, uniquingKeysWith: +)
    markers.formUnion(other.markers)
  }

  /// One sentence for each thing that happened; empty when nothing did.
  public var sentences: [String] {
    var sentences: [String] = []
    if !markers.isEmpty {
      let shown = markers.sorted().prefix(6).joined(separator: ", ")
      sentences.append(
        "the chat template writes \(shown)\(markers.count > 6 ? ", …" : ""), which the model has no "
          + "token for: the model sees letters; is it this model's template?")
    }
    if rewritten > 0 {
      sentences.append(
        "the chat template writes earlier answers otherwise than they were said (\(rewritten) of "
          + "\(count) conversations): of these only the last answer is learned")
    }
    for (role, number) in unwritten.sorted(by: { $0.key < $1.key }) {
      sentences.append(
        "the chat template leaves out messages of the role \(role) (\(number) of \(count) "
          + "conversations)\(role == ChatRole.assistant.rawValue ? ": of these at most the end is learned" : "")"
      )
    }
    for (part, number) in parts.sorted(by: { $0.key < $1.key }) {
      sentences.append(
        "the chat template leaves out \(part) (\(number) of \(count) conversations)")
    }
    if withMedia > 0 {
      sentences.append(
        "\(withMedia) of \(count) conversations have parts that are no text (images, audio): the "
          + "model sees at most a marker in their place")
    }
    if withoutTools > 0 {
      sentences.append(
        "the chat template leaves out the tools of \(withoutTools) of \(count) conversations")
    }
    if withoutEnd > 0 {
      sentences.append(
        "the chat template ends answers with no marker (\(withoutEnd) of \(count) conversations): "
          + "the model does not learn where to stop")
    }
    return sentences.map(\.onOneLine)
  }
}
