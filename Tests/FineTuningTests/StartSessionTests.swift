import Foundation
import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

@Suite struct StartSessionTests {
  /// The inputs of every projection, as a backward sees them, not as EVA's stream does.
  private func inputs(_ small: SmallStart) throws -> [String: DenseMatrix<Float>] {
    let tokens = small.batches.reduce(0) { $0 + $1.tokenCount }
    let stream = try GradientStream(
      small.model, small.trainer.workspace, layout: small.layout, batches: small.batches,
      weights: InitializationLoss.tokens.weights(small.batches),
      memory: StartMemory(
        small.model.configuration, small.layout.projections, form: .factors,
        data: MemoryRequest.Start(sequences: 5, tokens: tokens),
        storage: small.trainer.workspace.shape.storage, microTokens: 64, rank: 4),
      generator: RandomGenerator(seed: 1), spillDirectory: NSTemporaryDirectory())
    var found: [String: DenseMatrix<Float>] = [:]
    while let progress = try stream.advance() {
      guard case .block(let layer) = progress else { continue }
      for (projection, form) in stream.collector.forms {
        guard case .factors(let xs, _) = form else { continue }
        let all = xs.map { DenseMatrix<Float>($0) }
        found[projection.weightName(layer: layer)] = all.dropFirst().reduce(all[0]) {
          $0.appendingRows($1)
        }
      }
    }
    return found
  }

  @Test(
    "EVA's A spans the leading right singular vectors of each layer's inputs",
    arguments: [ElementType.float32, .bfloat16])
  func evaSpansTheInputs(storage: ElementType) throws {
    let small = try SmallStart(storage: storage)
    let report = try small.report(.eva)
    let pairs = Dictionary(
      uniqueKeysWithValues: small.layout.slots.map {
        (
          $0.projection.weightName(layer: $0.layer),
          (slot: $0, values: small.trainer.adapters.values($0))
        )
      })
    let inputs = try inputs(small)
    #expect(inputs.count == 28 && report.matrices.count == 28)
    for entry in report.matrices {
      let x = try #require(inputs[entry.name])
      let pair = try #require(pairs[entry.name])
      let a = DenseMatrix<Float>(
        rows: pair.slot.rank, columns: pair.slot.in, values: pair.values.a)
      let exact = try LinearAlgebra.singularValues(x).values
      let best = exact.prefix(4).reduce(0) { $0 + Double($1) * Double($1) }
      // A's rows are orthonormal, and as much of X lies in their span as in the best one.
      let gram = a.gramOfRows()
      #expect(gram.adding(DenseMatrix(diagonal: [1, 1, 1, 1]), times: -1).frobeniusNorm < 1e-4)
      let held = x.times(a, transposeOther: true).sumOfSquares
      #expect(held > 0.999 * best, "\(entry.name): \(held) of \(best)")
      #expect(abs(entry.capturedShare - best / x.sumOfSquares) < 1e-3)
      // The stream sees the inputs before they are rounded for the backward.
      let tolerance = storage == .float32 ? 1e-4 : 3e-3
      #expect(abs(entry.frobeniusNorm / x.frobeniusNorm - 1) < tolerance)
      #expect(abs(Double(entry.singularValues[0] / exact[0]) - 1) < tolerance)
      #expect(pair.values.bt.allSatisfy { $0 == 0 } && entry.startNorm == 0)
    }
  }

  @Test("EVA runs no backward: the loss is the base's, and no gradient is touched")
  func evaIsForwardOnly() throws {
    let small = try SmallStart()
    let base = small.trainer.validate(small.batches, withAdapters: false)
    let session = try small.session(.eva)
    let gradient = small.model.residualGradient(tokens: 30, small.trainer.workspace)
    gradient.assign([Float](repeating: 7, count: gradient.rows * gradient.columns))
    while try session.advance() != nil {}
    #expect(gradient.array().allSatisfy { $0 == 7 })
    let report = session.report()
    let before = try #require(report.lossBefore)
    #expect(abs(before - base) < 1e-6 && report.lossAfter == before)
  }

  @Test("EVA from leading parts finds nearly what the exact forms find")
  func evaInFixedMemory() throws {
    let small = try SmallStart()
    let exact = try small.report(.eva)
    let leading = try small.report(.eva, room: 0)
    for (x, y) in zip(exact.matrices, leading.matrices) {
      #expect(abs(Double(y.singularValues[0] / x.singularValues[0]) - 1) < 0.02, "\(x.name)")
    }
  }

