import Testing
import Tokenization

@testable import FineTuning

struct JSONValueEquivalenceTests {
  private func areEquivalent(_ left: String, _ right: String) throws -> Bool {
    try JSONValue(parsing: left).isEquivalent(to: JSONValue(parsing: right))
  }

  @Test(arguments: [
    (#"{"a":1,"b":[true,null]}"#, #"{"b":[true,null],"a":1.0}"#), ("1e2", "100"),
    (#""é""#, #""\u00e9""#),
    (#"{"a":1,"a":2}"#, #"{"a":2}"#), ("[]", "[]"),
  ])
  func orderAndSpellingDoNotMatter(left: String, right: String) throws {
    #expect(try areEquivalent(left, right) && areEquivalent(right, left))
  }

  @Test(arguments: [
    (#"{"a":1}"#, #"{"a":1,"b":null}"#), ("[1,2]", "[2,1]"), ("1", "true"), ("1", #""1""#),
    (#"{"a":{"b":1}}"#, #"{"a":{"b":2}}"#), ("null", "[]"),
  ])
  func whatMeansSomethingElseIsNotEquivalent(left: String, right: String) throws {
    #expect(try !areEquivalent(left, right) && !areEquivalent(right, left))
  }

  @Test func onlyObjectsCountAsObjects() {
    #expect(JSONValue.object(in: #" {"a": 1} "#) != nil)
    for text in ["[1]", "{", "text", #"{"a":1} and"#] { #expect(JSONValue.object(in: text) == nil) }
  }
}
