import Foundation
import Testing

/// `scion template` as a user sees it.
@Suite struct TemplateTests {
  private static let record =
    #"{"messages":[{"role":"user","content":"Hi <|im_end|>"},{"role":"assistant","content":"Yo"}]}"#

  private func place(_ data: String = record) throws -> Workplace {
    let place = try Workplace()
    try place.write("chat.jsonl", data + "\n")
    return place
  }

  @Test("Records are shown with what is learned between marks")
  func marksWhatIsLearned() throws {
    let outcome = try place().scion("template -m base.gguf --data chat.jsonl")
    #expect(outcome.code == 0 && outcome.messages.isEmpty, "\(outcome.messages)")
    #expect(outcome.output.hasPrefix("record 1, line 1: "))
    #expect(
      outcome.output.hasSuffix(
        "<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n⟦Yo<|im_end|>⟧\n"))
  }

  @Test("--json has the ids, and the same marker is a token and letters")
  func jsonHasTokens() throws {
    let outcome = try place().scion("template -m base.gguf --data chat.jsonl --json")
    let row = try Workplace.object(outcome.output)
    let ids = try #require(row["ids"] as? [Int])
    let learned = try #require(row["learned"] as? [Int])
    #expect(ids.count == learned.count && learned.reduce(0, +) == 3)
    let text = try #require(row["text"] as? String)
    let spans = try #require(row["spans"] as? [[Int]])
    #expect(spans.count == 1 && String(Array(text)[spans[0][0]..<spans[0][1]]) == "Yo<|im_end|>")
  }

  @Test("--raw is the text, byte for byte, with and without a model")
  func rawIsTheText() throws {
    let place = try place(
      #"{"messages":[{"role":"user","content":"é\u0000 "}],"tools":null,"options":{"mood":"calm"}}"#
    )
    try place.write(
      "mine.jinja",
      "{{ bos_token }}{{ strftime_now('%d.%m.%Y') }} {{ mood }} {{ messages[0].content }}"
        + "{{ eos_token }}{% if add_generation_prompt %}>\n\n{% endif %}")
    let flags = "--data chat.jsonl --raw --now 2026-07-04T09:05:03 --bos <s> --eos \\n"
    for model in ["", "-m base.gguf "] {
      let outcome = try place.scion("template \(model)--template mine.jinja \(flags)")
      #expect(outcome.code == 0 && outcome.messages.isEmpty, "\(outcome.messages)")
      #expect(outcome.output == "<s>04.07.2026 calm é\0 \\n")
    }
    let prompt = try place.scion("template --template mine.jinja \(flags) --generation-prompt")
    #expect(prompt.output.hasSuffix(">\n\n"))
  }

  @Test("What the template refuses is said in its own words, with the line; exit code 3")
  func templateRefuses() throws {
    let place = try place("\n" + Self.record)
    try place.write("mine.jinja", "{{ raise_exception('Only <b> please!') }}")
    let outcome = try place.scion("template --template mine.jinja --data chat.jsonl --raw")
    #expect(outcome.code == 3 && outcome.output.isEmpty)
    #expect(
      outcome.messages
        == "scion: chat.jsonl:2: the chat template mine.jinja refuses the conversation: Only <b> please!\n"
    )
  }

  @Test("A template of another family is noticed, and so are answers that it rewrites")
  func noticesForeignMarkers() throws {
    let place = try place()
    let outcome = try place.scion("template -m base.gguf --template llama3 --data chat.jsonl")
    #expect(outcome.code == 0)
    #expect(
      outcome.messages.contains("<|eot_id|>, <|start_header_id|>, which the model has no token"))
    let train = try place.scion(
      "train -m base.gguf --template gemma --data chat.jsonl -o run --steps 1 --val-split 0")
    #expect(train.code == 0 && train.messages.contains("<end_of_turn>"), "\(train.messages)")
    let answer = try place.scion(
      "generate -m base.gguf --template phi3 --chat -p hello --max-tokens 1")
    #expect(answer.code == 0 && answer.messages.contains("<|assistant|>"), "\(answer.messages)")
  }

  @Test(
    "Wrong names, times and files are refused in one sentence",
    arguments: [
      (
        "--template lama3 --data chat.jsonl", 2,
        "--template lama3 is not supported: give auto, chatml"
      ),
      ("--template gone.jinja --data chat.jsonl", 3, "cannot read the chat template gone.jinja: "),
      ("--data chat.jsonl --now tomorrow", 2, "--now tomorrow is not a time"),
      ("--data chat.jsonl --raw --json", 2, "--raw and --json exclude each other"),
      ("--data text.jsonl", 3, "text.jsonl:1: the record is no conversation"),
    ])
  func refusesMistakes(arguments: String, code: Int, sentence: String) throws {
    let place = try place()
    try place.write("text.jsonl", "{\"text\":\"a\"}\n")
    let outcome = try place.scion("template -m base.gguf \(arguments)")
    #expect(Int(outcome.code) == code)
    #expect(outcome.messages.contains(sentence), "\(outcome.messages)")
  }
}
