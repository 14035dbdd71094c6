import Testing

@testable import Inference

@Suite
struct StopConditionTests {
  private func output(_ pieces: [String], _ stops: [String]) -> (text: String, isMet: Bool) {
    var stop = StopCondition(stops)
    var text = ""
    for piece in pieces { text += stop.append(piece) }
    return (text + stop.finish(), stop.isMet)
  }

  @Test func findsAStopTextAcrossAnyCut() {
    let text = "one two END three"
    for first in 0...text.count {
      for second in first...text.count {
        let characters = Array(text)
        let pieces = [
          String(characters[..<first]), String(characters[first..<second]),
          String(characters[second...]),
        ]
        let result = output(pieces, ["END", "never"])
        #expect(result.text == "one two ")
        #expect(result.isMet)
      }
    }
  }

  @Test func holdsBackOnlyWhatMayBeAStopText() {
    var stop = StopCondition(["END"])
    #expect(stop.append("a E") == "a ")
    #expect(stop.append("N") == "")
    #expect(stop.append("T E") == "ENT ")
    #expect(stop.finish() == "E")
    #expect(!stop.isMet)
  }

  @Test func theEarliestStopTextCounts() {
    #expect(output(["abcdef"], ["ef", "cd"]).text == "ab")
  }

  @Test func worksOnTextBeyondASCII() {
    #expect(output(["gr", "ü", "ß", "e an alle"], ["üße"]).text == "gr")
    #expect(output(["grü", "n"], ["üß"]).text == "grün")
  }

  @Test func withoutStopTextsEverythingPasses() {
    #expect(output(["a", "", "b"], []).text == "ab")
  }
}
