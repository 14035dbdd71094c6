import ModelFiles

/// Everything a tokenizer is made of, as plain values: what `tokenizer.ggml.*` of a GGUF file says.
///
/// Absent values stay nil, `Tokenizer` fills in the defaults of the kind. Identifiers that are not
/// in the vocabulary (files write 4294967295 for "none") are nil.
struct TokenizerDescription: Sendable {
  enum Kind: Equatable, Sendable {
    /// `tokenizer.ggml.model` "gpt2", the value of `tokenizer.ggml.pre`; or "gemma4" for both.
    case bytePairEncoding(preTokenizer: String)
    /// `tokenizer.ggml.model` "llama".
    case sentencePiece
    /// `tokenizer.ggml.model` "t5".
    case unigram
  }

  var kind: Kind
  var tokens: [String]
  /// Raw values of `TokenKind`.
  var tokenKinds: [Int] = []
  var scores: [Float] = []
  var merges: [String] = []
  var beginning: Int32?
  var end: Int32?
  var endOfTurn: Int32?
  var unknown: Int32?
  /// Further tokens that end a generation: end of message, and what llama.cpp takes from
  /// fill-in-the-middle.
  var otherEnds: [Int32] = []
  /// Tokens of fill-in-the-middle that the file names ("fim_pre"…), so that they need not be
  /// guessed.
  var namedFillInTheMiddle: Set<String> = []
  var addsBeginning: Bool?
  var addsEnd: Bool?
  var addsSpacePrefix: Bool?
  /// Whether a unigram model takes spaces in a row as one.
  var mergesSpaces = false
  /// `tokenizer.ggml.precompiled_charsmap` of a unigram model; empty if it has none.
  var characterMap: [UInt8] = []
  /// Special tokens that take white space along, by the names in the file.
  var stripping = WhitespaceStripping.none

  init(kind: Kind, tokens: [String]) {
    self.kind = kind
    self.tokens = tokens
  }

  init(_ metadata: GGUFMetadata) throws(TokenizationError) {
    /// A value by its getter: nil only where the file has no such key.
    func value<Value>(
      _ name: String, _ expected: String, _ get: (String) -> Value?
    ) throws(TokenizationError) -> Value? {
      let key = "tokenizer.ggml.\(name)"
      guard metadata[key] != nil else { return nil }
      guard let value = get(key) else { throw .wrongType(key: key, expected: expected) }
      return value
    }
    func needed<Value>(_ name: String, _ value: Value?) throws(TokenizationError) -> Value {
      guard let value else { throw .missingKey("tokenizer.ggml.\(name)") }
      return value
    }
    func strings(_ name: String) throws(TokenizationError) -> [String] {
      try needed(name, value(name, "an array of texts", metadata.strings))
    }
    func flag(_ name: String) throws(TokenizationError) -> Bool? {
      try value(name, "true or false", metadata.bool)
    }
    let model = try needed("model", value("model", "a text", metadata.string))
    let tokens = try strings("tokens")
    let name = try value("pre", "a text", metadata.string) ?? ""
    switch model {
    case "gpt2", "gemma4":
      let preTokenizer = model == "gemma4" ? model : name.isEmpty ? "default" : name
      self.init(kind: .bytePairEncoding(preTokenizer: preTokenizer), tokens: tokens)
      merges = try strings("merges")
    case "llama":
      self.init(kind: .sentencePiece, tokens: tokens)
      beginning = tokens.count > 1 ? 1 : nil
      end = tokens.count > 2 ? 2 : nil
      unknown = tokens.isEmpty ? nil : 0
    case "t5":
      self.init(kind: .unigram, tokens: tokens)
      end = tokens.count > 1 ? 1 : nil
      unknown = tokens.count > 2 ? 2 : nil
      mergesSpaces = try flag("remove_extra_whitespaces") ?? false
      characterMap = try Self.characterMap(metadata)
    default:
      throw .unsupportedModel(name: model, supported: ["gpt2", "gemma4", "llama", "t5"])
    }
    tokenKinds = try value("token_type", "an array of whole numbers", metadata.ints) ?? []
    scores = try value("scores", "an array of numbers", metadata.floats) ?? []
    addsBeginning = try flag("add_bos_token")
    addsEnd = try flag("add_eos_token")
    addsSpacePrefix = try flag("add_space_prefix")

    func id(_ name: String) -> Int32? {
      guard let id = metadata.int("tokenizer.ggml.\(name)_token_id"), tokens.indices.contains(id)
      else { return nil }
      return Int32(id)
    }
    beginning = id("bos") ?? beginning
    end = id("eos") ?? end
    endOfTurn = id("eot")
    unknown = id("unknown") ?? unknown
    otherEnds = ["eom", "fim_pad", "fim_rep", "fim_sep"].compactMap(id)
    namedFillInTheMiddle = Set(EndTokens.fillInTheMiddle.map(\.key).filter { id($0) != nil })
    for (old, key) in [("prefix", "fim_pre"), ("suffix", "fim_suf"), ("middle", "fim_mid")]
    where id(old) != nil {
      namedFillInTheMiddle.insert(key)
    }
    stripping = .of(
      name: metadata.string("general.name") ?? "",
      preTokenizer: name,
      architecture: metadata.string("general.architecture") ?? "")
  }

  private static func characterMap(
    _ metadata: GGUFMetadata
  ) throws(TokenizationError) -> [UInt8] {
    let key = "tokenizer.ggml.precompiled_charsmap"
    guard metadata[key] != nil else { return [] }
    guard let bytes = metadata.ints(key), !bytes.isEmpty,
      bytes.allSatisfy({ (-128...255).contains($0) })
    else { throw .malformedCharacterMap("it is no array of bytes") }
    return bytes.map { UInt8(truncatingIfNeeded: $0) }
  }
}
