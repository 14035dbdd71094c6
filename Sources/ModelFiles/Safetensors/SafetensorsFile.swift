public import Tensors

/// One tensor of a safetensors file, checked against the file.
public struct SafetensorsTensor: Sendable, Equatable {
  public let name: String
  /// Row-major: the last is the fastest index. Empty for a scalar.
  public let shape: [Int]
  /// As written in the header, `BF16` for one.
  public let type: String
  /// Nil when safetensors knows the type but Scion does not compute with it.
  public let format: BlockFormat?
  /// Of the first byte, from the beginning of the file.
  public let offset: Int
  public let byteCount: Int

  /// Number of values.
  public var elementCount: Int { shape.reduce(1, *) }

  /// Bytes of an element of each type of the format.
  static let elementByteCounts: [String: Int] = [
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4,
    "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
  ]

  /// The types that Scion computes with.
  static let formats: [String: BlockFormat] = ["F32": .f32, "F16": .f16, "BF16": .bf16]
}

/// A safetensors file, mapped into memory and validated as a whole: names are unique; tensors follow each other
/// without holes or overlaps, up to the end of the file, each of as many bytes as its type and shape need.
///
/// Format: https://github.com/huggingface/safetensors#format. Models that are split over files are not joined.
public struct SafetensorsFile: Sendable {
  /// The bytes.
  public let file: MappedFile
  /// `__metadata__`.
  public let metadata: [String: String]
  /// In the order of their data.
  public let tensors: [SafetensorsTensor]
  private let index: [String: Int]

  /// Maps and validates the file at `path`.
  public init(path: String) throws(SafetensorsError) {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch {
      if case .cannotMap(_, let reason) = error { throw .cannotOpen(path: path, reason: reason) }
      throw .cannotOpen(path: path, reason: error.description)
    }
    try self.init(file)
  }

  /// The same over bytes in memory, called `name` in messages.
  public init(name: String, bytes: [UInt8]) throws(SafetensorsError) {
    let file: MappedFile
    do { file = try MappedFile(name: name, bytes: bytes) } catch {
      throw .cannotOpen(path: name, reason: error.description)
    }
    try self.init(file)
  }

  private init(_ file: MappedFile) throws(SafetensorsError) {
    let path = file.path
    guard file.byteCount >= 8 else { throw .tooShort(path: path, fileSize: file.byteCount) }
    let declared = file.load(UInt64.self, at: 0)
    guard declared <= SafetensorsHeader.limit else {
      throw .headerTooLarge(path: path, length: declared, limit: SafetensorsHeader.limit)
    }
    let length = Int(declared)
    guard length <= file.byteCount - 8 else {
      throw .headerPastEnd(path: path, length: length, fileSize: file.byteCount)
    }
    let header = try SafetensorsHeader(file.bytes(8..<8 + length), path: path)
    self.file = file
    self.metadata = header.metadata
    self.tensors = try SafetensorsFile.place(header, dataStart: 8 + length, in: file)
    self.index = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  private static func place(
    _ header: SafetensorsHeader, dataStart: Int, in file: MappedFile
  ) throws(SafetensorsError) -> [SafetensorsTensor] {
    let path = file.path
    let dataSize = file.byteCount - dataStart
    var tensors: [SafetensorsTensor] = []
    // By name, so that of several errors always the same one is reported.
    for (name, entry) in header.entries.sorted(by: { $0.key < $1.key }) {
      guard let elementBytes = SafetensorsTensor.elementByteCounts[entry.dtype] else {
        throw .unknownType(path: path, tensor: name, type: entry.dtype)
      }
      guard entry.offsets.count == 2 else {
        throw .invalidHeader(path: path, reason: "the data_offsets of \(name) are not two")
      }
      let (start, end) = (entry.offsets[0], entry.offsets[1])
      guard start >= 0 && end >= start else {
        throw .invalidOffsets(path: path, tensor: name, start: start, end: end)
      }
      var expected = elementBytes
      for size in entry.shape {
        let (product, overflow) = expected.multipliedReportingOverflow(by: size)
        guard size >= 0 && !overflow else {
          throw .invalidShape(path: path, tensor: name, shape: entry.shape)
        }
        expected = product
      }
      guard end - start == expected else {
        throw .wrongByteCount(path: path, tensor: name, expected: expected, found: end - start)
      }
      guard end <= dataSize else {
        throw .tensorPastEnd(path: path, tensor: name, end: end, dataSize: dataSize)
      }
      tensors.append(
        SafetensorsTensor(
          name: name, shape: entry.shape, type: entry.dtype,
          format: SafetensorsTensor.formats[entry.dtype], offset: dataStart + start,
          byteCount: expected))
    }
    tensors.sort { ($0.offset, $0.byteCount, $0.name) < ($1.offset, $1.byteCount, $1.name) }
    try checkCoverage(tensors, dataStart: dataStart, in: file)
    return tensors
  }

  /// Every byte of the data belongs to exactly one tensor.
  private static func checkCoverage(
    _ tensors: [SafetensorsTensor], dataStart: Int, in file: MappedFile
  ) throws(SafetensorsError) {
    var end = dataStart
    var previous = ""
    for tensor in tensors {
      if tensor.offset < end {
        throw .overlappingTensors(
          path: file.path, first: previous, second: tensor.name, offset: tensor.offset - dataStart)
      }
      if tensor.offset > end {
        throw .hole(path: file.path, start: end - dataStart, end: tensor.offset - dataStart)
      }
      end = tensor.offset + tensor.byteCount
      previous = tensor.name
    }
    if end < file.byteCount {
      throw .hole(path: file.path, start: end - dataStart, end: file.byteCount - dataStart)
    }
  }

  // MARK: - Use

  public func tensor(_ name: String) -> SafetensorsTensor? { index[name].map { tensors[$0] } }

  public func has(_ name: String) -> Bool { index[name] != nil }

  /// A tensor `[rows, columns]`. Throws `missingTensor`, `unsupportedType` or `unexpectedShape`.
  public func matrix(_ name: String) throws(SafetensorsError) -> QuantizedMatrix {
    let (tensor, format) = try usable(name)
    guard tensor.shape.count == 2 && tensor.byteCount > 0 else {
      throw .unexpectedShape(
        path: file.path, tensor: name, shape: tensor.shape, expected: "a matrix that is not empty")
    }
    return QuantizedMatrix(
      file: file, offset: tensor.offset, format: format, rows: tensor.shape[0],
      columns: tensor.shape[1])
  }

  /// All values of a tensor, row-major, decoded. Throws `missingTensor` or `unsupportedType`.
  public func values(_ name: String) throws(SafetensorsError) -> [Float] {
    let (tensor, format) = try usable(name)
    let matrix = QuantizedMatrix(
      file: file, offset: tensor.offset, format: format, rows: 1,
      columns: tensor.byteCount / format.blockByteCount)
    return Codec.decode(matrix, rows: 0..<1)
  }

  private func usable(
    _ name: String
  ) throws(SafetensorsError) -> (SafetensorsTensor, BlockFormat) {
    guard let tensor = tensor(name) else { throw .missingTensor(path: file.path, name: name) }
    guard let format = tensor.format else {
      throw .unsupportedType(path: file.path, tensor: name, type: tensor.type)
    }
    return (tensor, format)
  }
}
