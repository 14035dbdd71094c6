import ArgumentParser
import FineTuning
import Foundation
import Inference
import ModelFiles

/// The types in which generation is measured.
struct ModelTypes: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Types to convert the model to, by commas; keep is the file itself.", valueName: "types"))
  var types = "keep,q4_0,q8_0"

  /// Calls `body` with the model at `path` in each of the types, from a temporary file where it is converted.
  func forEach(of path: String, _ body: (LoadedModel) throws -> Void) throws {
    for name in types.split(separator: ",") {
      guard let type = MergeType(String(name)) else {
        throw ValidationError(
          "--types: \(name) is none of \(MergeType.names.joined(separator: ", "))")
      }
      let folder = FileManager.default.temporaryDirectory.appending(
        path: "scion-bench-\(ProcessInfo.processInfo.processIdentifier)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      try body(
        try LoadedModel(path: type == .keep ? path : try Self.convert(path, type, folder)))
    }
  }

  private static func convert(_ path: String, _ type: MergeType, _ folder: URL) throws -> String {
    let output = folder.appending(path: "\(type.name).gguf").path
    var merger = try Merger(
      base: try GGUFFile(path: path), adapter: nil, type: type, output: output)
    while try merger.next() != nil {}
    try merger.finish()
    return output
  }
}
