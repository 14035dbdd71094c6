/// What can fail in this layer on a user's data or machine. Wrong shapes are programmer errors and trap.
public enum TensorError: Error, Equatable, CustomStringConvertible {
  /// The system refused a mapping of `byteCount` bytes for the arena called `name`.
  case outOfMemory(name: String, byteCount: Int)
  /// A file could not be opened or mapped; `reason` is the system's word.
  case cannotMap(path: String, reason: String)
  /// A temporary file of `contents` could not be written or read.
  case cannotSpill(_ contents: SpilledContents, directory: String, reason: String)
  /// A file could not be written; `reason` is the system's word for what `operation` met.
  case cannotWrite(path: String, operation: String, cause: WriteCause, reason: String)
  /// A routine of LAPACK ended with a non-zero `info`.
  case noConvergence(routine: String, info: Int)

  /// What temporary files are made of: each has its own way out where a folder is full.
  public enum SpilledContents: Sendable, Equatable {
    /// A run's activations, in its output folder.
    case activations
    /// Unpacked data and their index, in the folder that `TMPDIR` names.
    case data
  }

  /// The kinds of refusal that call for different remedies.
  public enum WriteCause: Sendable, Equatable {
    /// No space or no quota left.
    case full
    /// No such folder, or no right to write to it.
    case refused
    /// Anything else.
    case other
  }

  public var description: String {
    switch self {
    case .outOfMemory(let name, let byteCount):
      "no memory for \(byteCount) bytes of \(name): close other programs or lower --memory"
    case .cannotMap(let path, let reason):
      "cannot read \(path): \(reason); give a file that can be read"
    case .cannotSpill(.activations, let directory, let reason):
      "cannot keep temporary activations in \(directory): \(reason); free space there or choose "
        + "another output folder"
    case .cannotSpill(.data, let directory, let reason):
      "cannot keep temporary data in \(directory): \(reason); free space there or set TMPDIR to a "
        + "folder that has some"
    case .cannotWrite(let path, let operation, _, let reason):
      "cannot \(operation) \(path): \(reason)"
    case .noConvergence(let routine, let info):
      "\(routine) ended with info \(info): the matrix holds values that are not finite"
    }
  }
}
