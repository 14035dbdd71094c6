/// Why a file could not be written, one case a cause. The target is as it was: what was written so far lay in a
/// temporary file, which is gone.
public enum WriteError: Error, Equatable, CustomStringConvertible {
  /// No space, or no quota, left.
  case diskFull(path: String, reason: String)
  /// The folder is missing, or may not be written to.
  case notPermitted(path: String, reason: String)
  /// Any other refusal of the system (an input/output error, for one).
  case failed(path: String, operation: String, reason: String)

  public var description: String {
    switch self {
    case .diskFull(let path, let reason):
      "cannot write \(path): \(reason); free some space or choose another disk"
    case .notPermitted(let path, let reason):
      "cannot write \(path): \(reason); choose a folder that exists and may be written to"
    case .failed(let path, let operation, let reason):
      "cannot \(operation) \(path): \(reason); check the disk and try again"
    }
  }
}
