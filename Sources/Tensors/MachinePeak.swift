internal import CKernels

/// What the processor and its memory can do at most, measured on the threads in use: the measure of every benchmark.
///
/// Only work is done here; whoever asks holds the clock, so that a peak and what is compared with it are timed alike.
public enum MachinePeak {
  /// Kinds of multiply-adds, by the type of their factors.
  public enum Arithmetic: Int32, Sendable, Hashable, CaseIterable {
    /// Fused multiply-adds in the width of the tier.
    case float32 = 0
    /// Products of bfloat16 pairs with float32 sums (`vdpbf16ps`).
    case bfloat16 = 1
    /// Products of bytes with int32 sums (`vpdpbusd`, or three instructions where it is missing).
    case int8 = 2

    /// As tables and CSV write it.
    public var name: String {
      switch self {
      case .float32: "fp32"
      case .bfloat16: "bf16"
      case .int8: "int8"
      }
    }

    /// Whether the tier in use has such instructions.
    public var isAvailable: Bool { ck_peak_products(rawValue, 1) > 0 }
  }

  /// Runs `steps` steps of multiply-adds in registers on every thread in use; returns the operations done (a
  /// multiply-add is two), 0 where the tier in use has no such instruction.
  public static func multiplyAdds(_ arithmetic: Arithmetic, steps: Int) -> Double {
    precondition(steps >= 0)
    return ck_peak_products(arithmetic.rawValue, Int64(steps))
  }

  /// Reads the whole pages of `matrix` once, each thread its share; returns the bytes read.
  ///
  /// To measure memory and not a cache, the matrix should be several times as large as the last cache, and have been
  /// written before (pages that never were are all the same page of zeros).
  public static func read(_ matrix: Matrix) -> Int {
    let bytes = matrix.byteCount / 4096 * 4096
    unsafe ck_peak_read(matrix.pointer, bytes)
    return bytes
  }
}
