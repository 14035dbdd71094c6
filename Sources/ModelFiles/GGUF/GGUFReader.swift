import Tensors

/// A cursor over the header of a GGUF file: every length is checked before it is used.
///
/// Format: magic, version u32, tensor count u64, entry count u64, entries (key, type, value), tensor infos (name,
/// dimension count u32, dimensions u64, type u32, offset u64), padding to the alignment, data.
struct GGUFReader {
  let file: MappedFile
  private(set) var position = 0

  init(_ file: MappedFile) { self.file = file }

  private var path: String { file.path }
  private var remaining: Int { file.byteCount - position }

  // MARK: - Header

  /// Magic, version and counts.
  mutating func header() throws(GGUFError) -> (version: UInt32, tensors: Int, entries: Int) {
    guard file.byteCount >= 4 else {
      throw .truncated(
        path: path, field: "the magic number", offset: 0, needed: 4, fileSize: file.byteCount)
    }
    let magic = file.bytes(0..<4)
    guard magic == Array("GGUF".utf8) else {
      let isText = magic.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
      let found =
        isText
        ? "'" + String(decoding: magic, as: UTF8.self) + "'"
        : "bytes " + magic.map { String($0, radix: 16) }.joined(separator: " ")
      throw .notGGUF(path: path, found: found)
    }
    position = 4
    let version = try integer(UInt32.self, "the version")
    guard version & 0xFFFF != 0 || version == 0 else { throw .bigEndian(path: path) }
    guard version == 2 || version == 3 else {
      throw .unsupportedVersion(path: path, version: version)
    }
    let tensors = try count("the number of tensors", least: 32, limit: GGUFLimits.tensors)
    let entries = try count("the number of metadata entries", least: 13, limit: GGUFLimits.entries)
    return (version, tensors, entries)
  }

  /// A count of things that take at least `least` bytes each.
  private mutating func count(
    _ field: String, least: Int, limit: Int
  ) throws(GGUFError) -> Int {
    let count = try integer(UInt64.self, field)
    let possible = min(limit, remaining / least)
    guard count <= possible else {
      throw .countTooLarge(path: path, field: field, count: count, limit: possible)
    }
    return Int(count)
  }

  // MARK: - Metadata

  mutating func metadata(count: Int) throws(GGUFError) -> GGUFMetadata {
    var metadata = GGUFMetadata()
    for index in 0..<count {
      let key = try string("metadata key \(index)", limit: GGUFLimits.key)
      guard metadata[key] == nil else { throw .duplicateKey(path: path, key: key) }
      metadata.set(key, try value(key))
    }
    return metadata
  }

  private mutating func value(_ key: String) throws(GGUFError) -> GGUFValue {
    switch try valueType(key) {
    case .uint8: .uint8(try integer(UInt8.self, key))
    case .int8: .int8(try integer(Int8.self, key))
    case .uint16: .uint16(try integer(UInt16.self, key))
    case .int16: .int16(try integer(Int16.self, key))
    case .uint32: .uint32(try integer(UInt32.self, key))
    case .int32: .int32(try integer(Int32.self, key))
    case .uint64: .uint64(try integer(UInt64.self, key))
    case .int64: .int64(try integer(Int64.self, key))
    case .float32: .float32(Float(bitPattern: try integer(UInt32.self, key)))
    case .float64: .float64(Double(bitPattern: try integer(UInt64.self, key)))
    case .bool: .bool(try bool(try integer(UInt8.self, key), key))
    case .string: .string(try string(key, limit: GGUFLimits.string))
    case .array: .array(try array(key, depth: 1))
    }
  }

  private mutating func array(_ key: String, depth: Int) throws(GGUFError) -> GGUFArray {
    guard depth <= GGUFLimits.depth else {
      throw .nestedTooDeep(path: path, key: key, limit: GGUFLimits.depth)
    }
    let type = try valueType(key)
    let declared = try integer(UInt64.self, key)
    guard declared <= GGUFLimits.array else {
      throw .countTooLarge(
        path: path, field: "the length of \(key)", count: declared, limit: GGUFLimits.array)
    }
    let count = Int(declared)
    try need(UInt64(count * type.leastByteCount), key)
    let start = position
    switch type {
    case .string:
      var strings: [String] = []
      strings.reserveCapacity(count)
      for _ in 0..<count { strings.append(try string(key, limit: GGUFLimits.string)) }
      return .string(strings)
    case .array:
      var arrays: [GGUFArray] = []
      for _ in 0..<count { arrays.append(try array(key, depth: depth + 1)) }
      return .array(arrays)
    default:
      position += count * type.leastByteCount
    }
    switch type {
    case .uint8: return .uint8(file.integers(UInt8.self, at: start, count: count))
    case .int8: return .int8(file.integers(Int8.self, at: start, count: count))
    case .uint16: return .uint16(file.integers(UInt16.self, at: start, count: count))
    case .int16: return .int16(file.integers(Int16.self, at: start, count: count))
    case .uint32: return .uint32(file.integers(UInt32.self, at: start, count: count))
    case .int32: return .int32(file.integers(Int32.self, at: start, count: count))
    case .uint64: return .uint64(file.integers(UInt64.self, at: start, count: count))
    case .int64: return .int64(file.integers(Int64.self, at: start, count: count))
    case .float32: return .float32(file.floats(at: start, count: count))
    case .float64: return .float64(file.doubles(at: start, count: count))
    default:
      var truths: [Bool] = []
      truths.reserveCapacity(count)
      for byte in file.integers(UInt8.self, at: start, count: count) {
        truths.append(try bool(byte, key))
      }
      return .bool(truths)
    }
  }

