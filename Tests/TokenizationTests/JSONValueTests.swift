import Testing

@testable import Tokenization

struct JSONValueTests {
  private func refusal(_ text: String) -> JSONError? {
    do {
      _ = try JSONValue(parsing: text)
      return nil
    } catch { return error }
  }

  @Test func keepsTheOrderOfKeysAndRepeatedOnes() throws {
    let value = try JSONValue(parsing: #"{"b": 1, "a": {"x": []}, "b": 2}"#)
    guard case .object(let members) = value else {
      Issue.record("no object")
      return
    }
    #expect(members.map(\.key) == ["b", "a", "b"])
    #expect(value["b"] == .integer(2))
    #expect(value.repeatedKey == "b")
    #expect(try JSONValue(parsing: #"[{"a": 1}, {"a": [{"c": 1, "c": 1}]}]"#).repeatedKey == "c")
    #expect(try JSONValue(parsing: #"{"a": {"a": 1}}"#).repeatedKey == nil)
  }

  @Test func tellsIntegersFromOtherNumbers() throws {
    let text = "[2, 2.0, -0, 1e2, 123456789012345678901234567890, -9223372036854775808, 0.5E-1]"
    #expect(
      try JSONValue(parsing: text)
        == .array([
          .integer(2), .number(2), .integer(0), .number(100),
          .bigInteger("123456789012345678901234567890"), .integer(.min), .number(0.05),
        ]))
  }

  @Test func readsEscapesAndSurrogatePairs() throws {
    #expect(
      try JSONValue(parsing: #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é😀""#)
        == .string("\"\\/\u{8}\u{C}\n\r\té😀é😀"))
    #expect(try JSONValue(parsing: "\"e\u{301}\"") == .string("e\u{301}"))
  }

  @Test func doesNotTakeEquivalentKeysForEqual() throws {
    let value = try JSONValue(parsing: "{\"\u{e9}\": 1, \"e\u{301}\": 2}")
    #expect(value["\u{e9}"] == .integer(1))
    #expect(value.repeatedKey == nil)
  }

  @Test(arguments: [
    ("", 0, "ends where a value"), ("[1, ]", 2, "comma before ]"),
    ("{\"a\": 1,}", 7, "comma before }"),
    ("[1 2]", 3, "comma or ]"), ("{a: 1}", 1, "key in double quotes"), ("{\"a\" 1}", 5, "colon"),
    ("[NaN]", 1, "NaN"), ("-Infinity", 1, "NaN"), ("Infinity", 0, "NaN"), ("01", 0, "leading zero"),
    ("-", 1, "digit"), ("1.", 2, "point"), ("1e", 2, "exponent"), ("1e999", 0, "range"),
    (".5", 0, "value"),
    ("\"a\nb\"", 2, "control character"), ("\"\\x\"", 1, "escape"), ("\"\\u12\"", 1, "four"),
    ("\"\\ud800\"", 1, "lone surrogate"), ("\"\\udc00\"", 1, "lone surrogate"),
    ("\"\\ud800\\u0041\"", 1, "lone surrogate"), ("\"abc", 4, "ends inside a string"),
    ("[1", 2, "ends before ]"), ("{\"a\": 1", 7, "ends before }"), ("1 2", 2, "more text"),
    ("'a'", 0, "value"), ("tru", 0, "tru"), ("[1] // x", 4, "more text"),
    ("\u{FEFF}1", 0, "byte order"),
  ])
  func saysWhereAndWhy(text: String, offset: Int, reason: String) throws {
    let error = try #require(refusal(text))
    #expect(error.offset == offset)
    #expect(error.reason.contains(reason), "\(error.reason)")
  }

  @Test(
    arguments: [
      [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
      [0x22, 0xE4, 0xBD, 0x22], [0x22, 0x80, 0x22], [0x22, 0xF0, 0x80, 0x80, 0x80, 0x22],
    ] as [[UInt8]])
  func refusesBytesThatAreNoUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError(offset: 1, reason: "bytes that are no UTF-8")) {
      try JSONValue(parsing: bytes)
    }
  }

  @Test func refusesTooDeepNestingWithoutOverflow() throws {
    let deep = String(repeating: "[", count: 1_000_000)
    #expect(try #require(refusal(deep)).reason.contains("deeper than 128"))
    let allowed = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    #expect(refusal(allowed) == nil)
  }
}
