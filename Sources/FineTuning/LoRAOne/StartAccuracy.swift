internal import Tensors
public import Transformer

/// How close LoRA-One's randomized SVD comes to an exact one, on the gradient of a real model: evidence, no part of a start.
///
/// The measure is the descent efficiency `⟨Ĝ_r, G⟩ / (‖Ĝ_r‖ ‖[G]_r‖)`, 1 when the rank-r matrix found is as good a direction
/// of descent as the best.
public enum StartAccuracy {
  /// One matrix at one rank.
  public struct Entry: Sendable, Equatable {
    /// Name of the weight.
    public let name: String
    public let rank: Int
    /// 0…1.
    public let efficiency: Double
  }

  /// Decomposes the gradient of every adapted weight as a start does, and exactly (LAPACK, float32).
  ///
  /// - Parameters:
  ///   - trainer: its adapters are left as they are; the gradient is the base's.
  ///   - batches: micro-batches whose mean loss the gradient is of.
  ///   - form: what the randomized SVD reads, dense or factors. Memory: one block's gradients in that form.
  ///   - layers: those to look at; nil for all.
  ///   - body: called for each matrix and rank, from the last block down.
  /// - Throws: `TensorError`, and what `body` throws.
  public static func measure(
    _ trainer: Trainer, batches: [TokenBatch], ranks: [Int], form: GradientForm,
    layers: Set<Int>? = nil, spillDirectory: String, _ body: (Entry) throws -> Void
  ) throws {
    precondition(form != .incremental)
    let configuration = trainer.model.configuration
    let layout = trainer.adapters.layout
    let tokens = batches.reduce(0) { $0 + $1.tokenCount }
    let weight = 1 / Float(max(batches.reduce(0) { $0 + $1.targetCount }, 1))
    let projections = Projection.allCases.filter { projection in
      layout.slots.contains { $0.projection == projection }
    }
    let generator = RandomGenerator(seed: 6)
    let stream = try GradientStream(
      trainer.model, trainer.workspace, layout: layout, batches: batches,
      weights: batches.map { Array(repeating: weight, count: $0.tokenCount) },
      memory: StartMemory(
        configuration, projections, form: form,
        data: MemoryRequest.Start(sequences: batches.count, tokens: tokens),
        storage: trainer.workspace.shape.storage, microTokens: trainer.workspace.shape.tokens,
        rank: layout.rank),
      generator: generator, spillDirectory: spillDirectory)
    while let progress = try stream.advance() {
      guard case .block(let layer) = progress, layers?.contains(layer) ?? true else { continue }
      for (projection, held) in stream.collector.forms.sorted(by: {
        $0.key.rawValue < $1.key.rawValue
      }) {
        let name = projection.weightName(layer: layer)
        switch held {
        case .dense(let g):
          try compare(name, ArenaGradientOperator(g), DenseMatrix(g), ranks, generator, body)
        case .factors(let xs, let ds):
          let (rows, columns) = configuration.shape(of: projection)
          let arena = try Arena("exact gradient", byteCount: 4 * rows * columns)
          let exact = arena.allocate(rows: rows, columns: columns, type: .float32)
          for (x, d) in zip(xs, ds) { weightGradient(into: exact, d, x) }
          let factors = FactorOperator(zip(ds, xs).map { FactorOperator.Factor(d: $0, x: $1) })
          try compare(name, factors, DenseMatrix(exact), ranks, generator, body)
        case .incremental, .broken:
          preconditionFailure("exact forms alone were asked for")
        }
      }
    }
  }

  private static func compare(
    _ name: String, _ measured: some LinearOperator, _ gradient: DenseMatrix<Float>, _ ranks: [Int],
    _ generator: RandomGenerator, _ body: (Entry) throws -> Void
  ) throws {
    let exact = try LinearAlgebra.singularValues(gradient).values
    for rank in ranks {
      let found = try RandomizedSVD(rank: rank).decompose(
        measured, generator: generator.stream(name))
      let low = found.triplets.product()
      let best = exact.prefix(rank).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      let efficiency =
        low.innerProduct(gradient) / max(low.frobeniusNorm * best, .leastNormalMagnitude)
      try body(Entry(name: name, rank: rank, efficiency: efficiency))
    }
  }
}
