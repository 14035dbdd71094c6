/// An amount of memory or storage, as people write it: `160M`, `2G`, `1.5GiB`, `900MB`, `4096`.
///
/// K, M, G, T and KiB, MiB, GiB, TiB are powers of 1024; KB, MB, GB, TB are powers of 1000. Case does not matter.
public struct ByteSize: Sendable, Hashable, CustomStringConvertible, Codable {
  public let byteCount: Int

  public init(byteCount: Int) {
    precondition(byteCount >= 0)
    self.byteCount = byteCount
  }

  /// Nil for what is no size, is negative, or is larger than an `Int`.
  public init?(_ text: String) {
    let text = text.lowercased().filter { !$0.isWhitespace }
    let digits = text.prefix { $0.isNumber || $0 == "." }
    guard let number = Double(digits), number.isFinite else { return nil }
    let exponents = ["k": 1, "m": 2, "g": 3, "t": 4]
    let unit = text.dropFirst(digits.count)
    let factor: Double
    if unit.isEmpty || unit == "b" {
      factor = 1
    } else {
      guard let exponent = exponents[String(unit.prefix(1))] else { return nil }
      let base: Double
      switch unit.dropFirst() {
      case "", "ib": base = 1024
      case "b": base = 1000
      default: return nil
      }
      factor = (0..<exponent).reduce(1.0) { product, _ in product * base }
    }
    let bytes = (number * factor).rounded()
    guard bytes < 0x1p62 else { return nil }
    byteCount = Int(bytes)
  }

  /// The shortest of whole units of 1024 that is exact, and can be read again: `160M`, `1536M`.
  public var description: String {
    var (value, unit) = (byteCount, "")
    for name in ["K", "M", "G", "T"] {
      guard value > 0, value % 1024 == 0 else { break }
      (value, unit) = (value / 1024, name)
    }
    return "\(value)\(unit)"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let size = ByteSize(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\"\(text)\" is no size like 160M, 2G or 1.5GiB")
    }
    self = size
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
