/// The texts by which tokens that end a turn or a generation are known, since files seldom name more than one.
///
/// From llama.cpp's `llama_vocab::impl::load`, which goes by the text for the same reason.
enum EndTokens {
  /// End of a turn, the surest first.
  static let endsOfTurn = [
    "<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<end_of_utterance>", "<EOT>",
    "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<|endoftext|>", "<|end_of_text|>",
  ]

  /// Whatever else ends a generation.
  static let otherEnds = [
    "</s>", "<|eom_id|>", "<|return|>", "<|call|>", "[EOS]", "<eos>", "[e~[",
  ]

  /// Tokens of fill-in-the-middle after which nothing sensible follows.
  static let fillInTheMiddle = [
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<|repo_name|>",
    "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>",
  ]

  /// All of them: never ordinary text, even in a file that says so.
  static let controlTexts = Set(endsOfTurn + otherEnds + fillInTheMiddle)
}
