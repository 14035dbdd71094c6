import ModelFiles

/// Everything a tokenizer is made of, as plain values: what `tokenizer.ggml.*` of a GGUF file says.
///
/// Absent values stay nil, `Tokenizer` fills in the defaults of the kind. Identifiers that are not in the vocabulary
/// (files write 4294967295 for "none") are nil.
struct TokenizerDescription: Sendable {
  enum Kind: Equatable, Sendable {
    /// `tokenizer.ggml.model` "gpt2"; the value of `tokenizer.ggml.pre`.
    case bytePairEncoding(preTokenizer: String)
    /// `tokenizer.ggml.model` "llama".
    case sentencePiece
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
  /// Further tokens that end a generation: end of message, and what llama.cpp takes from fill-in-the-middle.
  var otherEnds: [Int32] = []
  var addsBeginning: Bool?
  var addsEnd: Bool?
  var addsSpacePrefix: Bool?
  /// Special tokens that take white space along, by the names in the file.
  var stripping = WhitespaceStripping.none

  init(kind: Kind, tokens: [String]) {
    self.kind = kind
    self.tokens = tokens
  }

  init(_ metadata: GGUFMetadata) throws(TokenizationError) {
    guard let model = metadata.string("tokenizer.ggml.model") else {
      throw .missingKey("tokenizer.ggml.model")
    }
    guard let tokens = metadata.strings("tokenizer.ggml.tokens") else {
      throw .missingKey("tokenizer.ggml.tokens")
    }
    switch model {
    case "gpt2":
      guard let merges = metadata.strings("tokenizer.ggml.merges") else {
        throw .missingKey("tokenizer.ggml.merges")
      }
      self.init(
        kind: .bytePairEncoding(
          preTokenizer: metadata.string("tokenizer.ggml.pre") ?? "default"),
        tokens: tokens)
      self.merges = merges
    case "llama":
      self.init(kind: .sentencePiece, tokens: tokens)
      beginning = 1
      end = 2
      unknown = 0
    default:
      throw .unsupportedModel(name: model, supported: ["gpt2", "llama"])
    }
    tokenKinds = metadata.ints("tokenizer.ggml.token_type") ?? []
    scores = metadata.floats("tokenizer.ggml.scores") ?? []
    addsBeginning = metadata.bool("tokenizer.ggml.add_bos_token")
    addsEnd = metadata.bool("tokenizer.ggml.add_eos_token")
    addsSpacePrefix = metadata.bool("tokenizer.ggml.add_space_prefix")

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
    stripping = .of(
      name: metadata.string("general.name") ?? "",
      preTokenizer: metadata.string("tokenizer.ggml.pre") ?? "",
      architecture: metadata.string("general.architecture") ?? "")
  }
}
