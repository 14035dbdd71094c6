import Foundation
import Tensors
import Testing

@testable import Inference

@Suite
struct SamplerTests {
  private let logits: [Float] = [0.1, 2, -1, 2, 1, -.infinity, 0.5]

  private func draws(_ options: GenerationOptions, _ count: Int) -> [Int32] {
    var sampler = Sampler(options)
    return (0..<count).map { _ in sampler.next(logits) }
  }

  @Test func temperatureZeroTakesTheFirstMaximum() {
    #expect(draws(GenerationOptions(temperature: 0), 5) == [1, 1, 1, 1, 1])
  }

  @Test func sameSeedSameDraws() {
    let options = GenerationOptions(temperature: 1, topP: 0.9, seed: 7)
    #expect(draws(options, 200) == draws(options, 200))
    var other = options
    other.seed = 8
    #expect(draws(options, 200) != draws(other, 200))
  }

  @Test func nucleusIsTheFewestLikeliestTokensThatReachTopP() {
    let probabilities: [Float] = [0.05, 0.5, 0.02, 0.3, 0.13]
    let logits = probabilities.map { log($0) }
    func kept(_ topP: Float) -> [Int32] {
      Sampler(GenerationOptions(temperature: 1, topP: topP)).candidates(logits)
    }
    #expect(kept(0.4) == [1])
    #expect(kept(0.51) == [1, 3])
    #expect(kept(0.79) == [1, 3])
    #expect(kept(0.81) == [1, 3, 4])
    #expect(kept(0.97) == [1, 3, 4, 0])
    #expect(kept(1) == [0, 1, 2, 3, 4])
  }

  @Test func nucleusComesBeforeTheTemperature() {
    let logits = [Float(0.5), 0.3, 0.2].map { log($0) }
    let hot = Sampler(GenerationOptions(temperature: 50, topP: 0.6))
    #expect(hot.candidates(logits) == [0, 1])
  }

  @Test func topKCutsToTheLikeliest() {
    let sampler = Sampler(GenerationOptions(temperature: 1, topK: 3))
    #expect(sampler.candidates(logits) == [1, 3, 4])
    #expect(Set(draws(GenerationOptions(temperature: 5, topK: 1), 50)) == [1])
  }

  @Test func frequenciesFollowTheSoftmaxAtTheTemperature() {
    let temperature: Float = 2
    let count = 20_000
    let drawn = draws(GenerationOptions(temperature: temperature, seed: 3), count)
    let weights = logits.map { exp(Double($0 / temperature)) }
    let total = weights.reduce(0, +)
    for id in logits.indices {
      let expected = weights[id] / total
      let found = Double(drawn.count { $0 == Int32(id) }) / Double(count)
      // Five standard deviations of a binomial share.
      #expect(abs(found - expected) <= 5 * (expected * (1 - expected) / Double(count)).squareRoot())
    }
  }

  @Test func rowsOfAMatrixAreSampledAsArrays() throws {
    let arena = try Arena("test", byteCount: 1024)
    let matrix = arena.allocate(rows: 2, columns: logits.count, type: .float32)
    matrix.assign(logits.reversed() + logits)
    for temperature in [Float(0), 1] {
      let options = GenerationOptions(temperature: temperature, topP: 0.8, seed: 5)
      var (a, b) = (Sampler(options), Sampler(options))
      for _ in 0..<20 { #expect(a.next(matrix, row: 1) == b.next(logits)) }
    }
  }

  @Test func refusesOptionsThatMeanNothing() {
    for options in [
      GenerationOptions(maxTokens: -1), GenerationOptions(temperature: -0.1),
      GenerationOptions(temperature: .nan), GenerationOptions(topP: 0),
      GenerationOptions(topP: 1.1), GenerationOptions(topK: 0), GenerationOptions(stop: [""]),
    ] {
      #expect(throws: InferenceError.self) { try options.validate() }
    }
    #expect(throws: Never.self) { try GenerationOptions().validate() }
  }
}
