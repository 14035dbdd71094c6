internal import ModelFiles

/// What can fail when a model is read or planned. Wrong shapes in calls are programmer errors and trap.
public enum TransformerError: Error, Equatable, CustomStringConvertible {
  /// The file is an adapter; a model is needed.
  case adapterInsteadOfModel
  /// `error` is about the file at `path`.
  indirect case inFile(path: String, TransformerError)
  /// The file's architecture has no forward pass here.
  case unsupportedArchitecture(name: String, supported: [String])
  /// A key that the architecture needs is missing or has the wrong type.
  case missingMetadata(key: String)
  /// A value in the metadata that no model can have, or that Scion cannot run.
  case unusableMetadata(key: String, value: String, reason: String)
  /// A setting of the file that Scion does not know, and so would not use.
  case unusedSetting(key: String, value: String)
  /// A tensor of the file that Scion does not know, and so would not use.
  case unusedTensor(name: String, architecture: String)
  /// A tensor whose values no model can have.
  case unusableTensor(name: String, reason: String)
  /// A tensor whose shape contradicts the metadata.
  case wrongShape(tensor: String, expected: [Int], found: [Int])
  /// The least memory that the work needs is above the budget.
  case doesNotFit(budget: Int, smallest: Int)

  /// One sentence, whatever the names in the file are.
  public var description: String { sentence.onOneLine }

  private var sentence: String {
    switch self {
    case .adapterInsteadOfModel:
      "this is an adapter, not a model: give its base with -m and the adapter with --adapter"
    case .inFile(let path, let error):
      "\(path): \(error)"
    case .unsupportedArchitecture(let name, let supported):
      "architecture \"\(name)\" is not supported: use a GGUF of one of \(supported.joined(separator: ", "))"
    case .missingMetadata(let key):
      "the model file has no usable \"\(key)\": convert it again with a current llama.cpp"
    case .unusableMetadata(let key, let value, let reason):
      "the model file has \(key) = \(value), but \(reason)"
    case .unusedSetting(let key, let value):
      "the model file has \(key) = \(value), which Scion does not know and would compute wrongly without: "
        + "use a model without it"
    case .unusedTensor(let name, let architecture):
      "the model file has a tensor \(name), which Scion does not use in architecture \"\(architecture)\" "
        + "and would compute wrongly without: use a model without it"
    case .unusableTensor(let name, let reason):
      "tensor \(name) has unusable values, \(reason): the file is damaged"
    case .wrongShape(let tensor, let expected, let found):
      "tensor \(tensor) has shape \(found) where \(expected) is expected: the file is damaged"
    case .doesNotFit(let budget, let smallest):
      "this run needs at least \(mebibytes(smallest, .up)) of memory and --memory allows "
        + "\(mebibytes(budget, .down)): raise it to \(mebibytes(smallest, .up)), or lower --seq-len "
        + "or --rank"
    }
  }
}

/// In the unit that `--memory` takes as M, rounded so that the smallest budget named is enough.
private func mebibytes(_ bytes: Int, _ rule: FloatingPointRoundingRule) -> String {
  "\(Int((Double(bytes) / 1_048_576).rounded(rule)))M"
}
