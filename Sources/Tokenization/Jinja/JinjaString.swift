/// Text while a template is rendered: UTF-8, measured in Unicode scalars as Python's `str` is
/// (never in graphemes, never compared by canonical equivalence), with the provenance of every
/// stretch.
///
/// Immutable. Lengths and indices are O(1) in ASCII text and O(n) in other text.
final class JinjaString: @unchecked Sendable {
  /// Where characters come from.
  struct Mark: Equatable, Sendable {
    /// 0: the template; other numbers are the caller's.
    var origin: Int32 = 0
    var isGeneration = false

    static let template = Mark()
  }

  /// A stretch of one provenance, up to a byte offset.
  struct Run: Equatable, Sendable {
    var end: Int
    var mark: Mark
  }

  let bytes: [UInt8]
  /// Unicode scalars.
  let count: Int
  /// The provenance of all of it where `runs` is empty.
  let mark: Mark
  /// Two or more stretches that cover all bytes, or none.
  let runs: [Run]
  /// Python's `Markup`: `escape` and `safe` make it, and joining it with plain text escapes that
  /// text.
  let isMarkup: Bool
  private let meter: JinjaMeter?

  /// Bytes of a string's object and array header.
  private static let overhead = 96

  init(
    bytes: [UInt8], count: Int, mark: Mark, runs: [Run] = [], isMarkup: Bool = false,
    meter: JinjaMeter?
  ) {
    self.bytes = bytes
    self.count = count
    self.mark = mark
    self.runs = runs
    self.isMarkup = isMarkup
    self.meter = meter
    meter?.allocate(bytes.count + runs.count * 16 + Self.overhead)
  }

  convenience init(_ text: String, origin: Int32 = 0, meter: JinjaMeter? = nil) {
    self.init(
      bytes: Array(text.utf8), count: text.unicodeScalars.count, mark: Mark(origin: origin),
      meter: meter)
  }

  deinit { meter?.free(bytes.count + runs.count * 16 + Self.overhead) }

  static let empty = JinjaString("")

  var text: String { String(decoding: bytes, as: UTF8.self) }
  var isASCII: Bool { count == bytes.count }
  var isEmpty: Bool { bytes.isEmpty }

  /// The same text as or without `Markup`.
  func asMarkup(_ isMarkup: Bool, meter: JinjaMeter) -> JinjaString {
    if isMarkup == self.isMarkup { return self }
    return JinjaString(
      bytes: bytes, count: count, mark: mark, runs: runs, isMarkup: isMarkup, meter: meter)
  }

  /// The same text, all of it inside `{% generation %}`.
  func asGeneration(meter: JinjaMeter) -> JinjaString {
    var mark = mark
    mark.isGeneration = true
    let marked = runs.map { (run) -> Run in
      var run = run
      run.mark.isGeneration = true
      return run
    }
    return JinjaString(bytes: bytes, count: count, mark: mark, runs: marked, meter: meter)
  }

  static func == (a: JinjaString, b: JinjaString) -> Bool { a === b || a.bytes == b.bytes }

  /// Order of Unicode scalars, which is the order of UTF-8 bytes.
  static func < (a: JinjaString, b: JinjaString) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }

  func equals(_ text: String) -> Bool { bytes.elementsEqual(text.utf8) }

  // MARK: - Scalars

  /// The scalar at a byte offset, which moves behind it.
  @inline(__always)
  func scalar(at offset: inout Int) -> Unicode.Scalar {
    let lead = UInt32(bytes[offset])
    if lead < 0x80 {
      offset += 1
      return Unicode.Scalar(UInt8(lead))
    }
    let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
    var value = lead & (0x7F >> UInt32(length))
    for index in 1..<length { value = value << 6 | UInt32(bytes[offset + index] & 0x3F) }
    offset += length
    return Unicode.Scalar(value) ?? "\u{FFFD}"
  }

  /// The scalar that ends at a byte offset, which moves before it.
  func scalar(before offset: inout Int) -> Unicode.Scalar {
    offset -= 1
    while bytes[offset] & 0xC0 == 0x80 { offset -= 1 }
    var start = offset
    return scalar(at: &start)
  }

  /// All scalars with their byte offsets, in order.
  func forEachScalar<E: Error>(
    _ body: (Unicode.Scalar, _ offset: Int) throws(E) -> Void
  ) throws(E) {
    var offset = 0
    while offset < bytes.count {
      let start = offset
      try body(scalar(at: &offset), start)
    }
  }

  /// The byte offset of a scalar's index, 0 to `count`.
  func offset(ofScalar index: Int) -> Int {
    if isASCII { return index }
    meter?.note(bytes: bytes.count)
    if index > count / 2 {
      var offset = bytes.count
      for _ in index..<count { _ = scalar(before: &offset) }
      return offset
    }
    var offset = 0
    for _ in 0..<index { _ = scalar(at: &offset) }
    return offset
  }

  /// Scalars in a range of bytes.
  func scalars(in range: Range<Int>) -> Int {
    if isASCII { return range.count }
    return bytes[range].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
  }

  // MARK: - Provenance

  /// The run that holds a byte offset, by bisection.
  func runIndex(at offset: Int) -> Int {
    var low = 0
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].end <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func mark(at offset: Int) -> Mark {
    guard !runs.isEmpty else { return mark }
    let index = runIndex(at: offset)
    return index < runs.count ? runs[index].mark : mark
  }

  // MARK: - Parts

  /// The part of a range of bytes, which begins and ends between scalars.
  func part(_ range: Range<Int>, meter: JinjaMeter) -> JinjaString {
    if range.count == bytes.count { return self }
    meter.note(bytes: range.count)
    let part = Array(bytes[range])
    let count = isASCII ? range.count : scalars(in: range)
    var mark = mark
    var inner: [Run] = []
    if !runs.isEmpty, !range.isEmpty {
      var index = runIndex(at: range.lowerBound)
      mark = runs[index].mark
      if runs[index].end < range.upperBound {
        while true {
          let end = min(runs[index].end, range.upperBound)
          inner.append(Run(end: end - range.lowerBound, mark: runs[index].mark))
          if end == range.upperBound { break }
          index += 1
        }
      }
    }
    return JinjaString(
      bytes: part, count: count, mark: mark, runs: inner, isMarkup: isMarkup, meter: meter)
  }

  /// The parts of one provenance each.
  func pieces() -> [JinjaPiece] {
    if bytes.isEmpty { return [] }
    if runs.isEmpty {
      return [JinjaPiece(text: text, origin: mark.origin, isGeneration: mark.isGeneration)]
    }
    var start = 0
    return runs.map { run in
      defer { start = run.end }
      return JinjaPiece(
        text: String(decoding: bytes[start..<run.end], as: UTF8.self), origin: run.mark.origin,
        isGeneration: run.mark.isGeneration)
    }
  }
}
