import Tensors

/// Measures the peak of one kind of arithmetic in short runs, to stand between other measurements.
struct PeakMeter {
  let arithmetic: MachinePeak.Arithmetic
  let clock: MeasureClock
  /// Steps that take about the time asked for.
  private let steps: Int

  /// Nil where the tier in use has no such instruction.
  init?(_ arithmetic: MachinePeak.Arithmetic, clock: MeasureClock, seconds: Double = 0.01) {
    self.arithmetic = arithmetic
    self.clock = clock
    guard arithmetic.isAvailable else { return nil }
    var steps = 1024
    while true {
      let time = clock.seconds { _ = MachinePeak.multiplyAdds(arithmetic, steps: steps) }
      if time >= seconds / 2 { break }
      steps *= 2
    }
    self.steps = steps
  }

  /// Operations a second, now.
  func measure() -> Double {
    var operations = 0.0
    let time = clock.seconds { operations = MachinePeak.multiplyAdds(arithmetic, steps: steps) }
    return operations / time
  }

  /// The kind whose peak bounds products of such activations on the tier in use.
  static func limit(_ storage: ElementType) -> MachinePeak.Arithmetic {
    storage == .bfloat16 && Processor.instructionSet.hasBFloat16Product ? .bfloat16 : .float32
  }
}

/// Measures how fast memory is read.
struct ReadMeter {
  private let matrix: Matrix
  private let clock: MeasureClock

  /// Writes `byteCount` bytes, which should be several times the last cache.
  init(clock: MeasureClock, byteCount: Int = 512 << 20) throws {
    let arena = try Arena("bandwidth", byteCount: byteCount)
    matrix = arena.allocate(rows: 1, columns: byteCount / 4, type: .float32)
    matrix.clear()
    self.clock = clock
  }

  /// Bytes a second, now.
  func measure() -> Double {
    var bytes = 0
    let time = clock.seconds { bytes = MachinePeak.read(matrix) }
    return Double(bytes) / time
  }
}
