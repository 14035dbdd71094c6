internal import Tensors

// The feed-forward half of a block of experts: a router picks k of many small feed-forward parts for each token. Rows are sorted
// by expert, so that each expert's weights are read and dequantized once for all of its tokens.
//
//     y = Σ_e p_e · down_e(f(gate_e n) · up_e n)      p = softmax over the k largest logits of router · n

extension Block {
  // MARK: - Forward

  func forwardExperts(_ run: Forward, _ shape: ExpertShape) {
    guard let buffers = run.inside.experts, let experts = weights.experts else {
      preconditionFailure("a model of experts has their weights and buffers")
    }
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
    input.gather(normed, rows: routing.tokens)
    for (expert, range) in routing.used {
      prefetch(experts, routing.expert(after: expert))
      multiply(into: run.saved.gate.rows(range), input.rows(range), experts.gate[expert])
      multiply(into: run.saved.up.rows(range), input.rows(range), experts.up[expert])
    }
    if run.isRerun { return }
    let activated = run.inside.activated.prefix(rows)
    gatedActivation(
      into: activated, gate: run.saved.gate.prefix(rows), up: run.saved.up.prefix(rows),
      self.shape.activation)
    for (expert, range) in routing.used {
      multiply(into: output.rows(range), activated.rows(range), experts.down[expert])
    }
    scatterAdd(
      output, into: run.residual, rows: routing.tokens,
      factors: routing.sortedShares(times: self.shape.residualScale))
  }

  private func prefetch(_ experts: ExpertWeights, _ expert: Int?) {
    guard let expert, streamsWeights else { return }
    for matrix in [experts.gate[expert], experts.up[expert], experts.down[expert]] {
      matrix.file.prefetch(matrix.fileRange)
    }
  }

  // MARK: - Backward

  /// The experts are frozen and have no adapters: what they need is the gradient of their inputs, and that of the router's.
  func backwardExperts(_ run: Backward, _ shape: ExpertShape) {
    guard let buffers = run.inside.experts, let experts = weights.experts,
      let dInput = buffers.inputGradient, let routing = run.workspace.routings[layer]?.routing
    else {
      preconditionFailure("a model of experts has their weights, buffers and routing")
    }
    let (saved, tokens, rows) = (run.saved, run.tokens, routing.tokens.count)
    let (gate, up) = (saved.gate.prefix(rows), saved.up.prefix(rows))
    let activated = run.inside.activated.prefix(rows)
    let dResidual = run.gradients.residual.prefix(tokens)
    let dStored = run.gradients.stored.prefix(tokens)
    let dNormed = run.gradients.normed.prefix(tokens)
    let dActivated = run.gradients.activated.prefix(rows)
    let dOutput = buffers.input.prefix(rows)

    gatedActivation(into: activated, gate: gate, up: up, self.shape.activation)
    leaveBackward(into: dStored, dResidual: dResidual, held: nil, norm: nil)
    dOutput.gather(dStored, rows: routing.tokens)
    for (expert, range) in routing.used {
      multiplyTransposed(
        into: dActivated.rows(range), dOutput.rows(range), experts.down[expert])
    }
    // ∂L/∂p_e = ⟨∂y, down_e(a)⟩ = ⟨down_eᵀ ∂y, a⟩: no product more.
    routing.backward(
      into: buffers.logits.prefix(tokens), shareGradients: rowDots(dActivated, activated), shape)
    scaleRows(dActivated, by: routing.sortedShares(times: 1))
    gatedActivationBackward(
      dgate: gate, dup: up, da: dActivated, gate: gate, up: up, self.shape.activation)
    let dRows = dInput.prefix(rows)
    for (expert, range) in routing.used {
      prefetch(experts, routing.expert(after: expert))
      multiplyTransposed(into: dRows.rows(range), gate.rows(range), experts.gate[expert])
      multiplyTransposed(
        into: dRows.rows(range), up.rows(range), experts.up[expert], accumulate: true)
    }
    multiplyTransposed(into: dNormed, buffers.logits.prefix(tokens), experts.router)
    scatterAdd(
      dRows, into: dNormed, rows: routing.tokens, factors: Array(repeating: 1, count: rows))
    enterBackward(weights.feedForwardNorm, dResidual: dResidual, dNormed: dNormed, saved.middle)
  }
}

extension ExpertRouting {
  /// The experts that have rows, with these.
  var used: [(expert: Int, rows: Range<Int>)] {
    (0..<starts.count - 1).compactMap { expert in
      starts[expert] < starts[expert + 1]
        ? (expert, starts[expert]..<starts[expert + 1]) : nil
    }
  }

  /// The next expert that has rows.
  func expert(after expert: Int) -> Int? {
    (expert + 1..<starts.count - 1).first { starts[$0] < starts[$0 + 1] }
  }
}
