/// The texts by which tokens with a task are known, since files seldom name more than one of them:
/// those that end a turn or a generation, and those that a file may class wrongly.
///
/// From llama.cpp's `llama_vocab::impl::load`, which goes by the text for the same reason.
enum EndTokens {
  /// End of a turn, the surest first.
  static let endsOfTurn = [
    "<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<turn|>", "<|end|>", "<end_of_utterance>",
    "<EOT>", "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<|endoftext|>", "<|end_of_text|>",
  ]

  /// Whatever else ends a generation.
  static let otherEnds = [
    "</s>", "<|eom_id|>", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>", "[EOS]", "<eos>",
    "<|tool_response>", "[e~[",
  ]

  /// Tokens of fill-in-the-middle by their key in the file, which says better; of each the first
  /// text that there is.
  static let fillInTheMiddle: [(key: String, isEnd: Bool, texts: [String])] = [
    (
      "fim_pre", false,
      [
        "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
        "<|code_prefix|>", "<|prefix|>",
      ]
    ),
    (
      "fim_suf", false,
      [
        "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>",
        "<|code_suffix|>", "<|suffix|>",
      ]
    ),
    (
      "fim_mid", false,
      [
        "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>",
        "<|code_middle|>", "<|middle|>",
      ]
    ),
    ("fim_pad", true, ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]),
    ("fim_rep", true, ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]),
    ("fim_sep", true, ["<|file_sep|>"]),
  ]

  /// Parts of gpt-oss's answers, always parsed and always shown.
  static let shown = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"]

  /// Gives the tokens with a task their kind, whatever the file says: one that ends a generation is
  /// never ordinary text.
  ///
  /// - Returns: every token after which a generation is over.
  static func resolve(
    _ vocabulary: inout Vocabulary, _ description: TokenizerDescription
  ) -> Set<Int32> {
    var ends: Set<Int32> = []
    for (key, isEnd, texts) in fillInTheMiddle
    where !description.namedFillInTheMiddle.contains(key) {
      guard let text = texts.first(where: { vocabulary.find($0) != nil }),
        let id = vocabulary.find(text)
      else { continue }
      vocabulary.set(.control, of: id)
      if isEnd { ends.insert(id) }
    }
    for text in endsOfTurn + otherEnds {
      guard let id = vocabulary.find(text) else { continue }
      vocabulary.set(.control, of: id)
      ends.insert(id)
    }
    for text in shown {
      if let id = vocabulary.find(text) { vocabulary.set(.userDefined, of: id) }
    }
    ends.formUnion(description.otherEnds)
    ends.formUnion([description.end, description.endOfTurn].compactMap(\.self))

    func isEnd(_ text: String) -> Bool { vocabulary.find(text).map(ends.contains) ?? false }
    // In the answers of gpt-oss and Solar, <|end|> ends a message, and another may follow.
    let hasCall = isEnd("<|call|>") || isEnd("<|calls|>")
    if hasCall, isEnd("<|return|>") || isEnd("<|flush|>"), isEnd("<|end|>"),
      let id = vocabulary.find("<|end|>")
    {
      ends.remove(id)
      vocabulary.set(.userDefined, of: id)
    }
    // To Gemma 4 and PLaMo, </s> is a tag of HTML.
    if isEnd("<|tool_response>") || isEnd("<|plamo:eos|>"), isEnd("</s>"),
      let id = vocabulary.find("</s>")
    {
      ends.remove(id)
      vocabulary.set(.normal, of: id)
    }
    return ends
  }
}
