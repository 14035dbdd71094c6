internal import Foundation
internal import ModelFiles
internal import Tensors

// What a run writes into its folder, and what becomes of files that lie there.

extension RunDirectory {
  /// Writes files of the run by `body`, under names below the folder, and lists them with what they then hold. A file that
  /// lies there and is not as the run left it is kept under another name first.
  func write<Failed: Error>(
    _ names: [String], _ body: () throws(Failed) -> Void
  ) throws {
    for name in names {
      try setAside(name, in: path, marker)
      marker.files[name] = ""
    }
    try marker.write(folder: path)
    try body()
    for name in names { try record(name) }
    try marker.write(folder: path)
  }

  func record(_ name: String) throws(Failure) {
    do { marker.files[name] = try MappedFile.sha256(path: "\(path)/\(name)") } catch {
      throw .cannotMake(path: path, reason: error.description)
    }
  }

  /// Writes a text file of the run, complete or not at all.
  func write(_ text: String, to name: String) throws {
    try write([name]) { try AtomicFile.write(path: "\(path)/\(name)", text: text) }
  }

  /// Writes a value as indented JSON with sorted keys.
  func write(json value: some Encodable, to name: String) throws {
    let encoder = JSONEncoder.scion
    encoder.outputFormatting.insert(.prettyPrinted)
    let bytes = try Array(encoder.encode(value)) + Array("\n".utf8)
    try write([name]) { try AtomicFile.write(path: "\(path)/\(name)", bytes: bytes) }
  }

  /// Lists a file that grows, so that the folder is known to be its run's.
  func list(growing name: String) throws(Failure) {
    try setAside(name, in: path, marker)
    marker.files[name] = ""
    try marker.write(folder: path)
  }

  /// Notes what a file that grew holds in the end.
  func close(growing name: String) throws(Failure) {
    try record(name)
    try marker.write(folder: path)
  }

  // MARK: - Files that lie there

  /// Takes a listed file of `path` away: deletes it, or keeps it under another name if somebody changed it.
  func retire(_ name: String) throws(Failure) {
    try setAside(name, in: path, marker)
    let file = "\(path)/\(name)"
    if FileManager.default.fileExists(atPath: file) { try Self.delete(file, of: path) }
    Self.removeEmpty(folderOf: file)
    marker.files[name] = nil
  }

  /// Moves the file away if it is not as the run left it.
  func setAside(_ name: String, in folder: String, _ marker: RunMarker) throws(Failure) {
    let manager = FileManager.default
    let file = "\(folder)/\(name)"
    guard manager.fileExists(atPath: file), !marker.isUnchanged(name, in: folder) else { return }
    // Results that move from the replacement are the user's to find in the folder they named.
    var (number, kept) = (1, "\(root)/\(name).kept")
    while manager.fileExists(atPath: kept) {
      number += 1
      kept = "\(root)/\(name).kept-\(number)"
    }
    do {
      try manager.createDirectory(
        atPath: URL(fileURLWithPath: kept).deletingLastPathComponent().path,
        withIntermediateDirectories: true)
      try manager.moveItem(atPath: file, toPath: kept)
    } catch {
      throw .cannotMake(
        path: folder, reason: "\(file), changed by someone, cannot be kept as \(kept)")
    }
    notices.append("\(file) was changed since the run wrote it: it is kept as \(kept)")
  }

  static func removeEmpty(folderOf file: String) {
    let parent = URL(fileURLWithPath: file).deletingLastPathComponent().path
    if parent.hasSuffix("/peft") || parent.hasSuffix("/tensorboard"),
      (try? FileManager.default.contentsOfDirectory(atPath: parent)) == []
    {
      try? FileManager.default.removeItem(atPath: parent)
    }
  }

  static func delete(_ file: String, of path: String) throws(Failure) {
    do {
      try FileManager.default.removeItem(atPath: file)
    } catch {
      throw .cannotMake(path: path, reason: "the old \(file) cannot be deleted")
    }
  }
}
