import Foundation
import Tensors
import Testing

@testable import ModelFiles

@Suite struct AtomicFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func appearsOnlyWhenFinished() throws {
    let path = folder.file("a.txt")
    var file = try AtomicFile(path: path)
    try file.append("one ")
    #expect(!FileManager.default.fileExists(atPath: path))
    try file.append(Array("two".utf8))
    #expect(file.byteCount == 7)
    try file.finish()
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "one two")
    #expect(folder.names == ["a.txt"])
  }

  @Test func keepsTheOldFileUntilTheNewOneIsComplete() throws {
    let path = folder.file("a.txt")
    try AtomicFile.write(path: path, text: "old")
    do {
      var file = try AtomicFile(path: path)
      try file.append("new")
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
    try AtomicFile.write(path: path, bytes: Array("new".utf8))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
    #expect(folder.names == ["a.txt"])
  }

  @Test func copiesFromAMappedFile() throws {
    let source = try MappedFile(name: "source", bytes: Array("0123456789".utf8))
    let path = folder.file("a.txt")
    var file = try AtomicFile(path: path)
    try file.append(source, 2..<5)
    try file.finish()
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "234")
  }

  @Test(arguments: ["n", "ü"])
  func worksWithNamesAsLongAsFileSystemsAllow(letter: String) throws {
    let name = String(repeating: letter, count: 250 / letter.utf8.count)
    try AtomicFile.write(path: folder.file(name), text: "x")
    #expect(folder.names == [name])
  }

  @Test func namesTheReasonWhenTheFolderIsMissing() {
    let path = folder.file("no/a.txt")
    #expect(
      throws: WriteError.notPermitted(path: path, reason: "no such file or directory")
    ) { try AtomicFile.write(path: path, text: "x") }
  }

  @Test func refusesToReplaceAFolder() throws {
    let path = folder.file("a")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(throws: WriteError.notPermitted(path: path, reason: "is a directory")) {
      try AtomicFile.write(path: path, text: "x")
    }
    #expect(folder.names == ["a"])
  }

  @Test func tellsRemediesApart() {
    func error(_ cause: TensorError.WriteCause) -> WriteError {
      WriteError(
        .cannotWrite(path: "t", operation: "sync", cause: cause, reason: "r"), target: "a")
    }
    #expect(error(.full) == .diskFull(path: "a", reason: "r"))
    #expect(error(.refused) == .notPermitted(path: "a", reason: "r"))
    #expect(error(.other) == .failed(path: "a", operation: "sync", reason: "r"))
    #expect(error(.full).description.contains("free some space"))
    #expect(error(.other).description == "cannot sync a: r; check the disk and try again")
  }
}
