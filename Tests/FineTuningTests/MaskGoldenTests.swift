import TestSupport
import Testing
import Tokenization
import Transformer

@testable import FineTuning

/// What is learned of each format, token by token: files as people have them, through the way that training reads them.
///
/// A golden is the text as the model sees it, ChatML around the turns, with what is learned between « and »: a token stands
/// there when it is predicted.
struct MaskGoldenTests {
  struct Golden: CustomTestStringConvertible, Sendable {
    let name: String
    let text: String
    var trainOn = "assistant"
    var trainOnPrompt = false
    let learned: [String]

    var testDescription: String { "\(name), \(trainOn)\(trainOnPrompt ? " and prompts" : "")" }
  }

  /// A turn that is read, and one that is learned with its end.
  private static func read(_ role: String, _ text: String) -> String {
    "<|im_start|>\(role)\n\(text)<|im_end|>\n"
  }

  private static func learned(_ role: String, _ text: String) -> String {
    "<|im_start|>\(role)\n«\(text)<|im_end|>»\n"
  }

  private static let pair = read("user", "ab") + learned("assistant", "cd")

  static let goldens: [Golden] = [
    Golden(name: "pair.jsonl", text: #"{"prompt":"ab","completion":"cd"}"#, learned: [pair]),
    Golden(
      name: "pair.jsonl", text: #"{"prompt":"ab","completion":"cd"}"#, trainOnPrompt: true,
      learned: [
        "<|im_start|>«user\nab<|im_end|>\n<|im_start|>assistant\ncd<|im_end|>\n»"
      ]),
    Golden(
      name: "table.csv", text: "prompt,completion\nab,\"c\nd\"\n",
      learned: [read("user", "ab") + learned("assistant", "c\nd")]),
    Golden(name: "table.tsv", text: "prompt\tcompletion\nab\tcd\n", learned: [pair]),
    Golden(
      name: "alpaca.json", text: #"[{"instruction":"ab","input":"x","output":"cd"}]"#,
      learned: [read("user", "ab\nx") + learned("assistant", "cd")]),
    Golden(
      name: "sharegpt.jsonl",
      text: #"{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"ab"},"#
        + #"{"from":"gpt","value":"cd"}]}"#,
      learned: [read("system", "s") + pair]),
    Golden(
      name: "turns.jsonl",
      text: #"{"messages":[{"role":"user","content":"ab"},{"role":"assistant","content":"cd"},"#
        + #"{"role":"user","content":"e"},{"role":"assistant","content":"f"}]}"#,
      learned: [pair + read("user", "e") + learned("assistant", "f")]),
    Golden(
      name: "weights.jsonl",
      text: #"{"messages":[{"role":"user","content":"ab"},"#
        + #"{"role":"assistant","content":"no","weight":0},{"role":"user","content":"e"},"#
        + #"{"role":"assistant","content":"nor","train":false},{"role":"user","content":"g"},"#
        + #"{"role":"assistant","content":"yes","weight":1}]}"#,
      learned: [
        read("user", "ab") + read("assistant", "no") + read("user", "e")
          + read("assistant", "nor") + read("user", "g") + learned("assistant", "yes")
      ]),
    Golden(
      name: "parts.jsonl",
      text: #"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},"#
        + #"{"type":"text","text":"b"}]},{"role":"assistant","content":"cd"}]}"#,
      learned: [pair]),
    Golden(
      name: "spelled.jsonl",
      text: #"{"messages":"[{\"role\":\"user\",\"content\":\"ab\"},"#
        + #"{\"role\":\"assistant\",\"content\":\"cd\"}]"}"#,
      learned: [pair]),
    Golden(
      name: "tools.jsonl",
      text: #"{"messages":[{"role":"user","content":"ab"},{"role":"assistant","content":"call"},"#
        + #"{"role":"tool","content":"42"},{"role":"assistant","content":"cd"}]}"#,
      learned: [
        read("user", "ab") + learned("assistant", "call") + read("tool", "42")
          + learned("assistant", "cd")
      ]),
    Golden(
      name: "tools.jsonl",
      text: #"{"messages":[{"role":"user","content":"ab"},{"role":"assistant","content":"call"},"#
        + #"{"role":"tool","content":"42"},{"role":"assistant","content":"cd"}]}"#,
      trainOn: "assistant,tool",
      learned: [
        read("user", "ab") + learned("assistant", "call") + learned("tool", "42")
          + learned("assistant", "cd")
      ]),
    Golden(
      name: "ended.jsonl", text: #"{"prompt":"ab","completion":"cd<|im_end|>"}"#, learned: [pair]),
    Golden(name: "text.jsonl", text: #"{"text":"abcd"}"#, learned: ["a«bcd</s>»"]),
    Golden(name: "raw.txt", text: "ab cd", learned: ["a«b cd»"]),
    Golden(
      name: "ids.jsonl", text: #"{"input_ids":[97,98,99,100]}"#, learned: ["a«bcd»"]),
    Golden(
      name: "labels.jsonl", text: #"{"input_ids":[97,98,99,100],"labels":[-100,-100,-100,100]}"#,
      learned: ["abc«d»"]),
  ]

  @Test("Exactly the tokens that are meant are learned", arguments: goldens)
  func whatIsLearned(golden: Golden) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(golden.name, golden.text)
    var recipe = FineTuneRecipe()
    (recipe.trainOn, recipe.trainOnPrompt) = (golden.trainOn, golden.trainOnPrompt)
    let tokenizer = try SmallModel.tokenizer()
    let builder = SequenceBuilder(
      tokenizer: tokenizer, template: try SmallModel.template("chatml"), sequenceLength: 512,
      trainOnPrompt: recipe.trainOnPrompt, roles: recipe.learnedRoles)
    let data = try Dataset(paths: [path], builder: builder)
    #expect(data.sequences.map { Self.marked($0, tokenizer) } == golden.learned)
  }

  /// The text of a sequence, with what is learned marked.
  private static func marked(_ sequence: TokenSequence, _ tokenizer: Tokenizer) -> String {
    var text = ""
    var isLearned = false
    for (index, id) in sequence.ids.enumerated() {
      let isTarget = index > 0 && sequence.targets[index - 1] == id
      if isTarget != isLearned { text += isTarget ? "«" : "»" }
      isLearned = isTarget
      text += tokenizer.decode([id], skipSpecial: false)
    }
    // The last target of a window of text is the first token of the next.
    return text + (isLearned ? "»" : "")
  }
}
