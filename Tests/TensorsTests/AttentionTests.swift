import CKernels
import Foundation
import Testing

@testable import Tensors

/// Sequence lengths and geometry of one attention.
struct AttentionCase: Sendable, CustomTestStringConvertible {
  var lengths: [Int]
  var heads: Int
  var keyValueHeads: Int
  var size: Int

  var testDescription: String { "\(lengths) \(heads)/\(keyValueHeads) size \(size)" }
  var tokens: Int { lengths.reduce(0, +) }
  var starts: [Int32] { lengths.reduce(into: [0]) { $0.append($0.last! + Int32($1)) } }
  var shape: AttentionShape {
    AttentionShape(heads: heads, keyValueHeads: keyValueHeads, size: size)
  }

  static let all = [
    AttentionCase(lengths: [1, 2, 63], heads: 1, keyValueHeads: 1, size: 8),
    AttentionCase(lengths: [64, 0, 65], heads: 4, keyValueHeads: 2, size: 16),
    AttentionCase(lengths: [130], heads: 9, keyValueHeads: 3, size: 64),
    AttentionCase(lengths: [3, 70, 0], heads: 2, keyValueHeads: 1, size: 80),
    AttentionCase(lengths: [5, 129], heads: 1, keyValueHeads: 1, size: 48),
    AttentionCase(lengths: [66], heads: 2, keyValueHeads: 2, size: 128),
    AttentionCase(lengths: [7, 65], heads: 2, keyValueHeads: 2, size: 2),
    AttentionCase(lengths: [400], heads: 2, keyValueHeads: 1, size: 20),
  ]
}

/// Inputs and results of a forward and a backward.
struct AttentionRun {
  var q: [Float]
  var k: [Float]
  var v: [Float]
  var dOutput: [Float]
  var o: [Float] = []
  var lse: [Float] = []
  var dq: [Float] = []
  var dk: [Float] = []
  var dv: [Float] = []

  init(_ test: AttentionCase, seed: UInt64 = 1) {
    let wide = test.tokens * test.heads * test.size
    let narrow = test.tokens * test.keyValueHeads * test.size
    q = randomFloats(wide, seed: seed, scale: 2)
    k = randomFloats(narrow, seed: seed + 1, scale: 2)
    v = randomFloats(narrow, seed: seed + 2)
    dOutput = randomFloats(wide, seed: seed + 3)
  }

  mutating func run(_ test: AttentionCase, _ type: ElementType) throws {
    let bench = try Bench(byteCount: 1 << 23)
    let wide = test.heads * test.size
    let narrow = test.keyValueHeads * test.size
    let tokens = test.tokens
    let (mq, mk) = (bench.matrix(tokens, wide, type, q), bench.matrix(tokens, narrow, type, k))
    let mv = bench.matrix(tokens, narrow, type, v)
    let (mo, ml) = (bench.matrix(tokens, wide, type), bench.matrix(tokens, test.heads, .float32))
    let md = bench.matrix(tokens, wide, type, dOutput)
    attention(
      into: mo, lse: ml, q: mq, k: mk, v: mv, starts: test.starts, shape: test.shape)
    let (mdq, mdk) = (bench.matrix(tokens, wide, type), bench.matrix(tokens, narrow, type))
    let mdv = bench.matrix(tokens, narrow, type)
    attentionBackward(
      dq: mdq, dk: mdk, dv: mdv, dOutput: md, o: mo, lse: ml, q: mq, k: mk, v: mv,
      starts: test.starts, shape: test.shape)
    (o, lse, dq, dk, dv) = (mo.array(), ml.array(), mdq.array(), mdk.array(), mdv.array())
    #expect(bench.bordersAreIntact())
  }

  var results: [[Float]] { [o, lse, dq, dk, dv] }
}

