import Foundation
import TestSupport

/// A temporary folder with what a user has before a first run: a tiny model `base.gguf` (two layers, a byte tokenizer,
/// ChatML) and examples `data.jsonl`. Deleted with the value.
final class Workplace {
  let path: String

  /// The model's bytes, made once.
  static let modelBytes = Data(model().bytes())

  static func model(width: Int = 32) -> SyntheticModel {
    var model = SyntheticModel(
      width: width, vocabulary: SyntheticModel.byteVocabulary, contextLength: 128, format: .q8_0,
      tiedHead: true, seed: 7)
    model.tokenizer = .byteLevel
    return model
  }

  init() throws {
    path = NSTemporaryDirectory() + "scion-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try write("base.gguf", Workplace.modelBytes)
    let lines = (0..<24).map { #"{"prompt":"say \#($0)","completion":"word \#($0 % 5)"}"# }
    try write("data.jsonl", Data((lines.joined(separator: "\n") + "\n").utf8))
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ bytes: Data) throws {
    try bytes.write(to: URL(fileURLWithPath: "\(path)/\(name)"))
  }

  func write(_ name: String, _ text: String) throws { try write(name, Data(text.utf8)) }

  /// The bytes of a file; nil when it does not exist.
  func bytes(_ name: String) -> Data? { FileManager.default.contents(atPath: "\(path)/\(name)") }

  func text(_ name: String) -> String { String(decoding: bytes(name) ?? Data(), as: UTF8.self) }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

  /// Names of the files in a folder, sorted.
  func names(_ folder: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").sorted()
  }

  /// A JSON file's keys and values.
  func json(_ name: String) throws -> [String: Any] { try Workplace.object(text(name)) }

  static func object(_ text: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
  }

  /// Runs scion here.
  func scion(_ arguments: String) throws -> ScionProgram.Outcome {
    try ScionProgram.run(arguments, in: path)
  }
}
