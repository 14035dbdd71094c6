import CKernels
import Foundation
import Testing

@testable import Tensors

private let types: [ElementType] = [.float32, .bfloat16]

@Suite(.serialized)
struct LayersTests {
  // MARK: - Root-mean-square normalization

  private func normOracle(_ x: [Double], _ weight: [Float], _ epsilon: Double) -> [Double] {
    let width = weight.count
    return stride(from: 0, to: x.count, by: width).flatMap { start -> [Double] in
      let row = x[start..<start + width]
      let root = (row.reduce(0) { $0 + $1 * $1 } / Double(width) + epsilon).squareRoot()
      return zip(row, weight).map { $0 / root * Double($1) }
    }
  }

  @Test(arguments: Compute.available, [1, 15, 16, 77, 576])
  func normalizationIsTheDefinition(_ isa: Int32, _ width: Int) throws {
    let x = randomFloats(5 * width, seed: 3, scale: 4)
    let weight = randomFloats(width, seed: 4)
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
      let bench = try Bench()
      let y = bench.matrix(5, width, types[to])
      Compute.with(isa: isa) {
        rmsNorm(into: y, bench.matrix(5, width, types[from], x), weight: weight, epsilon: 1e-5)
      }
      let error = relativeError(y.array(), normOracle(x.map(Double.init), weight, 1e-5))
      #expect(error < LayerTolerance.of(types[to]))
      #expect(bench.bordersAreIntact())
    }
  }

  @Test(arguments: Compute.available, [1, 15, 77, 576])
  func normalizationBackwardIsTheDerivative(_ isa: Int32, _ width: Int) throws {
    let x = randomFloats(3 * width, seed: 5, scale: 4)
    let weight = randomFloats(width, seed: 6)
    let dy = randomFloats(3 * width, seed: 7)
    let direction = randomFloats(3 * width, seed: 8)
    func loss(_ sign: Double) -> Double {
      let moved = zip(x, direction).map { Double($0) + sign * 1e-5 * Double($1) }
      return zip(normOracle(moved, weight, 1e-5), dy).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    let numeric = (loss(1) - loss(-1)) / 2e-5
    for type in types {
      let bench = try Bench()
      let before = randomFloats(3 * width, seed: 9)
      let dx = bench.matrix(3, width, .float32, before)
      Compute.with(isa: isa) {
        rmsNormBackward(
          into: dx, dy: bench.matrix(3, width, .float32, dy),
          bench.matrix(3, width, type, x), weight: weight, epsilon: 1e-5)
      }
      let added = zip(dx.array(), before).map { $0 - $1 }
      #expect(abs(dot(added, direction) - numeric) < 1e-5 * max(1, abs(numeric)) + 3e-6)
      #expect(bench.bordersAreIntact())
    }
  }

  // MARK: - Rotary embedding

  @Test(arguments: Compute.available, [2, 8, 10, 64, 80])
  func rotationTurnsPairsAndItsInverseTurnsThemBack(_ isa: Int32, _ size: Int) throws {
    let heads = 3
    let positions: [Int32] = [0, 1, 2, 77, 8191, 131_071]
    let frequencies = (0..<size / 2).map { Float(pow(10000, -2 * Double($0) / Double(size))) }
    let x = randomFloats(positions.count * heads * size, seed: 11)
    for interleaved in [false, true] {
      var expected = [Double](repeating: 0, count: x.count)
      for (token, position) in positions.enumerated() {
        for head in 0..<heads {
          let start = (token * heads + head) * size
          for pair in 0..<size / 2 {
            let first = start + (interleaved ? 2 * pair : pair)
            let second = interleaved ? first + 1 : first + size / 2
            let angle = Double(Float(position) * frequencies[pair])
            let (a, b) = (Double(x[first]), Double(x[second]))
            expected[first] = a * cos(angle) - b * sin(angle)
            expected[second] = a * sin(angle) + b * cos(angle)
          }
        }
      }
      for type in types {
        let bench = try Bench()
        let y = bench.matrix(positions.count, heads * size, type, x)
        Compute.with(isa: isa) {
          rotate(
            y, heads: heads, positions: positions, frequencies: frequencies,
            interleaved: interleaved)
          #expect(relativeError(y.array(), expected) < LayerTolerance.of(type))
          rotate(
            y, heads: heads, positions: positions, frequencies: frequencies,
            interleaved: interleaved, inverse: true)
        }
        #expect(relativeError(y.array(), x) < LayerTolerance.of(type))
        #expect(bench.bordersAreIntact())
      }
    }
  }

  @Test(arguments: Compute.available, [(2, 1), (24, 3), (80, 16), (128, 48), (64, 32)])
  func aPartOfEachHeadIsTurnedAndTheRestPasses(_ isa: Int32, _ sizes: (Int, Int)) throws {
    let (size, pairs) = sizes
    let (heads, magnitude) = (3, 1.25)
    let positions: [Int32] = [0, 5, 4000]
    let frequencies = (0..<pairs).map { Float(pow(10000, -Double($0) / Double(pairs))) }
    let x = randomFloats(positions.count * heads * size, seed: 12)
    for interleaved in [false, true] {
      for inverse in [false, true] {
        var expected = x.map(Double.init)
        for row in 0..<positions.count * heads {
          for pair in 0..<pairs {
            let first = row * size + (interleaved ? 2 * pair : pair)
            let second = interleaved ? first + 1 : first + pairs
            let angle =
              Double(Float(positions[row / heads]) * frequencies[pair]) * (inverse ? -1 : 1)
            let (a, b) = (Double(x[first]), Double(x[second]))
            expected[first] = magnitude * (a * cos(angle) - b * sin(angle))
            expected[second] = magnitude * (a * sin(angle) + b * cos(angle))
          }
        }
        for type in types {
          let bench = try Bench()
          let y = bench.matrix(positions.count, heads * size, type, x)
          Compute.with(isa: isa) {
            rotate(
              y, heads: heads, positions: positions, frequencies: frequencies,
              interleaved: interleaved, magnitude: Float(magnitude), inverse: inverse)
          }
          let values = y.array()
          #expect(relativeError(values, expected) < LayerTolerance.of(type))
          for index in x.indices where index % size >= 2 * pairs {
            #expect(values[index] == x[index])
          }
          #expect(bench.bordersAreIntact())
        }
      }
    }
  }

  // MARK: - Gated activations

  private func gateOracle(_ gate: Double, _ up: Double, _ activation: Activation) -> Double {
    switch activation {
    case .silu: gate / (1 + exp(-gate)) * up
    case .geluTanh:
      0.5 * gate * (1 + tanh((2 / Double.pi).squareRoot() * (gate + 0.044715 * gate * gate * gate)))
        * up
    }
  }

  @Test(
    arguments: Compute.available,
    [Activation.silu, .geluTanh].flatMap { activation in
      [1, 15, 64, 1001, 20_000].map { (activation, $0) }
    })
  func gatedActivationsAndTheirGradientsAreTheDefinition(
    _ isa: Int32, _ test: (Activation, Int)
  ) throws {
    let (activation, count) = test
    var gate = randomFloats(count, seed: 13, scale: 12)
    if count > 20 { gate.replaceSubrange(2..<8, with: [100, -100, 0, -0.0, 3e38, -3e38]) }
    let up = randomFloats(count, seed: 14)
    let da = randomFloats(count, seed: 15)
    var (expected, dGate, dUp) = ([Double](), [Double](), [Double]())
    for index in 0..<count {
      let (g, u, d) = (Double(gate[index]), Double(up[index]), Double(da[index]))
      expected.append(gateOracle(g, u, activation))
      let step = 1e-6
      let change = gateOracle(g + step, u, activation) - gateOracle(g - step, u, activation)
      dGate.append(d * change / (2 * step))
      if abs(g) > 50 { dGate[index] = g > 0 ? d * u : 0 }
      dUp.append(d * gateOracle(g, 1, activation))
    }
    // The extremes would drown the rest of a sum of squares: compare them apart.
    let groups = count > 20 ? [Array(0..<2) + Array(8..<count), Array(2..<8)] : [Array(0..<count)]
    for type in types {
      let bench = try Bench()
      let (a, g) = (bench.matrix(1, count, type), bench.matrix(1, count, type, gate))
      let u = bench.matrix(1, count, type, up)
      let (dg, du) = (bench.matrix(1, count, type), bench.matrix(1, count, type))
      Compute.with(isa: isa) {
        gatedActivation(into: a, gate: g, up: u, activation)
        let d = bench.matrix(1, count, type, da)
        gatedActivationBackward(dgate: dg, dup: du, da: d, gate: g, up: u, activation)
        // In place.
        gatedActivationBackward(dgate: g, dup: u, da: d, gate: g, up: u, activation)
      }
      #expect(g.bytes() == dg.bytes() && u.bytes() == du.bytes())
      for (result, exact) in [(a, expected), (dg, dGate), (du, dUp)] {
        let values = result.array()
        for group in groups {
          let error = relativeError(group.map { values[$0] }, group.map { exact[$0] })
          #expect(error < LayerTolerance.of(type))
        }
      }
      #expect(bench.bordersAreIntact())
    }
  }

  // MARK: - Cross-entropy

  @Test(arguments: Compute.available, [1, 5, 64, 1000, 4099])
  func crossEntropyAndItsGradientAreTheDefinition(_ isa: Int32, _ vocabulary: Int) throws {
    let rows = 4
    let logits = randomFloats(rows * vocabulary, seed: 17, scale: 15)
    let targets = [0, vocabulary - 1, vocabulary / 2, vocabulary / 3].map(Int32.init)
    let weights: [Float] = [1, 0.25, 0, 0.5]
    var (loss, gradient) = ([Double](), [Double]())
    for row in 0..<rows {
      let values = logits[row * vocabulary..<(row + 1) * vocabulary].map(Double.init)
      let sum = values.reduce(0) { $0 + exp($1) }
      loss.append(log(sum) - values[Int(targets[row])])
      for (index, value) in values.enumerated() {
        let hot = index == Int(targets[row]) ? 1.0 : 0
        gradient.append(Double(weights[row]) * (exp(value) / sum - hot))
      }
    }
    for type in types {
      let bench = try Bench()
      let x = bench.matrix(rows, vocabulary, .float32, logits)
      let dx = bench.matrix(rows, vocabulary, type)
      let nll = Compute.with(isa: isa) {
        crossEntropy(logits: x, targets: targets, weights: weights, gradient: dx)
      }
      for (value, exact) in zip(nll, loss) { #expect(abs(Double(value) - exact) < 1e-5) }
      let error = zip(dx.array(), gradient).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(error < (type == .float32 ? 1e-6 : 4e-3))
      Compute.with(isa: isa, threads: 3) {
        let again = crossEntropy(logits: x, targets: targets, weights: weights, gradient: nil)
        #expect(again == nll)
        if type == .float32 {
          _ = crossEntropy(logits: x, targets: targets, weights: weights, gradient: x)
          #expect(x.bytes() == dx.bytes())
        }
      }
      #expect(bench.bordersAreIntact())
    }
  }

  @Test(arguments: Compute.available)
  func crossEntropySurvivesLargeLogits(_ isa: Int32) throws {
    let bench = try Bench()
    let logits = bench.matrix(2, 3, .float32, [1e4, -1e4, 0, -3e38, 88, -3e38])
    let nll = Compute.with(isa: isa) {
      crossEntropy(logits: logits, targets: [1, 1], weights: [1, 1], gradient: logits)
    }
    #expect(nll == [2e4, 0])
    #expect(zip(logits.array(), [1, -1, 0, 0, 0, 0]).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  // MARK: - All

  @Test(arguments: Compute.available)
  func whatIsNotANumberIsNotHidden(_ isa: Int32) throws {
    let bench = try Bench()
    var values = randomFloats(100, seed: 18)
    values[50] = .nan
    let x = bench.matrix(1, 100, .float32, values)
    let y = bench.matrix(1, 100, .float32)
    Compute.with(isa: isa) {
      #expect(crossEntropy(logits: x, targets: [3], weights: [1], gradient: nil)[0].isNaN)
      gatedActivation(into: y, gate: x, up: x, .silu)
      #expect(y[0, 50].isNaN && !y[0, 49].isNaN)
      rmsNorm(into: y, x, weight: values, epsilon: 1e-5)
      #expect(y[0, 0].isNaN)
    }
  }

  @Test(arguments: Compute.available)
  func theNumberOfThreadsDoesNotChangeABit(_ isa: Int32) throws {
    let (rows, width) = (70, 640)
    let x = randomFloats(rows * width, seed: 19, scale: 3)
    let weight = randomFloats(width, seed: 20)
    let frequencies = (0..<32).map { 1 / Float($0 + 1) }
    for type in types {
      var seen: [[[UInt8]]] = []
      for threads in Int32(1)...3 {
        let bench = try Bench()
        let input = bench.matrix(rows, width, type, x)
        let (y, dx) = (bench.matrix(rows, width, type), bench.matrix(rows, width, .float32, x))
        let gated = bench.matrix(rows, width, type)
        Compute.with(isa: isa, threads: threads) {
          rmsNorm(into: y, input, weight: weight, epsilon: 1e-5)
          rmsNormBackward(
            into: dx, dy: bench.matrix(rows, width, .float32, x), input, weight: weight,
            epsilon: 1e-5)
          rotate(
            y, heads: 10, positions: (0..<70).map { Int32($0) }, frequencies: frequencies,
            interleaved: true)
          gatedActivation(into: gated, gate: input, up: y, .silu)
        }
        seen.append([y.bytes(), dx.bytes(), gated.bytes()])
      }
      #expect(seen[0] == seen[1] && seen[0] == seen[2])
    }
  }
}
