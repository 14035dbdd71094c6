public import Tensors

/// A tensor that is going to be written.
public struct GGUFTensorDescription: Sendable, Equatable {
  public let name: String
  /// GGUF's order: `dimensions[0]` is the length of a row.
  public let dimensions: [Int]
  /// `ggml_type` as stored.
  public let typeID: UInt32

  public init(name: String, dimensions: [Int], format: BlockFormat) {
    self.name = name
    self.dimensions = dimensions
    self.typeID = format.rawValue
  }

  /// The same name, shape and type as a tensor that was read, also when Scion does not compute with its type.
  public init(_ tensor: GGUFTensor) {
    name = tensor.name
    dimensions = tensor.dimensions
    typeID = tensor.typeID
  }
}

/// Writes a GGUF file (version 3): the header at once, then the tensors' data in the order of their descriptions,
/// streamed. The file appears under its name in `finish`, complete and synced; a writer that is dropped before
/// leaves nothing behind.
public struct GGUFWriter: ~Copyable {
  /// The target.
  public let path: String
  private let tensors: [GGUFTensorDescription]
  private let sizes: [Int]
  private let alignment: Int
  private var file: AtomicFile
  /// The tensor whose data come next.
  private var current = 0
  /// Bytes of it that came.
  private var received = 0

  /// Checks the descriptions and writes the header.
  ///
  /// `alignment` is that of the metadata (`general.alignment`) or 32 unless given; a power of two, at least 8. Throws
  /// the errors that reading such a file would throw, or `cannotWrite`.
  public init(
    path: String, metadata: GGUFMetadata, tensors: [GGUFTensorDescription], alignment: Int? = nil
  ) throws(GGUFError) {
    var metadata = metadata
    if let alignment, alignment != 32 || metadata["general.alignment"] != nil {
      metadata.set("general.alignment", .uint32(UInt32(clamping: alignment)))
    }
    let alignment = try GGUFFile.alignment(metadata, path: path)
    var names = Set<String>()
    var sizes: [Int] = []
    for tensor in tensors {
      guard names.insert(tensor.name).inserted else {
        throw .duplicateTensor(path: path, name: tensor.name)
      }
      sizes.append(try GGUFWriter.size(tensor, path: path))
    }
    var header = GGUFHeader()
    header.append(metadata: metadata, tensorCount: tensors.count)
    var offset = 0
    for (tensor, size) in zip(tensors, sizes) {
      header.append(tensor, offset: offset)
      guard size < GGUFLimits.data - offset else {
        throw .tensorTooLarge(path: path, tensor: tensor.name, dimensions: tensor.dimensions)
      }
      offset += padded(size, alignment)
    }
    header.pad(to: alignment)
    do {
      var file = try AtomicFile(path: path)
      try file.append(header.bytes)
      self.file = file
    } catch {
      throw .cannotWrite(error)
    }
    self.path = path
    self.tensors = tensors
    self.sizes = sizes
    self.alignment = alignment
  }

  private static func size(
    _ tensor: GGUFTensorDescription, path: String
  ) throws(GGUFError) -> Int {
    let name = tensor.name
    guard name.utf8.count <= GGUFLimits.tensorName else {
      throw .stringTooLong(
        path: path, field: "the name of tensor \(name)", length: UInt64(name.utf8.count),
        limit: GGUFLimits.tensorName)
    }
    guard (1...GGUFLimits.dimensions).contains(tensor.dimensions.count) else {
      throw .invalidDimensionCount(
        path: path, tensor: name, count: UInt32(clamping: tensor.dimensions.count))
    }
    for (index, dimension) in tensor.dimensions.enumerated() where dimension < 1 {
      throw .invalidDimension(
        path: path, tensor: name, index: index, found: UInt64(clamping: dimension))
    }
    return try GGUFTensorType.byteCount(
      of: name, dimensions: tensor.dimensions, typeID: tensor.typeID, path: path)
  }

  // MARK: - Data

  /// Appends bytes of the current tensor; the next one begins when it is complete. A piece never spans two tensors.
  ///
  /// Throws `wrongDataSize` when more bytes come than the tensor has, `dataAfterLastTensor`, or `cannotWrite`.
  public mutating func append(_ bytes: [UInt8]) throws(GGUFError) {
    try expect(bytes.count)
    do { try file.append(bytes) } catch { throw .cannotWrite(error) }
    try advance(bytes.count)
  }

  /// The same with the bytes `range` of a mapped file (a tensor kept as it is), without a copy in between.
  public mutating func append(_ source: MappedFile, _ range: Range<Int>) throws(GGUFError) {
    try expect(range.count)
    do { try file.append(source, range) } catch { throw .cannotWrite(error) }
    try advance(range.count)
  }

  /// The same with values, encoded in the current tensor's format: any number of whole rows.
  ///
  /// Throws `unsupportedFormat` when the format cannot be encoded.
  public mutating func append(values: [Float]) throws(GGUFError) {
    guard current < tensors.count else { throw .dataAfterLastTensor(path: path) }
    let tensor = tensors[current]
    guard let format = BlockFormat(rawValue: tensor.typeID), format.isEncodable else {
      throw .unsupportedFormat(
        path: path, tensor: tensor.name,
        type: GGUFTensorType(tensor.typeID)?.name ?? "type \(tensor.typeID)")
    }
    guard values.count % tensor.dimensions[0] == 0 else {
      throw .wrongDataSize(
        path: path, tensor: tensor.name, expected: sizes[current],
        found: received + values.count / format.blockLength * format.blockByteCount)
    }
    try append(Codec.encode(values, as: format, columns: tensor.dimensions[0]))
  }

  private func expect(_ count: Int) throws(GGUFError) {
    if count == 0 { return }
    guard current < tensors.count else { throw .dataAfterLastTensor(path: path) }
    guard count <= sizes[current] - received else {
      throw .wrongDataSize(
        path: path, tensor: tensors[current].name, expected: sizes[current],
        found: received + count)
    }
  }

  private mutating func advance(_ count: Int) throws(GGUFError) {
    received += count
    guard current < tensors.count, received == sizes[current] else { return }
    let padding = padded(received, alignment) - received
    if padding > 0 {
      do { try file.append([UInt8](repeating: 0, count: padding)) } catch {
        throw .cannotWrite(error)
      }
    }
    current += 1
    received = 0
  }

  // MARK: - End

  /// Syncs the file and gives it its name. Throws `wrongDataSize` when data are missing, or `cannotWrite`.
  public consuming func finish() throws(GGUFError) {
    guard current == tensors.count else {
      throw .wrongDataSize(
        path: path, tensor: tensors[current].name, expected: sizes[current], found: received)
    }
    do { try file.finish() } catch { throw .cannotWrite(error) }
  }
}
