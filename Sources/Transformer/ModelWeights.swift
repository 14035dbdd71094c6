public import ModelFiles
public import Tensors

/// The frozen tensors of one block.
public struct BlockWeights: Sendable {
  public let attentionNorm: [Float]
  public let feedForwardNorm: [Float]
  /// By `Projection.rawValue`.
  let projections: [QuantizedMatrix]

  /// The weight [out, in] of a projection.
  public subscript(projection: Projection) -> QuantizedMatrix { projections[projection.rawValue] }
}

extension BlockWeights {
  /// The bytes of the projections in the file, neighbours joined.
  var fileRanges: [Range<Int>] {
    var joined: [Range<Int>] = []
    for range in projections.map(\.fileRange).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      // Norms lie between; they are copied, and their pages may come along.
      if let last = joined.last, range.lowerBound - last.upperBound < 1 << 16 {
        joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    return joined
  }

  /// Bytes of the projections.
  public var byteCount: Int { projections.reduce(0) { $0 + $1.byteCount } }

  func prefetch() {
    for range in fileRanges { projections[0].file.prefetch(range) }
  }

  func releasePages() {
    for range in fileRanges { projections[0].file.releasePages(range) }
  }
}

/// All frozen tensors of a model, as ranges of the mapped file. Only the norms are copied.
public struct ModelWeights: Sendable {
  public let embedding: QuantizedMatrix
  public let blocks: [BlockWeights]
  public let outputNorm: [Float]
  /// [vocabulary, width]; the embedding itself when the file has no `output.weight`.
  public let head: QuantizedMatrix

  /// What is multiplied first after block `layer`: the next block's queries, keys and values, or the head.
  func read(after layer: Int) -> [QuantizedMatrix] {
    guard layer + 1 < blocks.count else { return [head] }
    return [.query, .key, .value].map { blocks[layer + 1][$0] }
  }

  /// Finds every tensor that `configuration` asks for and checks its shape.
  public init(_ file: GGUFFile, _ configuration: ModelConfiguration) throws {
    func matrix(_ name: String, _ rows: Int, _ columns: Int) throws -> QuantizedMatrix {
      let matrix = try file.matrix(name)
      guard matrix.rows == rows && matrix.columns == columns else {
        throw TransformerError.wrongShape(
          tensor: name, expected: [columns, rows], found: [matrix.columns, matrix.rows])
      }
      return matrix
    }
    func norm(_ name: String) throws -> [Float] {
      let vector = try file.vector(name)
      guard vector.count == configuration.width else {
        throw TransformerError.wrongShape(
          tensor: name, expected: [configuration.width], found: [vector.count])
      }
      return vector
    }
    embedding = try matrix(
      "token_embd.weight", configuration.vocabularySize, configuration.width)
    blocks = try (0..<configuration.layerCount).map { layer in
      BlockWeights(
        attentionNorm: try norm("blk.\(layer).attn_norm.weight"),
        feedForwardNorm: try norm("blk.\(layer).ffn_norm.weight"),
        projections: try Projection.allCases.map { projection in
          let (out, `in`) = configuration.shape(of: projection)
          return try matrix(projection.weightName(layer: layer), out, `in`)
        })
    }
    outputNorm = try norm("output_norm.weight")
    head =
      configuration.tiedHead
      ? embedding
      : try matrix("output.weight", configuration.vocabularySize, configuration.width)
  }

  /// Most bytes of the file that are resident at a time when every part is given back after use (`Model.streamsWeights`):
  /// the embedding, the head or the largest block, with the pages at their borders.
  public var streamedByteCount: Int {
    let largest = blocks.map(\.byteCount).max() ?? 0
    return max(embedding.byteCount, head.byteCount, largest) + (1 << 18)
  }
}
