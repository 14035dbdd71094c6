internal import CKernels
internal import Glibc

/// The processor that the kernels run on: its instruction-set tiers and the threads they use.
///
/// Both are global to the process, chosen at the first use. Changing the tier is meant for tests and
/// benchmarks; results differ between tiers in the last bits, never between numbers of threads.
public enum Processor {
  /// Families of instructions that kernels are written for, from the oracle up.
  public enum InstructionSet: Int32, Sendable, Hashable, CaseIterable {
    /// Plain C, the reference for all others.
    case scalar = 0
    /// AVX2 with FMA and F16C: float32 sums in 256 bits.
    case avx2 = 1
    /// AVX2 with AVX-VNNI: the 8-bit integer dot product in 256 bits (used by int8 products).
    case avx2VNNI = 2
    /// AVX-512 F, BW, DQ, VL: float32 sums in 512 bits, and the 8-bit integer dot product where there is one.
    case avx512 = 3
    /// AVX-512 with the bfloat16 dot product (used where activations are bfloat16).
    case avx512BFloat16 = 4
    /// NEON, on every 64-bit ARM: float32 sums in 128 bits.
    case neon = 5
    /// NEON with the bfloat16 matrix product (used where activations are bfloat16).
    case neonBFloat16 = 6

    /// The name that `SCION_ISA` takes.
    public var name: String {
      switch self {
      case .scalar: "scalar"
      case .avx2: "avx2"
      case .avx2VNNI: "avx2vnni"
      case .avx512: "avx512"
      case .avx512BFloat16: "avx512bf16"
      case .neon: "neon"
      case .neonBFloat16: "neonbf16"
      }
    }

    /// Whether this processor and this build can run it.
    public var isAvailable: Bool { ck_isa_available(rawValue) != 0 }

    /// Whether products of bfloat16 activations use a bfloat16 product of the processor here, which is then faster
    /// than float32.
    public var hasBFloat16Product: Bool { self == .avx512BFloat16 || self == .neonBFloat16 }
  }

  /// The tiers that can run here, from the oracle up.
  public static var available: [InstructionSet] {
    InstructionSet.allCases.filter(\.isAvailable)
  }

  /// The tier in use: the best available one, or the one that `SCION_ISA` names. Setting one that is not
  /// available traps.
  public static var instructionSet: InstructionSet {
    get { InstructionSet(rawValue: ck_isa()) ?? .scalar }
    set {
      precondition(newValue.isAvailable, "this processor cannot run \(newValue.name)")
      ck_set_isa(newValue.rawValue)
    }
  }

  /// Whether training with products in 8-bit integers is faster than without on the tier in use.
  public static var trainsFasterInInt8: Bool { ck_int8_pays() != 0 }

  /// The value of `SCION_ISA` when it is not the tier in use: misspelt, or not available here.
  public static var ignoredRequest: String? {
    guard let value = unsafe getenv("SCION_ISA") else { return nil }
    let name = unsafe String(cString: value)
    return name == instructionSet.name ? nil : name
  }

  /// Threads that a product uses: `OMP_NUM_THREADS`, or the cores that this process may run on.
  public static var threads: Int {
    get { Int(ck_threads()) }
    set {
      precondition(newValue > 0, "at least one thread is needed")
      ck_set_threads(Int32(clamping: newValue))
    }
  }
}
