internal import Tensors

// The dense feed-forward half of a block.

extension Block {
  private var fusesGateUp: Bool { configuration.projections.contains(.gateUp) }

  private func fusedGateUp(_ inside: InsideBuffers, _ tokens: Int) -> Matrix? {
    inside.fused?.reshaped(rows: tokens, columns: configuration.shape(of: .gateUp).out)
  }

  // MARK: - Forward

  func forwardFeedForward(_ run: Forward) {
    let saved = run.saved
    let normed = run.inside.normed.prefix(run.tokens)
    let activated = run.inside.activated.prefix(run.tokens)
    enter(weights.feedForwardNorm, into: normed, run.residual)
    let next = [weights[.down]]
    if fusesGateUp, let fused = fusedGateUp(run.inside, run.tokens) {
      project([(.gateUp, fused)], normed, run, next: next)
      copyColumns(into: saved.gate, from: fused, at: 0)
      copyColumns(into: saved.up, from: fused, at: configuration.feedForwardWidth)
    } else {
      project([(.gate, saved.gate), (.up, saved.up)], normed, run, next: next)
    }
    if run.isRerun && saved.feedForwardOutput == nil {
      // The backward makes `activated` itself, and the adapter of `down` is the only one whose u is still missing.
      if let adapter = adapter(.down), let u = u(saved, .down) {
        gatedActivation(into: activated, gate: saved.gate, up: saved.up, shape.activation)
        project(adapter, .down, into: u, activated, run)
      }
      return
    }
    gatedActivation(into: activated, gate: saved.gate, up: saved.up, shape.activation)
    leave(
      .down, activated, run, held: saved.feedForwardOutput ?? heldSublayer(run),
      norm: weights.postFeedForwardNorm, adds: !run.isRerun, next: following)
  }

  // MARK: - Backward

  func backwardFeedForward(_ run: Backward, sink: inout some LinearGradientSink) throws {
    let (saved, tokens) = (run.saved, run.tokens)
    let normed = run.inside.normed.prefix(tokens)
    let activated = run.inside.activated.prefix(tokens)
    let dResidual = run.gradients.residual.prefix(tokens)
    let dStored = run.gradients.stored.prefix(tokens)
    let dNormed = run.gradients.normed.prefix(tokens)
    let dActivated = run.gradients.activated.prefix(tokens)

    gatedActivation(into: activated, gate: saved.gate, up: saved.up, shape.activation)
    leaveBackward(
      into: dStored, dResidual: dResidual, held: saved.feedForwardOutput,
      norm: weights.postFeedForwardNorm)
    try back(.down, into: dActivated, dy: dStored, x: activated, run, sink: &sink)
    gatedActivationBackward(
      dgate: saved.gate, dup: saved.up, da: dActivated, gate: saved.gate, up: saved.up,
      shape.activation)
    enter(weights.feedForwardNorm, into: normed, saved.middle)
    if fusesGateUp, let fused = fusedGateUp(run.inside, tokens) {
      storeColumns(saved.gate, into: fused, at: 0)
      storeColumns(saved.up, into: fused, at: configuration.feedForwardWidth)
      try back(.gateUp, into: dNormed, dy: fused, x: normed, run, sink: &sink)
    } else {
      try back(.gate, into: dNormed, dy: saved.gate, x: normed, run, sink: &sink)
      try back(.up, into: dNormed, dy: saved.up, x: normed, run, accumulate: true, sink: &sink)
    }
    enterBackward(weights.feedForwardNorm, dResidual: dResidual, dNormed: dNormed, saved.middle)
  }
}
