public import Inference
public import ModelFiles
public import Tensors
public import Transformer

/// A base of one block with all projections, in a chosen format: 64 wide, 2 heads of 32, 1 key head, 96 inside.
public enum SmallBase {
  public static let width = 64
  public static let inner = 96
  /// The separate ones, in the order of a block.
  public static let projections: [Projection] = [.query, .key, .value, .output, .gate, .up, .down]

  public static func shape(_ projection: Projection) -> (inputWidth: Int, outputWidth: Int) {
    switch projection {
    case .query, .output: (64, 64)
    case .key, .value: (64, 32)
    case .gate, .up: (64, 96)
    case .down: (96, 64)
    default: preconditionFailure("this base has separate projections and no experts")
    }
  }

  public static func metadata(architecture: String = "llama") -> GGUFMetadata {
    var metadata = GGUFMetadata()
    metadata.set("general.architecture", .string(architecture))
    metadata.set("general.name", .string("Small"))
    metadata.set("\(architecture).block_count", .uint32(1))
    metadata.set("\(architecture).feed_forward_length", .uint32(96))
    metadata.set("\(architecture).attention.layer_norm_rms_epsilon", .float32(1e-5))
    metadata.set("\(architecture).embedding_length", .uint32(64))
    metadata.set("\(architecture).attention.head_count", .uint32(2))
    metadata.set("\(architecture).attention.head_count_kv", .uint32(1))
    metadata.set("general.file_type", .uint32(99))
    metadata.set("quantize.imatrix.file", .string("stale"))
    metadata.set("tokenizer.ggml.tokens", .array(.string(["a", "b"])))
    return metadata
  }

  public static func values(_ count: Int, seed: UInt64) -> [Float] {
    var generator = RandomGenerator(seed: seed)
    return generator.gaussians(count, deviation: 0.5)
  }

  /// Writes the base with its matrices in `format` and a norm in F32. `odd` is put in as a tensor of a type Scion does not know.
  public static func write(
    _ path: String, format: BlockFormat = .q8_0, architecture: String = "llama", odd: Bool = false
  ) throws -> GGUFFile {
    var tensors = [
      GGUFTensorDescription(name: "token_embd.weight", dimensions: [64, 8], format: format),
      GGUFTensorDescription(name: "blk.0.attn_norm.weight", dimensions: [64], format: .f32),
    ]
    for projection in projections {
      let shape = shape(projection)
      tensors.append(
        GGUFTensorDescription(
          name: projection.weightName(layer: 0), dimensions: [shape.inputWidth, shape.outputWidth],
          format: format))
    }
    var writer = try GGUFWriter(
      path: path, metadata: metadata(architecture: architecture), tensors: tensors, alignment: 32)
    for (index, tensor) in tensors.enumerated() {
      try writer.append(
        values: values(tensor.dimensions.reduce(1, *), seed: UInt64(index + 1)))
    }
    try writer.finish()
    return try GGUFFile(path: path)
  }

  /// Pairs of every projection; `rank` gives each its own.
  public static func adapter(
    architecture: String = "llama", rankStabilized: Bool = true,
    rank: (Projection) -> Int = { _ in 4 }
  ) -> Adapter {
    let tensors = projections.enumerated().map { index, projection in
      let (shape, rank) = (shape(projection), rank(projection))
      return AdapterTensors(
        layer: 0, projection: projection, rank: rank, inputWidth: shape.inputWidth,
        outputWidth: shape.outputWidth,
        a: values(rank * shape.inputWidth, seed: UInt64(100 + index)),
        bt: values(rank * shape.outputWidth, seed: UInt64(200 + index)))
    }
    return Adapter(
      tensors: tensors, alpha: 16, isRankStabilized: rankStabilized, architecture: architecture)
  }

  /// The change of one matrix `[outputWidth, inputWidth]`, by its definition.
  public static func delta(_ pair: AdapterTensors, scale: Float) -> [Float] {
    var result = [Float](repeating: 0, count: pair.outputWidth * pair.inputWidth)
    for row in 0..<pair.outputWidth {
      for column in 0..<pair.inputWidth {
        var sum: Float = 0
        for component in 0..<pair.rank {
          sum +=
            pair.bt[component * pair.outputWidth + row]
            * pair.a[component * pair.inputWidth + column]
        }
        result[row * pair.inputWidth + column] = scale * sum
      }
    }
    return result
  }

  /// The largest difference of two arrays.
  public static func distance(_ left: [Float], _ right: [Float]) -> Float {
    guard left.count == right.count else { return .infinity }
    return zip(left, right).map { abs($0 - $1) }.max() ?? 0
  }
}
