public import Tokenization

/// The record formats read, told apart by their fields.
public enum DataFormat: String, Sendable, Codable {
  case completion = "prompt/completion"
  case messages
  case shareGPT = "conversations"
  case alpaca = "instruction/output"
  case text
  case tokens = "input_ids"
  /// A file of plain text, cut into windows.
  case raw = "raw text"
}

/// One record of a data file, checked as far as that goes without a tokenizer.
public struct DataRecord: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    case completion(prompt: String, completion: String)
    case conversation(Conversation)
    case text(String)
    /// `labels` as Hugging Face has them: aligned with `ids`, -100 = no loss, shifted inside.
    case tokens(ids: [Int32], labels: [Int32]?)
    case raw(String)
  }

  public let content: Content
  /// Line of the file where the record begins, from 1.
  public let line: Int

  /// The record as a conversation; nil for texts and tokens.
  public var conversation: Conversation? {
    switch content {
    case .conversation(let conversation): conversation
    case .completion(let prompt, let completion):
      Conversation([ChatMessage(.user, prompt), ChatMessage(.assistant, completion)])
    case .text, .tokens, .raw: nil
    }
  }
}
