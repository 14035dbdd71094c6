internal import ModelFiles
public import Tensors

/// The weight of a norm, and its bias where it has one: [width] each.
public struct NormWeights: Sendable {
  public let weight: [Float]
  public let bias: [Float]?
}

/// The frozen tensors of one block; what the layer's shape does not name is nil.
public struct BlockWeights: Sendable {
  let attentionNorm: NormWeights?
  let feedForwardNorm: NormWeights?
  let postAttentionNorm: NormWeights?
  let postFeedForwardNorm: NormWeights?
  /// [head size], or [heads · head size].
  let queryNorm: [Float]?
  let keyNorm: [Float]?
  let experts: ExpertWeights?
  /// By `Projection.rawValue`.
  private let projections: [QuantizedMatrix?]
  private let biases: [[Float]?]

  /// The weight [out, in] of a projection that the model has.
  public subscript(projection: Projection) -> QuantizedMatrix {
    guard let found = projections[projection.rawValue] else {
      preconditionFailure("this model has no \(projection.shortName)")
    }
    return found
  }

  /// The bias [out] of a projection, where it has one.
  func bias(_ projection: Projection) -> [Float]? { biases[projection.rawValue] }

  /// The products of a token outside the experts.
  var dense: [QuantizedMatrix] {
    projections.compactMap { $0 } + (experts.map { [$0.router] } ?? [])
  }
}

/// The router and the experts of one block.
struct ExpertWeights: Sendable {
  /// [experts, width].
  let router: QuantizedMatrix
  /// By expert: gate, up [expert width, width], down [width, expert width].
  let gate: [QuantizedMatrix]
  let up: [QuantizedMatrix]
  let down: [QuantizedMatrix]
}

// MARK: - Reading

extension BlockWeights {
  /// Finds and checks the tensors of block `layer`.
  init(_ tensors: inout TensorReader, _ configuration: ModelConfiguration, layer: Int) throws {
    let shape = configuration.layers[layer]
    let width = configuration.width
    let prefix = "blk.\(layer)."
    let hasBias = configuration.normalization == .layer
    func norm(
      _ name: String, if exists: Bool
    ) throws -> NormWeights? {
      guard exists else { return nil }
      return NormWeights(
        weight: try tensors.vector(prefix + name + ".weight", width),
        bias: hasBias ? try tensors.vector(prefix + name + ".bias", width) : nil)
    }
    attentionNorm = try norm("attn_norm", if: shape.normsBefore)
    feedForwardNorm = try norm("ffn_norm", if: shape.normsBefore)
    postAttentionNorm = try norm("post_attention_norm", if: shape.normsAfter)
    postFeedForwardNorm = try norm("post_ffw_norm", if: shape.normsAfter)
    if let kind = shape.queryKeyNorm {
      let size = configuration.attention.size
      queryNorm = try tensors.vector(
        prefix + "attn_q_norm.weight", kind == .head ? size : configuration.queryWidth)
      keyNorm = try tensors.vector(
        prefix + "attn_k_norm.weight", kind == .head ? size : configuration.keyWidth)
    } else {
      (queryNorm, keyNorm) = (nil, nil)
    }
    var projections = [QuantizedMatrix?](repeating: nil, count: Projection.indexCount)
    var biases = [[Float]?](repeating: nil, count: Projection.indexCount)
    for projection in configuration.projections {
      let (out, `in`) = configuration.shape(of: projection)
      projections[projection.rawValue] = try tensors.matrix(
        projection.weightName(layer: layer), out, `in`)
      if shape.biases.contains(projection) {
        biases[projection.rawValue] = try tensors.vector(
          projection.biasName(layer: layer), out)
      }
    }
    self.projections = projections
    self.biases = biases
    experts = try shape.experts.map { experts in
      ExpertWeights(
        router: try tensors.matrix(prefix + "ffn_gate_inp.weight", experts.count, width),
        gate: try tensors.stack(
          prefix + "ffn_gate_exps.weight", experts.count, experts.width, width),
        up: try tensors.stack(prefix + "ffn_up_exps.weight", experts.count, experts.width, width),
        down: try tensors.stack(
          prefix + "ffn_down_exps.weight", experts.count, width, experts.width))
    }
  }
}

