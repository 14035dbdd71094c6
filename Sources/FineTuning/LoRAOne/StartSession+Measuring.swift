internal import Tensors
internal import Transformer

// What the starts measure, block by block, and what becomes of it: pairs in place, reports, and a block on the disk.

extension StartSession {
  /// Measures the next piece; nil when all pairs are in place.
  func measure() throws -> Progress? {
    switch stream {
    case nil: return try drawPairs()
    case .gradient(let stream): return try measure(stream)
    case .inputs(let stream): return try measure(stream)
    }
  }

  /// Pairs of random numbers alone, where nothing is measured; nil when they are there.
  private func drawPairs() throws -> Progress? {
    guard reports.isEmpty else { return nil }
    for slot in trainer.adapters.layout.slots {
      if stop.isRaised { throw TrainingError.stopped }
      let matrix = describe(slot)
      let start = try initializer.start(of: matrix)
      place(start, slot)
      reports.append(AdapterStartReport(matrix, initializer.initialization, start, nil))
    }
    return Progress(
      fraction: initializer.initialization.leavesModelUnchanged ? 1 : 0,
      activity: "adapters drawn")
  }

  private func measure(_ stream: GradientStream) throws -> Progress? {
    guard let progress = try stream.advance() else { return nil }
    let passes = measuredPasses
    let layers = trainer.model.configuration.layerCount
    // The blocks that are left begin where an earlier start ended.
    let top = resumesBelow ?? layers
    func share(_ blocks: Double) -> Double {
      (1 + (passes.measuring - 1) * blocks / Double(max(top, 1))) / passes.all
    }
    switch progress {
    case .forward(let done, let count):
      return Progress(
        fraction: Double(done) / Double(count) / passes.all, activity: "forward \(done)/\(count)")
    case .backward(let layer, let done, let count):
      return Progress(
        fraction: share(Double(top - 1 - layer) + Double(done) / Double(count)),
        activity: "gradient of block \(layer)")
    case .block(let layer):
      try decompose(layer, stream)
      return Progress(
        fraction: share(Double(top - layer)), activity: "block \(layer) decomposed")
    }
  }

  private func measure(_ stream: InputStream) throws -> Progress? {
    guard let progress = try stream.advance() else { return nil }
    let passes = measuredPasses
    let layers = Double(trainer.model.configuration.layerCount)
    func share(_ blocks: Double) -> Double { passes.measuring * blocks / layers / passes.all }
    switch progress {
    case .forward(let layer, let done, let count):
      return Progress(
        fraction: share(Double(layer) + Double(done) / Double(count)),
        activity: "inputs of block \(layer)")
    case .block(let layer):
      try decompose(layer, stream)
      return Progress(fraction: share(Double(layer + 1)), activity: "block \(layer) decomposed")
    }
  }

  private typealias Made = (
    slot: AdapterSlot, found: (start: AdapterStart, report: AdapterStartReport)
  )

  private func decompose(_ layer: Int, _ stream: GradientStream) throws {
    let measured = Projection.allCases.compactMap { projection in
      trainer.adapters.slot(layer: layer, projection).flatMap { slot in
        stream.collector.forms[projection].map { (slot: slot, matrix: describe(slot), form: $0) }
      }
    }.sorted { $0.slot.out * $0.slot.in > $1.slot.out * $1.slot.in }  // The last to end are small.
    let (initializer, stop) = (initializer, stop)
    typealias Found = Result<(start: AdapterStart, report: AdapterStartReport), any Error>
    let found: [Found] = sideBySide(measured.count, atMost: stream.memory.sideBySide) { index in
      let (_, matrix, form) = measured[index]
      if stop.isRaised { return .failure(TrainingError.stopped) }
      return Result {
        switch form {
        case .dense(let g):
          try initializer.start(of: matrix, from: ArenaGradientOperator(g))
        case .incremental(let gradient):
          try initializer.start(of: matrix, from: gradient.gradient)
        case .broken:
          try initializer.start(of: matrix, found: nil)
        case .factors(let xs, let ds):
          try initializer.start(
            of: matrix,
            from: FactorOperator(zip(ds, xs).map { FactorOperator.Factor(d: $0, x: $1) }))
        }
      }
    }
    let made: [Made] = try zip(measured, found).map { ($0.slot, try $1.get()) }
    try finish(
      layer, made, loss: stream.loss,
      gradient: stream.canResume(below: layer) ? { try stream.visitGradients($0) } : nil)
  }

  private func decompose(_ layer: Int, _ stream: InputStream) throws {
    let measured = Projection.allCases.compactMap { leader in
      stream.collector.forms[leader].flatMap { form in
        let slots = Projection.allCases.filter { $0.inputLeader == leader }
          .compactMap { trainer.adapters.slot(layer: layer, $0) }
        return slots.max(by: { $0.rank < $1.rank }).map {
          (leader: leader, slots: slots, matrix: describe($0), form: form)
        }
      }
    }
    let (initializer, stop) = (initializer, stop)
    typealias Found = Result<RandomizedSVD.Result?, any Error>
    let found: [Found] = sideBySide(measured.count, atMost: stream.memory.sideBySide) { index in
      let (_, _, matrix, form) = measured[index]
      if stop.isRaised { return .failure(TrainingError.stopped) }
      return Result {
        switch form {
        case .dense(let sum):
          try initializer.decompose(ArenaGradientOperator(sum), for: matrix)
        case .incremental(let sum):
          try initializer.decompose(sum.gradient, for: matrix)
        case .factors(let xs):
          try initializer.decompose(
            FactorOperator(xs.map { FactorOperator.Factor(d: $0, x: $0) }), for: matrix)
        case .broken: nil
        }
      }
    }
    var made: [Made] = []
    for (place, found) in zip(measured, found) {
      let found = try found.get()
      for slot in place.slots {
        made.append(
          (
            slot,
            try initializer.start(
              of: describe(slot), found: found,
              inputNorm: stream.collector.squaredNorms[place.leader])
          ))
      }
    }
    try finish(layer, made, loss: 0, gradient: nil)
  }

  /// Puts a block's pairs in place and stores them.
  private func finish(
    _ layer: Int, _ made: [Made], loss: Double,
    gradient: (((Matrix) throws -> Void) throws -> Void)?
  ) throws {
    for (slot, found) in made {
      place(found.start, slot)
      reports.append(found.report)
    }
    try store?.save(
      layer: layer, reports: made.map(\.found.report),
      pairs: made.map { ($0.found.start.a.values, $0.found.start.bt.values) }, loss: loss,
      gradient: gradient)
  }

  /// Takes over what an earlier start has found for a block.
  func restore(_ layer: Int) {
    guard let block = store?.take(layer) else { return }
    for (report, pair) in zip(block.reports, block.pairs) {
      guard
        let slot = trainer.adapters.layout.slots.first(where: {
          $0.name == report.name
        }), slot.rank == report.rank
      else { continue }
      trainer.adapters.assign(slot, a: pair.a, bt: pair.bt)
      reports.append(report)
    }
    resumedBlocks += 1
  }

  private func place(_ start: AdapterStart, _ slot: AdapterSlot) {
    trainer.adapters.assign(slot, a: start.a.values, bt: start.bt.values)
  }

  private func describe(_ slot: AdapterSlot) -> AdaptedMatrix {
    AdaptedMatrix(
      name: slot.name, rows: slot.out, columns: slot.in,
      rank: slot.rank, scale: trainer.adapters.layout.scale(rank: slot.rank))
  }
}
