/// The bytes of a GGUF header (version 3) in the making: the mirror image of `GGUFReader`.
struct GGUFHeader {
  private(set) var bytes: [UInt8] = []

  /// Magic, version, counts and all entries, in order.
  mutating func append(metadata: GGUFMetadata, tensorCount: Int) {
    bytes += "GGUF".utf8
    append(UInt32(3))
    append(UInt64(tensorCount))
    append(UInt64(metadata.count))
    for key in metadata.keys {
      guard let value = metadata[key] else { continue }
      append(key)
      append(value.type.rawValue)
      append(value)
    }
  }

  /// One entry of the tensor table; `offset` counts from the beginning of the data.
  mutating func append(_ tensor: GGUFTensorDescription, offset: Int) {
    append(tensor.name)
    append(UInt32(tensor.dimensions.count))
    for dimension in tensor.dimensions { append(UInt64(dimension)) }
    append(tensor.typeID)
    append(UInt64(offset))
  }

  /// Zeros up to the next multiple of `alignment`.
  mutating func pad(to alignment: Int) {
    let target = padded(bytes.count, alignment)
    bytes += repeatElement(0, count: target - bytes.count)
  }

  private mutating func append(_ value: GGUFValue) {
    switch value {
    case .uint8(let value): append(value)
    case .int8(let value): append(value)
    case .uint16(let value): append(value)
    case .int16(let value): append(value)
    case .uint32(let value): append(value)
    case .int32(let value): append(value)
    case .uint64(let value): append(value)
    case .int64(let value): append(value)
    case .float32(let value): append(value.bitPattern)
    case .float64(let value): append(value.bitPattern)
    case .bool(let value): bytes.append(value ? 1 : 0)
    case .string(let value): append(value)
    case .array(let value): append(value)
    }
  }

  private mutating func append(_ array: GGUFArray) {
    append(array.elementType.rawValue)
    append(UInt64(array.count))
    switch array {
    case .uint8(let values): bytes += values
    case .int8(let values): for value in values { append(value) }
    case .uint16(let values): for value in values { append(value) }
    case .int16(let values): for value in values { append(value) }
    case .uint32(let values): for value in values { append(value) }
    case .int32(let values): for value in values { append(value) }
    case .uint64(let values): for value in values { append(value) }
    case .int64(let values): for value in values { append(value) }
    case .float32(let values): for value in values { append(value.bitPattern) }
    case .float64(let values): for value in values { append(value.bitPattern) }
    case .bool(let values): for value in values { bytes.append(value ? 1 : 0) }
    case .string(let values): for value in values { append(value) }
    case .array(let values): for value in values { append(value) }
    }
  }

  private mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    bytes += text.utf8
  }

  private mutating func append<T: FixedWidthInteger>(_ value: T) {
    for index in 0..<T.bitWidth / 8 {
      bytes.append(UInt8(truncatingIfNeeded: value >> T(index * 8)))
    }
  }
}

/// `count` rounded up to a multiple of `alignment`.
func padded(_ count: Int, _ alignment: Int) -> Int {
  (count + alignment - 1) / alignment * alignment
}
