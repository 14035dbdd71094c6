internal import Inference
internal import ModelFiles
internal import Tensors

/// The weights of a base with an adapter, W + s·B·A, in chunks of rows: a few MiB at a time whatever the model's size.
struct TunedWeights {
  /// Some rows of a tensor.
  struct Chunk {
    let rows: Range<Int>
    /// W.
    let before: DenseMatrix<Float>
    /// s·B·A; nil where no adapter is.
    let delta: DenseMatrix<Float>?
    fileprivate let pair: AdapterTensors?
    fileprivate let pairRows: Range<Int>
    fileprivate let scale: Float

    /// What is to be encoded.
    var values: [Float] { delta.map { before.adding($0).values } ?? before.values }

    /// `Σ ‖s·B·A·x‖²` over the inputs of `factor`.
    func squaredEffect(_ factor: InputFactor) -> Double {
      guard let pair else { return 0 }
      let a = DenseMatrix(rows: pair.rank, columns: pair.inputWidth, values: pair.a)
      return Double(scale * scale)
        * factor.squaredEffect(bt: TunedWeights.columns(pair, pairRows), a: a)
    }
  }

  private let base: GGUFFile
  private let adapter: Adapter?
  /// By tensor, then by expert (0 for a tensor that is one matrix).
  private let pairs: [String: [Int: AdapterTensors]]

  init(base: GGUFFile, adapter: Adapter?) {
    self.base = base
    self.adapter = adapter
    var pairs: [String: [Int: AdapterTensors]] = [:]
    for pair in adapter?.tensors ?? [] {
      pairs[pair.tensorName, default: [:]][pair.expert ?? 0] = pair
    }
    self.pairs = pairs
  }

  /// Rows of a tensor, with about `count` values at a time.
  ///
  /// More than two dimensions (experts) are rows all the same; no chunk reaches over the end of a matrix.
  func chunks(_ tensor: GGUFTensor, valuesAtATime count: Int) -> [Range<Int>] {
    let columns = tensor.dimensions[0]
    let rows = tensor.elementCount / columns
    let height = Self.height(tensor)
    let step = max(1, count / columns)
    return stride(from: 0, to: rows, by: height).flatMap { first in
      stride(from: first, to: first + height, by: step).map { $0..<min($0 + step, first + height) }
    }
  }

  /// Some rows, none of two matrices, of a tensor that can be decoded.
  func chunk(_ tensor: GGUFTensor, _ matrix: QuantizedMatrix, rows: Range<Int>) -> Chunk {
    let height = Self.height(tensor)
    let first = rows.lowerBound / height * height
    let own = rows.lowerBound - first..<rows.upperBound - first
    let pair = pairs[tensor.name]?[first / height]
    let scale = pair.flatMap { adapter?.scale(rank: $0.rank) } ?? 0
    return Chunk(
      rows: rows,
      before: DenseMatrix(
        rows: rows.count, columns: matrix.columns, values: Codec.decode(matrix, rows: rows)),
      delta: pair.map { Self.product($0, rows: own, times: scale) }, pair: pair, pairRows: own,
      scale: scale)
  }

  private static func height(_ tensor: GGUFTensor) -> Int {
    tensor.dimensions.count > 1 ? tensor.dimensions[1] : 1
  }

  /// Rows `rows` of scale·B·A.
  private static func product(
    _ pair: AdapterTensors, rows: Range<Int>, times scale: Float
  ) -> DenseMatrix<Float> {
    let a = DenseMatrix(rows: pair.rank, columns: pair.inputWidth, values: pair.a)
    return columns(pair, rows).scaled(by: scale).times(a, transposeSelf: true)
  }

  /// Columns `rows` of Bᵀ.
  private static func columns(_ pair: AdapterTensors, _ rows: Range<Int>) -> DenseMatrix<Float> {
    var bt: [Float] = []
    bt.reserveCapacity(pair.rank * rows.count)
    for component in 0..<pair.rank {
      let start = component * pair.outputWidth
      bt += pair.bt[start + rows.lowerBound..<start + rows.upperBound]
    }
    return DenseMatrix(rows: pair.rank, columns: rows.count, values: bt)
  }
}
