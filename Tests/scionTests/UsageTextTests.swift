import Testing

@testable import scion

struct UsageTextTests {
  @Test("The parser's message becomes one lower-case sentence that names the help")
  func oneSentence() {
    let full =
      "Error: …\nUsage: scion train <options>\n  See 'scion train --help' for more information."
    #expect(
      UsageText.sentence(
        message: "Unknown option '--rnk'. Did you mean '--rank'?", fullMessage: full, first: "train"
      )
        == "unknown option '--rnk', did you mean '--rank'; see scion train --help")
    #expect(
      UsageText.sentence(message: "--limit must be at least 1", fullMessage: full, first: "train")
        == "--limit must be at least 1; see scion train --help")
  }

  @Test("Values that the parser lists a line each are listed in the sentence")
  func listOfValues() {
    #expect(
      UsageText.sentence(
        message:
          "The value 'q9' is invalid for '--type <type>'. Please provide one of the following:"
          + "\n  - keep\n  - q8_0\n  - f16",
        fullMessage: "  See 'scion merge --help' for more information.", first: "merge")
        == "the value 'q9' is invalid for '--type <type>', provide one of keep, q8_0, f16; "
        + "see scion merge --help")
  }

  @Test("An argument that no command took is an unknown command, whatever follows it")
  func unknownCommand() {
    let full = "Error: …\n  See 'scion --help' for more information."
    #expect(
      UsageText.sentence(message: "Unknown option '-m'", fullMessage: full, first: "chat")
        == "unknown command 'chat'; see scion --help")
    #expect(
      UsageText.sentence(message: "Unknown option '-m'", fullMessage: full, first: "-m")
        == "unknown option '-m'; see scion --help")
  }
}
