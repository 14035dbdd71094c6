public import ModelFiles

/// Text to token ids and back, as the model's GGUF file describes it.
///
/// Three kinds: byte pair encoding (`tokenizer.ggml.model` "gpt2" and "gemma4"), SentencePiece
/// ("llama") and unigram ("t5"). Not: word pieces ("bert"), "rwkv", "plamo2". Ids equal
/// llama.cpp's. The vocabulary is immutable; a tokenizer is a value that any number of threads may
/// use at once.
public struct Tokenizer: Sendable {
  enum Engine: Sendable {
    case bytePairEncoding(BytePairEncoding, PreTokenizer)
    case sentencePiece(SentencePiece, addsSpacePrefix: Bool)
    case unigram(Unigram)
  }

  /// The way back, from ids to text.
  public let decoder: TokenDecoder
  let engine: Engine
  let specialTokens: SpecialTokens
  let scratches = ScratchPool()

  /// Begin of text (`bos`), if the model has it.
  public let beginning: Int32?
  /// End of text (`eos`), if the model has it.
  public let end: Int32?
  /// The token that closes an assistant's turn: the file's, or one known by its text, or the end of
  /// text.
  public let endOfTurn: Int32?
  /// Whether the model wants begin-of-text in front of a text.
  public let addsBeginning: Bool
  /// Whether the model wants end-of-text after a text.
  public let addsEnd: Bool

  /// Reads `tokenizer.ggml.*`. Costs some 50 ms for 50,000 tokens.
  public init(_ metadata: GGUFMetadata) throws(TokenizationError) {
    try self.init(TokenizerDescription(metadata))
  }

  init(_ description: TokenizerDescription) throws(TokenizationError) {
    decoder = try TokenDecoder(description)
    let vocabulary = decoder.vocabulary
    switch description.kind {
    case .bytePairEncoding(let name):
      let preTokenizer = try PreTokenizer(name)
      let encoding = try BytePairEncoding(
        vocabulary, merges: description.merges, spelling: preTokenizer.spelling,
        takesWholeWords: preTokenizer.takesWholeWords,
        takesWholeNewlines: preTokenizer.takesWholeNewlines)
      engine = .bytePairEncoding(encoding, preTokenizer)
      let wantsBeginning = description.addsBeginning ?? preTokenizer.addsBeginning
      addsBeginning =
        (wantsBeginning || preTokenizer.alwaysAddsBeginning) && description.beginning != nil
    case .sentencePiece:
      engine = .sentencePiece(
        SentencePiece(vocabulary, unknown: description.unknown),
        addsSpacePrefix: description.addsSpacePrefix ?? true)
      addsBeginning = (description.addsBeginning ?? true) && description.beginning != nil
    case .unigram:
      guard let unknown = description.unknown else {
        throw .missingKey("tokenizer.ggml.unknown_token_id")
      }
      let map =
        description.characterMap.isEmpty ? nil : try CharacterMap(description.characterMap)
      let normalizer = UnigramNormalizer(
        vocabulary, map: map, addsSpacePrefix: description.addsSpacePrefix ?? false,
        mergesSpaces: description.mergesSpaces)
      engine = .unigram(Unigram(vocabulary, normalizer: normalizer, unknown: unknown))
      addsBeginning = (description.addsBeginning ?? false) && description.beginning != nil
    }
    specialTokens = SpecialTokens(vocabulary, stripping: description.stripping)
    beginning = description.beginning
    end = description.end
    addsEnd = (description.addsEnd ?? (description.kind == .unigram)) && description.end != nil

    let named = EndTokens.endsOfTurn.lazy.compactMap { vocabulary.find($0) }.first
    endOfTurn = description.endOfTurn ?? named ?? description.end
  }

  var vocabulary: Vocabulary { decoder.vocabulary }

  /// Every token after which a generation is over.
  public var endOfGeneration: Set<Int32> { decoder.endOfGeneration }

  /// Number of tokens; ids are below it.
  public var vocabularySize: Int { vocabulary.count }

  /// The control, unknown or user-defined token with exactly this text.
  public func id(ofSpecial text: String) -> Int32? {
    guard let id = vocabulary.find(text) else { return nil }
    return switch vocabulary.kind(id) {
    case .control, .unknown, .userDefined: id
    default: nil
    }
  }
}
