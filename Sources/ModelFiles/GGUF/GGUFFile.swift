public import Tensors

/// A GGUF model file (version 2 or 3, little-endian), mapped into memory and validated as a whole: after `init`
/// every tensor lies inside the file, aligned, in whole blocks, sharing bytes with no other.
///
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Split files are refused, not joined.
public struct GGUFFile: Sendable {
  /// The bytes.
  public let file: MappedFile
  public let version: UInt32
  public let metadata: GGUFMetadata
  /// In the order of the file's table.
  public let tensors: [GGUFTensor]
  /// Bytes on whose multiples tensors begin.
  public let alignment: Int
  private let index: [String: Int]

  /// Maps and validates the file at `path`.
  public init(path: String) throws(GGUFError) {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch {
      if case .cannotMap(_, let reason) = error { throw .cannotOpen(path: path, reason: reason) }
      throw .cannotOpen(path: path, reason: error.description)
    }
    try self.init(file)
  }

  /// The same over bytes in memory, called `name` in messages.
  public init(name: String, bytes: [UInt8]) throws(GGUFError) {
    let file: MappedFile
    do { file = try MappedFile(name: name, bytes: bytes) } catch {
      throw .cannotOpen(path: name, reason: error.description)
    }
    try self.init(file)
  }

  private init(_ file: MappedFile) throws(GGUFError) {
    var reader = GGUFReader(file)
    let header = try reader.header()
    let metadata = try reader.metadata(count: header.entries)
    if let parts = metadata.int("split.count"), parts > 1 {
      throw .splitFile(path: file.path, count: parts)
    }
    let alignment = try GGUFFile.alignment(metadata, path: file.path)
    let infos = try reader.tensors(count: header.tensors)
    let padding = (alignment - reader.position % alignment) % alignment
    self.file = file
    self.version = header.version
    self.metadata = metadata
    self.alignment = alignment
    self.tensors = try GGUFFile.place(
      infos, dataStart: UInt64(reader.position + padding), alignment: alignment, in: file)
    self.index = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// `general.alignment`, or the format's default of 32.
  static func alignment(
    _ metadata: GGUFMetadata, path: String
  ) throws(GGUFError) -> Int {
    guard let value = metadata["general.alignment"] else { return 32 }
    guard case .uint32(let found) = value else {
      throw .invalidAlignment(path: path, found: "of another type")
    }
    guard found >= 8, found.nonzeroBitCount == 1, found <= GGUFLimits.alignment else {
      throw .invalidAlignment(path: path, found: String(found))
    }
    return Int(found)
  }

  /// Absolute places, each checked against the file and against its neighbours.
  private static func place(
    _ infos: [GGUFTensorInfo], dataStart: UInt64, alignment: Int, in file: MappedFile
  ) throws(GGUFError) -> [GGUFTensor] {
    var tensors: [GGUFTensor] = []
    tensors.reserveCapacity(infos.count)
    for info in infos {
      guard info.offset % UInt64(alignment) == 0 else {
        throw .misalignedTensor(
          path: file.path, tensor: info.name, offset: info.offset, alignment: alignment)
      }
      let (start, startOverflow) = dataStart.addingReportingOverflow(info.offset)
      let (end, endOverflow) = start.addingReportingOverflow(UInt64(info.byteCount))
      guard !startOverflow && !endOverflow && end <= UInt64(file.byteCount) else {
        throw .tensorPastEnd(
          path: file.path, tensor: info.name, start: startOverflow ? info.offset : start,
          end: startOverflow || endOverflow ? .max : end, fileSize: file.byteCount)
      }
      tensors.append(
        GGUFTensor(
          name: info.name, dimensions: info.dimensions, typeID: info.typeID,
          format: BlockFormat(rawValue: info.typeID), offset: Int(start), byteCount: info.byteCount)
      )
    }
    // Padding is zeros; anything else belongs to no tensor (two files in one, a download gone wrong).
    let end = tensors.map { $0.offset + $0.byteCount }.max() ?? Int(dataStart)
    guard isZero(file, from: min(end, file.byteCount)) else {
      throw .dataAfterTensors(path: file.path, end: end, fileSize: file.byteCount)
    }
    let sorted = tensors.sorted { $0.offset < $1.offset }
    for (first, second) in zip(sorted, sorted.dropFirst())
    where second.offset < first.offset + first.byteCount {
      throw .overlappingTensors(
        path: file.path, first: first.name, second: second.name, offset: second.offset)
    }
    return tensors
  }

  /// Whether the file is nothing but zeros from `start` on.
  private static func isZero(_ file: MappedFile, from start: Int) -> Bool {
    var start = start
    while start < file.byteCount {
      let end = min(start + 1 << 16, file.byteCount)
      guard file.bytes(start..<end).allSatisfy({ $0 == 0 }) else { return false }
      start = end
    }
    return true
  }

  // MARK: - Use

  public func tensor(_ name: String) -> GGUFTensor? { index[name].map { tensors[$0] } }

  public func has(_ name: String) -> Bool { index[name] != nil }

  /// The weight `[dimensions[1], dimensions[0]]` (out × in); a vector is one row.
  ///
  /// Throws `missingTensor`, `unsupportedFormat`, or `unexpectedShape` when there are more than two dimensions.
  public func matrix(_ name: String) throws(GGUFError) -> QuantizedMatrix {
    let (tensor, format) = try usable(name)
    guard tensor.dimensions.dropFirst(2).allSatisfy({ $0 == 1 }) else {
      throw .unexpectedShape(
        path: file.path, tensor: name, dimensions: tensor.dimensions, expected: "a matrix")
    }
    return QuantizedMatrix(
      file: file, offset: tensor.offset, format: format,
      rows: tensor.dimensions.count > 1 ? tensor.dimensions[1] : 1, columns: tensor.dimensions[0])
  }

  /// The values of a one-dimensional tensor, decoded.
  ///
  /// Throws `missingTensor`, `unsupportedFormat`, or `unexpectedShape` when there is more than one row.
  public func vector(_ name: String) throws(GGUFError) -> [Float] {
    let matrix = try matrix(name)
    guard matrix.rows == 1 else {
      throw .unexpectedShape(
        path: file.path, tensor: name, dimensions: [matrix.columns, matrix.rows],
        expected: "a vector")
    }
    return Codec.decode(matrix, rows: 0..<1)
  }

  /// All values of a tensor in file order, decoded, whatever its shape.
  public func values(_ name: String) throws(GGUFError) -> [Float] {
    let (tensor, format) = try usable(name)
    let rows = tensor.elementCount / tensor.dimensions[0]
    let matrix = QuantizedMatrix(
      file: file, offset: tensor.offset, format: format, rows: rows,
      columns: tensor.dimensions[0])
    return Codec.decode(matrix, rows: 0..<rows)
  }

  private func usable(_ name: String) throws(GGUFError) -> (GGUFTensor, BlockFormat) {
    guard let tensor = tensor(name) else { throw .missingTensor(path: file.path, name: name) }
    guard let format = tensor.format else {
      throw .unsupportedFormat(path: file.path, tensor: name, type: tensor.typeName)
    }
    return (tensor, format)
  }
}
