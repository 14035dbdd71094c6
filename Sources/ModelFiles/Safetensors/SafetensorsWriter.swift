public import Tensors

/// A tensor that is going to be written.
public struct SafetensorsTensorDescription: Sendable, Equatable {
  public let name: String
  /// Row-major: the last is the fastest index.
  public let shape: [Int]
  /// F32, F16 or BF16.
  public let format: BlockFormat

  public init(name: String, shape: [Int], format: BlockFormat) {
    self.name = name
    self.shape = shape
    self.format = format
  }
}

/// Writes a safetensors file: the header at once, then the tensors' data in the order of their descriptions,
/// streamed. The file appears under its name in `finish`, complete and synced; a writer that is dropped before
/// leaves nothing behind.
public struct SafetensorsWriter: ~Copyable {
  /// The target.
  public let path: String
  private let tensors: [SafetensorsTensorDescription]
  private let sizes: [Int]
  private var file: AtomicFile
  /// The tensor whose data come next.
  private var current = 0
  /// Bytes of it that came.
  private var received = 0

  /// Checks the descriptions and writes the header. `metadata` tells PyTorch's tools whose layout it is.
  public init(
    path: String, tensors: [SafetensorsTensorDescription],
    metadata: [String: String] = ["format": "pt"]
  ) throws(SafetensorsError) {
    var entries: [String: SafetensorsHeader.Entry] = [:]
    var sizes: [Int] = []
    var offset = 0
    for tensor in tensors {
      let size = try SafetensorsWriter.size(tensor, path: path)
      let (end, overflow) = offset.addingReportingOverflow(size)
      guard !overflow else {
        throw .invalidShape(path: path, tensor: tensor.name, shape: tensor.shape)
      }
      let entry = SafetensorsHeader.Entry(
        dtype: tensor.format.name, shape: tensor.shape, offsets: [offset, end])
      guard entries.updateValue(entry, forKey: tensor.name) == nil else {
        throw .duplicateName(path: path, name: tensor.name)
      }
      sizes.append(size)
      offset = end
    }
    let header: [UInt8]
    do { header = try SafetensorsHeader(entries: entries, metadata: metadata).bytes() } catch {
      throw .invalidHeader(path: path, reason: "its names cannot be written as JSON")
    }
    do {
      var file = try AtomicFile(path: path)
      try file.append(header)
      self.file = file
    } catch {
      throw .cannotWrite(error)
    }
    self.path = path
    self.tensors = tensors
    self.sizes = sizes
    skipEmpty()
  }

  private static func size(
    _ tensor: SafetensorsTensorDescription, path: String
  ) throws(SafetensorsError) -> Int {
    guard tensor.name != SafetensorsHeader.metadataKey else {
      throw .duplicateName(path: path, name: tensor.name)
    }
    guard SafetensorsTensor.formats[tensor.format.name] != nil else {
      throw .unwritableFormat(path: path, tensor: tensor.name, format: tensor.format.name)
    }
    var size = tensor.format.blockByteCount
    for dimension in tensor.shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0 && !overflow else {
        throw .invalidShape(path: path, tensor: tensor.name, shape: tensor.shape)
      }
      size = product
    }
    return size
  }

  // MARK: - Data

  /// Appends bytes of the current tensor; the next one begins when it is complete. A piece never spans two tensors.
  ///
  /// Throws `wrongDataSize` when more bytes come than the tensor has, `dataAfterLastTensor`, or `cannotWrite`.
  public mutating func append(_ bytes: [UInt8]) throws(SafetensorsError) {
    if bytes.isEmpty { return }
    guard current < tensors.count else { throw .dataAfterLastTensor(path: path) }
    guard bytes.count <= sizes[current] - received else {
      throw .wrongDataSize(
        path: path, tensor: tensors[current].name, expected: sizes[current],
        found: received + bytes.count)
    }
    do { try file.append(bytes) } catch { throw .cannotWrite(error) }
    received += bytes.count
    skipEmpty()
  }

  /// The same with values, rounded to nearest in the current tensor's format.
  public mutating func append(values: [Float]) throws(SafetensorsError) {
    if values.isEmpty { return }
    guard current < tensors.count else { throw .dataAfterLastTensor(path: path) }
    try append(Codec.encode(values, as: tensors[current].format, columns: values.count))
  }

  /// Goes on to the next tensor that still waits for bytes.
  private mutating func skipEmpty() {
    while current < tensors.count && received == sizes[current] {
      current += 1
      received = 0
    }
  }

  // MARK: - End

  /// Syncs the file and gives it its name. Throws `wrongDataSize` when data are missing, or `cannotWrite`.
  public consuming func finish() throws(SafetensorsError) {
    guard current == tensors.count else {
      throw .wrongDataSize(
        path: path, tensor: tensors[current].name, expected: sizes[current], found: received)
    }
    do { try file.finish() } catch { throw .cannotWrite(error) }
  }
}
