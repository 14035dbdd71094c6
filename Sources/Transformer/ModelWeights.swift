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

/// All frozen tensors of a model, as ranges of the mapped file. Only the norms are copied.
public struct ModelWeights: Sendable {
  public let embedding: QuantizedMatrix
  public let blocks: [BlockWeights]
  public let outputNorm: [Float]
  /// [vocabulary, width]; the embedding itself when the file has no `output.weight`.
  public let head: QuantizedMatrix

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
}
