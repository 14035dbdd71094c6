internal import Tensors

// The feed-forward half of a block of experts: a router picks k of many small feed-forward parts for each token. Rows are sorted
// by expert, so that each expert's weights are read and dequantized once for all of its tokens.
//
// Each expert may have an adapter of its own on each of its three products; the router is frozen.
//
//     y = Σ_e p_e · down_e(f(gate_e n) · up_e n)      p = softmax over the k largest logits of router · n

/// A stack of experts' projections over rows sorted by expert.
private struct ExpertStack {
  let projection: Projection
  let weights: [QuantizedMatrix]
}

extension ExpertWeights {
  fileprivate var gates: ExpertStack { ExpertStack(projection: .gateExperts, weights: gate) }
  fileprivate var ups: ExpertStack { ExpertStack(projection: .upExperts, weights: up) }
  fileprivate var downs: ExpertStack { ExpertStack(projection: .downExperts, weights: down) }
}

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
    Tensors.multiply(into: logits, normed, experts.router)
    let routing = ExpertRouting(
      logits, shape, keeping: run.isRerun ? run.workspace.routings[layer] : nil)
    run.workspace.routings[layer] = routing

    let rows = routing.tokens.count
    let (input, output) = (buffers.input.prefix(rows), buffers.output.prefix(rows))
    let (gate, up) = (saved.gate.prefix(rows), saved.up.prefix(rows))
    input.gather(normed, rows: routing.tokens)
    for (expert, range) in routing.used {
      prefetch(experts, routing.expert(after: expert))
      multiply(experts.gates, expert, into: gate.rows(range), input.rows(range), saved, range)
      multiply(experts.ups, expert, into: up.rows(range), input.rows(range), saved, range)
    }
    let needsDown = adapter(.downExperts, expert: 0) != nil
    if run.isRerun && !needsDown { return }
    let activated = run.inside.activated.prefix(rows)
    gatedActivation(into: activated, gate: gate, up: up, self.shape.activation)
    for (expert, range) in routing.used {
      multiply(
        experts.downs, expert, into: run.isRerun ? nil : output.rows(range),
        activated.rows(range), saved, range)
    }
    if run.isRerun { return }
    scatterAdd(
      output, into: run.residual, rows: routing.tokens,
      factors: routing.sortedShares(times: self.shape.residualScale))
  }

  /// One expert's product over its rows; without `y` only what its adapter leaves for the backward.
  private func multiply(
    _ stack: ExpertStack, _ expert: Int, into y: Matrix?, _ x: Matrix, _ saved: BlockActivations,
    _ rows: Range<Int>
  ) {
    let adapter = adapter(stack.projection, expert: expert)
    let u = adapter.flatMap { expertU($0, stack, saved, rows) }
    if let y {
      linear(into: y, x, stack.weights[expert], adapter, u: u, arithmetic: arithmetic)
    } else if let adapter, let u {
      Tensors.project(into: u, x, adapter.a, scale: adapter.scale)
    }
  }

  private func expertU(
    _ adapter: AdapterPair, _ stack: ExpertStack, _ saved: BlockActivations, _ rows: Range<Int>
  ) -> Matrix? {
    saved.u[stack.projection.rawValue]?.rows(rows)
      .reshaped(rows: rows.count, columns: adapter.rank)
  }

  private func prefetch(_ experts: ExpertWeights, _ expert: Int?) {
    guard let expert, streamsWeights else { return }
    for matrix in [experts.gate[expert], experts.up[expert], experts.down[expert]] {
      matrix.file.prefetch(matrix.fileRange)
    }
  }

  // MARK: - Backward

  /// Through the experts, whose adapters get their gradients, and through the router, which has none.
  func backwardExperts(_ run: Backward, _ shape: ExpertShape) {
    guard let buffers = run.inside.experts, let experts = weights.experts,
      let dInput = buffers.inputGradient, let routing = run.workspace.routings[layer]
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
    for (expert, range) in routing.used {
      downBackward(
        experts.downs, expert, into: dActivated.rows(range), dOutput.rows(range),
        activated.rows(range), Array(shares[range]), run, range)
    }
    // ∂L/∂p_e = ⟨∂y, down_e(a)⟩ = ⟨down_eᵀ ∂y, a⟩: no product more.
    routing.backward(
      into: buffers.logits.prefix(tokens), shareGradients: rowDots(dActivated, activated), shape)
    scaleRows(dActivated, by: shares)
    gatedActivationBackward(
      dgate: gate, dup: up, da: dActivated, gate: gate, up: up, self.shape.activation)
    if adapters?.layout.adaptsExperts == true {
      enter(weights.feedForwardNorm, into: normed, saved.middle)
      input.gather(normed, rows: routing.tokens)
    }
    let dRows = dInput.prefix(rows)
    for (expert, range) in routing.used {
      prefetch(experts, routing.expert(after: expert))
      for (stack, dy) in [(experts.gates, gate), (experts.ups, up)] {
        back(
          stack, expert, into: dRows.rows(range), dy.rows(range), input.rows(range), run, range,
          accumulate: stack.projection == .upExperts)
      }
    }
    multiplyTransposed(into: dNormed, buffers.logits.prefix(tokens), experts.router)
    scatterAdd(
      dRows, into: dNormed, rows: routing.tokens, factors: Array(repeating: 1, count: rows))
    enterBackward(weights.feedForwardNorm, dResidual: dResidual, dNormed: dNormed, saved.middle)
  }

  /// The backward of one expert's product over its rows.
  private func back(
    _ stack: ExpertStack, _ expert: Int, into dx: Matrix, _ dy: Matrix, _ x: Matrix,
    _ run: Backward, _ rows: Range<Int>, accumulate: Bool
  ) {
    let adapter = adapter(stack.projection, expert: expert)
    linearBackward(
      into: dx, dy: dy, x, stack.weights[expert], adapter,
      adapters?.gradient(layer: layer, stack.projection, expert: expert),
      u: adapter.flatMap { expertU($0, stack, run.saved, rows) },
      v: adapter.flatMap { expertV($0, run, rows) }, accumulate: accumulate)
  }

  /// The same for the last product, whose output counts by its shares: `dx` is without them, the adapter's gradients are with
  /// them.
  private func downBackward(
    _ stack: ExpertStack, _ expert: Int, into dx: Matrix, _ dy: Matrix, _ x: Matrix,
    _ shares: [Float], _ run: Backward, _ rows: Range<Int>
  ) {
    guard let adapter = adapter(stack.projection, expert: expert),
      let u = expertU(adapter, stack, run.saved, rows), let v = expertV(adapter, run, rows)
    else {
      multiplyTransposed(into: dx, dy, stack.weights[expert])
      return
    }
    Tensors.project(into: v, dy, adapter.bt, scale: adapter.scale)
    multiplyTransposed(into: dx, dy, stack.weights[expert], adapter: (v, adapter.a))
    guard let gradient = adapters?.gradient(layer: layer, stack.projection, expert: expert) else {
      return
    }
    if let a = gradient.a {
      scaleRows(v, by: shares)
      projectGradient(into: a, v, x)
    }
    scaleRows(dy, by: shares)
    projectGradient(into: gradient.bt, u, dy)
  }

  private func expertV(_ adapter: AdapterPair, _ run: Backward, _ rows: Range<Int>) -> Matrix? {
    run.gradients.projected?.rows(rows).reshaped(rows: rows.count, columns: adapter.rank)
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