/// Finds tensors by name, checks their shapes and remembers them: what nobody asked for is refused at the end.
struct TensorReader {
  let file: GGUFFile
  private var used: Set<String>

  /// - Parameter used: tensors whose values were read before.
  init(_ file: GGUFFile, used: Set<String>) {
    self.file = file
    self.used = used
  }

  /// The weight [rows, columns].
  mutating func matrix(_ name: String, _ rows: Int, _ columns: Int) throws -> QuantizedMatrix {
    used.insert(name)
    let matrix = try file.matrix(name)
    guard matrix.rows == rows && matrix.columns == columns else {
      throw TransformerError.wrongShape(
        tensor: name, expected: [columns, rows], found: [matrix.columns, matrix.rows])
    }
    return matrix
  }

  /// The weights [rows, columns] of `count` experts.
  mutating func stack(
    _ name: String, _ count: Int, _ rows: Int, _ columns: Int
  ) throws -> [QuantizedMatrix] {
    used.insert(name)
    let matrices = try file.matrices(name)
    guard matrices.count == count, let first = matrices.first, first.rows == rows,
      first.columns == columns
    else {
      throw TransformerError.wrongShape(
        tensor: name, expected: [columns, rows, count],
        found: file.tensor(name)?.dimensions ?? [])
    }
    return matrices
  }

  /// The values of a vector.
  mutating func vector(_ name: String, _ count: Int) throws -> [Float] {
    used.insert(name)
    let vector = try file.vector(name)
    guard vector.count == count else {
      throw TransformerError.wrongShape(tensor: name, expected: [count], found: [vector.count])
    }
    return vector
  }

  /// Refuses tensors that nobody has asked for.
  func checkRest(architecture: String) throws(TransformerError) {
    for tensor in file.tensors where !used.contains(tensor.name) {
      throw .unusedTensor(name: tensor.name, architecture: architecture)
    }
  }
}

// MARK: - Resident pages

extension BlockWeights {
  /// The bytes of the dense products, neighbours joined. They lie in few files: one, or the parts of a split model.
  private var ranges: [(file: MappedFile, range: Range<Int>)] {
    var joined: [(file: MappedFile, range: Range<Int>)] = []
    let dense = dense
    for file in dense.map(\.file) where !joined.contains(where: { $0.file === file }) {
      let ranges = dense.filter { $0.file === file }.map(\.fileRange)
      for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
        // Norms lie between; they are copied, and their pages may come along.
        if let last = joined.last, last.file === file,
          range.lowerBound - last.range.upperBound < 1 << 16
        {
          let end = max(last.range.upperBound, range.upperBound)
          joined[joined.count - 1].range = last.range.lowerBound..<end
        } else {
          joined.append((file, range))
        }
      }
    }
    return joined
  }

  private var expertStacks: [[QuantizedMatrix]] { experts.map { [$0.gate, $0.up, $0.down] } ?? [] }

  /// Bytes of all products.
  public var byteCount: Int {
    dense.reduce(0) { $0 + $1.byteCount }
      + expertStacks.reduce(0) { $0 + $1.reduce(0) { $0 + $1.byteCount } }
  }

  /// Asks for the dense products; experts are asked for when a router has picked them.
  func prefetch() {
    for (file, range) in ranges { file.prefetch(range) }
  }

  func releasePages() {
    for (file, range) in ranges { file.releasePages(range) }
    for stack in expertStacks {
      guard let first = stack.first, let last = stack.last else { continue }
      first.file.releasePages(first.fileRange.lowerBound..<last.fileRange.upperBound)
    }
  }
}
