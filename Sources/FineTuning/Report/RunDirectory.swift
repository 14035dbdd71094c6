internal import Foundation
public import ModelFiles

/// The output folder of a training run: where each file lies, and that a finished run is not overwritten by mistake.
///
/// A folder counts as finished when it holds `adapter.gguf`. Holds no open file.
public struct RunDirectory: Sendable, Equatable {
  public enum Failure: Error, Equatable, CustomStringConvertible {
    /// A finished run lies there.
    case finishedRun(path: String)
    /// The folder could not be made or cleared.
    case cannotMake(path: String, reason: String)
    /// A file in it could not be written.
    case cannotWrite(WriteError)

    public var description: String {
      switch self {
      case .finishedRun(let path):
        "\(path) already holds a finished run: choose another output, or pass --overwrite to replace it"
      case .cannotMake(let path, let reason):
        "cannot use \(path) as output folder: \(reason); choose another"
      case .cannotWrite(let error): error.description
      }
    }
  }

  public let path: String

  public var adapter: String { "\(path)/adapter.gguf" }
  public var peft: String { "\(path)/peft" }
  public var recipe: String { "\(path)/recipe.yaml" }
  public var metrics: String { "\(path)/metrics.jsonl" }
  public var initialization: String { "\(path)/init.json" }
  /// The picture of the start.
  public var initializationPicture: String { "\(path)/init.svg" }
  /// What a start that is not finished has found so far (`StartStore`).
  public var unfinishedStart: String { "\(path)/start.partial" }
  public var modelCard: String { "\(path)/README.md" }

  /// Makes the folder `path`. A finished run in it is refused, or its files deleted when `overwrite`; files of a run that did
  /// not finish are deleted (temporary ones too), others left alone; an unfinished start stays, to be continued.
  public init(path: String, overwrite: Bool = false) throws(Failure) {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let manager = FileManager.default
    if manager.fileExists(atPath: adapter), !overwrite { throw .finishedRun(path: path) }
    if manager.fileExists(atPath: path), (try? manager.contentsOfDirectory(atPath: path)) == nil {
      throw .cannotMake(path: path, reason: "a file lies there, or the folder cannot be read")
    }
    // Without any other file of a run, a README.md or peft/ there is the user's.
    let isRun = [adapter, recipe, metrics, initialization, unfinishedStart].contains {
      manager.fileExists(atPath: $0)
    }
    if !isRun, manager.fileExists(atPath: modelCard) || manager.fileExists(atPath: peft) {
      throw .cannotMake(
        path: path, reason: "it holds a README.md or peft/ that no run has written")
    }
    do {
      try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .cannotMake(path: path, reason: "the folder cannot be made")
    }
    for file in [
      adapter, peft, recipe, metrics, initialization, initializationPicture, modelCard,
    ] where manager.fileExists(atPath: file) {
      try Self.delete(file, of: path)
    }
    // What a killed run was just writing: `.adapter.gguf.RANDOM.tmp`.
    for name in (try? manager.contentsOfDirectory(atPath: path)) ?? []
    where name.hasSuffix(".tmp") && Self.fileNames.contains(where: { name.hasPrefix(".\($0).") }) {
      try Self.delete("\(path)/\(name)", of: path)
    }
  }

  private static let fileNames = [
    "adapter.gguf", "recipe.yaml", "metrics.jsonl", "init.json", "init.svg", "README.md",
  ]

  /// Deletes what a start that has finished by now had left.
  public func removeUnfinishedStart() throws(Failure) {
    guard FileManager.default.fileExists(atPath: unfinishedStart) else { return }
    try Self.delete(unfinishedStart, of: path)
  }

  private static func delete(_ file: String, of path: String) throws(Failure) {
    do {
      try FileManager.default.removeItem(atPath: file)
    } catch {
      throw .cannotMake(path: path, reason: "the old \(file) cannot be deleted")
    }
  }

  /// Writes a text file of the run, complete or not at all.
  public func write(_ text: String, to file: String) throws(Failure) {
    do { try AtomicFile.write(path: file, text: text) } catch { throw .cannotWrite(error) }
  }

  /// Writes a value as indented JSON with sorted keys.
  public func write(json value: some Encodable, to file: String) throws(Failure) {
    let encoder = JSONEncoder.scion
    encoder.outputFormatting.insert(.prettyPrinted)
    let bytes: [UInt8]
    do {
      bytes = try Array(encoder.encode(value)) + Array("\n".utf8)
    } catch {
      throw .cannotWrite(.failed(path: file, operation: "encode", reason: "\(error)"))
    }
    do { try AtomicFile.write(path: file, bytes: bytes) } catch { throw .cannotWrite(error) }
  }
}

extension JSONEncoder {
  /// Sorted keys, plain slashes, and numbers that are not finite as texts (JSON has none).
  static var scion: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return encoder
  }
}
