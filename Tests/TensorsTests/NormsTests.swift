import CKernels
import Testing

@testable import Tensors

private let types: [ElementType] = [.float32, .bfloat16]

/// A norm's definition in fp64, row by row, and what the module calls it.
enum NormKind: Sendable, CaseIterable {
  case rootMeanSquare
  case layer

  func oracle(_ x: [Double], _ weight: [Float], _ bias: [Float]) -> [Double] {
    let width = weight.count
    return stride(from: 0, to: x.count, by: width).flatMap { start -> [Double] in
      var row = Array(x[start..<start + width])
      if self == .layer {
        let mean = row.reduce(0, +) / Double(width)
        row = row.map { $0 - mean }
      }
      let root = (row.reduce(0) { $0 + $1 * $1 } / Double(width) + 1e-5).squareRoot()
      return (0..<width).map {
        row[$0] / root * Double(weight[$0]) + (self == .layer ? Double(bias[$0]) : 0)
      }
    }
  }

  func backward(
    into dx: Matrix, dy: Matrix, _ x: Matrix, weight: [Float], accumulate: Bool, factor: Float
  ) {
    switch self {
    case .rootMeanSquare:
      rmsNormBackward(
        into: dx, dy: dy, x, weight: weight, epsilon: 1e-5, accumulate: accumulate,
        factor: factor)
    case .layer:
      layerNormBackward(
        into: dx, dy: dy, x, weight: weight, epsilon: 1e-5, accumulate: accumulate,
        factor: factor)
    }
  }
}

