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

  @Test("An argument that no command took is an unknown command, whatever follows it")
  func unknownCommand() {
    let full = "Error: …\n  See 'scion --help' for more information."
    #expect(
      UsageText.sentence(message: "Unknown option '-m'", fullMessage: full, first: "plan")
        == "unknown command 'plan'; see scion --help")
    #expect(
      UsageText.sentence(message: "Unknown option '-m'", fullMessage: full, first: "-m")
        == "unknown option '-m'; see scion --help")
  }
}
