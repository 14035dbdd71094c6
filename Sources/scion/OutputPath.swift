import FineTuning
import Foundation
import ModelFiles

/// Guards files that are there already: what a command reads is never its output, and other files are replaced only when asked.
enum OutputPath {
  /// Throws a usage error when `output` is one of the files that `inputs` stand for, exists without `overwrite`, or is there and
  /// of another kind.
  static func check(
    _ output: String, _ kind: OutputKind, overwrite: Bool, inputs: [String]
  ) throws(UsageError) {
    try checkApart([output], inputs: inputs)
    try kind.check(output)
    if FileManager.default.fileExists(atPath: output) && !overwrite {
      throw UsageError("\(output) exists: choose another output, or pass --overwrite")
    }
  }

  /// Throws a usage error when one of `outputs` is a file that `inputs` stand for, or when two of them are one.
  static func checkApart(_ outputs: [String], inputs: [String]) throws(UsageError) {
    let read = inputs.flatMap(files)
    for (index, output) in outputs.enumerated() {
      if read.contains(where: { FileIdentity.same($0, output) }) {
        throw UsageError("\(output) is read and written: choose another output")
      }
      if let other = outputs[..<index].first(where: { FileIdentity.same($0, output) }) {
        throw UsageError("\(other) would be written twice: give two outputs")
      }
    }
  }

  /// The same for a PEFT folder: nothing in it but an adapter's two files is ever written, and no other folder becomes one.
  static func checkPEFT(_ folder: String, overwrite: Bool, inputs: [String]) throws(UsageError) {
    let files = adapterFiles.map { "\(folder)/\($0)" }
    try checkApart([folder] + files, inputs: inputs)
    let manager = FileManager.default
    guard manager.fileExists(atPath: folder) else { return }
    guard let names = try? manager.contentsOfDirectory(atPath: folder).sorted() else {
      throw UsageError("\(folder) is a file, PEFT's form a folder: choose another output")
    }
    guard let first = names.first else { return }
    guard adapterFiles.contains(where: names.contains) else {
      throw UsageError(
        "\(folder) holds \(first)\(names.count > 1 ? " and more" : "") and no adapter: choose a new or an "
          + "empty folder")
    }
    guard overwrite else {
      throw UsageError("\(folder) holds an adapter: choose another output, or pass --overwrite")
    }
  }

  /// What a run of `recipe` reads.
  static func inputs(of recipe: FineTuneRecipe, _ recipePath: String?) -> [String] {
    let data = recipe.data.map { (try? DataPart($0).path) ?? $0 }
    return ([recipe.model, recipePath].compactMap(\.self) + data).flatMap(files)
  }

  private static let adapterFiles = ["adapter_config.json", "adapter_model.safetensors"]

  /// The files that are read when `input` is named: one part of a split model stands for all, a folder for the adapter or the
  /// data in it.
  private static func files(_ input: String) -> [String] {
    let parts = GGUFSplitName(path: input)?.paths ?? []
    let adapter = (["adapter.gguf"] + adapterFiles).map { "\(input)/\($0)" }
    let source = try? DataSource(path: input)
    let data = source.map { $0.train + $0.validation + $0.test } ?? []
    // What is not there is not read.
    return [input] + (parts + adapter + data).filter { FileManager.default.fileExists(atPath: $0) }
  }
}
