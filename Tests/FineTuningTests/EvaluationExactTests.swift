import Inference
import TestSupport
import Testing
import Tokenization

@testable import FineTuning

@Suite
struct EvaluationExactTests {
  private func message(_ role: String, _ content: String) -> ChatMessage {
    ChatMessage(role: role, content: content)
  }

  // MARK: - Comparison

  @Test func whiteSpaceAtTheEndsIsOfNoAccount() {
    #expect(AnswerComparison(output: " yes\n", expected: "yes").exact)
    #expect(!AnswerComparison(output: "ye s", expected: "yes").exact)
    #expect(AnswerComparison(output: "", expected: " \n").exact)
  }

  @Test func objectsAreComparedAsObjects() {
    let expected = #"{"intent": "play", "slots": {"artist": "Bach", "n": 2}, "on": true}"#
    let same = AnswerComparison(
      output: #"{"on":true,"slots":{"n":2.0,"artist":"Bach"},"intent":"play"}"#,
      expected: expected)
    #expect(!same.exact)
    #expect(same.json == true && same.intent == true)
    let other = AnswerComparison(
      output: #"{"intent":"play","slots":{},"on":true}"#, expected: expected)
    #expect(other.json == false && other.intent == true)
    // 1 is not true.
    let number = AnswerComparison(
      output: #"{"intent":"play","slots":{"artist":"Bach","n":2},"on":1}"#, expected: expected)
    #expect(number.json == false)
    let broken = AnswerComparison(output: #"{"intent":"play""#, expected: expected)
    #expect(broken.json == false && broken.intent == false)
  }

  @Test func objectsOnlyCountWhereOneIsExpected() {
    let text = AnswerComparison(output: #"{"a": 1}"#, expected: "a is 1")
    #expect(text.json == nil && text.intent == nil)
    let plain = AnswerComparison(output: #"{"a": 1}"#, expected: #"{"a":1}"#)
    #expect(plain.json == true && plain.intent == nil)
  }

  // MARK: - Examples

  @Test func recordsGiveAPromptAndAnAnswer() throws {
    let completion = try ExactExample(
      DataRecord(content: .completion(prompt: "p", completion: "c"), line: 3))
    #expect(completion.conversation.messages == [message("user", "p")])
    #expect(completion.expected == "c" && completion.line == 3)
    let turns = [message("user", "1"), message("assistant", "2"), message("user", "3")]
    let chat = try ExactExample(
      DataRecord(
        content: .conversation(Conversation(turns + [message("assistant", "4")])), line: 1))
    #expect(chat.conversation.messages == turns && chat.expected == "4")
    #expect(throws: EvaluationError.noAnswer(line: 9)) {
      try ExactExample(DataRecord(content: .text("t"), line: 9))
    }
    #expect(throws: EvaluationError.noAnswer(line: 8)) {
      try ExactExample(DataRecord(content: .conversation(Conversation(turns)), line: 8))
    }
  }

  @Test func shotsStandBetweenTheSystemAndTheQuestion() {
    let shot = ExactExample(
      conversation: Conversation([message("system", "other"), message("user", "q")]), expected: "a",
      line: 1)
    let example = ExactExample(
      conversation: Conversation([message("system", "s"), message("user", "u")]), expected: "e",
      line: 2)
    #expect(
      example.preceded(by: [shot]).conversation.messages == [
        message("system", "s"), message("user", "q"), message("assistant", "a"),
        message("user", "u"),
      ])
    #expect(example.preceded(by: []) == example)
  }

  @Test func shotsAreTheFirstRecordsOfTheirFile() throws {
    let records = (1...3).map {
      DataRecord(content: .completion(prompt: "p\($0)", completion: "c"), line: $0)
    }
    #expect(try ExactExample.shots(2, of: records).map(\.line) == [1, 2])
    #expect(throws: EvaluationError.tooFewShots(asked: 4, found: 3)) {
      try ExactExample.shots(4, of: records)
    }
  }

  // MARK: - Evaluation

  @Test func answersAreThoseOfGreedyGeneration() throws {
    let loaded = try LoadedModel(
      SyntheticModel(contextLength: 96, headScale: 6, seed: 4).file())
    let session = try GenerationSession(loaded, storage: .float32)
    var examples = ["hello", "a b c", "x", "some more words", "42"].enumerated().map {
      ExactExample(
        conversation: Conversation([message("user", $1)]), expected: "never", line: $0 + 1)
    }
    let outputs = try examples.map { example in
      try session.start(
        prompt: loaded.tokens(text: example.conversation.messages[0].content),
        GenerationOptions(maxTokens: 10))
      var text = ""
      var piece: GenerationPiece?
      repeat {
        piece = try session.next()
        text += piece?.text ?? ""
        // Two orders of summing give the same answer where no token is a near tie.
        let logits = session.logits().array().sorted(by: >)
        #expect(logits[0] - logits[1] > 2e-4, "choose another seed")
      } while piece != nil
      return text
    }
    // Two of five are expected as they come.
    for index in [1, 3] { examples[index].expected = "  " + outputs[index] }
    let evaluation = try ExactEvaluation(
      loaded, storage: .float32, template: "none", examples: examples, maxTokens: 10, slots: 2)
    let report = try evaluation.run()
    #expect(evaluation.rows.map(\.index) == [0, 1, 2, 3, 4])
    #expect(evaluation.rows.map { $0.output?.trimmed } == outputs.map { $0.trimmed })
    #expect(evaluation.rows.map(\.exact) == [false, true, false, true, false])
    #expect(report.exactMatch == 0.4)
    #expect(report.jsonMatch == nil && report.intentAccuracy == nil)
    #expect(report.tokens == evaluation.rows.reduce(0) { $0 + $1.tokens })
  }

  @Test func namesTheLineOfAPromptThatIsTooLong() throws {
    let loaded = try LoadedModel(SyntheticModel(contextLength: 16).file())
    let example = ExactExample(
      conversation: Conversation([message("user", String(repeating: "ab", count: 20))]),
      expected: "c", line: 7)
    #expect {
      try ExactEvaluation(loaded, storage: .float32, template: "none", examples: [example])
    } throws: { error in
      guard case .promptTooLong(line: 7, tokens: 40..., context: 16)? = error as? EvaluationError
      else { return false }
      return true
    }
    #expect(throws: EvaluationError.noExamples) {
      try ExactEvaluation(loaded, storage: .float32, template: "none", examples: [])
    }
  }
}
