import Foundation
import TestSupport
import Testing

@testable import Tensors

/// Folders that appear whole, and folders that one process claims.
@Suite struct OutputFolderTests {
  @Test("A folder appears under its name with all its files, or leaves nothing behind")
  func appearsWhole() throws {
    let folder = try TemporaryFolder()
    do {
      var output = try OutputFolder(besides: "\(folder.path)/a")
      try Data("x".utf8).write(to: URL(fileURLWithPath: output.file("one")))
      #expect(try folder.names().first?.hasPrefix(".a.") == true)
    }
    #expect(try folder.names().isEmpty)
    var output = try OutputFolder(besides: "\(folder.path)/a")
    try Data("x".utf8).write(to: URL(fileURLWithPath: output.file("one")))
    try output.publish()
    #expect(try folder.names() == ["a"] && folder.names(in: "a") == ["one"])
  }

  @Test("A folder that is there is not replaced")
  func replacesNothing() throws {
    let folder = try TemporaryFolder()
    for name in ["first", "second"] {
      var output = try OutputFolder(besides: "\(folder.path)/a")
      try Data("x".utf8).write(to: URL(fileURLWithPath: output.file(name)))
      if name == "first" {
        try output.publish()
      } else {
        #expect(throws: TensorError.self) { try output.publish() }
      }
    }
    #expect(try folder.names(in: "a") == ["first"])
  }

  @Test("A folder has one holder at a time, and none after its end")
  func oneHolder() throws {
    let folder = try TemporaryFolder()
    do {
      let lock = try FolderLock(folder: folder.path)
      #expect(lock != nil)
      #expect(try FolderLock(folder: folder.path) == nil)
      withExtendedLifetime(lock) {}
    }
    #expect(try FolderLock(folder: folder.path) != nil)
    #expect(try folder.names().isEmpty)
    #expect(throws: TensorError.self) { try FolderLock(folder: "\(folder.path)/none") }
  }

  @Test("A flag is raised once and for good")
  func flag() {
    let flag = StopFlag()
    let wish: StopFlag? = flag
    #expect(!flag.isRaised && !wish.isRaised && !(nil as StopFlag?).isRaised)
    flag.raise()
    #expect(flag.isRaised && wish.isRaised)
  }

  @Test("Devices are written into and not renamed over, and a link stays one")
  func devicesAndLinks() throws {
    var null = try OutputFile(besides: "/dev/null")
    try null.write(Array("x".utf8))
    try null.publish()
    let type = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type]
    #expect(type as? FileAttributeType == .typeCharacterSpecial)
    var full = try OutputFile(besides: "/dev/full")
    #expect(throws: TensorError.self) { try full.write(Array("x".utf8)) }
    let folder = try TemporaryFolder()
    let target = try folder.write("target", "old")
    let link = "\(folder.path)/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "target")
    var file = try OutputFile(besides: link)
    try file.write(Array("new".utf8))
    try file.publish()
    #expect(try String(contentsOfFile: target, encoding: .utf8) == "new")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "target")
  }
}
