public import ModelFiles

extension RunDirectory {
  /// Why a folder cannot be a run's, or what of it could not be done.
  public enum Failure: Error, Equatable, CustomStringConvertible {
    /// A finished run lies there.
    case finishedRun(path: String)
    /// Things lie there that no run wrote.
    case foreign(path: String, names: [String])
    /// In a run's folder something that it did not write lies where it would write.
    case notWritten(path: String, name: String)
    /// Another process trains into it.
    case held(path: String, pid: Int32?, since: String?)
    /// What would be written is read.
    case isInput(path: String)
    /// An unfinished run lies there, of other settings.
    case differs(path: String, keys: [String])
    /// There is nothing to go on from.
    case noCheckpoint(path: String, reason: String)
    /// A file lies where the folder should be, or it may not be read.
    case noFolder(path: String)
    /// The folder could not be made or cleared.
    case cannotMake(path: String, reason: String)
    /// A file in it could not be written.
    case cannotWrite(WriteError)

    static func held(path: String, by holder: (pid: Int32, since: String)?) -> Failure {
      .held(path: path, pid: holder?.pid, since: holder?.since)
    }

    /// Whether another command line would do, rather than another disk.
    public var isUsage: Bool {
      switch self {
      case .finishedRun, .foreign, .notWritten, .held, .isInput, .differs, .noCheckpoint,
        .noFolder:
        true
      case .cannotMake, .cannotWrite: false
      }
    }

    public var description: String {
      switch self {
      case .finishedRun(let path):
        "\(path) already holds a finished run: choose another output, or pass --overwrite to replace it"
      case .foreign(let path, let names):
        "\(path) holds \(Self.list(names)), which no run of Scion wrote: choose a new or an empty "
          + "folder as output"
      case .notWritten(let path, let name):
        "\(path)/\(name) lies where the run would write and was not written by it: move it away, or "
          + "choose another output"
      case .held(let path, let pid, let since):
        "\(path) is held by another run"
          + (pid.map { " (process \($0)\(since.map { ", since \($0)" } ?? ""))" } ?? "")
          + ": wait for its end, or choose another output"
      case .isInput(let path):
        "\(path) is read and would be written: choose another output"
      case .differs(let path, let keys):
        "\(path) holds an unfinished run that differs in \(keys.joined(separator: ", ")): choose "
          + "another output, or pass --resume never or --overwrite to begin anew"
      case .noCheckpoint(let path, let reason):
        "cannot go on from \(path): \(reason); name a run's folder or one of its checkpoints"
      case .noFolder(let path):
        "cannot use \(path) as output folder: a file lies there, or the folder cannot be read; choose another"
      case .cannotMake(let path, let reason):
        "cannot use \(path) as output folder: \(reason); choose another"
      case .cannotWrite(let error): error.description
      }
    }

    private static func list(_ names: [String]) -> String {
      let shown = names.prefix(3).joined(separator: ", ")
      return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
    }
  }
}