/// The definition in fp64: o and lse.
private func oracle(
  _ test: AttentionCase, _ q: [Double], _ k: [Double], _ v: [Double]
) -> (o: [Double], lse: [Double]) {
  let (heads, narrow, size) = (test.heads, test.keyValueHeads, test.size)
  let group = heads / narrow
  var o = [Double](repeating: 0, count: q.count)
  var lse = [Double](repeating: 0, count: test.tokens * heads)
  q.withUnsafeBufferPointer { q in
    k.withUnsafeBufferPointer { k in
      v.withUnsafeBufferPointer { v in
        o.withUnsafeMutableBufferPointer { o in
          for (first, last) in zip(test.starts, test.starts.dropFirst()) {
            for token in Int(first)..<Int(last) {
              for head in 0..<heads {
                let row = (token * heads + head) * size
                var sum = 0.0
                var weights: [Double] = []
                for key in Int(first)...token {
                  let at = (key * narrow + head / group) * size
                  var score = 0.0
                  var i = 0
                  while i < size {
                    score += q[row + i] * k[at + i]
                    i += 1
                  }
                  weights.append(exp(score / Double(size).squareRoot()))
                  sum += weights.last!
                }
                for key in Int(first)...token {
                  let at = (key * narrow + head / group) * size
                  let weight = weights[key - Int(first)] / sum
                  var i = 0
                  while i < size {
                    o[row + i] += weight * v[at + i]
                    i += 1
                  }
                }
                lse[token * heads + head] = log(sum)
              }
            }
          }
        }
      }
    }
  }
  return (o, lse)
}

@Suite(.serialized)
struct AttentionTests {
  @Test(arguments: AttentionCase.all.filter { $0.tokens < 150 })
  func theScalarForwardIsTheDefinition(_ test: AttentionCase) throws {
    var run = AttentionRun(test)
    try Compute.with(isa: Compute.scalar) { try run.run(test, .float32) }
    let exact = oracle(
      test, run.q.map(Double.init), run.k.map(Double.init), run.v.map(Double.init))
    #expect(relativeError(run.o, exact.o) < LayerTolerance.float32)
    #expect(relativeError(run.lse, exact.lse) < LayerTolerance.float32)
  }

