import CKernels
import Foundation
import Testing

@testable import Tensors

private let types: [ElementType] = [.float32, .bfloat16]

@Suite(.serialized)
struct ElementwiseTests {
  @Test(arguments: Compute.available, [1, 15, 64, 1001])
  func biasesFactorsAndSumsAreTheirDefinitions(_ isa: Int32, _ width: Int) throws {
    let rows = 3
    let x = randomFloats(rows * width, seed: 1, scale: 2)
    let before = randomFloats(rows * width, seed: 2)
    let bias = randomFloats(width, seed: 3)
    let factors: [Float] = [0.5, -2, 0]
    for type in types {
      let bench = try Bench()
      func fresh() -> Matrix { bench.matrix(rows, width, type, x) }
      let (biased, scaled, rowScaled) = (fresh(), fresh(), fresh())
      let sum = bench.matrix(rows, width, .float32, before)
      Compute.with(isa: isa) {
        addBias(biased, bias)
        scale(scaled, by: 1.75)
        scaleRows(rowScaled, by: factors)
        add(into: sum, fresh(), factor: -0.5)
      }
      let tolerance = LayerTolerance.of(type)
      let withBias = x.indices.map { Double(x[$0]) + Double(bias[$0 % width]) }
      #expect(relativeError(biased.array(), withBias) < tolerance)
      #expect(relativeError(scaled.array(), x.map { Double($0) * 1.75 }) < tolerance)
      let byRow = x.indices.map { Double(x[$0]) * Double(factors[$0 / width]) }
      #expect(relativeError(rowScaled.array(), byRow) < tolerance)
      let sums = zip(before, x).map { Double($0) - 0.5 * Double($1) }
      #expect(relativeError(sum.array(), sums) < LayerTolerance.float32)
      #expect(bench.bordersAreIntact())
    }
  }

