import ModelFiles

/// A summary of a GGUF file as lines for a person.
enum InspectText {
  static func render(_ summary: GGUFSummary, listingTensors: Bool) -> String {
    var lines = [
      "file          \(summary.path), GGUF v\(summary.version), \(bytesText(summary.fileBytes))"
        + (summary.parts > 1 ? " in \(summary.parts) parts" : ""),
      "model         \(summary.name ?? "unnamed"), architecture \(summary.architecture ?? "unknown")",
      "parameters    \(summary.parameters) in \(summary.tensors.count) tensors",
    ]
    for format in summary.formats {
      lines.append(
        "  " + padded(format.name, 8) + padded("\(format.tensors) tensors", 14)
          + bytesText(format.bytes))
    }
    let unsupported = summary.tensors.filter { !$0.isSupported }
    if let first = unsupported.first {
      lines.append(
        "  \(unsupported.count) tensors are of a type that cannot be computed with (\(first.type))")
    }
    lines.append("metadata")
    let width = min(summary.metadata.map(\.key.count).max() ?? 0, 44)
    for entry in summary.metadata {
      lines.append("  " + padded(entry.key, width) + "  " + entry.value)
    }
    if listingTensors {
      lines.append("tensors")
      let width = summary.tensors.map(\.name.count).max() ?? 0
      for tensor in summary.tensors {
        let shape = tensor.dimensions.map(String.init).joined(separator: " x ")
        lines.append(
          "  " + padded(tensor.name, width) + "  " + padded(tensor.type, 6) + "  "
            + padded(shape, 16) + "  " + bytesText(tensor.bytes))
      }
    }
    return lines.map(\.onOneLine).joined(separator: "\n")
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
