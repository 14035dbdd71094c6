internal import Tensors

/// The text of a data file: mapped, unpacked where it is gzip or zstd, copied where it is a pipe,
/// and known not to be another encoding of Unicode or a format for machines.
struct DataText: Sendable {
  /// As messages name it.
  let path: String
  let file: MappedFile
  /// Where the text begins, behind a byte-order mark.
  let start: Int
  /// Bytes of the file as it lies there.
  let byteCount: Int
  /// Of the file as it lies there, as `sha256sum` prints it.
  let sha256: String
  let packing: MappedFile.Packing?

  /// The path that means the standard input.
  static let standardInput = "-"

  /// Throws `cannotRead`, `noRecords` (no bytes), `unsupportedFormat` or `otherEncoding`.
  init(path: String) throws(DataError) {
    let shown = path == Self.standardInput ? "standard input" : path
    func mapped(
      _ body: () throws(TensorError) -> MappedFile?
    ) throws(DataError) -> MappedFile {
      let found: MappedFile?
      do {
        found = try body()
      } catch .cannotMap(_, let reason) {
        throw .cannotRead(path: shown, reason: reason)
      } catch let error {
        if case .cannotSpill = error { throw .cannotKeep("\(error)") }
        throw .cannotRead(path: shown, reason: "\(error)")
      }
      guard let found else { throw .noRecords(path: shown, skipped: 0) }
      return found
    }
    let raw = try mapped { () throws(TensorError) in try MappedFile.reading(path: path) }
    self.path = shown
    byteCount = raw.byteCount
    sha256 = raw.sha256()
    let found = raw.packing
    packing = found
    if let found {
      file = try mapped { () throws(TensorError) in try raw.unpacked(found) }
    } else {
      file = raw
    }
    let head = file.bytes(0..<min(file.byteCount, 4096))
    for (magic, name) in Self.machineFormats where head.starts(with: magic.utf8) {
      throw .unsupportedFormat(path: shown, format: name)
    }
    if let (encoding, found) = Self.otherEncoding(head) {
      throw .otherEncoding(path: shown, encoding: encoding, found: found)
    }
    if Self.isBinary(head) { throw .unsupportedFormat(path: shown, format: "binary data") }
    start = head.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  private static let machineFormats = [
    ("PAR1", "Parquet"), ("ARROW1", "Arrow"), ("GGUF", "a GGUF model"),
    ("PK\u{3}\u{4}", "a zip archive"),
    ("SQLite format 3", "an SQLite database"), ("%PDF-", "a PDF"), ("BZh", "packed with bzip2"),
    ("\u{7F}ELF", "a program"),
  ]

  /// UTF-16 or UTF-32, by its mark or by where its zero bytes are: text of UTF-8 has none.
  private static func otherEncoding(_ head: [UInt8]) -> (encoding: String, found: String)? {
    if head.starts(with: [0xFF, 0xFE, 0, 0]) { return ("UTF-32", "UTF-32") }
    if head.starts(with: [0, 0, 0xFE, 0xFF]) { return ("UTF-32", "UTF-32") }
    if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) {
      return ("UTF-16", "UTF-16")
    }
    let pairs = head.count / 2
    guard pairs > 1 else { return nil }
    var zeros = (even: 0, odd: 0)
    for index in 0..<pairs {
      if head[2 * index] == 0 { zeros.even += 1 }
      if head[2 * index + 1] == 0 { zeros.odd += 1 }
    }
    if zeros.odd > pairs / 3, zeros.even < pairs / 20 + 1 {
      return ("UTF-16LE", "UTF-16 (little-endian) without a byte-order mark")
    }
    if zeros.even > pairs / 3, zeros.odd < pairs / 20 + 1 {
      return ("UTF-16BE", "UTF-16 (big-endian) without a byte-order mark")
    }
    return nil
  }

  /// A zero byte beside a byte that UTF-8 never has: a picture, an archive, noise.
  private static func isBinary(_ head: [UInt8]) -> Bool {
    head.contains(0) && head.contains { $0 == 0xC0 || $0 == 0xC1 || $0 >= 0xF5 }
  }

  /// All of it as one string. Throws `notText` with the first line that is not UTF-8.
  func whole() throws(DataError) -> String {
    if let text = file.text(start..<file.byteCount) { return text }
    var bytes = ByteWindow(file)
    var (line, position) = (0, start)
    while position < bytes.count {
      line += 1
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"), from: position)
      if file.text(position..<end) == nil { break }
      position = end + 1
    }
    throw .notText(path: path, line: line, found: "not UTF-8 text")
  }
}
