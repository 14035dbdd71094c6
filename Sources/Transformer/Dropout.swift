internal import Tensors

/// Dropout on the inputs of adapters in one step of training: `y = x · Wᵀ + scale · drop(x) · Aᵀ · Bᵀ`, with kept values
/// times 1 / (1 − rate) (Srivastava et al. 2014; PEFT's `lora_dropout`).
///
/// The mask is not stored: it follows from the run's seed, the step, the matrix, the token's place in the step and the
/// column, so that a backward, a block run again, another number of threads and a resumed run all see the same one. Each
/// matrix has a mask of its own, as in PEFT. Validation, starts and generation have none.
public struct Dropout: Sendable, Equatable {
  /// Share of the values that is dropped, 0 to below 1.
  public let rate: Float
  /// Of the run and the step.
  private let key: UInt64
  /// Tokens of the step before this micro-batch.
  public let firstRow: Int

  public init(rate: Float, seed: UInt64, step: Int, firstRow: Int) {
    precondition(rate >= 0 && rate < 1)
    self.rate = rate
    self.firstRow = firstRow
    key = RandomGenerator(seed: seed).stream("dropout").stream(step).seed
  }

  /// Of one matrix.
  private func key(_ layer: Int, _ projection: Projection) -> UInt64 {
    RandomGenerator(seed: key).stream(layer * Projection.indexCount + projection.rawValue).seed
  }

  /// `y = drop(x)`, rows being the tokens of the micro-batch.
  func apply(into y: Matrix, _ x: Matrix, layer: Int, _ projection: Projection) {
    drop(into: y, x, rate: rate, key: key(layer, projection), firstRow: firstRow)
  }

  /// `dx += drop(d)`: the backward, by the same mask.
  func back(into dx: Matrix, _ d: Matrix, layer: Int, _ projection: Projection) {
    drop(
      into: dx, d, rate: rate, key: key(layer, projection), firstRow: firstRow, accumulate: true)
  }
}

extension Block {
  /// Where an adapter's input with values dropped lies meanwhile [tokens, columns].
  private func room(_ inside: InsideBuffers, _ tokens: Int, columns: Int) -> Matrix {
    guard let dropped = inside.dropped else {
      preconditionFailure("a workspace for dropout has room for it")
    }
    return dropped.prefix(tokens).reshaped(rows: tokens, columns: columns)
  }

  // MARK: - Forward

  /// `u = scale · drop(x) · Aᵀ` of a projection that has an adapter, of x itself where nothing is dropped.
  func project(
    _ adapter: AdapterPair, _ projection: Projection, into u: Matrix, _ x: Matrix, _ run: Forward
  ) {
    var input = x
    if let dropout = run.batch.dropout {
      input = room(run.inside, x.rows, columns: x.columns)
      dropout.apply(into: input, x, layer: layer, projection)
    }
    Tensors.project(into: u, input, adapter.a, scale: adapter.scale)
  }

  /// `y = x · Wᵀ + u · Bᵀ` with `u = scale · drop(x) · Aᵀ`.
  func dropping(
    _ projection: Projection, into y: Matrix, _ x: Matrix, _ run: Forward, accumulate: Bool
  ) {
    guard let adapter = adapter(projection), let u = u(run.saved, projection) else {
      return multiply(
        into: y, x, weights[projection], accumulate: accumulate, arithmetic: arithmetic)
    }
    project(adapter, projection, into: u, x, run)
    multiply(
      into: y, x, weights[projection], adapter: (u, adapter.bt), accumulate: accumulate,
      arithmetic: arithmetic)
  }

  // MARK: - Backward

  /// `dx = dy · W + drop(v · A)` with `v = scale · dy · B`; `dA += vᵀ · drop(x)`, `dBᵀ += uᵀ · dy`.
  func droppingBackward(
    _ dropout: Dropout, _ projection: Projection, into dx: Matrix?, dy: Matrix, x: Matrix,
    _ run: Backward, u: Matrix, v: Matrix, accumulate: Bool
  ) {
    guard let adapter = adapter(projection) else { return }
    let room = room(run.inside, x.rows, columns: x.columns)
    Tensors.project(into: v, dy, adapter.bt, scale: adapter.scale)
    if let gradient = adapters?.gradient(layer: layer, projection) {
      if let a = gradient.a {
        dropout.apply(into: room, x, layer: layer, projection)
        projectGradient(into: a, v, room)
      }
      projectGradient(into: gradient.bt, u, dy)
    }
    guard let dx else { return }
    multiplyTransposed(
      into: dx, dy, weights[projection], accumulate: accumulate,
      rounding: rounding(projection, run))
    expand(into: room, v, adapter.a)
    dropout.back(into: dx, room, layer: layer, projection)
  }
}