  @Test(arguments: Compute.available, [1, 15, 64, 1001])
  func dropoutKeepsTheSameOnEveryInstructionSet(_ isa: Int32, _ width: Int) throws {
    let (rows, rate) = (5, Float(0.25))
    let x = randomFloats(rows * width, seed: 1, scale: 2)
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
      let bench = try Bench()
      let source = bench.matrix(rows, width, types[from], x)
      let (oracle, found) = (
        bench.matrix(rows, width, types[to], x), bench.matrix(rows, width, types[to], x)
      )
      for accumulate in [false, true] {
        Compute.with(isa: Compute.scalar) {
          drop(into: oracle, source, rate: rate, key: 7, firstRow: 3, accumulate: accumulate)
        }
        Compute.with(isa: isa) {
          // In two calls: a mask does not depend on how rows are cut.
          drop(
            into: found.rows(0..<2), source.rows(0..<2), rate: rate, key: 7, firstRow: 3,
            accumulate: accumulate)
          drop(
            into: found.rows(2..<5), source.rows(2..<5), rate: rate, key: 7, firstRow: 5,
            accumulate: accumulate)
        }
        let tolerance = to == 1 ? Float(2e-2) : 1e-5
        for (a, b) in zip(oracle.array(), found.array()) {
          #expect(abs(a - b) <= tolerance * max(1, abs(a)))
        }
        guard !accumulate else { continue }
        for (value, kept) in zip(source.array(), found.array()) where kept != 0 {
          #expect(abs(kept - value / 0.75) <= tolerance * abs(kept))
        }
      }
      #expect(bench.bordersAreIntact())
    }
  }

  @Test func dropoutDropsItsShareAndMasksAreIndependent() throws {
    let (rows, width) = (64, 1024)
    func mask(_ key: UInt64, rate: Float, firstRow: Int = 0) throws -> [Bool] {
      let bench = try Bench()
      let ones = bench.matrix(rows, width, .float32, Array(repeating: 1, count: rows * width))
      let y = bench.matrix(rows, width, .float32, Array(repeating: 0, count: rows * width))
      drop(into: y, ones, rate: rate, key: key, firstRow: firstRow)
      return y.array().map { $0 != 0 }
    }
    for rate: Float in [0, 0.05, 0.5, 0.9] {
      let share = try Double(mask(1, rate: rate).count { !$0 }) / Double(rows * width)
      // Five standard deviations.
      #expect(abs(share - Double(rate)) <= 5 * (0.25 / Double(rows * width)).squareRoot())
    }
    let first = try mask(1, rate: 0.5)
    for other in try [mask(2, rate: 0.5), mask(1, rate: 0.5, firstRow: 64)] {
      let same = zip(first, other).count { $0 == $1 }
      #expect(abs(Double(same) / Double(rows * width) - 0.5) < 0.01)
    }
    #expect(try first == mask(1, rate: 0.5))
  }

  @Test(arguments: Compute.available, [1, 15, 64, 1001])
  func rowDotsAndScatteredSumsAreTheirDefinitions(_ isa: Int32, _ width: Int) throws {
    let (x, y) = (randomFloats(4 * width, seed: 4), randomFloats(4 * width, seed: 5))
    let (targets, factors): ([Int], [Float]) = ([2, 0, 2, 2], [1, -0.5, 2, 0.25])
    var (dots, sums) = ([Double](repeating: 0, count: 4), y.prefix(3 * width).map(Double.init))
    for row in 0..<4 {
      for column in 0..<width {
        let value = Double(x[row * width + column])
        dots[row] += value * Double(y[row * width + column])
        sums[targets[row] * width + column] += value * Double(factors[row])
      }
    }
    for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
      let bench = try Bench()
      let a = bench.matrix(4, width, types[first], x)
      let b = bench.matrix(4, width, types[second], y)
      let sum = bench.matrix(3, width, .float32, Array(y.prefix(3 * width)))
      Compute.with(isa: isa) {
        for (value, exact) in zip(rowDots(a, b), dots) {
          #expect(abs(Double(value) - exact) < 1e-6 * Double(width))
        }
        scatterAdd(a, into: sum, rows: targets, factors: factors)
      }
      #expect(relativeError(sum.array(), sums) < LayerTolerance.float32)
      #expect(bench.bordersAreIntact())
    }
  }

  @Test(arguments: Compute.available)
  func aSoftCapIsItsDefinitionForTinyAndForHugeValues(_ isa: Int32) throws {
    let x: [Float] =
      randomFloats(1001, seed: 6, scale: 90) + randomFloats(20, seed: 7, scale: 1e-4)
      + [0, 1e-30, 18.749, 18.751, 3e38, -3e38, .infinity]
    let bench = try Bench()
    let y = bench.matrix(1, x.count, .float32, x)
    Compute.with(isa: isa) { softCap(y, cap: 30) }
    for (value, input) in zip(y.array(), x) {
      let exact = 30 * tanh(Double(input) / 30)
      #expect(abs(Double(value) - exact) <= 5e-7 * abs(exact), "\(input)")
    }
    #expect(bench.bordersAreIntact())
  }

  @Test(arguments: Compute.available, [1, 15, 1001])
  func theBackwardOfASoftCapIsItsDerivative(_ isa: Int32, _ count: Int) throws {
    let (x, d) = (randomFloats(count, seed: 8, scale: 40), randomFloats(count, seed: 9))
    let step = 1e-4
    let numeric = zip(x, d).map { x, d in
      Double(d) * 30 * (tanh((Double(x) + step) / 30) - tanh((Double(x) - step) / 30))
        / (2 * step)
    }
    for type in types {
      let bench = try Bench()
      let (y, dx) = (bench.matrix(1, count, .float32, x), bench.matrix(1, count, type, d))
      Compute.with(isa: isa) {
        softCap(y, cap: 30)
        softCapBackward(dx, capped: y, cap: 30)
      }
      #expect(relativeError(dx.array(), numeric) < LayerTolerance.of(type))
      #expect(bench.bordersAreIntact())
    }
  }

  @Test func columnsAreCopiedOutAndBack() throws {
    for type in types {
      let bench = try Bench()
      let values = randomFloats(5 * 12, seed: 10)
      let x = bench.matrix(5, 12, type, values)
      let y = bench.matrix(5, 7, type)
      copyColumns(into: y, from: x, at: 3)
      let middle: [Float] = (0..<5).flatMap { row in values[(row * 12 + 3)..<(row * 12 + 10)] }
      #expect(y.array() == middle)
      scale(y, by: -1)
      storeColumns(y, into: x, at: 3)
      let expected: [Float] = values.enumerated().map { index, value in
        (3..<10).contains(index % 12) ? -value : value
      }
      #expect(x.array() == expected)
      #expect(bench.bordersAreIntact())
    }
  }

  @Test(arguments: Compute.available)
  func theNumberOfThreadsDoesNotChangeABit(_ isa: Int32) throws {
    let (rows, width) = (90, 700)
    let x = randomFloats(rows * width, seed: 11, scale: 3)
    let factors = randomFloats(rows, seed: 12)
    var seen: [[[UInt8]]] = []
    for threads in Int32(1)...3 {
      let bench = try Bench()
      let input = bench.matrix(rows, width, .bfloat16, x)
      let sum = bench.matrix(rows, width, .float32, x)
      let narrow = bench.matrix(rows, 600, .bfloat16)
      var dots: [Float] = []
      Compute.with(isa: isa, threads: threads) {
        scatterAdd(input, into: sum, rows: (0..<rows).map { $0 * $0 % 7 }, factors: factors)
        dots = rowDots(input, sum)
        addBias(input, Array(x.prefix(width)))
        scaleRows(input, by: factors)
        add(into: sum, input)
        softCap(sum, cap: 3)
        softCapBackward(input, capped: sum, cap: 3)
        scale(input, by: 0.3)
        copyColumns(into: narrow, from: input, at: 50)
      }
      let dotBits = dots.flatMap { value in
        (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
      }
      seen.append([input.bytes(), sum.bytes(), narrow.bytes(), dotBits])
    }
    #expect(seen[0] == seen[1] && seen[0] == seen[2])
  }
}
