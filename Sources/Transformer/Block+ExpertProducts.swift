internal import Tensors

// The products of experts, in groups, with the adapters that they have, and the reading of their weights.

/// One of the three stacks of an expert's weights.
struct ExpertStack {
  let projection: Projection
  let weights: [QuantizedMatrix]
}

extension ExpertWeights {
  var gates: ExpertStack { ExpertStack(projection: .gateExperts, weights: gate) }
  var ups: ExpertStack { ExpertStack(projection: .upExperts, weights: up) }
  var downs: ExpertStack { ExpertStack(projection: .downExperts, weights: down) }
}

extension Block {
  /// Whether the experts of a stack have adapters.
  func adapts(_ stack: ExpertStack) -> Bool { adapter(stack.projection, expert: 0) != nil }

  // MARK: - Forward

  /// The products of a group of experts over their rows of x, into those of y; where they have adapters, u = scale · x · Aᵀ is
  /// made and kept for the backward.
  func products(
    _ stack: ExpertStack, _ group: [ExpertRouting.Rows], into y: Matrix, _ x: Matrix,
    _ saved: BlockActivations
  ) -> [SeparateProduct] {
    group.map { expert, rows in
      guard let adapter = adapter(stack.projection, expert: expert),
        let u = keptU(adapter, stack, saved, rows)
      else { return SeparateProduct(into: y.rows(rows), x.rows(rows), stack.weights[expert]) }
      Tensors.project(into: u, x.rows(rows), adapter.a, scale: adapter.scale)
      return SeparateProduct(
        into: y.rows(rows), x.rows(rows), stack.weights[expert], adapter: (u, adapter.bt))
    }
  }

  private func keptU(
    _ adapter: AdapterPair, _ stack: ExpertStack, _ saved: BlockActivations, _ rows: Range<Int>
  ) -> Matrix? {
    saved.u[stack.projection.rawValue]?.rows(rows)
      .reshaped(rows: rows.count, columns: adapter.rank)
  }

  // MARK: - Backward

  /// `dx = dy · W + v · A` with `v = scale · dy · B` for a group of experts over their rows, then the gradients of their
  /// adapters. x is read where there are adapters alone.
  ///
  /// - Parameter shares: of each row in the output; the adapters' gradients are of dy times these, dx is of dy. dy is
  ///   multiplied in place where there are adapters.
  func back(
    _ stack: ExpertStack, _ group: [ExpertRouting.Rows], into dx: Matrix, _ dy: Matrix,
    _ x: Matrix, _ run: Backward, accumulate: Bool = false, shares: [Float]? = nil
  ) {
    typealias Adapted = (expert: Int, rows: Range<Int>, u: Matrix, v: Matrix)
    var adapted: [Adapted] = []
    let products = group.map { expert, rows in
      guard let adapter = adapter(stack.projection, expert: expert),
        let u = keptU(adapter, stack, run.saved, rows),
        let v = run.gradients.projected?.rows(rows)
          .reshaped(rows: rows.count, columns: adapter.rank)
      else { return SeparateProduct(into: dx.rows(rows), dy.rows(rows), stack.weights[expert]) }
      Tensors.project(into: v, dy.rows(rows), adapter.bt, scale: adapter.scale)
      adapted.append((expert, rows, u, v))
      return SeparateProduct(
        into: dx.rows(rows), dy.rows(rows), stack.weights[expert], adapter: (v, adapter.a))
    }
    multiplyTransposedAll(products, accumulate: accumulate)
    for (expert, rows, u, v) in adapted {
      guard
        let gradient = adapters?.gradient(layer: layer, stack.projection, expert: expert)
      else { continue }
      let dy = dy.rows(rows)
      if let shares {
        scaleRows(dy, by: Array(shares[rows]))
        scaleRows(v, by: Array(shares[rows]))
      }
      if let a = gradient.a { projectGradient(into: a, v, x.rows(rows)) }
      projectGradient(into: gradient.bt, u, dy)
    }
  }

  // MARK: - Reading

  /// Experts whose products are computed together: all, or, so that others can be read meanwhile, a few.
  var groupSize: Int { streamsWeights ? 16 : .max }

  /// Runs `body` on groups of the experts that have rows; meanwhile the weights of the next group, or of the first of what
  /// comes `then`, are read.
  func visit(
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

  func prefetch(_ group: [ExpertRouting.Rows]?, _ stacks: [[QuantizedMatrix]]) {
    guard let group, streamsWeights else { return }
    for stack in stacks {
      for (expert, _) in group { stack[expert].file.prefetch(stack[expert].fileRange) }
    }
  }
}
