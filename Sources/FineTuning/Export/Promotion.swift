public import Inference
public import ModelFiles
public import Tensors

/// Which tensors of a merge get a finer format than the type that was asked for, under a budget of bytes: those whose outputs gain
/// most for each byte.
public struct Promotion {
  /// What one tensor costs in one format.
  struct Choice {
    let format: BlockFormat
    let bytes: Int
    /// Σ ‖(Q − T)·x‖² / Σ ‖T·x‖²: the outputs' noise beside their size.
    let noise: Double
  }

  /// By tensor, its own format first, then finer ones.
  private(set) var choices: [String: [Choice]] = [:]

  /// Values of a weight that are rounded at a time.
  private static let chunkLength = 1 << 20

  /// Rounds every adapted weight of blocks to its own format and to finer ones, to find what each costs.
  ///
  /// - Parameters:
  ///   - rounding: at its first block; it is used up.
  ///   - progress: is told the tensor that has been measured, and how many of how many.
  ///
  /// Throws `AdapterError`, `TensorError`, `TrainingError.stopped`.
  public init(
    base: GGUFFile, adapter: Adapter, type: MergeType, rounding: FeedbackRounding,
    stop: StopFlag? = nil, progress: (_ name: String, _ done: Int, _ count: Int) -> Void
  ) throws {
    var plan = try MergePlan(base: base, adapter: adapter, type: type)
    plan.sortByBlock()
    let weights = TunedWeights(base: base, adapter: adapter)
    let entries = plan.entries.filter(\.isAdapted)
    for (index, entry) in entries.enumerated() {
      let tensor = entry.tensor
      guard let own = entry.format, own.hasFeedback,
        let factor = try rounding.factor(of: tensor.name, stop: stop)
      else { continue }
      let formats = [own] + Self.finer(own, columns: tensor.dimensions[0])
      var (lost, size) = ([Double](repeating: 0, count: formats.count), 0.0)
      let matrix = try base.rows(of: tensor)
      for rows in weights.chunks(tensor, valuesAtATime: Self.chunkLength) where !stop.isRaised {
        let values = weights.chunk(tensor, matrix, rows: rows).values
        size += factor.squaredEffect(
          of: DenseMatrix(rows: rows.count, columns: matrix.columns, values: values))
        for (place, format) in formats.enumerated() {
          let base = matrix.format == format ? (matrix, rows.lowerBound) : nil
          lost[place] +=
            Codec.encode(
              values, as: format, columns: matrix.columns, feedback: factor, base: base
            ).error
        }
      }
      if stop.isRaised { throw TrainingError.stopped }
      choices[tensor.name] = zip(formats, lost).map { format, lost in
        Choice(
          format: format,
          bytes: tensor.elementCount / tensor.dimensions[0]
            * format.rowByteCount(tensor.dimensions[0]), noise: lost / max(size, 1e-30))
      }
      progress(tensor.name, index + 1, entries.count)
    }
  }

  /// Weights that were measured.
  public var count: Int { choices.count }

  init(choices: [String: [Choice]]) { self.choices = choices }

  /// The formats of the tensors that are promoted, with at most `budget` bytes more than without: step by step the one that
  /// gains most for each byte among those that still fit.
  public func formats(budget: Int) -> [String: BlockFormat] {
    var left = budget
    var places = choices.mapValues { _ in 0 }
    while true {
      var best: (name: String, place: Int, gain: Double)?
      for name in choices.keys.sorted() {
        guard let own = choices[name], let now = places[name] else { continue }
        for place in own.indices.dropFirst(now + 1) {
          let bytes = own[place].bytes - own[now].bytes
          guard bytes > 0, bytes <= left else { continue }
          let gain = (own[now].noise - own[place].noise) / Double(bytes)
          if gain > best?.gain ?? 0 { best = (name, place, gain) }
        }
      }
      guard let best, let own = choices[best.name], let now = places[best.name] else { break }
      left -= own[best.place].bytes - own[now].bytes
      places[best.name] = best.place
    }
    return places.filter { $0.value > 0 }.compactMapValues { $0 }.reduce(into: [:]) {
      $0[$1.key] = choices[$1.key]?[$1.value].format
    }
  }

  /// Formats with more bits than `format` that rows of this length can have.
  private static func finer(_ format: BlockFormat, columns: Int) -> [BlockFormat] {
    let ladder: [BlockFormat] =
      columns % 256 == 0 ? [.q4_K, .q5_K, .q6_K, .q8_0] : [.q4_1, .q5_1, .q8_0]
    return ladder.filter { $0.bitsPerValue > format.bitsPerValue }
  }
}