  @Test(arguments: AttentionCase.all, [ElementType.float32, .bfloat16])
  func everyInstructionSetComputesWhatTheScalarOneDoes(
    _ test: AttentionCase, _ type: ElementType
  ) throws {
    var reference = AttentionRun(test)
    try Compute.with(isa: Compute.scalar) { try reference.run(test, .float32) }
    for isa in Compute.available {
      var run = AttentionRun(test)
      try Compute.with(isa: isa) { try run.run(test, type) }
      for (index, (result, expected)) in zip(run.results, reference.results).enumerated() {
        // The log-sum-exp is never stored in bfloat16.
        let tolerance = index == 1 ? LayerTolerance.float32 : LayerTolerance.of(type)
        #expect(
          relativeError(result, expected) < tolerance,
          "isa \(isa), result \(index) of o lse dq dk dv")
      }
    }
  }

  @Test(arguments: Compute.available)
  func theBackwardIsTheDerivativeOfTheDefinition(_ isa: Int32) throws {
    let test = AttentionCase(lengths: [5, 66], heads: 4, keyValueHeads: 2, size: 16)
    var run = AttentionRun(test)
    try Compute.with(isa: isa) { try run.run(test, .float32) }
    for (index, gradient) in [run.dq, run.dk, run.dv].enumerated() {
      let direction = randomFloats(gradient.count, seed: 77)
      let step = 1e-4
      func loss(_ sign: Double) -> Double {
        var inputs = [run.q, run.k, run.v].map { $0.map(Double.init) }
        for i in direction.indices { inputs[index][i] += sign * step * Double(direction[i]) }
        let o = oracle(test, inputs[0], inputs[1], inputs[2]).o
        return zip(o, run.dOutput).reduce(0) { $0 + $1.0 * Double($1.1) }
      }
      let numeric = (loss(1) - loss(-1)) / (2 * step)
      #expect(abs(dot(gradient, direction) - numeric) < 1e-4 * max(1, abs(numeric)))
    }
  }

  @Test(arguments: Compute.available)
  func sequencesDoNotMix(_ isa: Int32) throws {
    let test = AttentionCase(lengths: [70, 66, 3], heads: 2, keyValueHeads: 1, size: 16)
    var (one, other) = (AttentionRun(test), AttentionRun(test, seed: 9))
    // The middle sequence is the same in both.
    let wide = 70 * 32..<136 * 32
    let narrow = 70 * 16..<136 * 16
    other.q.replaceSubrange(wide, with: one.q[wide])
    other.k.replaceSubrange(narrow, with: one.k[narrow])
    other.v.replaceSubrange(narrow, with: one.v[narrow])
    other.dOutput.replaceSubrange(wide, with: one.dOutput[wide])
    for type in [ElementType.float32, .bfloat16] {
      try Compute.with(isa: isa) {
        try one.run(test, type)
        try other.run(test, type)
      }
      #expect(one.o[wide] == other.o[wide] && one.dq[wide] == other.dq[wide])
      #expect(one.dk[narrow] == other.dk[narrow] && one.dv[narrow] == other.dv[narrow])
      #expect(one.o[..<wide.lowerBound] != other.o[..<wide.lowerBound])
    }
  }

  @Test(arguments: Compute.available)
  func theFutureIsInvisible(_ isa: Int32) throws {
    let test = AttentionCase(lengths: [100], heads: 2, keyValueHeads: 1, size: 16)
    var (one, other) = (AttentionRun(test), AttentionRun(test))
    for index in 90 * 16..<100 * 16 {
      other.k[index] = 3
      other.v[index] = 1e30
    }
    for type in [ElementType.float32, .bfloat16] {
      try Compute.with(isa: isa) {
        try one.run(test, type)
        try other.run(test, type)
      }
      #expect(one.o[..<(90 * 32)] == other.o[..<(90 * 32)])
      #expect(one.o != other.o)
    }
  }

  @Test(arguments: Compute.available)
  func theNumberOfThreadsDoesNotChangeABit(_ isa: Int32) throws {
    for test in [AttentionCase.all[2], AttentionCase.all[7]] {
      for type in [ElementType.float32, .bfloat16] {
        var runs = [AttentionRun](repeating: AttentionRun(test), count: 3)
        for index in runs.indices {
          try Compute.with(isa: isa, threads: Int32(index + 1)) { try runs[index].run(test, type) }
        }
        #expect(runs[0].results == runs[1].results)
        #expect(runs[0].results == runs[2].results)
      }
    }
  }

  @Test func noTokensAreNoWork() throws {
    let test = AttentionCase(lengths: [], heads: 2, keyValueHeads: 1, size: 8)
    for isa in Compute.available {
      var run = AttentionRun(test)
      try Compute.with(isa: isa) { try run.run(test, .float32) }
      #expect(run.dq.isEmpty)
    }
  }

  @Test(arguments: Compute.available)
  func attentionOverACacheIsTheFullOne(_ isa: Int32) throws {
    // Two slots; 300 positions make two chunks.
    let test = AttentionCase(lengths: [300, 20], heads: 6, keyValueHeads: 2, size: 20)
    let capacity = 310
    for type in [ElementType.float32, .bfloat16] {
      var run = AttentionRun(test)
      try Compute.with(isa: Compute.scalar) { try run.run(test, .float32) }
      let bench = try Bench()
      let keys = bench.matrix(2 * capacity, 40, type)
      let values = bench.matrix(2 * capacity, 40, type)
      for (slot, rows) in [0..<300, 300..<320].enumerated() {
        let range = slot * capacity..<slot * capacity + rows.count
        keys.rows(range).assign(Array(run.k[rows.lowerBound * 40..<rows.upperBound * 40]))
        values.rows(range).assign(Array(run.v[rows.lowerBound * 40..<rows.upperBound * 40]))
      }
      let asked = [0, 1, 63, 255, 256, 299, 300, 319]
      let q = bench.matrix(
        asked.count, 120, type, asked.flatMap { run.q[$0 * 120..<($0 + 1) * 120] })
      let o = bench.matrix(asked.count, 120, type)
      for threads in Int32(1)...2 {
        Compute.with(isa: isa, threads: threads) {
          cachedAttention(
            into: o, q: q, keys: keys, values: values, slots: asked.map { $0 < 300 ? 0 : 1 },
            positions: asked.map { Int32($0 < 300 ? $0 : $0 - 300) }, capacity: capacity,
            shape: test.shape)
        }
        let expected = asked.flatMap { run.o[$0 * 120..<($0 + 1) * 120] }
        #expect(relativeError(o.array(), expected) < LayerTolerance.of(type))
      }
      #expect(bench.bordersAreIntact())
    }
  }
}
