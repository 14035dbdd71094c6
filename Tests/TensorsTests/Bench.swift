import CKernels
import Foundation

@testable import Tensors

/// Memory full of NaN in which tests lay their matrices: whoever reads beyond one gets NaN, whoever
/// writes beyond one is found out by `bordersAreIntact`.
final class Bench {
  private let arena: Arena
  private var used = 0
  private var ranges: [Range<Int>] = []
  private static let border = 64

  init(byteCount: Int = 1 << 21) throws {
    arena = try Arena("bench", byteCount: byteCount)
    whole.assign(bytes: [UInt8](repeating: 0xFF, count: arena.byteCount))
  }

  private var whole: Matrix {
    Matrix(arena: arena, offset: 0, rows: 1, columns: arena.byteCount / 2, type: .bfloat16)
  }

  /// A matrix between borders; NaN unless `values` are given.
  func matrix(_ rows: Int, _ columns: Int, _ type: ElementType, _ values: [Float]? = nil) -> Matrix
  {
    let offset = used + Bench.border
    let matrix = Matrix(arena: arena, offset: offset, rows: rows, columns: columns, type: type)
    ranges.append(offset..<offset + matrix.byteCount)
    used = (offset + matrix.byteCount + 2 * Bench.border - 1) / 64 * 64
    if let values { matrix.assign(values) }
    return matrix
  }

  func bordersAreIntact() -> Bool {
    let bytes = whole.bytes()
    return ranges.allSatisfy { range in
      let before = range.lowerBound - Bench.border..<range.lowerBound
      let after = range.upperBound..<min(range.upperBound + Bench.border, bytes.count)
      return bytes[before].allSatisfy { $0 == 0xFF } && bytes[after].allSatisfy { $0 == 0xFF }
    }
  }
}

/// The instruction set and the number of threads are global to the process: whoever sets them holds the
/// lock while it computes, whatever suite it is in.
enum Compute {
  private static let lock = NSRecursiveLock()

  static let scalar = Int32(CK_ISA_SCALAR)

  /// Every tier of this machine.
  static let available = (Int32(0)...6).filter { ck_isa_available($0) != 0 }

  /// Nobody else that holds the lock computes meanwhile; what `body` sets is set back.
  static func alone<Result>(_ body: () throws -> Result) rethrows -> Result {
    lock.lock()
    let before = (ck_isa(), ck_threads())
    defer {
      ck_set_isa(before.0)
      ck_set_threads(before.1)
      lock.unlock()
    }
    return try body()
  }

  static func with<Result>(
    isa: Int32, threads: Int32? = nil, _ body: () throws -> Result
  ) rethrows -> Result {
    try alone {
      ck_set_isa(isa)
      if let threads { ck_set_threads(threads) }
      return try body()
    }
  }
}

/// Seeded numbers (SplitMix64) that bfloat16 holds exactly, so that both element types compute on the same.
func randomFloats(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15
  return (0..<count).map { _ in
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    let unit = Float(z >> 40) / Float(1 << 23) - 1
    return Float(bitPattern: (unit * scale).bitPattern & 0xFFFF_0000)
  }
}

/// ‖a − b‖ / ‖b‖; infinite when a value of `a` is not finite.
func relativeError(_ a: [Float], _ b: [Double]) -> Double {
  precondition(a.count == b.count)
  var difference = 0.0
  var norm = 0.0
  for index in 0..<a.count {
    let delta = Double(a[index]) - b[index]
    guard delta.isFinite else { return .infinity }
    difference += delta * delta
    norm += b[index] * b[index]
  }
  return (difference / max(norm, 1e-60)).squareRoot()
}

func relativeError(_ a: [Float], _ b: [Float]) -> Double { relativeError(a, b.map(Double.init)) }

func dot(_ a: [Float], _ b: [Float]) -> Double {
  zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

/// The named tolerances: relative error of a whole result.
enum LayerTolerance {
  /// float32 results of one rounding order against another's.
  static let float32 = 2e-6
  /// bfloat16 storage (8 bits of fraction), operands of products rounded to it.
  static let bfloat16 = 8e-3

  static func of(_ type: ElementType) -> Double { type == .float32 ? float32 : bfloat16 }
}
