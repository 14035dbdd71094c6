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
    prefetch(routing.groups(atMost: groupSize).first, [experts.gate, experts.up])
    visit(routing, [experts.gate, experts.up], then: run.isRerun ? [] : [experts.down]) { group in
      multiplyAll(
        group.flatMap { expert, range in
          [
            SeparateProduct(
              into: run.saved.gate.rows(range), input.rows(range), experts.gate[expert]),
            SeparateProduct(into: run.saved.up.rows(range), input.rows(range), experts.up[expert]),
          ]
        })
    }
    if run.isRerun { return }
    let activated = run.inside.activated.prefix(rows)
    gatedActivation(
      into: activated, gate: run.saved.gate.prefix(rows), up: run.saved.up.prefix(rows),
      self.shape.activation)
    visit(routing, [experts.down]) { group in
      multiplyAll(
        group.map { expert, range in
          SeparateProduct(into: output.rows(range), activated.rows(range), experts.down[expert])
        })
    }
    scatterAdd(
      output, into: run.residual, rows: routing.tokens,
      factors: routing.sortedShares(times: self.shape.residualScale))
  }

  // MARK: - Reading

  /// Experts whose products are computed together: all, or, so that others can be read meanwhile, a few.
  private var groupSize: Int { streamsWeights ? 16 : .max }

  /// Runs `body` on groups of the experts that have rows; meanwhile the weights of the next group, or of the first of what
  /// comes `then`, are read.
  private func visit(
    _ routing: ExpertRouting, _ stacks: [[QuantizedMatrix]], then: [[QuantizedMatrix]] = [],
    _ body: ([ExpertRouting.Rows]) -> Void
  ) {
    let groups = routing.groups(atMost: groupSize)
    for (number, group) in groups.enumerated() {
      let isLast = number + 1 == groups.count
      prefetch(isLast ? groups[0] : groups[number + 1], isLast ? then : stacks)
      body(group)
    }
  }

  private func prefetch(_ group: [ExpertRouting.Rows]?, _ stacks: [[QuantizedMatrix]]) {
    guard let group, streamsWeights else { return }
    for stack in stacks {
      for (expert, _) in group { stack[expert].file.prefetch(stack[expert].fileRange) }
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
    prefetch(routing.groups(atMost: groupSize).first, [experts.down])
    visit(routing, [experts.down], then: [experts.gate, experts.up]) { group in
      multiplyTransposedAll(
        group.map { expert, range in
          SeparateProduct(
            into: dActivated.rows(range), dOutput.rows(range), experts.down[expert])
        })
    }
    // ∂L/∂p_e = ⟨∂y, down_e(a)⟩ = ⟨down_eᵀ ∂y, a⟩: no product more.
    routing.backward(
      into: buffers.logits.prefix(tokens), shareGradients: rowDots(dActivated, activated), shape)
    scaleRows(dActivated, by: routing.sortedShares(times: 1))
    gatedActivationBackward(
      dgate: gate, dup: up, da: dActivated, gate: gate, up: up, self.shape.activation)
    let dRows = dInput.prefix(rows)
    visit(routing, [experts.gate, experts.up]) { group in
      multiplyTransposedAll(
        group.map { expert, range in
          SeparateProduct(into: dRows.rows(range), gate.rows(range), experts.gate[expert])
        })
      multiplyTransposedAll(
        group.map { expert, range in
          SeparateProduct(into: dRows.rows(range), up.rows(range), experts.up[expert])
        }, accumulate: true)
    }
    multiplyTransposed(into: dNormed, buffers.logits.prefix(tokens), experts.router)
    scatterAdd(
      dRows, into: dNormed, rows: routing.tokens, factors: Array(repeating: 1, count: rows))
    enterBackward(weights.feedForwardNorm, dResidual: dResidual, dNormed: dNormed, saved.middle)
  }
}

extension ExpertRouting {
  /// An expert and its rows.
  typealias Rows = (expert: Int, rows: Range<Int>)

  /// The experts that have rows, with these, in groups of at most `count`.
  func groups(atMost count: Int) -> [[Rows]] {
    let used: [Rows] = (0..<starts.count - 1).compactMap { expert in
      let rows = starts[expert]..<starts[expert + 1]
      return rows.isEmpty ? nil : (expert, rows)
    }
    let size = min(count, max(used.count, 1))
    return stride(from: 0, to: used.count, by: size).map {
      Array(used[$0..<min($0 + size, used.count)])
    }
  }
}
