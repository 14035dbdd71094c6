internal import CKernels

/// The storage type of an activation: 32-bit floats or bfloat16. Arithmetic is the same for both;
/// the type decides memory and, on processors with a bf16 dot product, speed.
public enum ElementType: Sendable, Hashable {
  case float32
  case bfloat16

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float32: 4
    case .bfloat16: 2
    }
  }

  var code: ck_format {
    switch self {
    case .float32: ck_format(CK_F32)
    case .bfloat16: ck_format(CK_BF16)
    }
  }
}
