import Foundation

/// What a command writes to a file that its user names. A file that is there and is of another kind was not written by that command,
/// and is never replaced, whatever flag is given.
enum OutputKind: Hashable, CaseIterable {
  /// Models and adapters.
  case gguf
  /// A report to look at.
  case page
  /// `eval --json`.
  case evaluation
  /// `eval --rows`.
  case rows
  /// `merge --json`.
  case merge
  /// `generate --logits`.
  case logits

  /// A whole, as messages name it.
  var name: String {
    switch self {
    case .gguf: "GGUF file"
    case .page: "page of scion report"
    case .evaluation: "result of scion eval --json"
    case .rows: "result of scion eval --rows"
    case .merge: "report of scion merge --json"
    case .logits: "result of scion generate --logits"
    }
  }

  /// Throws a usage error when a file lies at `path` that is of another kind. What is empty, or no file (a pipe, a device), can be
  /// written to.
  func check(_ path: String) throws(UsageError) {
    let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    guard let values = try? url.resourceValues(forKeys: [.isRegularFileKey, .fileSizeKey]),
      values.isRegularFile == true, values.fileSize != 0
    else { return }
    if !isOf(url) {
      throw UsageError("\(path) is there and is no \(name): choose another output")
    }
  }

  /// Most bytes that are looked at.
  private static let longest = 1 << 22

  private func isOf(_ url: URL) -> Bool {
    guard let file = try? FileHandle(forReadingFrom: url),
      let head = try? file.read(upToCount: Self.longest)
    else { return false }
    func begins(_ text: String) -> Bool { head.starts(with: text.utf8) }
    switch self {
    case .gguf: return begins("GGUF")
    case .page:
      return begins("<!DOCTYPE html>")
        && head.prefix(1 << 16).firstRange(of: Data(": Scion</title>".utf8)) != nil
    case .evaluation: return EvaluationText.isDocument(head)
    case .rows:
      let end = head.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? head.endIndex
      return EvaluationText.isLine(head.prefix(upTo: end))
    case .merge: return EvaluationText.isMergeReport(head)
    case .logits: return begins(#"{"ids":["#)
    }
  }
}
