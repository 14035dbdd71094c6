import Testing
import Tokenization
import Transformer

@testable import FineTuning

struct SequenceBuilderTests {
  private func build(
    _ content: DataRecord.Content, template: ChatTemplate? = nil,
    length: Int = 64, trainOnPrompt: Bool = false, addsBeginning: Bool = false
  ) throws -> SequenceBuilder.Outcome {
    let builder = SequenceBuilder(
      tokenizer: try SmallModel.tokenizer(addsBeginning: addsBeginning),
      template: try template ?? SmallModel.template("none"),
      sequenceLength: length, trainOnPrompt: trainOnPrompt)
    return try builder.sequences(of: DataRecord(content: content, line: 7), path: "p")
  }

  private let none = TokenSequence.ignored

  @Test func aPlainCompletionIsLearntWithItsEnd() throws {
    let result = try build(.completion(prompt: "ab", completion: "cd"))
    let ids = SmallModel.ids("abcd") + [SmallModel.end]
    #expect(
      result.sequences == [
        TokenSequence(ids: ids, targets: [none, ids[2], ids[3], SmallModel.end, none])
      ])
    #expect(!result.isTruncated)
  }

  @Test func thePromptIsLearntTooWhenAsked() throws {
    let result = try build(.completion(prompt: "ab", completion: "cd"), trainOnPrompt: true)
    #expect(
      result.sequences == [TokenSequence(allTargets: SmallModel.ids("abcd") + [SmallModel.end])])
  }

  @Test func beginningOfTextIsAddedWhereTheModelWantsItAndLearntNowhere() throws {
    let result = try build(.completion(prompt: "", completion: "c"), addsBeginning: true)
    #expect(result.sequences.first?.ids == [SmallModel.beginning, 99, SmallModel.end])
    #expect(result.sequences.first?.targets == [99, SmallModel.end, none])
  }

  @Test func chatTargetsAreTheAssistantsTurnsWithTheirEnds() throws {
    let result = try build(
      .conversation(
        Conversation([
          ChatMessage(.system, "s"), ChatMessage(.user, "u"), ChatMessage(.assistant, "A"),
          ChatMessage(.user, "v"), ChatMessage(.assistant, "B"),
        ])), template: SmallModel.template("chatml"), length: 200)
    let sequence = try #require(result.sequences.first)
    let targets = sequence.targets.filter { $0 != none }
    #expect(targets == [65, SmallModel.turnEnd, 66, SmallModel.turnEnd])
    for (index, target) in sequence.targets.enumerated() where target != none {
      #expect(sequence.ids[index + 1] == target)
    }
    #expect(sequence.ids.count { $0 == SmallModel.turnStart } == 5)
  }

  @Test func conversationsWithoutAnAnswerAreBad() throws {
    for (messages, reason) in [
      ([], "messages holds no assistant message to learn"),
      ([ChatMessage(.user, "u")], "messages holds no assistant message to learn"),
      (
        [ChatMessage(.user, "u"), ChatMessage(.assistant, " ")],
        "an assistant message is empty (messages[1])"
      ),
    ] {
      #expect(throws: DataError.badRecord(path: "p", line: 7, reason: reason)) {
        try build(.conversation(Conversation(messages)))
      }
    }
    let unlearned = Conversation([
      ChatMessage(.assistant, "").trained(false), ChatMessage(.assistant, "a"),
    ])
    #expect(try build(.conversation(unlearned)).sequences.count == 1)
  }

  @Test func aCompletionUnderATemplateIsAConversation() throws {
    let completion = try build(
      .completion(prompt: "u", completion: "A"), template: SmallModel.template("chatml"),
      length: 200
    )
    let messages = try build(
      .conversation(Conversation([ChatMessage(.user, "u"), ChatMessage(.assistant, "A")])),
      template: SmallModel.template("chatml"), length: 200)
    #expect(completion == messages)
    #expect(completion.sequences.first?.targetCount == 2)
  }

  @Test func aLongRecordIsCutAtTheEndAndCounted() throws {
    let cut = try build(.completion(prompt: "ab", completion: "cdef"), length: 4)
    #expect(cut.isTruncated)
    #expect(cut.sequences.first?.ids == SmallModel.ids("abcd"))
    #expect(cut.sequences.first?.targets == [none] + SmallModel.ids("cde"))
    let gone = try build(.completion(prompt: "abcdef", completion: "x"), length: 4)
    #expect(gone.isTruncated && gone.sequences.isEmpty)
  }

  @Test func tokensAreTargetsByTheirLabels() throws {
    let labelled = try build(.tokens(ids: [5, 6, 7, 8], labels: [-100, -100, 7, 8]))
    #expect(
      labelled.sequences == [TokenSequence(ids: [5, 6, 7, 8], targets: [none, 7, 8, none])])
    let all = try build(.tokens(ids: [5, 6, 7], labels: nil))
    #expect(all.sequences == [TokenSequence(allTargets: [5, 6, 7])])
    #expect(try build(.tokens(ids: [5, 6], labels: [5, -100])).sequences.isEmpty)
  }

  @Test(
    arguments: [
      ([5, 260], nil), ([-1, 5], nil), ([5, 6, 7], [6, 7, -100]),
    ] as [([Int32], [Int32]?)])
  func refusesTokensThatCannotBeMeant(ids: [Int32], labels: [Int32]?) {
    #expect {
      try build(.tokens(ids: ids, labels: labels))
    } throws: { error in
      if case DataError.badRecord("p", 7, _, _) = error { true } else { false }
    }
  }

  @Test func textIsCutIntoWindowsThatLearnEveryToken() throws {
    let result = try build(.text("abcdefg"), length: 3)
    #expect(
      result.sequences == [
        TokenSequence(ids: SmallModel.ids("abc"), targets: SmallModel.ids("bcd")),
        TokenSequence(ids: SmallModel.ids("def"), targets: SmallModel.ids("efg")),
        TokenSequence(
          ids: SmallModel.ids("g") + [SmallModel.end], targets: [SmallModel.end, none]),
      ])
    #expect(!result.isTruncated)
  }

  @Test func windowsBeginAsTheModelWantsAndLearnNoTokenTwice() throws {
    let result = try build(.raw("abcde"), length: 3, addsBeginning: true)
    let first = SmallModel.beginning
    #expect(
      result.sequences == [
        TokenSequence(ids: [first, 97, 98], targets: [97, 98, none]),
        TokenSequence(ids: [first, 99, 100], targets: [99, 100, none]),
        TokenSequence(ids: [first, 101], targets: [101, none]),
      ])
  }

  @Test func rawTextHasNoEndAndNoControlTokens() throws {
    let result = try build(.raw("</s>"))
    #expect(result.sequences == [TokenSequence(allTargets: SmallModel.ids("</s>"))])
  }
}
