public import Tensors

/// A GGUF model (version 2 or 3, little-endian), mapped into memory and validated as a whole: after `init` every tensor lies
/// inside its file, aligned, in whole blocks, sharing bytes with no other.
///
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. A split model
/// (`name-00001-of-00003.gguf`) is opened by the path of any of its parts: all are mapped, each tensor stays in its own,
/// and the metadata are those of the first part, as in llama.cpp.
public struct GGUFFile: Sendable {
  /// What it was opened with: of a split model, any part.
  public let path: String
  /// The bytes: one file, or the parts of a split model in order.
  public let files: [MappedFile]
  /// Of the (first) file.
  public let version: UInt32
  /// Of the (first) file, `split.*` included.
  public let metadata: GGUFMetadata
  /// In the order of the file's table, the parts' one after the other.
  public let tensors: [GGUFTensor]
  /// Bytes on whose multiples tensors of the (first) file begin.
  public let alignment: Int
  private let index: [String: Int]

  /// Maps and validates the file at `path`, with the other parts when it is one of a split model.
  public init(path: String) throws(GGUFError) { try self.init(GGUFPart(path: path)) }

  /// The same over bytes in memory, called `name` in messages. Other parts are looked for by that name.
  public init(name: String, bytes: [UInt8]) throws(GGUFError) {
    let file: MappedFile
    do { file = try MappedFile(name: name, bytes: bytes) } catch {
      throw .cannotOpen(path: name, reason: error.description)
    }
    try self.init(GGUFPart(file))
  }

  private init(_ given: GGUFPart) throws(GGUFError) {
    let parts = try given.siblings()
    path = given.file.path
    files = parts.map(\.file)
    version = parts[0].version
    metadata = parts[0].metadata
    alignment = parts[0].alignment
    var tensors: [GGUFTensor] = []
    for (number, part) in parts.enumerated() {
      for var tensor in part.tensors {
        tensor.part = number
        tensors.append(tensor)
      }
    }
    self.tensors = tensors
    index = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
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

  // MARK: - Use

  public func tensor(_ name: String) -> GGUFTensor? { index[name].map { tensors[$0] } }

  public func has(_ name: String) -> Bool { index[name] != nil }

  /// The file that holds the tensor's bytes, `tensor.fileRange` of it.
  public func file(of tensor: GGUFTensor) -> MappedFile { files[tensor.part] }

  /// The weight `[dimensions[1], dimensions[0]]` (out × in); a vector is one row.
  ///
  /// Throws `missingTensor`, `unsupportedFormat`, or `unexpectedShape` when there are more than two dimensions.
  public func matrix(_ name: String) throws(GGUFError) -> QuantizedMatrix {
    let tensor = try found(name)
    let rows = try rows(of: tensor)
    guard tensor.dimensions.dropFirst(2).allSatisfy({ $0 == 1 }) else {
      throw .unexpectedShape(
        path: rows.file.path, tensor: name, dimensions: tensor.dimensions, expected: "a matrix")
    }
    return rows
  }

  /// All values of a tensor of any shape as rows of `dimensions[0]`, in file order. Throws `unsupportedFormat`.
  public func rows(of tensor: GGUFTensor) throws(GGUFError) -> QuantizedMatrix {
    let file = file(of: tensor)
    guard let format = tensor.format else {
      throw .unsupportedFormat(path: file.path, tensor: tensor.name, type: tensor.typeName)
    }
    return QuantizedMatrix(
      file: file, offset: tensor.offset, format: format,
      rows: tensor.elementCount / tensor.dimensions[0], columns: tensor.dimensions[0])
  }

  /// The values of a one-dimensional tensor, decoded.
  ///
  /// Throws `missingTensor`, `unsupportedFormat`, or `unexpectedShape` when there is more than one row.
  public func vector(_ name: String) throws(GGUFError) -> [Float] {
    let matrix = try matrix(name)
    guard matrix.rows == 1 else {
      throw .unexpectedShape(
        path: matrix.file.path, tensor: name, dimensions: [matrix.columns, matrix.rows],
        expected: "a vector")
    }
    return Codec.decode(matrix, rows: 0..<1)
  }

  /// All values of a tensor in file order, decoded, whatever its shape.
  public func values(_ name: String) throws(GGUFError) -> [Float] {
    let rows = try rows(of: found(name))
    return Codec.decode(rows, rows: 0..<rows.rows)
  }

  private func found(_ name: String) throws(GGUFError) -> GGUFTensor {
    guard let tensor = tensor(name) else { throw .missingTensor(path: path, name: name) }
    return tensor
  }

  // MARK: - All bytes

  /// Of all files.
  public var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

  /// The SHA-256 of the bytes of all files in order: `cat name-*-of-*.gguf | sha256sum`, whatever part was given.
  public func sha256() -> String { MappedFile.sha256(of: files) }

  /// Gives all pages back to the system; see `MappedFile.releasePages`.
  public func releasePages() {
    for file in files { file.releasePages(0..<file.byteCount) }
  }
}
