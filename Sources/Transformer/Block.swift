internal import Tensors

/// One transformer block: attention and feed-forward, each added to the residual stream.
///
///     middle = x + s · post(Wo · attention(q, k, v))       q, k, v = W n(x) + b, normed, rotated
///     y      = middle + s · post(Wdown · (f(Wgate m) · (Wup m)))       m = n(middle)
///
/// Which of these steps there are says the layer's `LayerShape`; the plainest block has a norm n before each half, no b, no
/// post, s = 1. Forward and backward stand side by side: the attention half in Block+Attention.swift, the feed-forward half in
/// Block+FeedForward.swift and, of experts, Block+Experts.swift. All memory comes from the workspace.
struct Block {
  let layer: Int
  /// That of this layer.
  let shape: LayerShape
  let configuration: ModelConfiguration
  let weights: BlockWeights
  let adapters: AdapterSet?
  let arithmetic: ProductArithmetic
  /// The experts that a router picked are asked for ahead of their use.
  var streamsWeights = false
  /// What is multiplied after this block: for generation.
  var following: [QuantizedMatrix] = []

  var epsilon: Float { configuration.normEpsilon }

  /// What both halves of a forward work on.
  struct Forward {
    let residual: Matrix
    let batch: TokenBatch
    let saved: BlockActivations
    let workspace: Workspace
    var cache: (keyValues: KeyValueCache, slots: [Int32], positions: [Int32])?
    var roundsFew = false
    /// Whether only `saved` is wanted, for a backward that follows: the last product is left out and `residual` is not the
    /// block's output afterwards.
    var isRerun = false

    var tokens: Int { residual.rows }
    var inside: InsideBuffers { workspace.buffers.inside }
    var positions: [Int32] { cache?.positions ?? batch.positions }
  }

  /// Adds the block's output to `residual`; everything the backward needs is left in `saved`.
  func forward(_ run: Forward) {
    forwardAttention(run)
    run.saved.middle.assign(run.residual)
    if let experts = shape.experts {
      forwardExperts(run, experts)
    } else {
      forwardFeedForward(run)
    }
  }

  /// What both halves of a backward work on.
  struct Backward {
    /// The block's input [T, width].
    let x: Matrix
    let batch: TokenBatch
    let saved: BlockActivations
    let workspace: Workspace
    let gradients: GradientBuffers
    /// False for the lowest block: nothing below it learns.
    let needsInput: Bool

    var tokens: Int { x.rows }
    var inside: InsideBuffers { workspace.buffers.inside }
  }

  /// Turns `gradients.residual` (∂L/∂ output of the block) into ∂L/∂ its input x, adding to the adapters' gradients.
  func backward(_ run: Backward, sink: inout some LinearGradientSink) throws {
    if let experts = shape.experts {
      backwardExperts(run, experts)
    } else {
      try backwardFeedForward(run, sink: &sink)
    }
    try backwardAttention(run, sink: &sink)
  }
}

// MARK: - Linear layers

extension Block {
  /// The low-rank pair of a projection (of one expert of a stack) that has one.
  func adapter(_ projection: Projection, expert: Int? = nil) -> AdapterPair? {
    adapters?.adapter(layer: layer, projection, expert: expert)
  }

  /// scale · x · Aᵀ of a projection that has an adapter.
  func u(_ saved: BlockActivations, _ projection: Projection) -> Matrix? {
    guard let adapter = adapter(projection), let full = saved.u[projection.rawValue] else {
      return nil
    }
    return full.reshaped(rows: full.rows, columns: adapter.rank)
  }

