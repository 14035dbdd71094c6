import FineTuning
import Foundation
import ModelFiles

/// Guards files that are there already: what a command reads is never its output, and other files are replaced only when asked.
enum OutputPath {
  /// Throws a usage error when `output` is one of `inputs` (a folder stands for the adapter in it, one part of
  /// a split model for all), or exists without `overwrite`.
  static func check(_ output: String, overwrite: Bool, inputs: [String]) throws(UsageError) {
    for input in inputs {
      let parts = GGUFSplitName(path: input)?.paths ?? []
      for file in [input, input + "/adapter.gguf"] + parts where FileIdentity.same(file, output) {
        throw UsageError("\(output) is read and written: choose another output")
      }
    }
    if FileManager.default.fileExists(atPath: output) && !overwrite {
      throw UsageError("\(output) exists: choose another output, or pass --overwrite")
    }
  }
}
