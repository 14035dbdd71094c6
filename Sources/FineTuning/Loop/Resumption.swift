internal import Foundation

/// Where a run begins: the checkpoint that it goes on from, if any, and a folder made ready for it.
struct Resumption {
  private(set) var checkpoint: Checkpoint?
  /// Whether the checkpoint is of the folder that the run writes into.
  private(set) var isInPlace = true
  private(set) var notices: [String] = []

  /// Throws `RunDirectory.Failure` when the folder holds an unfinished run of other settings that nothing allows to replace.
  init(
    _ resume: TrainingLoop.Resume, in directory: RunDirectory, fingerprint: RunFingerprint,
    overwrite: Bool
  ) throws {
    switch resume {
    case .never: try directory.beginAnew()
    case .auto:
      if directory.isUnfinished {
        try goOn(directory, fingerprint, overwrite)
      } else {
        try directory.beginAnew()
      }
    case .path(let path):
      let found = try Self.checkpoint(at: path)
      notices += found.notices
      let keys = fingerprint.differences(from: found.checkpoint.contents.fingerprint)
      guard keys.isEmpty else {
        throw RunDirectory.Failure.noCheckpoint(
          path: found.checkpoint.path, reason: "it differs in \(keys.joined(separator: ", "))")
      }
      directory.enterUnfinished()
      isInPlace =
        directory.isUnfinished && Self.contains(directory.checkpoints, found.checkpoint.path)
      if !isInPlace { try directory.beginAnew() }
      take(found.checkpoint, fingerprint)
    }
  }

  private mutating func goOn(
    _ directory: RunDirectory, _ fingerprint: RunFingerprint, _ overwrite: Bool
  ) throws {
    directory.enterUnfinished()
    let store = CheckpointStore(folder: directory.checkpoints)
    let found = store.newestWhole()
    notices += found.notices
    guard let checkpoint = found.checkpoint else {
      if directory.hasSteps || !found.notices.isEmpty {
        notices.append(
          "the unfinished run in \(directory.path) has left no checkpoint: it begins anew")
      }
      return try directory.beginAnew()
    }
    let keys = fingerprint.differences(from: checkpoint.contents.fingerprint)
    guard keys.isEmpty else {
      guard overwrite else {
        throw RunDirectory.Failure.differs(path: directory.path, keys: keys)
      }
      notices.append(
        "the unfinished run in \(directory.path) differs in \(keys.joined(separator: ", ")): "
          + "it is replaced")
      return try directory.beginAnew()
    }
    take(checkpoint, fingerprint)
  }

  private mutating func take(_ checkpoint: Checkpoint, _ fingerprint: RunFingerprint) {
    self.checkpoint = checkpoint
    let other = fingerprint.otherArithmetic(than: checkpoint.contents.fingerprint)
    if !other.isEmpty {
      notices.append(
        "\(other.joined(separator: ", ")) differ from those of the steps before: the result may "
          + "differ from an uninterrupted run's in its last bits")
    }
  }

  /// Throws `RunDirectory.Failure` when nothing could go on from `path`; looks, and changes nothing.
  static func check(path: String) throws(RunDirectory.Failure) { _ = try checkpoint(at: path) }

  /// The checkpoint that `path` is or, of a run's folder, the newest whole one.
  private static func checkpoint(at path: String) throws(RunDirectory.Failure) -> (
    checkpoint: Checkpoint, notices: [String]
  ) {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    if FileManager.default.fileExists(atPath: "\(path)/\(Checkpoint.manifest)") {
      do throws(Checkpoint.Damage) { return (try Checkpoint(path: path), []) } catch {
        throw .noCheckpoint(path: path, reason: error.description)
      }
    }
    for folder in ["\(path)/\(RunDirectory.Name.replacement)", path] {
      let found = CheckpointStore(folder: "\(folder)/\(RunDirectory.Name.checkpoints)")
        .newestWhole()
      if let checkpoint = found.checkpoint { return (checkpoint, found.notices) }
      if let notice = found.notices.first {
        throw .noCheckpoint(path: path, reason: notice)
      }
    }
    throw .noCheckpoint(path: path, reason: "no checkpoint is there")
  }

  /// Whether `path` lies directly in `folder`, however both are spelled.
  private static func contains(_ folder: String, _ path: String) -> Bool {
    FileIdentity.same(folder, URL(fileURLWithPath: path).deletingLastPathComponent().path)
  }
}
