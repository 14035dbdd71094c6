public import ModelFiles
public import Tensors
public import Tokenization
public import Transformer

/// A model file opened for use: weights (mapped, shared), tokenizer and the way to its chat template.
///
/// Immutable and `Sendable`; the mutable state of whoever runs it is a `GenerationSession`, `BatchGenerator` or an
/// evaluation.
public struct LoadedModel: Sendable {
  public let file: GGUFFile
  public private(set) var model: Model
  public let tokenizer: Tokenizer

  /// Opens the file at `path`, to be computed in `arithmetic`. Throws `GGUFError`, `TransformerError`, `TokenizationError` or
  /// `InferenceError.vocabularyMismatch`.
  public init(path: String, arithmetic: ProductArithmetic = .activations) throws {
    try self.init(try GGUFFile(path: path))
    model.arithmetic = arithmetic
  }

  /// The same over a parsed file.
  public init(_ file: GGUFFile) throws {
    self.file = file
    do {
      model = try Model(file)
    } catch let error as TransformerError {
      throw TransformerError.inFile(path: file.path, error)
    }
    tokenizer = try Tokenizer(file.metadata)
    guard tokenizer.vocabularySize <= model.configuration.vocabularySize else {
      throw InferenceError.vocabularyMismatch(
        tokenizer: tokenizer.vocabularySize, model: model.configuration.vocabularySize)
    }
  }

  /// The chat template `name`. "auto" is the file's own; a file without one (a base model that never learned to chat) joins
  /// turns plainly, as "none" does. Throws `TokenizationError`.
  public func template(_ name: String = "auto") throws(TokenizationError) -> ChatTemplate {
    let isPlain = name == "auto" && !hasTemplate
    return try ChatTemplate.resolve(name: isPlain ? "none" : name, metadata: file.metadata)
  }

  /// Whether the file brings a chat template.
  public var hasTemplate: Bool { file.metadata.string("tokenizer.chat_template") != nil }

  /// The tokens of plain text, with begin-of-text where the model wants it. Special tokens written out in `text` are
  /// text.
  public func tokens(text: String) -> [Int32] {
    tokenizer.encode(text, addBeginning: tokenizer.addsBeginning, parseSpecial: false)
  }

  /// The tokens of a conversation up to where the assistant begins to speak; begin-of-text is never doubled, and no
  /// message can forge a turn.
  public func tokens(messages: [ChatMessage], template: ChatTemplate) -> [Int32] {
    template.encode(messages, tokenizer: tokenizer, addGenerationPrompt: true).ids
  }
}
