public import Tensors

/// One entry of a GGUF file's tensor table, checked against the file.
public struct GGUFTensor: Sendable, Equatable {
  public let name: String
  /// GGUF's order: `dimensions[0]` is the length of a row, the fastest index.
  public let dimensions: [Int]
  /// `ggml_type` as stored.
  public let typeID: UInt32
  /// Nil when GGUF knows the type but Scion does not compute with it.
  public let format: BlockFormat?
  /// Of the first byte, from the beginning of its file.
  public let offset: Int
  /// Of all blocks.
  public let byteCount: Int
  /// Which of `GGUFFile.files` holds it; 0 unless the model is split.
  public internal(set) var part = 0

  /// Where its bytes lie in its file.
  public var fileRange: Range<Int> { offset..<offset + byteCount }

  /// Number of values.
  public var elementCount: Int { dimensions.reduce(1, *) }

  /// The type's name as llama.cpp prints it.
  public var typeName: String { GGUFTensorType(typeID)?.name ?? "type \(typeID)" }
}

/// Geometry of every tensor type that GGUF defines, also of those that Scion only validates.
///
/// The table follows `ggml_type` and the block structures of ggml-common.h.
public struct GGUFTensorType: Sendable, Equatable {
  public let id: UInt32
  /// As llama.cpp prints it.
  public let name: String
  /// Values in a block.
  public let blockLength: Int
  /// Bytes of a block.
  public let blockByteCount: Int

  private init(_ id: UInt32, _ name: String, _ blockLength: Int, _ blockByteCount: Int) {
    self.id = id
    self.name = name
    self.blockLength = blockLength
    self.blockByteCount = blockByteCount
  }

  /// Nil for ids that GGUF does not define (any more).
  public init?(_ id: UInt32) {
    if let format = BlockFormat(rawValue: id) {
      self.init(id, format.name, format.blockLength, format.blockByteCount)
      return
    }
    guard let other = GGUFTensorType.others.first(where: { $0.id == id }) else { return nil }
    self = other
  }

  private static let others = [
    GGUFTensorType(9, "Q8_1", 32, 36),
    GGUFTensorType(15, "Q8_K", 256, 292),
    GGUFTensorType(16, "IQ2_XXS", 256, 66),
    GGUFTensorType(17, "IQ2_XS", 256, 74),
    GGUFTensorType(18, "IQ3_XXS", 256, 98),
    GGUFTensorType(19, "IQ1_S", 256, 50),
    GGUFTensorType(21, "IQ3_S", 256, 110),
    GGUFTensorType(22, "IQ2_S", 256, 82),
    GGUFTensorType(24, "I8", 1, 1),
    GGUFTensorType(25, "I16", 1, 2),
    GGUFTensorType(26, "I32", 1, 4),
    GGUFTensorType(27, "I64", 1, 8),
    GGUFTensorType(28, "F64", 1, 8),
    GGUFTensorType(29, "IQ1_M", 256, 56),
    GGUFTensorType(34, "TQ1_0", 256, 54),
    GGUFTensorType(35, "TQ2_0", 256, 66),
    GGUFTensorType(39, "MXFP4", 32, 17),
    GGUFTensorType(40, "NVFP4", 64, 36),
    GGUFTensorType(41, "Q1_0", 128, 18),
  ]

  /// Bytes of a tensor of these dimensions (each at least 1). Throws `unknownTensorType`, `partialBlock`, or
  /// `tensorTooLarge` when the number of values or bytes overflows.
  static func byteCount(
    of name: String, dimensions: [Int], typeID: UInt32, path: String
  ) throws(GGUFError) -> Int {
    guard let type = GGUFTensorType(typeID) else {
      throw .unknownTensorType(path: path, tensor: name, typeID: typeID)
    }
    guard dimensions[0] % type.blockLength == 0 else {
      throw .partialBlock(
        path: path, tensor: name, rowLength: dimensions[0], type: type.name,
        blockLength: type.blockLength)
    }
    var factors = Array(dimensions.dropFirst())
    factors.append(max(type.blockByteCount, type.blockLength))
    var count = dimensions[0] / type.blockLength
    for factor in factors {
      let (product, overflow) = count.multipliedReportingOverflow(by: factor)
      if overflow { throw .tensorTooLarge(path: path, tensor: name, dimensions: dimensions) }
      count = product
    }
    return count / max(type.blockByteCount, type.blockLength) * type.blockByteCount
  }
}
