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
  var valueSize: Int?
  var window: Int?
  var softCap: Float?

  var testDescription: String {
    var text = "\(lengths) \(heads)/\(keyValueHeads) size \(size)"
    if let valueSize { text += ", values \(valueSize)" }
    if let window { text += ", window \(window)" }
    if let softCap { text += ", cap \(softCap)" }
    return text
  }
  var tokens: Int { lengths.reduce(0, +) }
  var starts: [Int32] { lengths.reduce(into: [0]) { $0.append($0.last! + Int32($1)) } }
  var shape: AttentionShape {
    AttentionShape(
      heads: heads, keyValueHeads: keyValueHeads, size: size, valueSize: valueSize, window: window,
      softCap: softCap)
  }

  static let all =
    [
      AttentionCase(lengths: [1, 2, 63], heads: 1, keyValueHeads: 1, size: 8),
      AttentionCase(lengths: [64, 0, 65], heads: 4, keyValueHeads: 2, size: 16),
      AttentionCase(lengths: [130], heads: 9, keyValueHeads: 3, size: 64),
      AttentionCase(lengths: [3, 70, 0], heads: 2, keyValueHeads: 1, size: 80),
      AttentionCase(lengths: [5, 129], heads: 1, keyValueHeads: 1, size: 48),
      AttentionCase(lengths: [66], heads: 2, keyValueHeads: 2, size: 128),
      AttentionCase(lengths: [7, 65], heads: 2, keyValueHeads: 2, size: 2),
      AttentionCase(lengths: [400], heads: 2, keyValueHeads: 1, size: 20),
      AttentionCase(lengths: [70], heads: 2, keyValueHeads: 1, size: 256),
      AttentionCase(lengths: [66], heads: 2, keyValueHeads: 1, size: 1024, valueSize: 2),
      AttentionCase(lengths: [3, 66], heads: 3, keyValueHeads: 1, size: 24, valueSize: 96),
      AttentionCase(lengths: [130], heads: 2, keyValueHeads: 2, size: 12, valueSize: 10),
    ]
    + [2, 63, 64, 65, 100, 128, 129, 1000].map {
      // Windows around the tiles: most are cut at the left side, some tiles on both.
      AttentionCase(lengths: [300, 0, 70], heads: 2, keyValueHeads: 1, size: 10, window: $0)
    }
    + [
      AttentionCase(lengths: [5, 140], heads: 4, keyValueHeads: 2, size: 16, softCap: 3),
      AttentionCase(lengths: [140], heads: 2, keyValueHeads: 1, size: 64, softCap: 50),
      AttentionCase(
        lengths: [145, 3], heads: 6, keyValueHeads: 2, size: 20, valueSize: 36, window: 33,
        softCap: 0.7),
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
    let (tokens, heads, narrow) = (test.tokens, test.heads, test.keyValueHeads)
    let valueSize = test.valueSize ?? test.size
    q = randomFloats(tokens * heads * test.size, seed: seed, scale: 2)
    k = randomFloats(tokens * narrow * test.size, seed: seed + 1, scale: 2)
    v = randomFloats(tokens * narrow * valueSize, seed: seed + 2)
    dOutput = randomFloats(tokens * heads * valueSize, seed: seed + 3)
  }

  mutating func run(_ test: AttentionCase, _ type: ElementType) throws {
    let bench = try Bench(byteCount: 1 << 23)
    let (shape, wide, narrow) = (test.shape, test.heads, test.keyValueHeads)
    let tokens = test.tokens
    let mq = bench.matrix(tokens, wide * shape.size, type, q)
    let mk = bench.matrix(tokens, narrow * shape.size, type, k)
    let mv = bench.matrix(tokens, narrow * shape.valueSize, type, v)
    let mo = bench.matrix(tokens, wide * shape.valueSize, type)
    let ml = bench.matrix(tokens, wide, .float32)
    let md = bench.matrix(tokens, wide * shape.valueSize, type, dOutput)
    attention(
      into: mo, lse: ml, q: mq, k: mk, v: mv, starts: test.starts, shape: shape)
    let mdq = bench.matrix(tokens, wide * shape.size, type)
    let mdk = bench.matrix(tokens, narrow * shape.size, type)
    let mdv = bench.matrix(tokens, narrow * shape.valueSize, type)
    attentionBackward(
      dq: mdq, dk: mdk, dv: mdv, dOutput: md, o: mo, lse: ml, q: mq, k: mk, v: mv,
      starts: test.starts, shape: shape)
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
  let (valueSize, window) = (test.valueSize ?? size, test.window ?? .max)
  let group = heads / narrow
  var o = [Double](repeating: 0, count: test.tokens * heads * valueSize)
  var lse = [Double](repeating: 0, count: test.tokens * heads)
  q.withUnsafeBufferPointer { q in
    k.withUnsafeBufferPointer { k in
      v.withUnsafeBufferPointer { v in
        o.withUnsafeMutableBufferPointer { o in
          for (first, last) in zip(test.starts, test.starts.dropFirst()) {
            for token in Int(first)..<Int(last) {
              for head in 0..<heads {
                let row = (token * heads + head) * size
                let seen = max(Int(first), token - min(window, token + 1) + 1)
                var sum = 0.0
                var weights: [Double] = []
                for key in seen...token {
                  let at = (key * narrow + head / group) * size
                  var score = 0.0
                  var i = 0
                  while i < size {
                    score += q[row + i] * k[at + i]
                    i += 1
                  }
                  score /= Double(size).squareRoot()
                  if let cap = test.softCap.map(Double.init) { score = cap * tanh(score / cap) }
                  weights.append(exp(score))
                  sum += weights.last!
                }
                for key in seen...token {
                  let at = (key * narrow + head / group) * valueSize
                  let weight = weights[key - seen] / sum
                  var i = 0
                  while i < valueSize {
                    o[(token * heads + head) * valueSize + i] += weight * v[at + i]
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

  @Test(
    arguments: Compute.available,
    [
      AttentionCase(lengths: [5, 66], heads: 4, keyValueHeads: 2, size: 16),
      AttentionCase(lengths: [5, 66], heads: 4, keyValueHeads: 2, size: 8, window: 20),
      AttentionCase(lengths: [5, 66], heads: 4, keyValueHeads: 2, size: 8, softCap: 1),
      AttentionCase(
        lengths: [70, 3], heads: 2, keyValueHeads: 1, size: 6, valueSize: 12, window: 66,
        softCap: 2),
    ])
  func theBackwardIsTheDerivativeOfTheDefinition(_ isa: Int32, _ test: AttentionCase) throws {
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
  func whatHasLeftTheWindowIsInvisible(_ isa: Int32) throws {
    let test = AttentionCase(lengths: [200], heads: 2, keyValueHeads: 1, size: 16, window: 70)
    var (one, other) = (AttentionRun(test), AttentionRun(test))
    for index in 0..<50 * 16 {
      other.k[index] = 3
      other.v[index] = 1e30
    }
    for type in [ElementType.float32, .bfloat16] {
      try Compute.with(isa: isa) {
        try one.run(test, type)
        try other.run(test, type)
      }
      // The last query that sees key 49 is 118.
      #expect(one.o[(119 * 32)...] == other.o[(119 * 32)...])
      #expect(one.o[(118 * 32)..<(119 * 32)] != other.o[(118 * 32)..<(119 * 32)])
    }
  }

  @Test(arguments: Compute.available)
  func aWindowOfOneTokenPassesItsValueOn(_ isa: Int32) throws {
    let test = AttentionCase(lengths: [70, 2], heads: 2, keyValueHeads: 2, size: 6, window: 1)
    for type in [ElementType.float32, .bfloat16] {
      var run = AttentionRun(test)
      try Compute.with(isa: isa) { try run.run(test, type) }
      #expect(relativeError(run.o, run.v) < LayerTolerance.of(type))
      #expect(relativeError(run.dv, run.dOutput) < LayerTolerance.of(type))
      // A softmax over one score is constant.
      #expect((run.dq + run.dk).allSatisfy { abs($0) < (type == .float32 ? 1e-5 : 0.1) })
    }
  }

  @Test(arguments: Compute.available)
  func aWindowOfTheWholeSequenceChangesNoBit(_ isa: Int32) throws {
    let all = AttentionCase(lengths: [130, 64], heads: 2, keyValueHeads: 1, size: 16)
    for window in [130, 192, 5000, Int.max] {
      var test = all
      test.window = window
      var (one, other) = (AttentionRun(all), AttentionRun(test))
      try Compute.with(isa: isa) {
        try one.run(all, .float32)
        try other.run(test, .float32)
      }
      for (index, (a, b)) in zip(one.results, other.results).enumerated() {
        #expect(relativeError(a, b) < LayerTolerance.float32, "window \(window), result \(index)")
      }
      if window >= 192 { #expect(one.results == other.results) }
    }
  }

  @Test func aWindowAsksForLessScratch() {
    let starts: [Int32] = [0, 8192]
    let all = AttentionShape(heads: 8, keyValueHeads: 2, size: 64)
    let local = AttentionShape(heads: 8, keyValueHeads: 2, size: 64, window: 512)
    #expect(
      local.scratchByteCount(starts: starts, type: .bfloat16)
        < all.scratchByteCount(starts: starts, type: .bfloat16))
  }

  @Test(arguments: Compute.available)
  func theNumberOfThreadsDoesNotChangeABit(_ isa: Int32) throws {
    let windowed = AttentionCase(
      lengths: [500, 20], heads: 4, keyValueHeads: 2, size: 20, valueSize: 12, window: 90,
      softCap: 5)
    for test in [AttentionCase.all[2], AttentionCase.all[7], windowed] {
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

  @Test(
    arguments: Compute.available,
    [
      AttentionCase(lengths: [300, 20], heads: 6, keyValueHeads: 2, size: 20),
      AttentionCase(
        lengths: [300, 20], heads: 6, keyValueHeads: 2, size: 20, valueSize: 44, softCap: 2),
      AttentionCase(lengths: [300, 20], heads: 6, keyValueHeads: 2, size: 20, window: 40),
      AttentionCase(
        lengths: [300, 20], heads: 6, keyValueHeads: 2, size: 20, valueSize: 6, window: 270),
    ])
  func attentionOverACacheIsTheFullOne(_ isa: Int32, _ test: AttentionCase) throws {
    // Two slots; 300 positions make two chunks.
    let capacity = 310
    let (size, valueSize) = (2 * test.size, 2 * test.shape.valueSize)
    for type in [ElementType.float32, .bfloat16] {
      var run = AttentionRun(test)
      try Compute.with(isa: Compute.scalar) { try run.run(test, .float32) }
      let bench = try Bench()
      let keys = bench.matrix(2 * capacity, size, type)
      let values = bench.matrix(2 * capacity, valueSize, type)
      for (slot, rows) in [0..<300, 300..<320].enumerated() {
        let range = slot * capacity..<slot * capacity + rows.count
        keys.rows(range).assign(Array(run.k[rows.lowerBound * size..<rows.upperBound * size]))
        values.rows(range).assign(
          Array(run.v[rows.lowerBound * valueSize..<rows.upperBound * valueSize]))
      }
      let asked = [0, 1, 63, 255, 256, 299, 300, 319]
      let outputs = 3 * valueSize
      let q = bench.matrix(
        asked.count, 120, type, asked.flatMap { run.q[$0 * 120..<($0 + 1) * 120] })
      let o = bench.matrix(asked.count, outputs, type)
      for threads in Int32(1)...2 {
        Compute.with(isa: isa, threads: threads) {
          cachedAttention(
            into: o, q: q, keys: keys, values: values, slots: asked.map { $0 < 300 ? 0 : 1 },
            positions: asked.map { Int32($0 < 300 ? $0 : $0 - 300) }, capacity: capacity,
            shape: test.shape)
        }
        let expected = asked.flatMap { run.o[$0 * outputs..<($0 + 1) * outputs] }
        #expect(relativeError(o.array(), expected) < LayerTolerance.of(type))
      }
      #expect(bench.bordersAreIntact())
    }
  }
}