  @Test("The loss after the start is that of the adapters in place, for every start")
  func lossAfterIsThatOfTheStart() throws {
    let small = try SmallStart()
    let base = small.trainer.validate(small.batches, withAdapters: false)
    for initialization in AdapterInitialization.allCases {
      let report = try small.report(initialization)
      guard initialization.looksAtData else {
        #expect(report.lossBefore == nil && report.sequences == 0)
        continue
      }
      let after = small.trainer.validate(small.batches)
      let (found, foundAfter) = (try #require(report.lossBefore), try #require(report.lossAfter))
      #expect(abs(found - base) < 1e-5 && abs(foundAfter - after) < 1e-5, "\(initialization)")
      #expect((abs(after - base) < 1e-9) == initialization.leavesModelUnchanged)
      #expect(report.sequences == 5 && report.tokens == 91)
    }
  }

  @Test(
    "A line search never ends above the base, and its loss is that of the adapters in place",
    arguments: [Float(128), 1, 1e-30])
  func lineSearchBeatsTheBaseOrDoesNothing(gamma: Float) throws {
    let small = try SmallStart()
    let fixed = try small.report(.loraOne, gamma: gamma)
    let report = try small.report(.loraOne, scale: .linesearch, gamma: gamma)
    let (before, after) = (try #require(report.lossBefore), try #require(report.lossAfter))
    let unsearched = try #require(fixed.lossAfter)
    #expect(after <= before && (after <= unsearched + 1e-6 || unsearched.isNaN))
    #expect(abs(small.trainer.validate(small.batches) - after) < 1e-5)
    #expect(report.lineSearch?.contains { $0.gamma == gamma } == true)
    if gamma == 1e-30 {
      // Sixty-four times smaller still overflows.
      #expect(report.chosenGamma == nil && after == before)
      for slot in small.layout.slots {
        let values = small.trainer.adapters.values(slot)
        #expect(values.bt.allSatisfy { $0 == 0 } && values.a.contains { $0 != 0 })
      }
      #expect(report.matrices.allSatisfy { $0.startNorm == 0 })
    } else {
      let chosen = try #require(report.chosenGamma)
      let norm = 16 / (Double(chosen) * 2)
      #expect(report.matrices.allSatisfy { abs($0.startNorm / norm - 1) < 1e-5 })
    }
  }

  @Test("The theory's scale is as large as the gradient")
  func theoryScaleIsTheGradient() throws {
    let small = try SmallStart()
    for entry in try small.report(.loraOne, scale: .theory).matrices {
      #expect(abs(entry.startNorm / (8 * Double(entry.singularValues[0])) - 1) < 1e-5)
    }
  }

  @Test("The loss per sequence is the mean of the sequences' means")
  func perSequenceIsTheMeanOfMeans() throws {
    let small = try SmallStart(lengths: [[30], [11], [24], [7]])
    let means = small.batches.map { small.trainer.validate([$0], withAdapters: false) }
    let report = try small.report(.loraOne, loss: .perSequence)
    let (found, foundAfter) = (try #require(report.lossBefore), try #require(report.lossAfter))
    #expect(abs(found - means.reduce(0, +) / 4) < 1e-5)
    let after = small.batches.map { small.trainer.validate([$0]) }
    #expect(abs(foundAfter - after.reduce(0, +) / 4) < 1e-5)
    #expect(report.loss == .perSequence)
    #expect(
      abs(small.trainer.validate(small.batches, withAdapters: false) - means.reduce(0, +) / 4)
        > 1e-4)
  }

  @Test("The gradient per sequence is that of tokens where short sequences are repeated")
  func perSequenceWeighsTheGradient() throws {
    let small = try SmallStart(lengths: [[31], [11]])
    let (long, short) = (small.batches[0], small.batches[1])
    let perSequence = try small.report(.loraOne, loss: .perSequence)
    // 30 targets against 3 times 10.
    let repeated = try small.report(.loraOne, batches: [long, short, short, short])
    let plain = try small.report(.loraOne)
    func distance(_ x: StartReport, _ y: StartReport) -> Double {
      zip(x.matrices, y.matrices).map { abs($0.frobeniusNorm / $1.frobeniusNorm - 1) }.max() ?? 0
    }
    #expect(distance(perSequence, repeated) < 0.01)
    #expect(distance(perSequence, plain) > 0.05)
  }

  @Test("Ranks that do not fit are clamped, with one notice for all")
  func clampedRanksAreSummedUp() throws {
    let small = try SmallStart(rank: 48)
    let report = try small.report(.loraOne)
    #expect(
      report.clampNotice
        == "8 of 28 matrices are too narrow for rank 48 and get rank 32")
    #expect(try SmallStart(rank: 8).report(.gaussian).clampNotice == nil)
  }

  @Test("The report is snake-case JSON that reads back, with a summary of each layer")
  func reportReadsBack() throws {
    let report = try SmallStart().report(.loraOne, scale: .linesearch)
    let bytes = try JSONEncoder.scion.encode(report)
    #expect(try JSONDecoder.scion.decode(StartReport.self, from: bytes) == report)
    let text = String(decoding: bytes, as: UTF8.self)
    for key in ["loss_before", "loss_after", "chosen_gamma", "line_search", "init_loss", "layers"] {
      #expect(text.contains("\"\(key)\":"), "\(key)")
    }
    #expect(report.layers.map(\.layer) == [0, 1, 2, 3])
    let first = report.matrices.prefix(7).map(\.capturedShare).reduce(0, +) / 7
    #expect(abs(report.layers[0].capturedShare - first) < 1e-12)
  }

  @Test("Experts are picked anew for each micro-batch: data cut into several give the same start")
  func expertsOfSeveralMicroBatches() throws {
    let small = try SmallStart(
      lengths: [[10, 11], [12], [7, 9]], storage: .float32, experts: .init(count: 6, used: 2))
    let whole = TokenBatch(
      small.batches.flatMap { batch in
        zip(batch.starts, batch.starts.dropFirst()).map { start, end in
          TokenSequence(allTargets: Array(batch.ids[Int(start)..<Int(end)]))
        }
      })
    let (parts, one) = (try small.report(.loraOne), try small.report(.loraOne, batches: [whole]))
    #expect(parts.matrices.count == 16)
    for (a, b) in zip(parts.matrices, one.matrices) {
      let (found, expected) = (a.singularValues[0], b.singularValues[0])
      #expect(expected > 0 && abs(found / expected - 1) < 1e-3, "\(a.name): \(found), \(expected)")
    }
  }
}
