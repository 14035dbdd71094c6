/// Text that grows: appending is amortized O(1) a byte and keeps provenance. It throws where the
/// rendering's memory ends.
struct JinjaStringBuilder {
  let meter: JinjaMeter
  private(set) var bytes: [UInt8] = []
  private(set) var count = 0
  private var runs: [JinjaString.Run] = []
  private var limit: Int

  init(meter: JinjaMeter) {
    self.meter = meter
    limit = meter.memoryLimit
  }

  /// A builder that ends at fewer bytes than the memory allows.
  init(meter: JinjaMeter, limit: Int) {
    self.meter = meter
    self.limit = limit
  }

  private mutating func extend(to mark: JinjaString.Mark) throws(JinjaError) {
    if bytes.count > limit {
      throw .limit(line: meter.line, reason: "it makes a text of more than \(limit >> 20) MB")
    }
    if let last = runs.indices.last, runs[last].mark == mark {
      runs[last].end = bytes.count
    } else {
      runs.append(JinjaString.Run(end: bytes.count, mark: mark))
    }
  }

  mutating func append(_ string: JinjaString) throws(JinjaError) {
    if string.isEmpty { return }
    try meter.spend(bytes: string.bytes.count)
    let base = bytes.count
    bytes += string.bytes
    count += string.count
    if string.runs.isEmpty {
      try extend(to: string.mark)
      return
    }
    try meter.spend(items: string.runs.count)
    for run in string.runs {
      if let last = runs.indices.last, runs[last].mark == run.mark {
        runs[last].end = base + run.end
      } else {
        runs.append(JinjaString.Run(end: base + run.end, mark: run.mark))
      }
    }
    if bytes.count > limit { try extend(to: string.mark) }
  }

  /// A part of a string, between scalars.
  mutating func append(_ string: JinjaString, _ range: Range<Int>) throws(JinjaError) {
    if range.isEmpty { return }
    if range.count == string.bytes.count { return try append(string) }
    if !string.runs.isEmpty { return try append(string.part(range, meter: meter)) }
    try meter.spend(bytes: range.count)
    bytes += string.bytes[range]
    count += string.scalars(in: range)
    try extend(to: string.mark)
  }

  mutating func append(_ text: String, mark: JinjaString.Mark = .template) throws(JinjaError) {
    if text.isEmpty { return }
    try meter.spend(bytes: text.utf8.count)
    bytes += text.utf8
    count += text.unicodeScalars.count
    try extend(to: mark)
  }

  mutating func append(_ scalar: Unicode.Scalar, mark: JinjaString.Mark) throws(JinjaError) {
    if scalar.isASCII { bytes.append(UInt8(scalar.value)) } else { bytes += UTF8.encode(scalar)! }
    count += 1
    if bytes.count & 0xFFF == 0 { try meter.spend(bytes: 4096) }
    try extend(to: mark)
  }

  /// One text many times over.
  mutating func append(_ string: JinjaString, times: Int) throws(JinjaError) {
    guard times > 0, !string.isEmpty else { return }
    let (total, isTooLarge) = string.bytes.count.multipliedReportingOverflow(by: times)
    try meter.expect(bytes: isTooLarge ? .max : total)
    for _ in 0..<times { try append(string) }
  }

  func finish(isMarkup: Bool = false) -> JinjaString {
    JinjaString(
      bytes: bytes, count: count, mark: runs.first?.mark ?? .template,
      runs: runs.count > 1 ? runs : [], isMarkup: isMarkup, meter: meter)
  }
}