  private mutating func valueType(_ key: String) throws(GGUFError) -> GGUFValueType {
    let id = try integer(UInt32.self, key)
    guard let type = GGUFValueType(rawValue: id) else {
      throw .unknownValueType(path: path, key: key, typeID: id)
    }
    return type
  }

  private func bool(_ byte: UInt8, _ key: String) throws(GGUFError) -> Bool {
    guard byte <= 1 else { throw .invalidBool(path: path, key: key, found: byte) }
    return byte == 1
  }

  // MARK: - Tensor table

  /// The table's entries; offsets still count from the (unknown) beginning of the data.
  mutating func tensors(count: Int) throws(GGUFError) -> [GGUFTensorInfo] {
    var infos: [GGUFTensorInfo] = []
    infos.reserveCapacity(count)
    var names = Set<String>()
    for index in 0..<count {
      let name = try string("the name of tensor \(index)", limit: GGUFLimits.tensorName)
      guard names.insert(name).inserted else { throw .duplicateTensor(path: path, name: name) }
      infos.append(try tensor(name))
    }
    return infos
  }

  private mutating func tensor(_ name: String) throws(GGUFError) -> GGUFTensorInfo {
    let rank = try integer(UInt32.self, "tensor \(name)")
    guard rank >= 1 && rank <= GGUFLimits.dimensions else {
      throw .invalidDimensionCount(path: path, tensor: name, count: rank)
    }
    var dimensions: [Int] = []
    for index in 0..<Int(rank) {
      let found = try integer(UInt64.self, "tensor \(name)")
      guard let dimension = Int(exactly: found), dimension > 0 else {
        throw .invalidDimension(path: path, tensor: name, index: index, found: found)
      }
      dimensions.append(dimension)
    }
    let typeID = try integer(UInt32.self, "tensor \(name)")
    guard let type = GGUFTensorType(typeID) else {
      throw .unknownTensorType(path: path, tensor: name, typeID: typeID)
    }
    guard dimensions[0] % type.blockLength == 0 else {
      throw .partialBlock(
        path: path, tensor: name, rowLength: dimensions[0], type: type.name,
        blockLength: type.blockLength)
    }
    guard let byteCount = type.byteCount(dimensions) else {
      throw .tensorTooLarge(path: path, tensor: name, dimensions: dimensions)
    }
    let offset = try integer(UInt64.self, "tensor \(name)")
    return GGUFTensorInfo(
      name: name, dimensions: dimensions, typeID: typeID, offset: offset, byteCount: byteCount)
  }

  // MARK: - Primitives

  private mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
    _: T.Type, _ field: @autoclosure () -> String
  ) throws(GGUFError) -> T {
    try need(UInt64(MemoryLayout<T>.size), field())
    let value = file.load(T.self, at: position)
    position += MemoryLayout<T>.size
    return value
  }

  private mutating func string(
    _ field: @autoclosure () -> String, limit: Int
  ) throws(GGUFError) -> String {
    let length = try integer(UInt64.self, field())
    guard length <= limit else {
      throw .stringTooLong(path: path, field: field(), length: length, limit: limit)
    }
    try need(length, field())
    let range = position..<position + Int(length)
    guard let text = file.text(range) else {
      throw .invalidText(path: path, field: field(), offset: position)
    }
    position = range.upperBound
    return text
  }

  private func need(_ bytes: UInt64, _ field: @autoclosure () -> String) throws(GGUFError) {
    guard bytes <= UInt64(remaining) else {
      throw .truncated(
        path: path, field: field(), offset: position, needed: bytes, fileSize: file.byteCount)
    }
  }
}

/// A tensor as the table describes it; shape and size are checked, the place is not yet.
struct GGUFTensorInfo {
  let name: String
  let dimensions: [Int]
  let typeID: UInt32
  /// From the beginning of the data section.
  let offset: UInt64
  let byteCount: Int
}
