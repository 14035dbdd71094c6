internal import Tensors

/// One transformer block: attention and feed-forward, each behind a norm and added to the residual stream.
///
///     middle = x + Wo · attention(rope(Wq n), rope(Wk n), Wv n)      n = norm(x)
///     y      = middle + Wdown · (silu(Wgate m) · (Wup m))            m = norm(middle)
///
/// Forward and backward stand side by side; all memory comes from the workspace.
struct Block {
  let layer: Int
  let configuration: ModelConfiguration
  let weights: BlockWeights
  let adapters: AdapterSet?
  let arithmetic: ProductArithmetic
  /// What is multiplied after this block: for generation.
  var following: [QuantizedMatrix] = []

  private func adapter(_ projection: Projection) -> AdapterPair? {
    adapters?.adapter(layer: layer, projection)
  }

  private func u(_ saved: BlockActivations, _ projection: Projection) -> Matrix? {
    guard let adapter = adapter(projection), !saved.u.isEmpty else { return nil }
    let full = saved.u[projection.rawValue]
    return full.reshaped(rows: full.rows, columns: adapter.rank)
  }

  /// One projection of `linear(into:)`.
  private func output(
    _ projection: Projection, into y: Matrix, _ saved: BlockActivations
  ) -> LinearOutput {
    LinearOutput(
      y: y, weight: weights[projection], adapter: adapter(projection), u: u(saved, projection))
  }

  // MARK: - Forward

  /// Adds the block's output to `residual`; everything the backward needs is left in `saved`. `roundsFew` is for
  /// generation: see `linear(into:)`.
  ///
  /// - Parameter isRerun: whether only `saved` is wanted, for a backward that follows: the last product is left out and
  ///   `residual` is not the block's output afterwards.
  func forward(
    residual: Matrix, batch: TokenBatch, saved: BlockActivations, workspace: Workspace,
    cache: (keyValues: KeyValueCache, slots: [Int32], positions: [Int32])? = nil,
    roundsFew: Bool = false, isRerun: Bool = false
  ) {
    let tokens = residual.rows
    let normed = workspace.normed.prefix(tokens)
    let activated = workspace.activated.prefix(tokens)
    let positions = cache?.positions ?? batch.positions
    rmsNorm(
      into: normed, residual, weight: weights.attentionNorm, epsilon: configuration.normEpsilon)
    linear(
      into: [
        output(.query, into: saved.q, saved), output(.key, into: saved.k, saved),
        output(.value, into: saved.v, saved),
      ], normed, arithmetic: arithmetic, roundsFew: roundsFew, next: [weights[.output]])
    for rotated in [saved.q, saved.k] {
      rotate(
        rotated, heads: rotated.columns / configuration.attention.size, positions: positions,
        frequencies: configuration.rotaryFrequencies,
        interleaved: configuration.rotaryInterleaved)
    }
    if let cache {
      cache.keyValues.store(
        layer: layer, keys: saved.k, values: saved.v, slots: cache.slots, positions: positions)
    }
    if let cache, !batch.startsFresh(positions) {
      cachedAttention(
        into: saved.attended, q: saved.q, keys: cache.keyValues.keys[layer],
        values: cache.keyValues.values[layer], slots: cache.slots, positions: positions,
        capacity: cache.keyValues.capacity, shape: configuration.attention)
    } else {
      attention(
        into: saved.attended, lse: saved.logSumExp, q: saved.q, k: saved.k, v: saved.v,
        starts: batch.starts, shape: configuration.attention)
    }
    linear(
      into: [output(.output, into: residual, saved)], saved.attended, accumulate: true,
      arithmetic: arithmetic, roundsFew: roundsFew, next: [weights[.gate], weights[.up]])
    saved.middle.assign(residual)

    rmsNorm(
      into: normed, residual, weight: weights.feedForwardNorm, epsilon: configuration.normEpsilon)
    linear(
      into: [output(.gate, into: saved.gate, saved), output(.up, into: saved.up, saved)], normed,
      arithmetic: arithmetic, roundsFew: roundsFew, next: [weights[.down]])
    if isRerun {
      // The backward makes `activated` itself, and the adapter of `down` is the only one whose u is still missing.
      if let adapter = adapter(.down), let u = u(saved, .down) {
        gatedActivation(into: activated, gate: saved.gate, up: saved.up, .silu)
        project(into: u, activated, adapter.a, scale: adapter.scale)
      }
      return
    }
    gatedActivation(into: activated, gate: saved.gate, up: saved.up, .silu)
    linear(
      into: [output(.down, into: residual, saved)], activated, accumulate: true,
      arithmetic: arithmetic, roundsFew: roundsFew, next: following)
  }

