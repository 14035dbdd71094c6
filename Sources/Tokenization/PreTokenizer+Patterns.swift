/// The patterns of the recipes. Each is the expression that the model's own tokenizer has, as
/// llama.cpp reads it; where that differs from the original it says how.
extension PreTokenizer {
  private typealias Step = SplitExpression.Step

  /// ` ?[^\s\p{L}\p{N}]+` and the like.
  private static func others(_ excluded: ScalarSet, newlines: Step? = .any(.newlines)) -> [Step] {
    [.optional(.space), .some(!(.whitespace + .numbers + excluded))] + [newlines].compactMap(\.self)
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+`. `\s*[\r\n]` matches the same.
  private static let spaces: [[Step]] = [
    [.any(.whitespace), .some(.newlines)], [.some(.whitespace), .endOrNot(!.whitespace)],
    [.some(.whitespace)],
  ]

  private static let notLetterNorNumber = !(.newlines + .letters + .numbers)

  // MARK: - GPT-2

  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`
  static let gpt2 = Cut.matches(
    SplitExpression(
      [.contraction(ignoresCase: false, isOptional: false)],
      [.optional(.space), .some(.letters)], [.optional(.space), .some(.numbers)],
      others(.letters, newlines: nil), [.some(.whitespace), .endOrNot(!.whitespace)]))

  /// `[\p{P}\$\+<=>\^~\|`]+`
  static func falconPunctuation(without left: String) -> SplitExpression {
    SplitExpression([.some((.punctuation + ScalarSet("$+<=>^~|`")) - ScalarSet(left))])
  }

  // MARK: - tiktoken's cl100k

  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*`
  /// `|\s*[\r\n]+|\s+(?!\S)|\s+`; models differ in how numbers are cut.
  static func tiktoken(numbers: ClosedRange<Int>) -> Cut {
    tiktoken(words: words, numbers: numbers, others: others(.letters))
  }

  private static let anyContraction: [Step] = [.contraction(ignoresCase: true, isOptional: false)]
  private static let words: [Step] = [.optional(notLetterNorNumber), .some(.letters)]

  private static func tiktoken(
    contraction: [[Step]] = [anyContraction], words: [Step], numbers: ClosedRange<Int> = 1...1,
    others: [Step], spaces: [[Step]] = spaces
  ) -> Cut {
    let rows = contraction + [words, [.times(numbers, .numbers)], others] + spaces
    return .matches(SplitExpression(alternatives: rows))
  }

  /// Marks count as letters.
  static let qwen35 = tiktoken(
    words: [.optional(notLetterNorNumber), .some(.letters + .marks)],
    others: others(.letters + .marks))

  /// Runs of white space in powers of two:
  /// `\s{512}(?!\S)|\s{256}(?!\S)|…|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}`
  static let jais2 = tiktoken(
    words: words, numbers: 1...3, others: others(.letters),
    spaces: [[.any(.whitespace), .some(.newlines)]]
      + [512, 256, 128, 64, 32, 16, 8, 4].map {
        [.times($0...$0, .whitespace), .endOrNot(!.whitespace)]
      }
      + [[.times(1...2, .whitespace), .endOrNot(!.whitespace)], [.one(.whitespace)]])

  /// `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|…|\s*[\r\n]|\s+(?!\S)|\s+`
  static let bailing = tiktoken(words: words, others: others(.letters))

  /// ` ?[^\s\p{L}\p{N}\r\n]+`: newlines do not follow.
  static let seedCoder = tiktoken(words: words, others: others(.letters, newlines: nil))

  /// No contractions.
  static let ufakzeka = tiktoken(contraction: [], words: words, others: others(.letters))

  /// `[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|…| ?[^\s\p{L}\p{N}]+[\r\n/]?`
  static let exaoneMixture = tiktoken(
    words: [.optional(notLetterNorNumber), .joinedWords],
    others: others(.letters, newlines: .optional(ScalarSet("\r\n/"))))

  // MARK: - o200k

  /// `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|…)?`
  /// `|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|…)?`
  /// `|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  ///
  /// llama.cpp tells capitals only from A to Z, and marks are no letters unless given with them.
  static func capitals(
    contraction: Bool, numbers: ClosedRange<Int>, letters: ScalarSet = .letters
  ) -> Cut {
    cased(letters - .latinSmalls, letters - .latinCapitals, contraction, numbers)
  }

  /// The same where llama.cpp tells no capitals at all.
  static func uncased(numbers: ClosedRange<Int>) -> Cut {
    cased(.letters + .marks, .letters + .marks, true, numbers)
  }

  private static func cased(
    _ capitals: ScalarSet, _ smalls: ScalarSet, _ contraction: Bool, _ numbers: ClosedRange<Int>
  ) -> Cut {
    let suffix: [Step] = contraction ? [.contraction(ignoresCase: true, isOptional: true)] : []
    let before = Step.optional(notLetterNorNumber)
    let rows: [[Step]] = [
      [before, .any(capitals), .some(smalls)] + suffix,
      [before, .some(capitals), .any(smalls)] + suffix,
      [.times(numbers, .numbers)], others(.letters, newlines: .any(ScalarSet("\r\n/"))),
    ]
    return .matches(SplitExpression(alternatives: rows + spaces))
  }

  /// o200k with runs of Han by themselves; llama.cpp tells no capitals, and marks are no letters.
  static let kimi = Cut.matches(
    SplitExpression(
      alternatives: [
        [.some(han)],
        [
          .optional(notLetterNorNumber), .some(.letters - han),
          .contraction(ignoresCase: true, isOptional: true),
        ],
        [.times(1...3, .numbers)], others(.letters),
      ] + spaces))

  /// The blocks of Han that llama.cpp's `unicode_cpt_is_han` knows.
  private static let han = ScalarSet([
    0x4e00...0x9fff, 0x3400...0x4dbf, 0x20000...0x2a6df, 0x2a700...0x2ebef, 0xf900...0xfaff,
    0x2f800...0x2fa1f,
  ])

  // MARK: - DeepSeek

  /// `[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`
  /// `| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  static let deepseek = Cut.matches(
    SplitExpression(
      alternatives: deepseekWords + [deepseekSymbols + [.any(.newlines)]] + spaces))

  /// The same but that newlines stand alone.
  static let spark = Cut.matches(
    SplitExpression(
      alternatives: deepseekWords + [deepseekSymbols, [.one(.newlines)]] + spaces.dropFirst()))

  private static let deepseekWords: [[Step]] = [
    [.one(asciiPunctuation), .some(.latinLetters)],
    [
      .optional(!(.newlines + .letters + .punctuation + .symbols)), .some(.letters + .marks),
    ],
  ]
  private static let deepseekSymbols: [Step] = [
    .optional(.space), .some(.punctuation + .symbols),
  ]

  private static let asciiPunctuation = ScalarSet("!-/:-@[-`{-~")

  /// `[一-龥぀-ゟ゠-ヿ]`
  static let chineseAndKana = ScalarSet([0x4e00...0x9fa5, 0x3040...0x30ff])

  /// `[一-龥ࠀ-一가-퟿]`. As everywhere below, white space outside of ASCII is white space only.
  static let deepseekScripts = ScalarSet([0x0800...0x9fa5, 0xac00...0xd7ff]) - .whitespace

  /// `[!-/:-~！-／：-～‘-‟　-。]`
  static let deepseekPunctuation =
    ScalarSet([
      0x21...0x2f, 0x3a...0x7e, 0xff01...0xff0f, 0xff1a...0xff5e, 0x2018...0x201f, 0x3000...0x3002,
    ]) - .whitespace

  /// The letters with case of Unicode 11, as DeepSeek's file lists them.
  static let casedLetters = ScalarSet([
    0x41...0x5a, 0x61...0x7a, 0xb5...0xb5, 0xc0...0xd6, 0xd8...0xf6, 0xf8...0x1ba, 0x1bc...0x1bf,
    0x1c4...0x293, 0x295...0x2af, 0x370...0x373, 0x376...0x376, 0x377...0x377, 0x37b...0x37d,
    0x37f...0x37f, 0x386...0x386, 0x388...0x38a, 0x38c...0x38c, 0x38e...0x3a1, 0x3a3...0x3f5,
    0x3f7...0x481, 0x48a...0x52f, 0x531...0x556, 0x10a0...0x10c5, 0x13a0...0x13f5, 0x13f8...0x13fd,
    0x1c90...0x1cba, 0x1cbd...0x1cbf, 0x1d00...0x1d2b, 0x1d6b...0x1d77, 0x1d79...0x1d9a,
    0x1e00...0x1f15, 0x1f18...0x1f1d, 0x1f20...0x1f45, 0x1f48...0x1f4d, 0x1f50...0x1f57,
    0x1f59...0x1f59, 0x1f5b...0x1f5b, 0x1f5d...0x1f5d, 0x1f5f...0x1f7d, 0x1f80...0x1fb4,
    0x1fb6...0x1fbc, 0x1fbe...0x1fbe, 0x1fc2...0x1fc4, 0x1fc6...0x1fcc, 0x1fd0...0x1fd3,
    0x1fd6...0x1fdb, 0x1fe0...0x1fec, 0x1ff2...0x1ff4, 0x1ff6...0x1ffc, 0x2102...0x2102,
    0x2107...0x2107, 0x210a...0x2113, 0x2115...0x2115, 0x2119...0x211d, 0x2124...0x2124,
    0x2126...0x2126, 0x2128...0x2128, 0x212a...0x212d, 0x212f...0x2134, 0x2139...0x2139,
    0x213c...0x213f, 0x2145...0x2149, 0x214e...0x214e, 0x2183...0x2183, 0x2184...0x2184,
    0x2c00...0x2c7b, 0x2c7e...0x2ce4, 0x2ceb...0x2cee, 0x2cf2...0x2cf2, 0x2cf3...0x2cf3,
    0xa640...0xa66d, 0xa680...0xa69b, 0xa722...0xa76f, 0xa771...0xa787, 0xa78b...0xa78e,
    0xab70...0xabbf, 0xfb00...0xfb06, 0xfb13...0xfb17, 0xff21...0xff3a, 0xff41...0xff5a,
    0x10400...0x1044f, 0x104b0...0x104d3, 0x104d8...0x104fb, 0x10c80...0x10cb2, 0x10cc0...0x10cf2,
    0x118a0...0x118df, 0x1e900...0x1e943,
  ])

  // MARK: - Others

  /// Han, kana, Thai, Lao, Khmer, Myanmar and Hangul. The third range is meant to begin at U+F900;
  /// llama.cpp has U+8C48 there, which is the same ideograph normalized.
  static let unspacedScripts = ScalarSet([
    0x4e00...0x9fff, 0x3400...0x4dbf, 0x8c48...0xfaff, 0x3040...0x30ff, 0xff65...0xff9f,
    0x2f00...0x2fdf, 0x0e40...0x0e7f, 0x0e80...0x0eff, 0x1780...0x17ff, 0x1000...0x109f,
    0xaa60...0xaa7f, 0xa9e0...0xa9ff, 0xac00...0xd7af, 0x1100...0x11ff,
  ])

  /// `[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+`
  static let youtuScripts = Cut.matches(
    SplitExpression(
      [.some(ScalarSet([0xac00...0xd7a3, 0x3131...0x318e]))],
      [.some(ScalarSet("！…“”‘’—：；，、-〿︰-﹏"))], [.some(ScalarSet([0x3105...0x312f]))],
      [.some(chineseAndKana)]))

  /// ` ?[^(\s|.,!?…。，、।۔،)]+`: the parentheses and the bar are in the class.
  static let bloom = Cut.matches(
    SplitExpression([.optional(.space), .some(!(.whitespace + ScalarSet("(|.,!?…。，、।۔،)")))]))

  static let chameleon: [Cut] = [
    .matches(
      SplitExpression([.text("<sentinel:"), .some(.digits), .text(">")])),
    .matches(SplitExpression([.text("IMGIMG"), .times(1...4, ScalarSet("A-I")), .text("Z")])),
    .matches(
      SplitExpression([.one(ScalarSet("\t\n"))], [.times(4...4, .space)], [.times(2...2, .space)])),
    .each(.numbers),
    .each(.punctuation + asciiPunctuation),
    gpt2,
  ]
}

extension PreTokenizer.Cut {
  /// Every character of the set by itself.
  static func each(_ set: ScalarSet) -> Self { .matches(SplitExpression([.one(set)])) }

  /// Runs of the set.
  static func all(_ set: ScalarSet) -> Self { .matches(SplitExpression([.some(set)])) }

  /// Numbers, so many at a time.
  static func numbers(_ counts: ClosedRange<Int>) -> Self {
    .matches(SplitExpression([.times(counts, .numbers)]))
  }

  /// `[0-9][0-9][0-9]`
  static var threeDigits: Self { .matches(SplitExpression([.times(3...3, .digits)])) }

  /// `[^\n]+|[\n]+`
  static var lines: Self {
    .matches(SplitExpression([.some(!ScalarSet("\n"))], [.some(ScalarSet("\n"))]))
  }

  /// `\s+$`
  static var trailingWhitespace: Self {
    .matches(SplitExpression([.some(.whitespace), .endOrNot(!ScalarSet([]))]))
  }
}
