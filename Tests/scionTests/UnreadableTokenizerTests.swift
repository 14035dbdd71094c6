import Foundation
import Testing

/// Models whose text Scion cannot read: a broken chat template, an unknown way of splitting
/// text, no tokenizer at all. Whatever does not need the missing part runs; what needs it is refused
/// in one sentence that says what does run.
@Suite struct UnreadableTokenizerTests {
  private static let template =
    "the model's chat template cannot be read (line 1: "
  private static let preTokenizer =
    "tokenizer.ggml.pre unknwn is not supported: use input_ids records, or a model with one of "
  private static let noTokenizer =
    "the model file has no tokenizer.ggml.model: convert the model again, with its tokenizer, or "
    + "use input_ids records"

  /// The usual folder, and its model with every `old` written `new`: words of one length, so that
  /// the file stays whole.
  private func place(_ changes: [(old: String, new: String)]) throws -> Workplace {
    let place = try Workplace()
    var bytes = Workplace.modelBytes
    for (old, new) in changes {
      try #require(old.utf8.count == new.utf8.count)
      var from = bytes.startIndex
      var found = 0
      while let range = bytes.range(of: Data(old.utf8), in: from..<bytes.endIndex) {
        bytes.replaceSubrange(range, with: Data(new.utf8))
        from = range.upperBound
        found += 1
      }
      try #require(found > 0, "\(old) is not in the model")
    }
    try place.write("base.gguf", bytes)
    let ids = (0..<24).map { row in
      "{\"input_ids\":[\((0..<20).map { "\(3 + (row + 7 * $0) % 200)" }.joined(separator: ","))]}\n"
    }
    try place.write("ids.jsonl", ids.joined())
    let texts = (0..<24).map { "{\"text\":\"say \($0), and then word \($0 % 5)\"}\n" }
    try place.write("text.jsonl", texts.joined())
    return place
  }

  private func brokenTemplate() throws -> Workplace {
    try place([("{% for message", "{% fro message")])
  }

  private func unknownPreTokenizer() throws -> Workplace { try place([("smollm", "unknwn")]) }

  private func withoutTokenizer() throws -> Workplace {
    try place([("tokenizer.ggml.", "tokenless.ggml."), ("tokenizer.chat", "tokenless.chat")])
  }

  private func expectDone(_ place: Workplace, _ arguments: String) throws {
    let outcome = try place.scion(arguments)
    #expect(outcome.code == 0, "\(arguments): \(outcome.messages)")
  }

  private func expectRefusal(
    _ place: Workplace, _ arguments: String, _ sentence: String
  ) throws {
    let outcome = try place.scion(arguments)
    #expect(outcome.code == 3, "\(arguments)")
    #expect(outcome.messages.hasPrefix("scion: \(sentence)"), "\(outcome.messages)")
    #expect(outcome.messages.filter { $0 == "\n" }.count == 1)
    #expect(outcome.output.isEmpty)
  }

  private func train(_ data: String, _ flags: String = "") -> String {
    "train -m base.gguf --data \(data) -o run --overwrite --quiet --batch 4 --steps 2 \(flags)"
  }

  @Test("A model with a broken chat template trains on tokens, on texts, and with --template none")
  func brokenTemplateTrains() throws {
    let place = try brokenTemplate()
    try expectDone(place, train("ids.jsonl"))
    try expectDone(place, train("text.jsonl"))
    try expectDone(place, train("data.jsonl", "--template none"))
    try expectDone(place, train("data.jsonl", "--template chatml"))
    try expectDone(place, "plan -m base.gguf --data text.jsonl --batch 4")
    try expectDone(place, "eval -m base.gguf --task perplexity --data data.jsonl --context 64")
    for data in ["text.jsonl", "ids.jsonl", "data.jsonl --template none"] {
      try expectDone(place, "eval -m base.gguf --adapter run --task nll --data \(data)")
    }
    let exact = "eval -m base.gguf --task exact --data data.jsonl --limit 2 --max-tokens 2"
    try expectDone(place, "\(exact) --template none")
    try expectDone(place, "generate -m base.gguf -p hello --max-tokens 2")
  }

  @Test("Chat records and --chat with a broken template are refused, with what to do instead")
  func brokenTemplateIsNamed() throws {
    let place = try brokenTemplate()
    for arguments in [
      "train -m base.gguf --data data.jsonl -o run --steps 2",
      "train -m base.gguf --data data.jsonl -o run --steps 2 --skip-bad",
      "plan -m base.gguf --data data.jsonl", "eval -m base.gguf --task nll --data data.jsonl",
      "eval -m base.gguf --task exact --data data.jsonl",
      "generate -m base.gguf --chat -p hello",
    ] {
      try expectRefusal(place, arguments, Self.template)
    }
    #expect(!place.exists("run"))
  }

  @Test("Token ids need no tokenizer: without a known one everything but text works")
  func tokensNeedNoTokenizer() throws {
    for (place, sentence) in [
      (try unknownPreTokenizer(), Self.preTokenizer), (try withoutTokenizer(), Self.noTokenizer),
    ] {
      try expectDone(place, train("ids.jsonl"))
      try expectDone(place, "plan -m base.gguf --data ids.jsonl --batch 4")
      try expectDone(place, "eval -m base.gguf --adapter run --task nll --data ids.jsonl")
      try expectDone(place, "merge -m base.gguf --adapter run -o merged.gguf --quiet")
      try expectDone(place, "export -m base.gguf --adapter run --to peft -o peft")
      try expectDone(place, "import peft -m base.gguf -o imported.gguf")
      try expectDone(place, "inspect merged.gguf")
      try expectDone(place, "generate -m merged.gguf --ids 5,9,30 --logits next.json")
      #expect((try place.json("next.json")["logits"] as? [Any])?.count == 260)
      for data in ["data.jsonl", "text.jsonl", "data.jsonl --template none"] {
        try expectRefusal(
          place, "train -m base.gguf --data \(data) -o other --steps 2", sentence)
        try expectRefusal(place, "eval -m base.gguf --task nll --data \(data)", sentence)
      }
      try expectRefusal(
        place, "eval -m base.gguf --task perplexity --data data.jsonl --context 64", sentence)
      try expectRefusal(place, "generate -m base.gguf -p hello", sentence)
      #expect(!place.exists("other"))
    }
  }

  @Test("Tokens are printed where the file names them, though text cannot be split")
  func decodingNeedsNoPreTokenizer() throws {
    let arguments = "generate -m base.gguf --ids 5,9,30 --max-tokens 8 --ignore-eos --quiet"
    let place = try unknownPreTokenizer()
    let found = try place.scion(arguments)
    #expect(found.code == 0, "\(found.messages)")
    let known = try Workplace().scion(arguments)
    #expect(found.output == known.output && found.output.count > 1)
    try expectRefusal(try withoutTokenizer(), arguments, Self.noTokenizer)
  }

  @Test("Without a tokenizer every row of the embedding is a token, and nothing beyond")
  func idsBeyondTheEmbeddingAreBad() throws {
    let place = try withoutTokenizer()
    try place.write("ids.jsonl", "{\"input_ids\":[0,259]}\n{\"input_ids\":[1,260]}\n")
    let outcome = try place.scion(train("ids.jsonl"))
    #expect(outcome.code == 3)
    #expect(outcome.messages.contains("ids.jsonl:2: token 260 is outside the vocabulary (0..<260)"))
    try expectDone(place, train("ids.jsonl", "--skip-bad"))
  }
}
