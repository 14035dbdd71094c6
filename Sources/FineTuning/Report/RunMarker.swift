internal import Foundation
internal import ModelFiles
internal import Tensors

/// The file `.scion-run` of a run's folder: by it the folder is known to be a run's, and it lists what the run wrote, each
/// file with its SHA-256, so that nothing else in the folder is ever touched.
struct RunMarker: Codable, Equatable {
  static let name = ".scion-run"

  /// How far the run is.
  enum State: String, Codable {
    case unfinished, finished
    /// The results in `replacement/` are complete and on their way over the earlier ones.
    case publishing
  }

  /// A process that holds, or held, the folder.
  struct Holder: Codable, Equatable {
    let pid: Int32
    /// ISO 8601.
    let since: String

    /// This process, from now on.
    static var current: Holder {
      Holder(
        pid: ProcessInfo.processInfo.processIdentifier, since: Date.now.formatted(.iso8601))
    }
  }

  var version = 1
  var state = State.unfinished
  var process: Holder?
  /// SHA-256 by path below the folder; empty while a file is being written, when any content is the run's own.
  var files: [String: String] = [:]

  /// nil where there is none, or none that can be read.
  init?(folder: String) {
    guard let data = FileManager.default.contents(atPath: "\(folder)/\(Self.name)"),
      let marker = try? JSONDecoder().decode(RunMarker.self, from: data), marker.version == 1
    else { return nil }
    self = marker
  }

  init() {}

  /// Writes the marker, complete or not at all.
  func write(folder: String) throws(RunDirectory.Failure) {
    let encoder = JSONEncoder.scion
    encoder.outputFormatting.insert(.prettyPrinted)
    let path = "\(folder)/\(Self.name)"
    do {
      try AtomicFile.write(path: path, bytes: Array(encoder.encode(self)) + Array("\n".utf8))
    } catch let error as WriteError {
      throw .cannotWrite(error)
    } catch {
      throw .cannotWrite(.failed(path: path, operation: "encode", reason: "\(error)"))
    }
  }

  /// Whether the file `name` of `folder` is there as the run left it.
  func isUnchanged(_ name: String, in folder: String) -> Bool {
    guard let hash = files[name] else { return false }
    return hash.isEmpty || (try? MappedFile.sha256(path: "\(folder)/\(name)")) == hash
  }
}
