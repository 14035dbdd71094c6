import TestSupport
import Testing
import Tokenization

@testable import FineTuning

struct DataFileTests {
  private func read(
    _ text: String, name: String = "data.jsonl", skipBad: Bool = false
  ) throws -> DataFile {
    let folder = try TemporaryFolder()
    return try DataFile(path: try folder.write(name, text), skipBad: skipBad)
  }

  /// Line and reason of the bad record that reading `text` throws.
  private func badRecord(_ text: String, name: String = "data.jsonl") -> (
    line: Int, reason: String
  )? {
    do {
      _ = try read(text, name: name)
    } catch DataError.badRecord(_, let line, _, let reason) {
      return (line, reason)
    } catch {
      Issue.record("\(error)")
    }
    return nil
  }

  @Test func readsPromptsAndCompletions() throws {
    let file = try read(#"{"prompt":"a","completion":"b","extra":1}"# + "\n")
    #expect(file.format == .completion)
    #expect(
      file.records == [DataRecord(content: .completion(prompt: "a", completion: "b"), line: 1)])
  }

  @Test func readsMessages() throws {
    let file = try read(
      #"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yo"}]}"#)
    #expect(file.format == .messages)
    #expect(
      file.records.first?.content
        == .conversation(Conversation([ChatMessage(.user, "hi"), ChatMessage(.assistant, "yo")])))
  }

  @Test func readsTextAndTokens() throws {
    #expect(try read(#"{"text":"é😀"}"#).records.first?.content == .text("é😀"))
    #expect(
      try read(#"{"input_ids":[1,2],"labels":[-100,2]}"#).records.first?.content
        == .tokens(ids: [1, 2], labels: [-100, 2]))
    #expect(
      try read(#"{"input_ids":[1,2,3]}"#).records.first?.content
        == .tokens(ids: [1, 2, 3], labels: nil))
  }

  @Test func readsOtherFilesAsRawText() throws {
    let file = try read("First\r\n{not json\n", name: "book.txt")
    #expect(file.format == .raw)
    #expect(file.records.map(\.content) == [.raw("First\r\n{not json\n")])
  }

  @Test func skipsBlankLinesAndByteOrderMarkAndCountsLines() throws {
    let file = try read("\u{FEFF}\r\n{\"text\":\"a\"}\r\n  \t\r\n\n{\"text\":\"b\"}")
    #expect(file.records.map(\.line) == [2, 5])
    #expect(file.records.map(\.content) == [.text("a"), .text("b")])
  }

  @Test func readsOneArrayOverManyLines() throws {
    let text = """
      [
        {"text": "a ] } , \\" ["},

        {"text": "b"}
      ]

      """
    let file = try read(text, name: "data.json")
    #expect(file.records.map(\.line) == [2, 4])
    #expect(file.records.map(\.content) == [.text(#"a ] } , " ["#), .text("b")])
  }

  @Test(arguments: [
    "[{\"text\":\"a\"}", "[{\"text\":\"a\"}] x", "[{\"text\":\"a\"},}", "[,]", "[}",
    "[{\"text\":\"a",
    "[{\"text\":\"a\\",
  ])
  func aBrokenArrayIsNamedAndItsScanEnds(text: String) throws {
    #expect(throws: DataError.self) { try read(text, name: "data.json") }
    _ = try? read(text, name: "data.json", skipBad: true)
  }

  @Test func anEmptyArrayHasNoRecords() throws {
    #expect(throws: DataError.self) { try read(" [ ] ", name: "data.json") }
  }

  @Test func namesTheLineOfABrokenRecord() throws {
    let found = badRecord("{\"text\":\"a\"}\n\n{\"text\": oops}\n")
    #expect(found?.line == 3)
    #expect(found?.reason == "oops is no JSON value (quote it, or is this no JSON?)")
  }

