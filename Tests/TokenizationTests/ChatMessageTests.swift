import Testing

@testable import Tokenization

struct ChatMessageTests {
  private func read(_ text: String) throws -> ChatMessage {
    try ChatMessage(JSONValue(parsing: text), place: "messages[3]")
  }

  @Test func whatIsNullIsLeftOutButNotInArguments() throws {
    let message = try read(
      #"{"role":"assistant","content":null,"tool_calls":[{"id":null,"function":{"name":"f","#
        + #""x":null,"arguments":{"a":null}}}]}"#)
    #expect(
      message.fields
        == (try JSONValue(
          parsing:
            #"{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":null}}}]}"#
        )))
    #expect(!message.isEmpty && message.content == "")
  }

  @Test func partsAreOneText() throws {
    let message = try read(
      #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"image"},{"text":"b"}]}"#)
    #expect(message.content == "ab")
  }

  @Test func weightsSayWhatIsLearnt() throws {
    #expect(try read(#"{"role":"assistant","content":"a"}"#).isTrained)
    #expect(try read(#"{"role":"assistant","content":"a","weight":1}"#).isTrained)
    for field in [#""weight":0"#, #""weight":0.0"#, #""train":false"#, #""training":false"#] {
      let message = try read(#"{"role":"assistant","content":"a",\#(field)}"#)
      #expect(!message.isTrained && message["weight"] == nil && message["train"] == nil)
    }
  }

  @Test func turnsThatSayNothingAreEmpty() throws {
    #expect(try read(#"{"role":"assistant","content":" \n"}"#).isEmpty)
    #expect(try read(#"{"role":"assistant","content":"","tool_calls":[]}"#).isEmpty)
    #expect(try !read(#"{"role":"assistant","content":"","reasoning":"r"}"#).isEmpty)
  }

  @Test(arguments: [
    ("1", "is not an object"), ("{}", "has no role"),
    (#"{"role":""}"#, "has a role that is no text"),
    (
      #"{"role":"user","content":true}"#, "has a content that is neither a text nor a list of parts"
    ),
    (#"{"role":"user","weight":0.5}"#, "has a weight that is neither 0 nor 1"),
    (#"{"role":"user","train":1}"#, #"has a "train" that is neither true nor false"#),
  ])
  func refusesWhatNoTemplateReads(text: String, reason: String) throws {
    #expect(throws: TokenizationError.malformedConversation(place: "messages[3]", reason: reason)) {
      try read(text)
    }
  }
}
