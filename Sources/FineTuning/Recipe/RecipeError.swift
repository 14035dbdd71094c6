/// What can be wrong with a recipe: a value, a key, or the file.
public enum RecipeError: Error, Equatable, CustomStringConvertible {
  /// A value out of its range; `expected` says what would do.
  case badValue(key: String, value: String, expected: String)
  /// A target that this model does not have.
  case noSuchTarget(name: String, available: [String])
  /// A start that is measured, with adapters on experts.
  case startWithExperts(name: String)
  /// Dropout, with adapters on experts.
  case dropoutWithExperts
  /// A start that changes the base; `nearest` is the likest one that does not.
  case startChangesBase(name: String, reason: String, nearest: String)
  /// Two settings that exclude each other.
  case conflict(String, String)
  /// A key that no recipe has; `nearest` is the likeliest valid one.
  case unknownKey(String, nearest: String?)
  /// `error` is about the file at `path`.
  indirect case inFile(path: String, RecipeError)
  /// Not YAML, or not a mapping.
  case malformed(reason: String)
  /// A setting without which nothing can run.
  case missing(key: String)
  /// The file could not be read or written.
  case file(path: String, reason: String)

  public var description: String {
    switch self {
    case .badValue(let key, let value, let expected):
      "\(key) is \(value): it must be \(expected)"
    case .noSuchTarget(let name, let available):
      "targets names \(name), which this model does not have: take some of \(available.joined(separator: ", ")), or all"
    case .startWithExperts(let name):
      "init \(name) does not reach experts: take gaussian, or leave experts out of targets"
    case .dropoutWithExperts:
      "dropout does not reach experts: take dropout 0, or leave experts out of targets"
    case .startChangesBase(let name, let reason, let nearest):
      "init \(name) does not suit a quantized base: \(reason); take \(nearest)"
    case .conflict(let first, let second):
      "\(first) and \(second) exclude each other: give one of them"
    case .unknownKey(let key, let nearest):
      "unknown recipe key \"\(key)\": "
        + (nearest.map { "did you mean \"\($0)\"?" } ?? "remove it")
    case .inFile(let path, let error):
      "\(path): \(error)"
    case .malformed(let reason):
      "the recipe is not usable YAML: \(reason); correct it"
    case .missing(let key):
      "\(key) is not set: give it on the command line or in the recipe"
    case .file(let path, let reason):
      "recipe \(path): \(reason); give a YAML file that a run wrote, or none"
    }
  }
}
