/// Cuts text into the words that byte pair encoding merges inside of.
///
/// `tokenizer.ggml.pre` names a list of patterns, applied one after the other to what the one before left, matches
/// and gaps alike, as llama.cpp's `llm_tokenizer_bpe` does. Its `\s` is Unicode's White_Space, PCRE2's has U+180E as
/// well: the patterns spell the class out. Characters assigned after PCRE2's Unicode tables are "other".
struct PreTokenizer: Sendable {
  private let patterns: [RegularExpression]
  /// A word that is a token is taken whole.
  let takesWholeWords: Bool
  /// Whether begin-of-text is added where the model file does not say.
  let addsBeginning: Bool

  /// One way of splitting and the names under which files ask for it.
  private struct Recipe {
    var names: [String]
    var patterns: [String]
    var takesWholeWords = false
    var addsBeginning = false
  }

  private static let space = #"\x{09}-\x{0d}\x{85}\p{Z}"#

  private static let gpt2 =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\#(space)\p{L}\p{N}]+"#
    + #"|[\#(space)]+(?![^\#(space)])"#

  /// Llama 3's and Qwen 2's pattern: they differ in how numbers are cut.
  private static func tiktoken(letters: String = #"\p{L}"#, numbers: String) -> String {
    let others = letters == #"\p{L}"# ? letters : #"\p{L}\p{M}"#
    return #"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"#
      + #"|[^\r\n\p{L}\p{N}]?\#(letters)+|\#(numbers)| ?[^\#(space)\#(others)\p{N}]+[\r\n]*"#
      + #"|[\#(space)]*[\r\n]+|[\#(space)]+(?![^\#(space)])|[\#(space)]+"#
  }

  private static let recipes = [
    Recipe(
      names: [
        "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
        "mellum2",
      ],
      patterns: [#"\p{N}"#, gpt2]),
    Recipe(
      names: [
        "gpt-2", "phi-2", "gigachat", "a.x-4.0", "mellum", "modern-bert", "exaone4", "mpt",
        "olmo", "jais", "trillion", "granite-docling",
      ],
      patterns: [gpt2]),
    Recipe(
      names: [
        "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
      ],
      patterns: [tiktoken(numbers: #"\p{N}{1,3}"#)], takesWholeWords: true, addsBeginning: true),
    Recipe(names: ["dbrx", "smaug-bpe"], patterns: [tiktoken(numbers: #"\p{N}{1,3}"#)]),
    Recipe(
      names: ["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "megrez", "hunyuan"],
      patterns: [tiktoken(numbers: #"\p{N}"#)]),
    Recipe(
      names: ["qwen35"], patterns: [tiktoken(letters: #"[\p{L}\p{M}]"#, numbers: #"\p{N}"#)]),
    Recipe(
      names: ["default"],
      patterns: [#"[\p{P}\$\+<=>\^~\|]+"#, gpt2, #"\p{N}+"#, #"[0-9][0-9][0-9]"#]),
  ]

  /// Every name that `init` knows.
  static var names: [String] { recipes.flatMap(\.names) }

  /// - Parameter name: the value of `tokenizer.ggml.pre`.
  init(_ name: String) throws(TokenizationError) {
    guard let recipe = Self.recipes.first(where: { $0.names.contains(name) }) else {
      throw .unsupportedPreTokenizer(name: name, supported: Self.names)
    }
    var compiled: [RegularExpression] = []
    for pattern in recipe.patterns { compiled.append(try RegularExpression(pattern)) }
    patterns = compiled
    takesWholeWords = recipe.takesWholeWords
    addsBeginning = recipe.addsBeginning
  }

  /// The words of a text, in order and without loss. The text is valid UTF-8.
  func split(_ text: Span<UInt8>) -> [Range<Int>] {
    var pieces = text.isEmpty ? [] : [0..<text.count]
    var cut: [Range<Int>] = []
    for pattern in patterns {
      cut.removeAll(keepingCapacity: true)
      cut.reserveCapacity(max(pieces.count, text.count / 4))
      pattern.split(text, pieces, into: &cut)
      swap(&pieces, &cut)
    }
    return pieces
  }
}
