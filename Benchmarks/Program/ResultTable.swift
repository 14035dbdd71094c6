import Foundation
import Tensors

/// Where results go: lines on stdout and, with `--csv`, rows of a file.
struct ResultTable {
  static let header = "commit,benchmark,format,isa,threads,value,unit"

  let csv: String?
  let commit: String

  /// A line for people.
  func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }

  /// A row for programs; tier and threads are those in use.
  ///
  /// - Parameters:
  ///   - benchmark: name with shape and direction, `gemm/forward/1536x576/T512`.
  ///   - format: block format of the weights, or `-`.
  func record(_ benchmark: String, format: String = "-", _ value: Double, _ unit: String) throws {
    guard let csv else { return }
    let row = [
      commit, benchmark, format, Processor.instructionSet.name, "\(Processor.threads)",
      ResultTable.text(value), unit,
    ]
    let isNew = !FileManager.default.fileExists(atPath: csv)
    if isNew { _ = FileManager.default.createFile(atPath: csv, contents: nil) }
    guard let file = FileHandle(forWritingAtPath: csv) else {
      throw BenchmarkError("\(csv) cannot be written")
    }
    defer { try? file.close() }
    try file.seekToEnd()
    let lines = (isNew ? [ResultTable.header] : []) + [row.joined(separator: ",")]
    try file.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
  }

  /// Four significant digits, without exponent.
  static func text(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return "\(value)" }
    let digits = max(0, 3 - Int(log10(abs(value)).rounded(.down)))
    return String(format: "%.\(digits)f", value)
  }

  /// `text` made `width` wide with spaces behind it (before it when `width` is negative).
  static func pad(_ text: String, _ width: Int) -> String {
    let space = String(repeating: " ", count: max(0, abs(width) - text.count))
    return width < 0 ? space + text : text + space
  }
}
