/// The pre-tokenizers of models' files, by name.
extension PreTokenizer {
  /// One way of cutting and the names under which files ask for it.
  struct Recipe: Sendable {
    var names: [String]
    var cuts: [Cut]
    var spelling = Spelling.byteLevel
    var takesWholeWords = false
    var takesWholeNewlines = false
    var addsBeginning = false
    var alwaysAddsBeginning = false
  }

  private static func plain(_ cuts: [Cut], _ names: String...) -> Recipe {
    Recipe(names: names, cuts: cuts)
  }

  private static func wholeWords(_ cuts: [Cut], _ names: String...) -> Recipe {
    Recipe(names: names, cuts: cuts, takesWholeWords: true)
  }

  private static func wholeWordsAndBeginning(_ cuts: [Cut], _ names: String...) -> Recipe {
    Recipe(names: names, cuts: cuts, takesWholeWords: true, addsBeginning: true)
  }

  /// Names, cuts and defaults as in llama.cpp's `llama_vocab::impl::load`.
  static let recipes: [Recipe] = [
    plain(
      [.matches(falconPunctuation(without: "`")), gpt2, .all(.numbers), .threeDigits], "default"),
    plain(
      [gpt2], "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de",
      "jina-v2-code", "roberta-bpe", "gigachat", "a.x-4.0", "mellum", "modern-bert", "exaone4",
      "mpt", "olmo", "jais", "trillion", "granite-docling"),
    plain(
      [.each(.numbers), gpt2], "smollm", "starcoder", "refact", "command-r", "codeshell",
      "exaone", "minerva-7b", "mellum2"),
    plain([.matches(falconPunctuation(without: "")), gpt2, .threeDigits], "falcon"),
    wholeWordsAndBeginning(
      [tiktoken(numbers: 1...3)], "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1",
      "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"),
    plain([tiktoken(numbers: 1...3)], "dbrx", "smaug-bpe", "chatglm-bpe"),
    wholeWords([tiktoken(numbers: 1...3)], "glm4", "glm5"),
    plain(
      [tiktoken(numbers: 1...1)], "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2",
      "megrez", "hunyuan", "solar-open", "grok-2"),
    plain([.lines, tiktoken(numbers: 1...1)], "laguna"),
    plain([qwen35], "qwen35"),
    wholeWords([.numbers(1...3), tiktoken(numbers: 1...Int.max)], "minicpm5"),
    plain([jais2], "jais-2"),
    plain([bailing], "bailingmoe", "bailingmoe2", "llada-moe"),
    plain([seedCoder], "seed-coder"),
    plain([ufakzeka], "ufakzeka"),
    plain([exaoneMixture], "exaone-moe"),
    wholeWordsAndBeginning([capitals(contraction: false, numbers: 1...1)], "tekken"),
    plain(
      [capitals(contraction: true, numbers: 1...3)], "gpt-4o", "llama4", "kanana2", "talkie",
      "minimax-m2"),
    wholeWords(
      [capitals(contraction: true, numbers: 1...3, letters: .letters + .marks)],
      "granite-embed-multi-97m"),
    plain([.numberGroups, uncased(numbers: 1...3)], "tiny_aya", "cohere2moe"),
    wholeWords([youtuScripts, uncased(numbers: 1...1)], "youtu"),
    plain([kimi], "kimi-k2"),
    plain([.all(.numbers), .thousands], "superbpe"),
    plain(
      [.numbers(1...3), .all(chineseAndKana), deepseek], "deepseek-v3", "hunyuan-dense",
      "joyai-llm", "hy_v4"),
    plain([.numbers(1...3), .all(chineseAndKana), spark, .each(.numbers)], "spark2_5"),
    plain([.numberGroups, .all(unspacedScripts), deepseek], "afmoe"),
    plain(
      [
        .each(.newlines), .matches(SplitExpression([.optional(.whitespace), .some(casedLetters)])),
        .matches(SplitExpression([.optional(.whitespace), .some(deepseekPunctuation)])),
        .trailingWhitespace, .all(deepseekScripts), .all(.numbers),
      ], "deepseek-llm"),
    plain(
      [
        .each(.newlines), .matches(SplitExpression([.optional(.whitespace), .some(.letters)])),
        .matches(SplitExpression([.optional(.whitespace), .some(.punctuation)])),
        .all(deepseekScripts), .each(.numbers),
      ], "deepseek-coder"),
    plain([bloom], "bloom", "poro-chat", "gpt3-finnish"),
    plain([bloom, .each(.numbers)], "viking"),
    Recipe(names: ["chameleon"], cuts: chameleon, addsBeginning: true),
    Recipe(
      names: ["gemma4", "granite-embed-multi-311m"], cuts: [.lines], spelling: .characters,
      takesWholeNewlines: true, alwaysAddsBeginning: true),
    Recipe(names: ["sarvam-moe"], cuts: [.lines], spelling: .characters),
  ]
}
