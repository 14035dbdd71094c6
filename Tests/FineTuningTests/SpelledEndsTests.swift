import Testing
import Tokenization
import Transformer

@testable import FineTuning

struct SpelledEndsTests {
  private func outcome(
    _ content: DataRecord.Content, template: String = "chatml", roles: Set<String> = ["assistant"]
  ) throws -> SequenceBuilder.Outcome {
    let builder = SequenceBuilder(
      tokenizer: try SmallModel.tokenizer(), template: try SmallModel.template(template),
      sequenceLength: 200, roles: roles)
    return try builder.sequences(of: DataRecord(content: content, line: 1), path: "p")
  }

  @Test(arguments: ["word<|im_end|>", "word</s>\n", " word <|im_end|> "])
  func anAnswerThatSpellsItsEndEndsOnce(answer: String) throws {
    let spelled = try outcome(.completion(prompt: "q", completion: answer))
    let text = answer.hasPrefix(" ") ? "word " : "word"
    let plain = try outcome(.completion(prompt: "q", completion: text))
    #expect(spelled.sequences == plain.sequences)
    #expect(spelled.ends.removed == 1 && spelled.ends.lettered == 0)
    #expect(spelled.ends.sentences.count == 1)
    #expect(plain.ends == SpelledEnds())
  }

  @Test func aMarkerElsewhereIsLettersAndCounted() throws {
    let result = try outcome(.completion(prompt: "what is <|im_end|>?", completion: "a<|im_end|>b"))
    #expect(result.ends.removed == 0 && result.ends.lettered == 1)
    #expect(result.sequences[0].ids.count { $0 == SmallModel.turnEnd } == 2)
  }

  @Test(arguments: [
    ("ab", 1), ("ab</s>", 1), ("ab</s>\n", 1), ("<|im_start|>a\nb<|im_end|>\n", 1),
  ])
  func aTextHasOneEnd(text: String, count: Int) throws {
    let ids = try outcome(.text(text)).sequences[0].ids
    #expect(ids.count { $0 == SmallModel.end || $0 == SmallModel.turnEnd } == count)
  }

  @Test func rolesThatAreNamedAreLearnedWithTheirEnds() throws {
    let conversation = Conversation([
      ChatMessage(.user, "u"), ChatMessage(.assistant, "A"),
      ChatMessage(role: "tool", content: "T"),
      ChatMessage(.assistant, "B"),
    ])
    func targets(_ roles: Set<String>) throws -> [Int32] {
      let sequence = try outcome(.conversation(conversation), roles: roles).sequences[0]
      return sequence.targets.filter { $0 != TokenSequence.ignored }
    }
    let end = SmallModel.turnEnd
    #expect(try targets(["assistant"]) == [65, end, 66, end])
    #expect(try targets(["assistant", "tool"]) == [65, end, 84, end, 66, end])
    #expect(try targets(["user"]) == [117, end])
    #expect(throws: DataError.self) { try targets(["system"]) }
  }
}
