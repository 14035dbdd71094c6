/// What can fail when a model is read or planned. Wrong shapes in calls are programmer errors and trap.
public enum TransformerError: Error, Equatable, CustomStringConvertible {
  /// The file's architecture has no forward pass here.
  case unsupportedArchitecture(name: String)
  /// A key that the architecture needs is missing or has the wrong type.
  case missingMetadata(key: String)
  /// A value in the metadata that no model can have, or that Scion cannot run.
  case unusableMetadata(key: String, value: String, reason: String)
  /// A tensor whose shape contradicts the metadata.
  case wrongShape(tensor: String, expected: [Int], found: [Int])
  /// The least memory that the work needs is above the budget.
  case doesNotFit(budget: Int, smallest: Int)

  public var description: String {
    switch self {
    case .unsupportedArchitecture(let name):
      "architecture \"\(name)\" is not supported: use a GGUF of the llama architecture"
    case .missingMetadata(let key):
      "the model file has no usable \"\(key)\": convert it again with a current llama.cpp"
    case .unusableMetadata(let key, let value, let reason):
      "the model file has \(key) = \(value), but \(reason)"
    case .wrongShape(let tensor, let expected, let found):
      "tensor \(tensor) has shape \(found) where \(expected) is expected: the file is damaged"
    case .doesNotFit(let budget, let smallest):
      "this run needs at least \(megabytes(smallest)) of memory and --memory allows "
        + "\(megabytes(budget)): raise it to \(megabytes(smallest)), or lower --seq-len or --rank"
    }
  }
}

private func megabytes(_ bytes: Int) -> String { "\((bytes + 999_999) / 1_000_000)M" }