  // MARK: - Backward

  /// Turns `gradients.residual` (∂L/∂ output of the block) into ∂L/∂ its input `x`, adding to the adapters'
  /// gradients. `needsInput` is false for the lowest block: nothing below it learns.
  func backward(
    x: Matrix, batch: TokenBatch, saved: BlockActivations, workspace: Workspace,
    sink: inout some LinearGradientSink, needsInput: Bool
  ) throws {
    guard let all = workspace.gradients else {
      preconditionFailure("a workspace without checkpointing has no backward")
    }
    let tokens = x.rows
    let normed = workspace.normed.prefix(tokens)
    let activated = workspace.activated.prefix(tokens)
    let dResidual = all.residual.prefix(tokens)
    let dStored = all.stored.prefix(tokens)
    let dNormed = all.normed.prefix(tokens)
    let dActivated = all.activated.prefix(tokens)
    let dAttended = all.attended.prefix(tokens)
    let (dq, dk, dv) = (all.q.prefix(tokens), all.k.prefix(tokens), all.v.prefix(tokens))

    func back(
      _ projection: Projection, into dx: Matrix?, dy: Matrix, x: Matrix, accumulate: Bool = false
    ) throws {
      try sink.record(layer: layer, projection: projection, x: x, dy: dy)
      let adapter = adapter(projection)
      let v = adapter.flatMap { adapter in
        all.projected?.prefix(tokens).reshaped(rows: tokens, columns: adapter.rank)
      }
      linearBackward(
        into: dx, dy: dy, x, weights[projection], adapter,
        adapters?.gradient(layer: layer, projection), u: u(saved, projection), v: v,
        accumulate: accumulate)
    }

    // Feed-forward: dy is the gradient of the residual stream itself.
    gatedActivation(into: activated, gate: saved.gate, up: saved.up, .silu)
    dStored.assign(dResidual)
    try back(.down, into: dActivated, dy: dStored, x: activated)
    gatedActivationBackward(
      dgate: saved.gate, dup: saved.up, da: dActivated, gate: saved.gate, up: saved.up, .silu)
    rmsNorm(
      into: normed, saved.middle, weight: weights.feedForwardNorm,
      epsilon: configuration.normEpsilon)
    try back(.gate, into: dNormed, dy: saved.gate, x: normed)
    try back(.up, into: dNormed, dy: saved.up, x: normed, accumulate: true)
    rmsNormBackward(
      into: dResidual, dy: dNormed, saved.middle, weight: weights.feedForwardNorm,
      epsilon: configuration.normEpsilon)

    // Attention.
    dStored.assign(dResidual)
    try back(.output, into: dAttended, dy: dStored, x: saved.attended)
    attentionBackward(
      dq: dq, dk: dk, dv: dv, dOutput: dAttended, o: saved.attended, lse: saved.logSumExp,
      q: saved.q, k: saved.k, v: saved.v, starts: batch.starts, shape: configuration.attention)
    for rotated in [dq, dk] {
      rotate(
        rotated, heads: rotated.columns / configuration.attention.size, positions: batch.positions,
        frequencies: configuration.rotaryFrequencies,
        interleaved: configuration.rotaryInterleaved, inverse: true)
    }
    rmsNorm(
      into: normed, x, weight: weights.attentionNorm, epsilon: configuration.normEpsilon)
    let dInput = needsInput ? dNormed : nil
    try back(.query, into: dInput, dy: dq, x: normed)
    try back(.key, into: dInput, dy: dk, x: normed, accumulate: true)
    try back(.value, into: dInput, dy: dv, x: normed, accumulate: true)
    if needsInput {
      rmsNormBackward(
        into: dResidual, dy: dNormed, x, weight: weights.attentionNorm,
        epsilon: configuration.normEpsilon)
    }
  }
}
