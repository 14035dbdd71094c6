import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

/// Generation over a key-value cache, of every architecture: what is predicted after each token is what one forward over the
/// whole sequence predicts there. Sequences are longer than the windows and the original contexts.
@Suite
struct ArchitectureGenerationTests {
  /// Largest error of a float32 logit, as a share of the largest.
  private static let tolerance: Float = 1e-4

  /// A model and the sequence of its longer numbers.
  private struct Setting {
    let model: Model
    let ids: [Int32]

    init(_ file: GGUFFile, _ tiny: TinyModel) throws {
      var model = try Model(file)
      ids = try #require(tiny.numbers.sequences.last?.ids)
      model.prepare(forSequencesOf: ids.count)
      self.model = model
      for layer in model.configuration.layers {
        #expect(layer.attention.window ?? 0 < ids.count)
      }
      #expect(model.configuration.originalContext ?? 0 < ids.count)
    }

    func workspace(_ storage: ElementType, lossRows: Int) throws -> Workspace {
      try Workspace(
        model.configuration,
        WorkspaceShape(
          tokens: 2 * ids.count, storage: storage, rank: 0, checkpointing: nil,
          lossRows: lossRows))
    }

    /// Logits after each token of `ids`, from one forward.
    func whole(_ ids: [Int32]) throws -> [[Float]] {
      let workspace = try workspace(.float32, lossRows: ids.count)
      model.forward(TokenBatch([TokenSequence(allTargets: ids)]), adapters: nil, workspace)
      let logits = model.logits(rows: Array(ids.indices), workspace)
      return ids.indices.map { logits.rows($0..<$0 + 1).array() }
    }

    /// The same from `Model.extend`, in calls of these lengths.
    func extended(
      by lengths: [Int], _ storage: ElementType = .float32, roundsFew: Bool = false
    ) throws -> [[Float]] {
      let cache = try KeyValueCache(
        model.configuration, slots: 1, capacity: ids.count, storage: storage)
      let workspace = try workspace(storage, lossRows: ids.count)
      var (logits, start) = ([[Float]](), 0)
      for length in lengths {
        let range = start..<start + length
        model.extend(
          ids: Array(ids[range]), slots: Array(repeating: 0, count: length),
          positions: range.map { Int32($0) }, adapters: nil, cache: cache, workspace,
          roundsFew: roundsFew)
        let found = model.logits(
          rows: Array(0..<length), workspace, roundsFew: roundsFew)
        logits += (0..<length).map { found.rows($0..<$0 + 1).array() }
        start += length
      }
      #expect(start == ids.count)
      return logits
    }
  }

  /// The largest difference over all positions, as a share of the largest logit.
  private func distance(_ found: [[Float]], _ expected: [[Float]]) throws -> Float {
    try #require(found.count == expected.count)
    let largest = expected.joined().map(abs).max() ?? 0
    try #require(largest > 0)
    return (zip(found, expected).map { SmallBase.distance($0, $1) }.max() ?? .infinity) / largest
  }

  @Test(arguments: TinyModels.all)
  func tokenByTokenIsOneForward(tiny: TinyModel) throws {
    let setting = try Setting(tiny.file(), tiny)
    let expected = try setting.whole(setting.ids)
    let single = try setting.extended(by: setting.ids.map { _ in 1 })
    #expect(try distance(single, expected) < Self.tolerance)
    // The last logits are also those of the independent implementation.
    let reference = try #require(tiny.numbers.sequences.last).lastLogits.map { Float($0) }
    #expect(try distance([single[setting.ids.count - 1]], [reference]) < Self.tolerance)
  }

  @Test(arguments: TinyModels.all)
  func chunksAreOneForward(tiny: TinyModel) throws {
    let setting = try Setting(tiny.file(), tiny)
    let expected = try setting.whole(setting.ids)
    // Chunks that end before, at and behind the ends of windows, and one that is longer than all windows.
    for lengths in [[7, 1, 4, 1, 20], [16, 16, 2], [1, 40]] {
      let rest = setting.ids.count - lengths.reduce(0, +)
      #expect(
        try distance(setting.extended(by: lengths + [rest]), expected) < Self.tolerance,
        "\(lengths)")
    }
  }

  @Test(arguments: TinyModels.all)
  func slotsSideBySideDoNotDisturbEachOther(tiny: TinyModel) throws {
    let setting = try Setting(tiny.file(), tiny)
    let (model, first) = (setting.model, setting.ids)
    let second = Array(first.reversed().prefix(first.count - 3))
    let expected = try [setting.whole(first), setting.whole(second)]
    let cache = try KeyValueCache(
      model.configuration, slots: 2, capacity: first.count, storage: .float32)
    let workspace = try setting.workspace(.float32, lossRows: 2)
    // Slot 1 begins when slot 0 is well ahead; both advance by lengths of their own.
    var done = [0, 0]
    var turn = 0
    while done[0] < first.count || done[1] < second.count {
      var (ids, slots, positions, ends): ([Int32], [Int32], [Int32], [(slot: Int, row: Int)]) =
        ([], [], [], [])
      for (slot, sequence) in [first, second].enumerated() {
        let length = turn == 0 ? [23, 0][slot] : slot == 0 ? 1 : 1 + turn % 3
        let range = done[slot]..<min(done[slot] + length, sequence.count)
        ids += sequence[range]
        slots += range.map { _ in Int32(slot) }
        positions += range.map { Int32($0) }
        done[slot] = range.upperBound
        if !range.isEmpty { ends.append((slot, ids.count - 1)) }
      }
      model.extend(
        ids: ids, slots: slots, positions: positions, adapters: nil, cache: cache, workspace)
      let logits = model.logits(rows: ends.map(\.row), workspace)
      for (index, end) in ends.enumerated() {
        let found = logits.rows(index..<index + 1).array()
        let error = try distance([found], [expected[end.slot][done[end.slot] - 1]])
        #expect(error < Self.tolerance, "slot \(end.slot) at \(done[end.slot])")
      }
      turn += 1
    }
  }

  /// Rounding inputs to 8-bit integers and everything to bfloat16 changes what is predicted a little.
  @Test(arguments: TinyModels.all)
  func roundedPredictionsStayClose(tiny: TinyModel) throws {
    let setting = try Setting(tiny.roundedFile(), tiny)
    let single = setting.ids.map { _ in 1 }
    let exact = try setting.extended(by: single)
    let stored = try setting.extended(by: single, .bfloat16)
    let rounded = try setting.extended(by: single, .bfloat16, roundsFew: true)
    #expect(rounded != stored, "nothing was rounded")
    // Measured: at most 0.045 and 0.11, where the logits' standard deviation is one.
    #expect(try spread(stored, exact) < 0.1)
    #expect(try spread(rounded, exact) < 0.2)
    // float32 storage is never rounded.
    #expect(try setting.extended(by: single, roundsFew: true) == exact)
  }

  /// Root mean square of the difference of the logarithms of the probabilities of each next token, nats.
  private func spread(_ found: [[Float]], _ expected: [[Float]]) throws -> Double {
    try #require(found.count == expected.count)
    func normalizer(_ logits: [Float]) -> Double {
      log(logits.reduce(0.0) { $0 + exp(Double($1)) })
    }
    var (sum, count) = (0.0, 0)
    for (x, y) in zip(found, expected) {
      let shift = normalizer(x) - normalizer(y)
      for (a, b) in zip(x, y) {
        let difference = Double(a) - Double(b) - shift
        sum += difference * difference
        count += 1
      }
    }
    return (sum / Double(count)).squareRoot()
  }
}
