internal import Foundation
internal import Tensors

// The attention half of a block.

extension Block {
  private var fusesInput: Bool { configuration.projections.contains(.queryKeyValue) }

  /// What the feed-forward half multiplies first.
  private var feedForwardWeights: [QuantizedMatrix] {
    if let experts = weights.experts { return [experts.router] }
    return configuration.projections.filter { [.gate, .up, .gateUp].contains($0) }
      .map { weights[$0] }
  }

  // MARK: - Forward

  func forwardAttention(_ run: Forward) {
    let saved = run.saved
    let normed = run.inside.normed.prefix(run.tokens)
    enter(weights.attentionNorm, into: normed, run.residual)
    let next = [weights[.output]]
    if fusesInput, let fused = fusedInput(run.inside, run.tokens) {
      project([(.queryKeyValue, fused)], normed, run, next: next)
      copyColumns(into: saved.q, from: fused, at: 0)
      copyColumns(into: saved.k, from: fused, at: configuration.queryWidth)
      copyColumns(
        into: saved.v, from: fused, at: configuration.queryWidth + configuration.keyWidth)
    } else {
      project([(.query, saved.q), (.key, saved.k), (.value, saved.v)], normed, run, next: next)
    }
    let (q, k) = turn(saved, run.inside, positions: run.positions)
    if let cache = run.cache {
      cache.keyValues.store(
        layer: layer, keys: k, values: saved.v, slots: cache.slots, positions: run.positions)
    }
    if let cache = run.cache, !run.batch.startsFresh(run.positions) {
      cachedAttention(
        into: saved.attended, q: q, keys: cache.keyValues.keys[layer],
        values: cache.keyValues.values[layer], slots: cache.slots, positions: run.positions,
        capacity: cache.keyValues.capacity, shape: shape.attention)
    } else {
      attention(
        into: saved.attended, lse: saved.logSumExp, q: q, k: k, v: saved.v,
        starts: run.batch.starts, shape: shape.attention)
    }
    leave(
      .output, saved.attended, run, held: saved.attentionOutput ?? heldSublayer(run),
      norm: weights.postAttentionNorm, next: feedForwardWeights)
  }

  /// Where a sublayer's output waits that is scaled and not kept.
  func heldSublayer(_ run: Forward) -> Matrix? {
    shape.holdsSublayerOutput ? run.inside.sublayer : nil
  }

  private func fusedInput(_ inside: InsideBuffers, _ tokens: Int) -> Matrix? {
    inside.fused?.reshaped(
      rows: tokens, columns: configuration.shape(of: .queryKeyValue).out)
  }

  /// Queries and keys as attention takes them: in place, or, where a norm stands between, beside the products' outputs.
  private func turn(
    _ saved: BlockActivations, _ inside: InsideBuffers, positions: [Int32]
  ) -> (q: Matrix, k: Matrix) {
    var (q, k) = (saved.q, saved.k)
    if let qNorm = weights.queryNorm, let kNorm = weights.keyNorm, let normedQ = inside.q,
      let normedK = inside.k
    {
      q = normedQ.prefix(saved.q.rows)
      k = normedK.prefix(saved.k.rows)
      rmsNorm(into: heads(q, qNorm), heads(saved.q, qNorm), weight: qNorm, epsilon: epsilon)
      rmsNorm(into: heads(k, kNorm), heads(saved.k, kNorm), weight: kNorm, epsilon: epsilon)
    }
    rotate(q, k, positions: positions)
    if let temperature = shape.temperature {
      scaleRows(q, by: temperature.factors(positions))
    }
    return (q, k)
  }

  /// The same memory with one row for each stretch of values that a norm is taken over.
  private func heads(_ x: Matrix, _ weight: [Float]) -> Matrix {
    x.reshaped(rows: x.count / weight.count, columns: weight.count)
  }

  private func rotate(_ q: Matrix, _ k: Matrix, positions: [Int32], inverse: Bool = false) {
    guard let table = shape.rotary else { return }
    for (x, heads) in [(q, shape.attention.heads), (k, shape.attention.keyValueHeads)] {
      Tensors.rotate(
        x, heads: heads, positions: positions, frequencies: table.frequencies,
        interleaved: table.interleaved, magnitude: table.magnitude, inverse: inverse)
    }
  }

  // MARK: - Backward

  func backwardAttention(_ run: Backward, sink: inout some LinearGradientSink) throws {
    let (saved, tokens, positions) = (run.saved, run.tokens, run.batch.positions)
    let normed = run.inside.normed.prefix(tokens)
    let dResidual = run.gradients.residual.prefix(tokens)
    let dStored = run.gradients.stored.prefix(tokens)
    let dNormed = run.gradients.normed.prefix(tokens)
    let dAttended = run.gradients.attended.prefix(tokens)
    var dq = run.gradients.q.prefix(tokens)
    var dk = run.gradients.k.prefix(tokens)
    let dv = run.gradients.v.prefix(tokens)

    leaveBackward(
      into: dStored, dResidual: dResidual, held: saved.attentionOutput,
      norm: weights.postAttentionNorm)
    try back(.output, into: dAttended, dy: dStored, x: saved.attended, run, sink: &sink)
    let isNormed = weights.queryNorm != nil
    let (q, k) =
      isNormed ? turn(saved, run.inside, positions: positions) : (saved.q, saved.k)
    attentionBackward(
      dq: dq, dk: dk, dv: dv, dOutput: dAttended, o: saved.attended, lse: saved.logSumExp,
      q: q, k: k, v: saved.v, starts: run.batch.starts, shape: shape.attention)
    if let temperature = shape.temperature {
      scaleRows(dq, by: temperature.factors(positions))
    }
    rotate(dq, dk, positions: positions, inverse: true)
    if let qNorm = weights.queryNorm, let kNorm = weights.keyNorm {
      // The normed queries and keys have served: their memory takes the gradients of the products' outputs.
      rmsNormBackward(
        into: heads(q, qNorm), dy: heads(dq, qNorm), heads(saved.q, qNorm), weight: qNorm,
        epsilon: epsilon, accumulate: false)
      rmsNormBackward(
        into: heads(k, kNorm), dy: heads(dk, kNorm), heads(saved.k, kNorm), weight: kNorm,
        epsilon: epsilon, accumulate: false)
      (dq, dk) = (q, k)
    }
    enter(weights.attentionNorm, into: normed, run.x)
    let dInput = run.needsInput ? dNormed : nil
    if fusesInput, let fused = fusedInput(run.inside, tokens) {
      storeColumns(dq, into: fused, at: 0)
      storeColumns(dk, into: fused, at: configuration.queryWidth)
      storeColumns(dv, into: fused, at: configuration.queryWidth + configuration.keyWidth)
      try back(.queryKeyValue, into: dInput, dy: fused, x: normed, run, sink: &sink)
    } else {
      try back(.query, into: dInput, dy: dq, x: normed, run, sink: &sink)
      try back(.key, into: dInput, dy: dk, x: normed, run, accumulate: true, sink: &sink)
      try back(.value, into: dInput, dy: dv, x: normed, run, accumulate: true, sink: &sink)
    }
    if run.needsInput {
      enterBackward(weights.attentionNorm, dResidual: dResidual, dNormed: dNormed, run.x)
    }
  }
}

extension QueryTemperature {
  /// The factor of each position.
  func factors(_ positions: [Int32]) -> [Float] {
    positions.map { position in
      1 + scale * logf(1 + Float(Int(position) / originalContext))
    }
  }
}
