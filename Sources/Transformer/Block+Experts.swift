internal import Tensors

// The feed-forward half of a block of experts: a router picks k of many small feed-forward parts for each token. Rows are sorted
// by expert, so that each expert's weights are read and dequantized once for all of its tokens.
//
// Each expert may have an adapter of its own on each of its three products (Block+ExpertProducts.swift); the router is frozen.
//
//     y = Σ_e p_e · down_e(f(gate_e n) · up_e n)      p = softmax over the k largest logits of router · n

extension Block {
  // MARK: - Forward

  func forwardExperts(_ run: Forward, _ shape: ExpertShape) {
    guard let buffers = run.inside.experts, let experts = weights.experts else {
      preconditionFailure("a model of experts has their weights and buffers")
    }
    let saved = run.saved
    let normed = run.inside.normed.prefix(run.tokens)
    enter(weights.feedForwardNorm, into: normed, run.residual)
    let logits = buffers.logits.prefix(run.tokens)
    multiply(into: logits, normed, experts.router)
    // A start runs all micro-batches forward before it runs their blocks again.
    let earlier = run.workspace.routings[layer].flatMap { earlier in
      run.isRerun && earlier.batch == run.batch ? earlier.routing : nil
    }
    let routing = ExpertRouting(logits, shape, keeping: earlier)
    run.workspace.routings[layer] = (run.batch, routing)

    let rows = routing.tokens.count
    let (input, output) = (buffers.input.prefix(rows), buffers.output.prefix(rows))
    let (gate, up) = (saved.gate.prefix(rows), saved.up.prefix(rows))
    let activated = run.inside.activated.prefix(rows)
    input.gather(normed, rows: routing.tokens)
    prefetch(routing.groups(atMost: groupSize).first, [experts.gate, experts.up])
    visit(routing, [experts.gate, experts.up], then: run.isRerun ? [] : [experts.down]) { group in
      multiplyAll(
        products(experts.gates, group, into: gate, input, saved)
          + products(experts.ups, group, into: up, input, saved))
    }
    if run.isRerun && !adapts(experts.downs) { return }
    gatedActivation(into: activated, gate: gate, up: up, self.shape.activation)
    if run.isRerun {
      // The products make the adapters' u, which is still missing; they themselves are left out.
      _ = products(experts.downs, routing.used, into: output, activated, saved)
      return
    }
    visit(routing, [experts.down]) { group in
      multiplyAll(products(experts.downs, group, into: output, activated, saved))
    }
    scatterAdd(
      output, into: run.residual, rows: routing.tokens,
      factors: routing.sortedShares(times: self.shape.residualScale))
  }

  // MARK: - Backward

  /// Through the experts, whose adapters get their gradients, and through the router, which has none.
  func backwardExperts(_ run: Backward, _ shape: ExpertShape) {
    guard let buffers = run.inside.experts, let experts = weights.experts,
      let dInput = buffers.inputGradient, let routing = run.workspace.routings[layer]?.routing
    else {
      preconditionFailure("a model of experts has their weights, buffers and routing")
    }
    let (saved, tokens, rows) = (run.saved, run.tokens, routing.tokens.count)
    let (gate, up) = (saved.gate.prefix(rows), saved.up.prefix(rows))
    let normed = run.inside.normed.prefix(tokens)
    let activated = run.inside.activated.prefix(rows)
    let dResidual = run.gradients.residual.prefix(tokens)
    let dStored = run.gradients.stored.prefix(tokens)
    let dNormed = run.gradients.normed.prefix(tokens)
    let dActivated = run.gradients.activated.prefix(rows)
    let (dOutput, input) = (buffers.input.prefix(rows), buffers.output.prefix(rows))

    gatedActivation(into: activated, gate: gate, up: up, self.shape.activation)
    leaveBackward(into: dStored, dResidual: dResidual, held: nil, norm: nil)
    dOutput.gather(dStored, rows: routing.tokens)
    let shares = routing.sortedShares(times: 1)
    prefetch(routing.groups(atMost: groupSize).first, [experts.down])
    visit(routing, [experts.down], then: [experts.gate, experts.up]) { group in
      // ∂y counts by its share in the adapters' gradients; dActivated is without it for the moment.
      back(experts.downs, group, into: dActivated, dOutput, activated, run, shares: shares)
    }
    // ∂L/∂p_e = ⟨∂y, down_e(a)⟩ = ⟨down_eᵀ ∂y, a⟩: no product more.
    routing.backward(
      into: buffers.logits.prefix(tokens), shareGradients: rowDots(dActivated, activated), shape)
    scaleRows(dActivated, by: shares)
    gatedActivationBackward(
      dgate: gate, dup: up, da: dActivated, gate: gate, up: up, self.shape.activation)
    if adapts(experts.gates) || adapts(experts.ups) {
      enter(weights.feedForwardNorm, into: normed, saved.middle)
      input.gather(normed, rows: routing.tokens)
    }
    let dRows = dInput.prefix(rows)
    visit(routing, [experts.gate, experts.up]) { group in
      back(experts.gates, group, into: dRows, gate, input, run)
      back(experts.ups, group, into: dRows, up, input, run, accumulate: true)
    }
    multiplyTransposed(into: dNormed, buffers.logits.prefix(tokens), experts.router)
    scatterAdd(
      dRows, into: dNormed, rows: routing.tokens, factors: Array(repeating: 1, count: rows))
    enterBackward(weights.feedForwardNorm, dResidual: dResidual, dNormed: dNormed, saved.middle)
  }
}
