import Foundation
import ModelFiles
import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

/// LoRA-One's start on the real model against an independent implementation: the gradient of 8 sequences of 1024 tokens in
/// fp32 (PyTorch), norms and leading singular values of all 210 weights. Skipped where model or reference is missing.
@Suite(.serialized, .tags(.realModel))
struct LoRAOneReferenceTests {
  struct Gradients: Decodable {
    let norms: [String: Double]
    let singularValues: [String: [Double]]

    enum CodingKeys: String, CodingKey {
      case norms = "grad_norm"
      case singularValues = "top8_singular_values"
    }
  }

  @Test(.enabled(if: TestFiles.hasRealModel && TestFiles.hasShared))
  func startAgreesWithTheReference() throws {
    let samples = try JSONDecoder().decode(
      [[Int32]].self, from: Data(contentsOf: TestFiles.shared("reference/lora_one_samples.json")))
    let gradients = try JSONDecoder().decode(
      Gradients.self, from: Data(contentsOf: TestFiles.shared("reference/lora_one_grads.json")))
    let model = try Model(GGUFFile(path: TestFiles.realModel))
    let layout = AdapterLayout(model.configuration, rank: 8, alpha: 16, rankStabilized: true)
    var request = MemoryRequest(
      model, layout, storage: .float32, fileBytes: 98_362_432, longest: 1024, stepTokens: 8192)
    request.start = MemoryRequest.Start(sequences: 8, tokens: 8192)
    let plan = try MemoryPlan(request)
    let trainer = try Trainer(model, layout, plan: plan, clip: 1)
    let start = try StartSession(
      trainer,
      initializer: AdapterInitializer(
        .loraOne, generator: RandomGenerator(seed: 1)),
      data: InitializationData(samples.map { TokenBatch([TokenSequence(allTargets: $0)]) }),
      memory: plan.start,
      spillDirectory: FileManager.default.temporaryDirectory.path)
    while try start.advance() != nil {}
    let report = start.report()
    #expect(abs(try #require(report.lossBefore) - 1.738199) < 1e-3)
    #expect(report.matrices.count == 210)
    for matrix in report.matrices {
      let parts = matrix.name.split(separator: ".")
      let projection = try #require(
        Projection.allCases.first { $0.tensorName == String(parts[2]) })
      let name = "model.layers.\(parts[1]).\(projection.modulePath).weight"
      let norm = try #require(gradients.norms[name])
      #expect(abs(matrix.frobeniusNorm / norm - 1) < 0.01, "\(name): \(matrix.frobeniusNorm)")
      for (value, expected) in zip(
        matrix.singularValues, gradients.singularValues[name] ?? [])
      {
        #expect(abs(Double(value) / expected - 1) < 0.02, "\(name): \(value) against \(expected)")
      }
      #expect(abs(matrix.startNorm - 16 / (128 * 8.0.squareRoot())) < 1e-5)
    }
  }
}