@Suite(.serialized)
struct NormsTests {
  @Test(arguments: Compute.available, [1, 15, 16, 77, 576])
  func theLayerNormIsTheDefinition(_ isa: Int32, _ width: Int) throws {
    // A mean far from 0 must not drown the variance.
    let x = randomFloats(5 * width, seed: 3, scale: 4).map { $0 + 64 }
    let (weight, bias) = (randomFloats(width, seed: 4), randomFloats(width, seed: 5))
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
      let bench = try Bench()
      let (input, y) = (bench.matrix(5, width, types[from], x), bench.matrix(5, width, types[to]))
      Compute.with(isa: isa) {
        layerNorm(into: y, input, weight: weight, bias: bias, epsilon: 1e-5)
      }
      let exact = NormKind.layer.oracle(input.array().map(Double.init), weight, bias)
      #expect(relativeError(y.array(), exact) < 5 * LayerTolerance.of(types[to]))
      #expect(bench.bordersAreIntact())
    }
  }

  @Test(arguments: Compute.available, [1, 15, 128, 576])
  func aPostNormIsAddedToTheResidualStream(_ isa: Int32, _ width: Int) throws {
    let x = randomFloats(4 * width, seed: 6, scale: 4)
    let before = randomFloats(4 * width, seed: 7)
    let weight = randomFloats(width, seed: 8)
    let exact = zip(
      before, NormKind.rootMeanSquare.oracle(x.map(Double.init), weight, [])
    ).map { Double($0) - 0.75 * $1 }
    for type in types {
      let bench = try Bench()
      let y = bench.matrix(4, width, .float32, before)
      Compute.with(isa: isa) {
        rmsNorm(
          into: y, bench.matrix(4, width, type, x), weight: weight, epsilon: 1e-5,
          accumulate: true, factor: -0.75)
      }
      #expect(relativeError(y.array(), exact) < LayerTolerance.float32)
      #expect(bench.bordersAreIntact())
    }
  }

  @Test(arguments: Compute.available, NormKind.allCases)
  func backwardsAreDerivativesInEveryType(_ isa: Int32, _ kind: NormKind) throws {
    for width in [2, 15, 77, 576] {
      let x = randomFloats(3 * width, seed: 5, scale: 4)
      let weight = randomFloats(width, seed: 6)
      let bias = randomFloats(width, seed: 7)
      let dy = randomFloats(3 * width, seed: 8)
      let direction = randomFloats(3 * width, seed: 9)
      func loss(_ sign: Double) -> Double {
        let moved = zip(x, direction).map { Double($0) + sign * 1e-5 * Double($1) }
        return zip(kind.oracle(moved, weight, bias), dy).reduce(0) { $0 + $1.0 * Double($1.1) }
      }
      let numeric = 0.5 * (loss(1) - loss(-1)) / 2e-5
      for (index, (from, given)) in [(0, 0), (0, 1), (1, 0), (1, 1)].enumerated() {
        let bench = try Bench()
        let input = bench.matrix(3, width, types[from], x)
        let gradient = bench.matrix(3, width, types[given], dy)
        let before = randomFloats(3 * width, seed: 10)
        let added = bench.matrix(3, width, .float32, before)
        let written = bench.matrix(3, width, .float32)
        Compute.with(isa: isa) {
          kind.backward(
            into: added, dy: gradient, input, weight: weight, accumulate: true, factor: 0.5)
          kind.backward(
            into: written, dy: gradient, input, weight: weight, accumulate: false, factor: 0.5)
          // In place, which for bfloat16 rounds.
          kind.backward(
            into: gradient, dy: gradient, input, weight: weight, accumulate: false, factor: 0.5)
        }
        let tolerance = 1e-5 * max(1, abs(numeric)) + 3e-6
        #expect(abs(dot(written.array(), direction) - numeric) < tolerance, "\(width) \(index)")
        let change = zip(added.array(), before).map { $0 - $1 }
        #expect(abs(dot(change, direction) - numeric) < 2 * tolerance, "\(width) \(index)")
        let size = dot(written.array(), written.array()).squareRoot()
        let apart = zip(gradient.array(), written.array()).map { $0 - $1 }
        #expect(
          dot(apart, apart).squareRoot() <= LayerTolerance.of(types[given]) * size + 1e-6,
          "in place, \(width) \(index)")
        #expect(bench.bordersAreIntact())
      }
    }
  }

  @Test(arguments: Compute.available)
  func headsAreNormalizedApart(_ isa: Int32) throws {
    let (tokens, heads, size) = (6, 3, 20)
    let x = randomFloats(tokens * heads * size, seed: 11, scale: 3)
    let weight = randomFloats(size, seed: 12)
    for type in types {
      let bench = try Bench()
      let q = bench.matrix(tokens, heads * size, type, x)
      let rows = q.reshaped(rows: tokens * heads, columns: size)
      Compute.with(isa: isa) { rmsNorm(into: rows, rows, weight: weight, epsilon: 1e-5) }
      let exact = NormKind.rootMeanSquare.oracle(x.map(Double.init), weight, [])
      #expect(relativeError(q.array(), exact) < LayerTolerance.of(type))
      #expect(bench.bordersAreIntact())
    }
  }

  @Test(arguments: Compute.available)
  func theNumberOfThreadsDoesNotChangeABit(_ isa: Int32) throws {
    let (rows, width) = (1200, 64)
    let x = randomFloats(rows * width, seed: 13, scale: 3)
    let weight = randomFloats(width, seed: 14)
    var seen: [[[UInt8]]] = []
    for threads in Int32(1)...3 {
      let bench = try Bench(byteCount: 1 << 22)
      let input = bench.matrix(rows, width, .bfloat16, x)
      let (y, dx) = (bench.matrix(rows, width, .bfloat16), bench.matrix(rows, width, .bfloat16))
      let sum = bench.matrix(rows, width, .float32, x)
      Compute.with(isa: isa, threads: threads) {
        layerNorm(into: y, input, weight: weight, bias: weight, epsilon: 1e-5)
        layerNormBackward(
          into: dx, dy: y, input, weight: weight, epsilon: 1e-5, accumulate: false)
        rmsNorm(into: sum, input, weight: weight, epsilon: 1e-5, accumulate: true)
      }
      seen.append([y.bytes(), dx.bytes(), sum.bytes()])
    }
    #expect(seen[0] == seen[1] && seen[0] == seen[2])
  }
}
