import Foundation
import ModelFiles
import Testing

/// `scion tokenize` on the tiny model: three control tokens, then the bytes (each plus three), then "th".
@Suite struct TokenizeTests {
  private let place: Workplace

  init() throws { place = try Workplace() }

  /// stdout of a run that ends well.
  private func tokenize(_ arguments: [String], input: String? = nil) throws -> String {
    if let input { try place.write("input", input) }
    let outcome = try ScionProgram.start(
      ["tokenize", "-m", "base.gguf"] + arguments, in: place.path,
      input: input.map { _ in "\(place.path)/input" }
    ).wait()
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(outcome.messages.isEmpty)
    return outcome.output
  }

  @Test("One token a line, with what it stands for on plain text's terms")
  func aTokenALine() throws {
    #expect(
      try tokenize(["-p", "a \"\n"])
        == "    100  \"a\"\n     35  \" \"\n     37  \"\\\"\"\n     13  \"\\n\"\n")
    #expect(try tokenize(["-p", "é"]) == "    198  \"\\xC3\"\n    172  \"\\xA9\"\n")
    #expect(try tokenize(["-p", "th<|im_end|>"]) == "    259  \"th\"\n      2  \"<|im_end|>\"\n")
    #expect(try tokenize(["-p", ""]) == "")
  }

  @Test("--ids are numbers on one line, --count their number; from -p, a file or stdin the same")
  func idsAndCount() throws {
    try place.write("text", "Hi\r\n\u{feff}")
    let expected = "75 108 16 13 242 190 194\n"
    #expect(try tokenize(["--ids", "-f", "text"]) == expected)
    #expect(try tokenize(["--ids"], input: "Hi\r\n\u{feff}") == expected)
    #expect(try tokenize(["--ids", "-p", "Hi\r\n\u{feff}"]) == expected)
    #expect(try tokenize(["--count", "-f", "text"]) == "7\n")
    #expect(try tokenize(["--ids"], input: "") == "\n")
    #expect(try tokenize(["--ids", "-f", "/dev/null"]) == "\n")
    #expect(try tokenize(["--ids", "-f", "/dev/stdin"], input: "Hi") == "75 108\n")
  }

  @Test("Control tokens in the text are tokens, or letters when asked")
  func controlTokens() throws {
    let parsed = try tokenize(["--ids", "-p", "<|im_end|>"])
    let letters = try tokenize(["--ids", "--no-parse-special", "-p", "<|im_end|>"])
    #expect(parsed.split(separator: " ").count == 1)
    #expect(letters.split(separator: " ").count == 10)
    for ids in [parsed, letters] {
      #expect(try tokenize(["--decode", "-p", ids]) == "<|im_end|>")
    }
  }

  @Test("--decode reads any list of numbers and writes exactly the bytes")
  func decodes() throws {
    #expect(try tokenize(["--decode", "-p", "[75, 108]\n13,\t12 35"]) == "Hi\n\t ")
    #expect(try tokenize(["--decode"], input: "75\n108\n") == "Hi")
    let outcome = try place.scion("tokenize -m base.gguf --decode -p 258,3,13")
    #expect(outcome.code == 0)
    #expect(place.bytes(".stdout").map { Array($0) } == [255, 0, 10])
  }

  @Test("--lines goes through many texts, there and back")
  func lines() throws {
    let texts = "\"a\\nb\"\n\"\"\n\"\\u00e9\"\n"
    let ids = try tokenize(["--lines"], input: texts)
    #expect(ids == "100 13 101\n\n198 172\n")
    #expect(try tokenize(["--lines", "--count"], input: texts) == "3\n0\n2\n")
    #expect(try tokenize(["--lines", "--decode"], input: ids) == "\"a\\nb\"\n\"é\"\n")
  }

  @Test("A model without weights will do")
  func vocabularyOnly() throws {
    let metadata = try GGUFFile(path: "\(place.path)/base.gguf").metadata
    let writer = try GGUFWriter(
      path: "\(place.path)/vocabulary.gguf", metadata: metadata, tensors: [])
    try writer.finish()
    let outcome = try place.scion("tokenize -m vocabulary.gguf --ids -p Hi")
    #expect(outcome.code == 0 && outcome.output == "75 108\n", "\(outcome.messages)")
  }

  @Test("What cannot be tokenized or decoded is refused in one sentence")
  func refusals() throws {
    try place.write("bytes", Data([0x61, 0xc3, 0xa9, 0xff]))
    try place.write("strings", "\"a\"\nb\n")
    try place.write("half", "100\n198\n")
    for (arguments, code, sentence) in [
      ("-f bytes", 3, "bytes is not UTF-8 at byte 3: convert it to UTF-8"),
      ("-f nowhere", 3, "cannot read nowhere: no such file or directory; give a text file"),
      ("-f .", 3, "cannot read .: is a directory; give a text file"),
      (
        "--decode -p 1,x", 3,
        "-p: \"x\" is not a token: give numbers with spaces or commas between"
      ),
      (
        "--decode -p 260", 3,
        "-p: token 260 is outside the vocabulary (0..<260): take another model"
      ),
      (
        "--decode -p -1", 3,
        "-p: token -1 is outside the vocabulary (0..<260): take another model"
      ),
      (
        "--decode -p 99999999999", 3,
        "-p: token 99999999999 is outside the vocabulary (0..<260): take another model"
      ),
      (
        "--lines -f strings", 3,
        "strings:2 is not a JSON string: --lines takes one a line, such as \"hello\""
      ),
      (
        "--lines --decode -f half", 3,
        "half:2: the bytes of these tokens are not UTF-8: decode them without --lines"
      ),
      ("-p a -f bytes", 2, "give either -p or -f; see scion tokenize --help"),
      ("-p a --ids --count", 2, "give either --ids or --count; see scion tokenize --help"),
      (
        "-p 1 --decode --ids", 2,
        "--decode writes text: only --lines goes with it; see scion tokenize --help"
      ),
    ] {
      let outcome = try place.scion("tokenize -m base.gguf \(arguments)")
      #expect(outcome.code == Int32(code), "\(arguments)")
      #expect(outcome.messages == "scion: \(sentence)\n", "\(arguments)")
    }
    #expect(try place.scion("tokenize -p a").code == 2)
  }
}