  /// Several projections of one input, with their biases.
  func project(
    _ outputs: [(projection: Projection, y: Matrix)], _ x: Matrix, _ run: Forward,
    accumulate: Bool = false, next: [QuantizedMatrix]
  ) {
    if run.batch.dropout != nil {
      for (projection, y) in outputs {
        dropping(projection, into: y, x, run, accumulate: accumulate)
      }
    } else {
      linear(
        into: outputs.map { projection, y in
          LinearOutput(
            y: y, weight: weights[projection], adapter: adapter(projection),
            u: u(run.saved, projection))
        }, x, accumulate: accumulate, arithmetic: arithmetic, roundsFew: run.roundsFew, next: next)
    }
    for (projection, y) in outputs {
      if let bias = weights.bias(projection) { addBias(y, bias) }
    }
  }

  /// The backward of one projection; `sink` sees its input and output gradient.
  func back(
    _ projection: Projection, into dx: Matrix?, dy: Matrix, x: Matrix, _ run: Backward,
    accumulate: Bool = false, sink: inout some LinearGradientSink
  ) throws {
    try sink.record(layer: layer, projection: projection, x: x, dy: dy)
    let adapter = adapter(projection)
    let v = adapter.flatMap { adapter in
      run.gradients.projected?.prefix(run.tokens).reshaped(
        rows: run.tokens, columns: adapter.rank)
    }
    let u = u(run.saved, projection)
    if let dropout = run.batch.dropout, let u, let v {
      return droppingBackward(
        dropout, projection, into: dx, dy: dy, x: x, run, u: u, v: v, accumulate: accumulate)
    }
    linearBackward(
      into: dx, dy: dy, x, weights[projection], adapter,
      adapters?.gradient(layer: layer, projection), u: u, v: v,
      accumulate: accumulate, rounding: rounding(projection, run))
  }

  /// What a projection's output gradient is rounded by; nil where products are not in int8.
  func rounding(_ projection: Projection, _ run: Backward) -> RandomRounding? {
    arithmetic == .int8 ? run.batch.rounding.rounding(layer: layer, projection) : nil
  }
}

// MARK: - Into and out of the residual stream

extension Block {
  /// The input of a half: normalized, or as it is in the storage type.
  func enter(_ norm: NormWeights?, into normed: Matrix, _ x: Matrix) {
    if let norm {
      norm.apply(into: normed, x, epsilon: epsilon)
    } else {
      normed.assign(x)
    }
  }

  /// The gradient of a half's input goes on: through its norm, or as it is. `dResidual` += that.
  func enterBackward(_ norm: NormWeights?, dResidual: Matrix, dNormed: Matrix, _ x: Matrix) {
    if let norm {
      norm.backward(into: dResidual, dy: dNormed, x, epsilon: epsilon)
    } else {
      add(into: dResidual, dNormed)
    }
  }

  /// Adds `projection` of x to the residual stream: at once, or, scaled or normalized, from `held`.
  ///
  /// - Parameter adds: false where only `held` is wanted.
  func leave(
    _ projection: Projection, _ x: Matrix, _ run: Forward, held: Matrix?, norm: NormWeights?,
    adds: Bool = true, next: [QuantizedMatrix]
  ) {
    guard let held = held?.prefix(run.tokens) else {
      project([(projection, run.residual)], x, run, accumulate: true, next: next)
      return
    }
    project([(projection, held)], x, run, next: next)
    guard adds else { return }
    if let norm {
      rmsNorm(
        into: run.residual, held, weight: norm.weight, epsilon: epsilon, accumulate: true,
        factor: shape.residualScale)
    } else {
      add(into: run.residual, held, factor: shape.residualScale)
    }
  }

  /// The gradient of what a half adds, in the storage type, from that of the residual stream.
  func leaveBackward(into dy: Matrix, dResidual: Matrix, held: Matrix?, norm: NormWeights?) {
    if let norm, let held {
      rmsNormBackward(
        into: dy, dy: dResidual, held, weight: norm.weight, epsilon: epsilon, accumulate: false,
        factor: shape.residualScale)
      return
    }
    dy.assign(dResidual)
    if shape.residualScale != 1 { scale(dy, by: shape.residualScale) }
  }
}
