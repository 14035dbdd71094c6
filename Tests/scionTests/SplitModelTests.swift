import Foundation
import ModelFiles
import TestSupport
import Testing

/// A base in several files, used by its first or another part.
@Suite struct SplitModelTests {
  /// A workplace with `base.gguf` also as `model-0000N-of-00003.gguf`; block 0 lies in all three.
  private func place() throws -> Workplace {
    let place = try Workplace()
    let base = try GGUFFile(path: "\(place.path)/base.gguf")
    _ = try SplitModel.write(
      base, tensors: [3, 4, base.tensors.count - 7], folder: place.path)
    return place
  }

  @Test("Every part gives the results of the whole file")
  func evaluatesAsTheWholeFile() throws {
    let place = try place()
    func figures(_ output: String) -> [Substring] {
      output.split(separator: "\n").filter { !$0.hasPrefix("seconds") }
    }
    let expected = try place.scion("eval -m base.gguf --task nll --data data.jsonl")
    #expect(expected.code == 0 && figures(expected.output).count == 5)
    for part in 1...3 {
      let found = try place.scion(
        "eval -m model-0000\(part)-of-00003.gguf --task nll --data data.jsonl")
      #expect(found.code == 0, "\(found.messages)")
      #expect(figures(found.output) == figures(expected.output))
    }
  }

  @Test("inspect says in how many parts the model lies")
  func inspects() throws {
    let place = try place()
    let outcome = try place.scion("inspect model-00002-of-00003.gguf --tensors")
    #expect(outcome.code == 0)
    #expect(outcome.output.hasPrefix("file          model-00002-of-00003.gguf, GGUF v3, "))
    #expect(outcome.output.split(separator: "\n")[0].hasSuffix(" in 3 parts"))
    #expect(outcome.output.contains("blk.1.ffn_down.weight"))
  }

  @Test("A missing part and a big-endian file are one sentence and exit code 3")
  func refusesWrongFiles() throws {
    let place = try place()
    var bytes = Workplace.modelBytes
    bytes.replaceSubrange(4..<8, with: [0, 0, 0, 3])
    try place.write("big.gguf", bytes)
    var outcome = try place.scion("inspect big.gguf")
    #expect(outcome.code == 3)
    #expect(outcome.messages.hasPrefix("scion: big.gguf is a big-endian GGUF file"))
    try FileManager.default.removeItem(atPath: "\(place.path)/model-00002-of-00003.gguf")
    outcome = try place.scion(
      "train -m model-00001-of-00003.gguf --data data.jsonl -o run")
    #expect(outcome.code == 3)
    #expect(
      outcome.messages == "scion: cannot read model-00002-of-00003.gguf, part 2 of 3 of a split "
        + "model: no such file or directory; put all parts into one folder\n")
    #expect(!place.exists("run"))
  }

  @Test("No part of the base is ever replaced")
  func keepsEveryPart() throws {
    let place = try place()
    let part = "model-00003-of-00003.gguf"
    let before = try #require(place.bytes(part))
    for command in ["merge", "export --to gguf"] {
      let outcome = try place.scion(
        "\(command) -m model-00001-of-00003.gguf --adapter none -o \(part) --overwrite")
      #expect(outcome.code == 2)
      #expect(
        outcome.messages == "scion: \(part) is read and written: choose another output\n")
    }
    #expect(place.bytes(part) == before)
  }
}
