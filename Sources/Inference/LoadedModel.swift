public import ModelFiles
public import Tensors
public import Tokenization
public import Transformer

/// A model file opened for use: weights (mapped, shared), tokenizer and the way to its chat template.
///
/// A file whose tokenizer Scion cannot read opens all the same: only who asks for the tokenizer is told, since token ids
/// need none.
///
/// Immutable and `Sendable`; the mutable state of whoever runs it is a `GenerationSession`, `BatchGenerator` or an
/// evaluation.
public struct LoadedModel: Sendable {
  public let file: GGUFFile
  public private(set) var model: Model
  private let tokenizerRead: Result<Tokenizer, TokenizationError>
  private let decoderRead: Result<TokenDecoder, TokenizationError>

  /// Opens the file at `path`, to be computed in `arithmetic`. Throws `GGUFError`, `TransformerError` or
  /// `InferenceError.vocabularyMismatch`.
  public init(path: String, arithmetic: ProductArithmetic = .activations) throws {
    try self.init(try GGUFFile(path: path))
    model.arithmetic = arithmetic
  }

  /// The same, to be computed otherwise from here on.
  public mutating func compute(in arithmetic: ProductArithmetic) { model.arithmetic = arithmetic }

  /// The same over a parsed file.
  public init(_ file: GGUFFile) throws {
    self.file = file
    do {
      model = try Model(file)
    } catch let error as TransformerError {
      throw TransformerError.inFile(path: file.path, error)
    }
    tokenizerRead = Result { () throws(TokenizationError) in try Tokenizer(file.metadata) }
    switch tokenizerRead {
    case .success(let tokenizer): decoderRead = .success(tokenizer.decoder)
    case .failure:
      decoderRead = Result { () throws(TokenizationError) in try TokenDecoder(file.metadata) }
    }
    guard vocabularySize <= model.configuration.vocabularySize else {
      throw InferenceError.vocabularyMismatch(
        tokenizer: vocabularySize, model: model.configuration.vocabularySize)
    }
  }

  /// From text to ids. Throws what is missing in the file, or what of it Scion does not know.
  public var tokenizer: Tokenizer {
    get throws(TokenizationError) { try tokenizerRead.get() }
  }

  /// From ids to text: in more files than `tokenizer`, since it asks less of them.
  public var decoder: TokenDecoder {
    get throws(TokenizationError) { try decoderRead.get() }
  }

  /// Ids below it are tokens: those that the file names, or all rows of the embedding where it names none.
  public var vocabularySize: Int {
    switch decoderRead {
    case .success(let decoder): decoder.vocabularySize
    case .failure: model.configuration.vocabularySize
    }
  }

  /// Chooses the rotations for a run whose longest sequence has `longest` tokens: `ModelConfiguration.preparing`.
  public mutating func prepare(forSequencesOf longest: Int) {
    model.prepare(forSequencesOf: longest)
  }

  /// The chat template `name`, see `ChatTemplate.resolve`. Throws `TokenizationError`.
  public func template(_ name: String = "auto") throws(TokenizationError) -> ChatTemplate {
    try ChatTemplate.resolve(name, file.metadata)
  }

  /// What is to be said where the template `name` is used for turns; nil when there is nothing.
  public func templateNotice(_ name: String) -> String? {
    name == "auto" && !hasTemplate ? Self.noTemplateNotice : nil
  }

  public static let noTemplateNotice =
    "the model file has no chat template: turns are joined plainly, as the template none does"

  /// Whether the file brings a chat template.
  public var hasTemplate: Bool {
    file.metadata.string("tokenizer.chat_template") != nil
      || file.metadata.strings("tokenizer.chat_templates") != nil
  }

  /// From conversations to tokens by the template `name`, whose `strftime_now` tells `clock` (nil: the time of the call).
  /// Throws `TokenizationError`.
  public func encoder(
    template name: String = "auto", clock: TemplateClock? = nil
  ) throws(TokenizationError) -> ConversationEncoder {
    var template = try template(name)
    template.clock = clock
    return ConversationEncoder(template, try tokenizer)
  }

  /// The tokens of plain text, with begin-of-text where the model wants it. Special tokens written out in `text` are
  /// text. Throws `TokenizationError`, also for a text that is too long (`Tokenizer.longestText`).
  public func tokens(text: String) throws(TokenizationError) -> [Int32] {
    let tokenizer = try tokenizer
    try tokenizer.checkLength(text.utf8.count)
    return tokenizer.encode(text, addBeginning: tokenizer.addsBeginning, parseSpecial: false)
  }
}
