/// A double in JSON by its bits, `0x400921fb54442d18`: what is read is what was written, whoever formats decimals.
struct ExactNumber: Codable, Equatable, Sendable {
  var value: Double

  init(_ value: Double) { self.value = value }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard text.hasPrefix("0x"), let bits = UInt64(text.dropFirst(2), radix: 16) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\(text) is not the bits of a double")
    }
    value = Double(bitPattern: bits)
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode("0x" + String(value.bitPattern, radix: 16))
  }
}
