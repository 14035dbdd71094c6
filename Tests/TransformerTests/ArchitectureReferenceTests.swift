import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// Every architecture against transformers, on tiny models of random weights with all of its features on. The engine agrees to
/// about 1e-6 in float32; the bounds leave room for other instruction sets' order of sums.
@Suite
struct ArchitectureReferenceTests {
  /// Largest error of float32 logits, as a share of the largest logit.
  private static let logits = 1e-4
  /// Nats.
  private static let loss = 1e-4
  /// Relative error of the norm of a hidden state.
  private static let hidden = 1e-5
  /// Relative error of the norm of a gradient, and error of its values as a share of the largest.
  private static let gradient = 1e-4
  /// Nats, of the mean and as root mean square over the targets: rounding to bfloat16 makes 0.005 and 0.02.
  private static let roundedMean = 0.02
  private static let roundedSpread = 0.12

  @Test func everyArchitectureHasATinyModel() throws {
    let names = try FileManager.default.contentsOfDirectory(
      atPath: TestFiles.root.appendingPathComponent("Tests/Fixtures/architectures").path)
    #expect(TinyModels.fixtures.count == names.count { $0.hasSuffix(".json") })
    let covered = Set(TinyModels.all.map(\.numbers.architecture))
    #expect(covered == Set(Architecture.all.map(\.name)))
    for model in TinyModels.all {
      #expect(model.numbers.sequences.count == 2, "\(model.name)")
      let found = try model.file().metadata.string("general.architecture")
      #expect(found == model.numbers.architecture)
    }
  }

  @Test(arguments: TinyModels.all, [Checkpointing.keepProducts, .recompute])
  func floatForwardAndBackwardAgree(tiny: TinyModel, checkpointing: Checkpointing) throws {
    let model = try Model(tiny.file())
    for sequence in tiny.numbers.sequences {
      try check(model, sequence, checkpointing)
    }
  }

  @Test(arguments: TinyModels.all)
  func bfloatLikelihoodsStayClose(tiny: TinyModel) throws {
    let model = try Model(tiny.file())
    for sequence in tiny.numbers.sequences {
      let losses = try losses(model, sequence.ids, .bfloat16)
      let differences = zip(losses, sequence.nllPerTarget).map { Double($0) - $1 }
      let count = Double(differences.count)
      let mean = differences.reduce(0, +) / count
      let spread = (differences.reduce(0) { $0 + $1 * $1 } / count).squareRoot()
      #expect(abs(mean) < Self.roundedMean && spread < Self.roundedSpread, "\(mean), \(spread)")
      #expect(spread > 1e-5, "nothing was rounded")
    }
  }