  @Test(arguments: [
    (#"{"prompt":"a"}"#, "the field completion is missing (the file's first record had it)"),
    (#"{"prompt":"a","completion":7}"#, "completion is a number, not a text"),
    (#"{"prompt":null,"completion":"x"}"#, "prompt is null, not a text"),
    (#"{"prompt":"a","completion":" \n"}"#, "the completion is empty"),
    (#"{"text":"other format"}"#, "the field"),
    (#"[1,2]"#, "the record is a list, not an object"),
    (#"3"#, "the record is a number, not an object"),
  ])
  func refusesABrokenCompletion(record: String, reason: String) throws {
    let found = badRecord("{\"prompt\":\"p\",\"completion\":\"c\"}\n" + record)
    #expect(found?.line == 2)
    #expect(found?.reason.hasPrefix(reason) == true, "\(found?.reason ?? "")")
  }

  @Test(arguments: [
    (#"[{"content":"x"}]"#, "messages[0] has no role"),
    (#"[{"role":"user","content":"u"},{"role":7}]"#, "messages[1] has a role that is no text"),
    (#"[{"role":"user","content":5}]"#, "messages[0] has a content that is neither"),
    (#"[{"role":"assistant","content":"a","weight":2}]"#, "messages[0] has a weight that is"),
    (#"[{"role":"assistant","content":"a"}],"tools":1"#, "tools is not an array"),
    (#"[{"role":"user","content":"u"}],"options":{"messages":1}"#, "options.messages is the"),
    (#"["hi"]"#, "messages[0] is not an object"),
    (#""hi""#, "messages is not an array"),
  ])
  func refusesBrokenMessages(messages: String, reason: String) throws {
    let found = badRecord(#"{"messages":"# + messages + "}")
    #expect(found?.reason.hasPrefix(reason) == true, "\(found?.reason ?? "")")
  }

  @Test(arguments: [
    (#"{"input_ids":[1]}"#, "input_ids holds 1 tokens"),
    (#"{"input_ids":[1,2],"labels":[1]}"#, "1 labels for 2 input_ids"),
    (#"{"input_ids":[1,99999999999]}"#, "input_ids[1] is not a 32-bit whole number"),
    (#"{"input_ids":[1,1.5]}"#, "input_ids[1] is not a 32-bit whole number"),
    (#"{"input_ids":[1,"2"]}"#, "input_ids[1] is not a 32-bit whole number"),
  ])
  func refusesBrokenTokens(record: String, reason: String) throws {
    let found = badRecord(record)
    #expect(found?.reason.hasPrefix(reason) == true, "\(found?.reason ?? "")")
  }

  @Test func skipsAndListsBadRecordsWhenAsked() throws {
    let file = try read(
      "oops\n{\"text\":\"a\"}\n{\"text\":1}\n{\"text\":\"b\"}\n", skipBad: true)
    #expect(file.records.map(\.line) == [2, 4])
    #expect(file.skipped.count == 2)
    #expect(throws: DataError.self) { try read("{oops\n{again\n", skipBad: true) }
  }

  @Test func callsBinaryDataBinary() throws {
    let folder = try TemporaryFolder()
    let noise = try folder.write("a.jsonl", [0x89, 0x50, 0x4E, 0x47, 0, 13, 10, 0xFF])
    #expect(throws: DataError.unsupportedFormat(path: noise, format: "binary data")) {
      try DataFile(path: noise)
    }
  }

  @Test func refusesWhatIsNotUTF8WithItsLine() throws {
    let folder = try TemporaryFolder()
    let latin = try folder.write("a.txt", Array("ok\ncaf".utf8) + [0xE9] + Array("\n".utf8))
    #expect(throws: DataError.notText(path: latin, line: 2, found: "not UTF-8 text")) {
      try DataFile(path: latin)
    }
    let lines = try folder.write(
      "a.jsonl", Array("{\"text\":\"a\"}\n{\"text\":\"".utf8) + [0xFF] + Array("\"}".utf8))
    let error = #expect(throws: DataError.self) { try DataFile(path: lines) }
    let said = error?.description ?? ""
    #expect(said.hasPrefix("\(lines):2:10: not UTF-8 text"))
    #expect(said.contains("iconv -f WINDOWS-1252 -t UTF-8 \(lines)"))
    let wide = try folder.write("b.jsonl", [0xFF, 0xFE, 0x7B, 0])
    #expect(throws: DataError.self) { try DataFile(path: wide) }
  }

  @Test func refusesAHugeLine() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "a.jsonl",
      Array("{\"text\":\"".utf8) + [UInt8](repeating: 0x61, count: DataFile.longestRecord)
        + Array("\"}".utf8))
    #expect(throws: DataError.self) { try DataFile(path: path) }
  }

  @Test func refusesEmptyFiles() throws {
    #expect(throws: DataError.self) { try read("") }
    #expect(throws: DataError.self) { try read("\n \n") }
    #expect(throws: DataError.self) { try read("\n \n", name: "a.txt") }
  }

  @Test func listsTheFieldsOfAnUnknownFormat() throws {
    do {
      _ = try read(#"{"question":"a","answer":"b"}"#)
      Issue.record("accepted")
    } catch DataError.unknownFormat(_, 1, let fields) {
      #expect(fields == ["answer", "question"])
    }
  }

  @Test func hashesTheFileAsSha256sumDoes() throws {
    #expect(
      try read("abc", name: "a.txt").sha256
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
