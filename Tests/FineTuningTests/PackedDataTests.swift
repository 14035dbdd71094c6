import Foundation
import TestSupport
import Testing

@testable import FineTuning

struct PackedDataTests {
  /// `{"text":"packed"}` as gzip writes it, in two members, and as zstd does.
  private static let packed = [
    ("H4sIAAAAAAACA6tWKkmtKFGyUgIAitdNiQkAAAAfiwgAAAAAAAIDK0hMzk5NUarlAgD9Op12CQAAAA==", "gzip"),
    ("KLUv/QRYkQAAeyJ0ZXh0IjoicGFja2VkIn0KJHZPfg==", "zstd"),
  ]

  private func bytes(_ text: String) throws -> [UInt8] {
    Array(try #require(Data(base64Encoded: text)))
  }

  @Test(arguments: packed)
  func packedFilesAreReadWhateverTheirName(text: String, packing: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("anything", try bytes(text))
    let file = try DataFile(path: path)
    #expect(file.records.map(\.content) == [.text("packed")])
  }

  @Test(arguments: packed)
  func cutFilesAreSaidToBeDamaged(text: String, packing: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("a.jsonl.gz", try bytes(text).dropLast(3).map { $0 })
    let error = #expect(throws: DataError.self) { try DataFile(path: path) }
    #expect(
      error == .cannotRead(path: path, reason: "its \(packing) data are damaged or cut off"))
  }

  @Test func aPackedFileOfManyPiecesIsWhole() throws {
    let folder = try TemporaryFolder()
    let line = "{\"text\":\"" + String(repeating: "abcdefgh ", count: 60_000) + "\"}\n"
    let path = try folder.write("a.jsonl", String(repeating: line, count: 3))
    for program in ["gzip", "zstd"] {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [program, "-q", "-k", path]
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else { continue }
      let packed = path + (program == "gzip" ? ".gz" : ".zst")
      #expect(try DataFile(path: packed).records == DataFile(path: path).records, "\(program)")
    }
  }

  @Test func aFolderMayHoldPackedFiles() throws {
    let folder = try TemporaryFolder()
    let train = try folder.write("train.jsonl.gz", try bytes(Self.packed[0].0))
    let valid = try folder.write("valid.csv", "text\nx\n")
    let source = try DataSource(path: folder.path)
    #expect(source.train == [train] && source.validation == [valid])
  }
}