  @Test(arguments: TinyModels.all)
  func quantizedLikelihoodsAgree(tiny: TinyModel) throws {
    let model = try Model(tiny.roundedFile())
    for sequence in tiny.numbers.sequences {
      check(
        try losses(model, sequence.ids, .float32), try #require(sequence.q80), "Q8_0")
    }
  }

  // MARK: - The shared folder's numbers

  private static let sharedNames: [String] = {
    let folder = TestFiles.shared("reference/architectures").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".gguf") && names.contains("\($0.dropLast(5)).json") }
      .map { String($0.dropLast(5)) }.sorted()
  }()

  @Test(.enabled(if: !sharedNames.isEmpty), arguments: sharedNames)
  func sharedNumbersAgree(name: String) throws {
    let folder = TestFiles.shared("reference/architectures")
    let path = folder.appendingPathComponent(name).path
    let numbers = try ReferenceNumbers.shared(
      contentsOf: folder.appendingPathComponent("\(name).json"))
    let (exact, rounded) = (
      try Model(GGUFFile(path: "\(path).gguf")), try Model(GGUFFile(path: "\(path)-q8_0.gguf"))
    )
    for checkpointing in [Checkpointing.keepProducts, .recompute] {
      for sequence in numbers.exact { try check(exact, sequence, checkpointing) }
      for sequence in numbers.rounded { try check(rounded, sequence, checkpointing) }
    }
  }

  // MARK: - Comparison

  private func check(
    _ model: Model, _ sequence: ReferenceNumbers.Sequence, _ checkpointing: Checkpointing
  ) throws {
    var model = model
    model.prepare(forSequencesOf: sequence.ids.count)
    let layers = model.configuration.layerCount
    let batch = TokenBatch([TokenSequence(allTargets: sequence.ids)])
    let tokens = batch.tokenCount
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(tokens: tokens, storage: .float32, rank: 0, checkpointing: checkpointing))

    try #require(sequence.hiddenFro.count == layers + 1)
    model.embed(batch.ids, workspace)
    for layer in 0...layers {
      let norm = sumOfSquares(model.residual(tokens: tokens, workspace)).squareRoot()
      #expect(
        abs(norm / sequence.hiddenFro[layer] - 1) < Self.hidden,
        "\(tokens) tokens, hidden state \(layer): \(norm) for \(sequence.hiddenFro[layer])")
      if layer < layers { model.forwardBlock(layer, batch, adapters: nil, workspace) }
    }

    let logits = model.logits(rows: [tokens - 1], workspace).array()
    let largest = sequence.lastLogits.map(abs).max() ?? 0
    try #require(logits.count == sequence.lastLogits.count && largest > 0)
    let error = zip(logits, sequence.lastLogits).map { abs(Double($0) - $1) }.max() ?? .infinity
    #expect(error < Self.logits * largest, "\(tokens) tokens, logits: \(error) of \(largest)")

    let losses = model.loss(batch, workspace, gradientWeight: 1 / Float(batch.targetCount))
    check(losses, sequence.likelihood, "\(tokens) tokens")

    var sink = WeightGradients(try Arena("weight gradients", byteCount: 1 << 24))
    for layer in (0..<layers).reversed() {
      try model.backwardBlock(
        layer, batch, adapters: nil, workspace, sink: &sink, needsInput: layer > 0)
    }
    check(sink, sequence.grads, model.configuration)
  }

  private func check(
    _ losses: [Float], _ expected: ReferenceNumbers.Likelihood, _ what: String
  ) {
    #expect(losses.count == expected.nllPerTarget.count)
    let mean = losses.reduce(0) { $0 + Double($1) } / Double(losses.count)
    #expect(abs(mean - expected.meanNll) < Self.loss, "\(what): \(mean), \(expected.meanNll)")
    let error = zip(losses, expected.nllPerTarget).map { abs(Double($0) - $1) }.max() ?? .infinity
    #expect(error < Self.loss, "\(what): a target differs by \(error)")
  }

  /// Every weight that passes a gradient on: all but the router and the experts, which are frozen and have none here.
  private func check(
    _ found: WeightGradients, _ expected: [String: ReferenceNumbers.Gradient],
    _ configuration: ModelConfiguration
  ) {
    let known = expected.filter { !$0.key.contains("_exps.") && !$0.key.contains("_inp.") }
    #expect((known.count < expected.count) == (configuration.experts != nil))
    #expect(found.sums.count == configuration.layerCount * configuration.projections.count)
    // The shared folder leaves some weights out.
    #expect(!known.isEmpty)
    for (name, expected) in known {
      guard let gradient = found.sums[name] else {
        Issue.record("no gradient of \(name)")
        continue
      }
      let norm = sumOfSquares(gradient).squareRoot()
      #expect(
        abs(norm / expected.fro - 1) < Self.gradient, "\(name): \(norm) for \(expected.fro)")
      let errors = expected.rows.enumerated().flatMap { row, values in
        zip(gradient.rows(row..<row + 1).array(), values).map { abs(Double($0) - $1) }
      }
      let error = errors.max() ?? .infinity
      #expect(error < Self.gradient * expected.max, "\(name): \(error) of \(expected.max)")
    }
  }

  private func losses(
    _ model: Model, _ ids: [Int32], _ storage: ElementType
  ) throws -> [Float] {
    var model = model
    model.prepare(forSequencesOf: ids.count)
    let batch = TokenBatch([TokenSequence(allTargets: ids)])
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(tokens: ids.count, storage: storage, rank: 0, checkpointing: nil))
    model.forward(batch, adapters: nil, workspace)
    return model.loss(batch, workspace)
  }
}

/// Gradients of all weights as if they were trained, by the tensors' names.
private struct WeightGradients: LinearGradientSink {
  var sums: [String: Matrix] = [:]
  let arena: Arena

  init(_ arena: Arena) { self.arena = arena }

  mutating func record(layer: Int, projection: Projection, x: Matrix, dy: Matrix) {
    let name = projection.weightName(layer: layer)
    let sum =
      sums[name] ?? arena.allocate(rows: dy.columns, columns: x.columns, type: .float32)
    weightGradient(into: sum, dy, x)
    sums[name] = sum
  }
}
