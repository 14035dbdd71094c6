extension QuantizedMatrix {
  /// Whether all values are finite numbers.
  public var isFinite: Bool { isFinite(in: 0..<rows) }

  /// Whether those of some rows are. Decodes them in pieces, by all threads; the pages that it reads stay.
  public func isFinite(in rows: Range<Int>) -> Bool {
    let height = max(1, (1 << 16) / max(columns, 1))
    let pieces = sideBySide((rows.count + height - 1) / height, atMost: Processor.threads) {
      piece in
      let first = rows.lowerBound + piece * height
      return Codec.decode(self, rows: first..<min(first + height, rows.upperBound)).areFinite
    }
    return pieces.allSatisfy(\.self)
  }
}

extension [Float] {
  /// Whether none is NaN or infinite.
  public var areFinite: Bool {
    // Compared as integers, without a branch, so that it is a vector's work.
    var most: UInt32 = 0
    for value in self { most = Swift.max(most, value.bitPattern & 0x7FFF_FFFF) }
    return most < 0x7F80_0000
  }
}
