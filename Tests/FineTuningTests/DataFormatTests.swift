import Foundation
import TestSupport
import Testing
import Tokenization

@testable import FineTuning

/// What becomes of files as people have them: good and bad, under right and wrong names.
struct DataFormatTests {
  /// A small file and what is to be read of it, or said.
  struct Sample: CustomTestStringConvertible, Sendable {
    let name: String
    let text: String
    var format: DataFormat = .completion
    var records = 2
    /// A part of the notice; nil for none.
    var notice: String?
    /// The error's text behind the path; nil for none.
    var error: String?

    var testDescription: String { "\(name): \(text.prefix(40))" }
  }

  private static let a = #"{"prompt":"a","completion":"b"}"#
  private static let c = #"{"prompt":"c","completion":"d"}"#

  static let good: [Sample] = [
    Sample(name: "lines.jsonl", text: "\(a)\n\(c)\n"),
    Sample(name: "marked.jsonl", text: "\u{FEFF}\(a)\r\n\r\n\(c)"),
    Sample(name: "lines.json", text: "\(a)\n\(c)\n"),
    Sample(name: "array.json", text: "[\(a),\n \(c)]"),
    Sample(name: "array.jsonl", text: "[\(a), \(c)]"),
    Sample(
      name: "named.txt", text: "\(a)\n\(c)\n", notice: "holds JSON records, whatever its name says"),
    Sample(name: "noname", text: "\(a)\n\(c)\n", notice: "holds JSON records"),
    Sample(name: "array.txt", text: "[\(a),\(c)]", notice: "holds a JSON array of records"),
    Sample(name: "table.csv.jsonl", text: "\(a)\n\(c)"),
    Sample(name: "lines.csv", text: "\(a)\n\(c)\n", notice: "holds JSON records"),
    Sample(
      name: "pretty.jsonl",
      text: "{\n \"prompt\": \"a\",\n \"completion\": \"b\"\n}\n{\n"
        + " \"prompt\": \"c\",\n \"completion\": \"{\\n}\"\n}\n",
      notice: "holds records of several lines"
    ),
    Sample(
      name: "wrapped.json", text: "{\"version\": \"1, [\", \"data\": [\(a), \(c)], \"n\": {}}",
      notice: #"is an object whose "data" holds the records"#),
    Sample(
      name: "table.csv", text: "prompt,completion\nHi,\"Hello, \"\"you\"\"\ntwo\"\r\n\nx,y\n"),
    Sample(name: "table.tsv", text: "\u{FEFF}id\tprompt\tcompletion\n1\ta\tb, c\n2\tx\ty"),
    Sample(name: "semicolons.csv", text: "prompt;completion\na;b\nc;d\n"),
    Sample(
      name: "table.txt", text: "prompt,completion\na,b\nc,d\n",
      notice: "has the columns of a table"),
    Sample(
      name: "alpaca.json",
      text: """
        [{"instruction":"Add","input":"1 2","output":"3"},
         {"instruction":"Hi","input":"","output":"Hello"}]
        """, format: .alpaca),
    Sample(
      name: "sharegpt.jsonl",
      text: """
        {"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}
        {"conversations":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}
        """, format: .shareGPT),
    Sample(
      name: "text-messages.jsonl",
      text: """
        {"messages":"[{\\"role\\":\\"user\\",\\"content\\":\\"a\\"}]"}
        {"messages":[{"role":"user","content":"a"}]}
        """, format: .messages),
    Sample(
      name: "messages.csv",
      text: "id,messages\n1,\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":1}]\"\n",
      format: .messages, records: 0, error: ":2: messages[0] has a content that is neither"),
    Sample(
      name: "lists.jsonl",
      text: """
        {"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"b"}]}
        {"prompt":"q","completion":[{"role":"assistant","content":"b"}]}
        """),
    Sample(name: "book.txt", text: "Once upon a time, {\n", format: .raw, records: 1),
    Sample(
      name: "book.jsonl", text: "Once upon a time\nthere was\n", format: .raw, records: 1,
      notice: "is no JSON, whatever its name says: learned as plain text"),
    Sample(
      name: "config.txt", text: "{\"a\": 1}\n", format: .raw, records: 1,
      notice: "looks like JSON, but no record"),
    Sample(
      name: "odd.jsonl", text: "{\"text\":\"a\u{2028}b\"}\n{\"text\":\"c\",\"extra\":null}",
      format: .text),
    Sample(
      name: "ids.jsonl", text: "{\"input_ids\":[1,2]}\n{\"input_ids\":\"[1,2]\"}", format: .tokens),
  ]

  static let bad: [Sample] = [
    Sample(
      name: "comma.jsonl", text: "\(a)\n{\"prompt\":\"a\",\"completion\":\"b\",}",
      error: ":2:31: a comma before } (remove it)"),
    Sample(
      name: "commas.jsonl", text: "\(a),\n\(c)", error: ":1:32: a comma behind the record"),
    Sample(
      name: "nan.jsonl", text: "\(a)\n{\"prompt\":\"a\",\"score\":NaN}",
      error: ":2:23: NaN and Infinity are no JSON"),
    Sample(
      name: "infinity.jsonl", text: "\(a)\n{\"prompt\":\"a\",\"score\":-Infinity}",
      error: ":2:24: NaN and Infinity are no JSON"),
    Sample(
      name: "quotes.jsonl", text: "\(a)\n{'prompt':'a','completion':'b'}",
      error: ":2:2: single quotes, as Python prints them"),
    Sample(
      name: "quotes-first.jsonl", text: "{'prompt':'a','completion':'b'}\n",
      error: ":1:2: single quotes, as Python prints them"),
    Sample(
      name: "surrogate.jsonl", text: "\(a)\n{\"prompt\":\"é\",\"completion\":\"cut \\ud83d\"}",
      error: ":2:33: a lone surrogate"),
    Sample(
      name: "mark.jsonl", text: "\(a)\n\u{FEFF}\(c)",
      error: ":2:1: a byte order mark in the middle of the file"),
    Sample(
      name: "two.jsonl", text: "\(a)\(c)", error: ":1:32: a second record on the same line"),
    Sample(
      name: "returns.jsonl", text: "\(a)\r\(c)\r",
      error: ":1:33: lines end in a carriage return alone (convert the file with tr"),
    Sample(
      name: "tab.jsonl", text: "\(a)\n{\"prompt\":\"a\tb\"}", error: ":2:13: a raw tab in a string"),
    Sample(
      name: "number.jsonl", text: "\(a)\n{\"prompt\":\"a\",\"completion\":7}",
      error: ":2: completion is a number, not a text (put it in quotes)"),
    Sample(
      name: "twice.jsonl", text: "{\"prompt\":\"a\",\"completion\":\"b\",\"completion\":\"c\"}",
      error: ":1: the key \"completion\" stands twice in one object"),
    Sample(
      name: "deep-twice.jsonl",
      text: "{\"messages\":[{\"role\":\"user\",\"role\":\"tool\",\"content\":\"\"}]}",
      error: ":1: the key \"role\" stands twice in one object"),
    Sample(name: "cut.json", text: "[\(a),\n\(c)\n", error: ":3:1: the array is not closed"),
    Sample(
      name: "cut.jsonl", text: "\(a)\n{\"prompt\":\"a\",\"compl",
      error: ":2:21: the record ends inside a string"),
    Sample(
      name: "pretty-comma.json", text: "{\n \"prompt\": \"a\",\n \"completion\": \"b\",\n}\n",
      error: ":3:19: a comma before }"),
    Sample(
      name: "lists.json", text: "{\"train\":[\(a)],\"test\":[\(c)]}",
      error: " holds several lists of records (train, test)"),
    Sample(
      name: "preference.jsonl", text: #"{"prompt":"a","chosen":"b","rejected":"c"}"#,
      error: " is preference data"),
    Sample(
      name: "judged.jsonl", text: #"{"prompt":"a","completion":"b","label":false}"#,
      error: " is preference data"),
    Sample(
      name: "question.jsonl", text: #"{"question":"a","answer":"b"}"#,
      error:
        #":1: a record with the fields answer, question is in no known format: rename "question" to "prompt" and "answer" to "completion""#
    ),
    Sample(
      name: "speaker.jsonl", text: #"{"conversations":[{"from":"martian","value":"b"}]}"#,
      error: #":1: conversations[0] is from "martian", which is no known speaker"#),
    Sample(
      name: "value.jsonl", text: #"{"conversations":[{"from":"human","value":7}]}"#,
      error: #":1: conversations[0] has a "value" that is a number"#),
    Sample(
      name: "inner.jsonl", text: #"{"messages":"[{'role':'user'}]"}"#,
      error: ":1: messages is a text that is no JSON"),
    Sample(
      name: "fields.csv", text: "prompt,completion\na,b\nc,d,e\n",
      error: ":3: 3 fields where the header has 2"),
    Sample(
      name: "quote.csv", text: "prompt,completion\na,b\nc,\"d\n",
      error: ":3: a quoted field that is not closed"),
    Sample(
      name: "columns.csv", text: "name,age\na,b\n", error: ":2: a record with the fields age, name"),
    Sample(name: "empty.jsonl", text: "", error: " holds no records"),
    Sample(name: "empty.csv", text: "prompt,completion\n", error: " holds no records"),
    Sample(name: "parquet.jsonl", text: "PAR1....", error: " is Parquet"),
    Sample(
      name: "alpaca-empty.json", text: #"[{"instruction":"a","output":" "}]"#,
      error: ":1: the output is empty"),
  ]

  @Test(arguments: good + bad)
  func readsOrRefusesWithTheReason(sample: Sample) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(sample.name, sample.text)
    let result = Result { try DataFile(path: path) }
    switch (result, sample.error) {
    case (.success(let file), nil):
      #expect(file.format == sample.format)
      #expect(file.records.count == sample.records)
      #expect(file.notices.count == (sample.notice == nil ? 0 : 1), "\(file.notices)")
      if let notice = sample.notice {
        #expect(file.notices.first?.hasPrefix("\(path) \(notice)") ?? false, "\(file.notices)")
      }
    case (.failure(let error), let reason?):
      #expect("\(error)".hasPrefix(path + reason), "\(error)")
    case (.success(let file), _): Issue.record("accepted as \(file.format)")
    case (.failure(let error), nil): Issue.record("\(error)")
    }
  }

  @Test(arguments: [
    (String.Encoding.utf16LittleEndian, [UInt8](), "UTF-16LE", "without a byte-order mark"),
    (.utf16BigEndian, [], "UTF-16BE", "without a byte-order mark"),
    (.utf16LittleEndian, [0xFF, 0xFE], "UTF-16", "is UTF-16:"),
    (.utf32LittleEndian, [0xFF, 0xFE, 0, 0], "UTF-32", "is UTF-32:"),
  ])
  func namesOtherEncodingsAndTheCommandThatConverts(
    encoding: String.Encoding, mark: [UInt8], name: String, word: String
  ) throws {
    let folder = try TemporaryFolder()
    let data = try #require(Self.a.data(using: encoding))
    let path = try folder.write("wide.jsonl", mark + Array(data))
    let error = #expect(throws: DataError.self) { try DataFile(path: path) }
    let said = error?.description ?? ""
    #expect(said.contains("iconv -f \(name) -t UTF-8 \(path)") && said.contains(word), "\(said)")
  }

  @Test func alpacaInputFollowsItsInstructionOnALineOfItsOwn() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "a.json",
      #"""
      [{"instruction":"Add","input":"1 2","output":"3"},
       {"instruction":"b","output":"c","system":"s","history":[["q","a"]]}]
      """#)
    let records = try DataFile(path: path).records
    #expect(records[0].content == .completion(prompt: "Add\n1 2", completion: "3"))
    #expect(
      records[1].content
        == .conversation(
          Conversation([
            ChatMessage(.system, "s"), ChatMessage(.user, "q"), ChatMessage(.assistant, "a"),
            ChatMessage(.user, "b"), ChatMessage(.assistant, "c"),
          ])))
  }

  @Test func shareGPTSpeakersBecomeRoles() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "a.jsonl",
      #"""
      {"system":"be brief","tools":"[{\"name\":\"f\"}]","conversations":[{"from":"human","value":"a"},{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{}}"},{"from":"observation","value":"1"},{"from":"gpt","value":"b","weight":0}]}
      """#)
    let conversation = try #require(try DataFile(path: path).records[0].conversation)
    #expect(
      conversation.messages.map(\.role) == ["system", "user", "assistant", "tool", "assistant"])
    #expect(conversation.messages.map(\.isTrained) == [true, true, true, true, false])
    #expect(conversation.messages[2]["tool_calls"]?.elements?.count == 1)
    #expect(conversation.tools?.elements?.first?["name"] == "f")
  }

  @Test func ofMessagesInAPromptNothingIsLearned() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "a.jsonl",
      #"{"prompt":[{"role":"assistant","content":"a"}],"completion":[{"role":"assistant","content":"b"}]}"#
    )
    let conversation = try #require(try DataFile(path: path).records[0].conversation)
    #expect(conversation.messages.map(\.isTrained) == [false, true])
  }

  @Test func quotedFieldsOfATableKeepTheirSeparatorsAndLines() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("a.csv", "prompt,completion\r\n\"a, \"\"b\"\"\nc\",d\r\ne,f\r\n")
    let file = try DataFile(path: path)
    #expect(
      file.records == [
        DataRecord(content: .completion(prompt: "a, \"b\"\nc", completion: "d"), line: 2),
        DataRecord(content: .completion(prompt: "e", completion: "f"), line: 4),
      ])
  }
}
