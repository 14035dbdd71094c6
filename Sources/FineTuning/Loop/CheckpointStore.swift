internal import Foundation

/// The checkpoints of a run's folder, `step-N/`, newest last. Only folders that carry a manifest are its own.
struct CheckpointStore {
  let folder: String

  /// Steps of the checkpoints there, whole or not, in order.
  var steps: [Int] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
      guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)),
        path(step) == "\(folder)/\(name)"
      else { return nil }
      return step
    }.sorted()
  }

  func path(_ step: Int) -> String { "\(folder)/step-\(step)" }

  /// The newest checkpoint that is whole, and a sentence for each newer one that is not.
  func newestWhole() -> (checkpoint: Checkpoint?, notices: [String]) {
    var notices: [String] = []
    for step in steps.reversed() {
      do throws(Checkpoint.Damage) {
        return (try Checkpoint(path: path(step)), notices)
      } catch {
        notices.append("\(error): it is not used, the one before is")
      }
    }
    if !notices.isEmpty {
      notices[notices.count - 1] = notices[notices.count - 1]
        .replacing(": it is not used, the one before is", with: ": there is no other")
    }
    return (nil, notices)
  }

  /// Whether a checkpoint is there, whole or damaged later: not what a killed process was just writing or deleting.
  var holdsManifests: Bool {
    steps.contains {
      FileManager.default.fileExists(atPath: "\(path($0))/\(Checkpoint.manifest)")
    }
  }

  /// Makes the folder, and clears away what a killed process was writing.
  func prepare() throws(RunDirectory.Failure) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .cannotMake(path: folder, reason: "the folder cannot be made")
    }
    removeTemporaries()
  }

  private func removeTemporaries() {
    let manager = FileManager.default
    for name in (try? manager.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix(".step-") && name.hasSuffix(".tmp") {
      try? manager.removeItem(atPath: "\(folder)/\(name)")
    }
  }

  /// Deletes all but the newest `count`.
  func prune(keeping count: Int) {
    for step in steps.dropLast(count) { Self.remove(path(step)) }
  }

  /// Deletes all, and the folder when nothing else is in it.
  func removeAll() {
    prune(keeping: 0)
    removeTemporaries()
    if (try? FileManager.default.contentsOfDirectory(atPath: folder)) == [] {
      try? FileManager.default.removeItem(atPath: folder)
    }
  }

  /// Deletes the files of the checkpoint at `path`, and the folder when nothing else is in it. The manifest goes first: what is
  /// left by a process that is killed meanwhile is no checkpoint.
  static func remove(_ path: String) {
    let manager = FileManager.default
    for name in Checkpoint.fileNames {
      try? manager.removeItem(atPath: "\(path)/\(name)")
    }
    for name in (try? manager.contentsOfDirectory(atPath: path)) ?? []
    where name.hasPrefix(".") && name.hasSuffix(".tmp") {
      try? manager.removeItem(atPath: "\(path)/\(name)")
    }
    if (try? manager.contentsOfDirectory(atPath: path)) == [] {
      try? manager.removeItem(atPath: path)
    }
  }
}
