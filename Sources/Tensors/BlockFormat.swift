internal import CKernels

/// The numeric formats of GGUF tensors that Scion computes with: one table of facts.
///
/// Raw values are the ids in the file (`ggml_type`); cases have llama.cpp's names. A row of a tensor is a whole number of blocks.
public enum BlockFormat: UInt32, Sendable, Hashable, CaseIterable {
  case f32 = 0
  case f16 = 1
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0 = 2
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_1 = 3
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_0 = 6
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_1 = 7
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0 = 8
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q2_K = 10
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q3_K = 11
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_K = 12
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_K = 13
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q6_K = 14
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq4_NL = 20
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq4_XS = 23
  case bf16 = 30

  /// Name as llama.cpp prints it.
  public var name: String {
    switch self {
    case .f32: "F32"
    case .f16: "F16"
    case .q4_0: "Q4_0"
    case .q4_1: "Q4_1"
    case .q5_0: "Q5_0"
    case .q5_1: "Q5_1"
    case .q8_0: "Q8_0"
    case .q2_K: "Q2_K"
    case .q3_K: "Q3_K"
    case .q4_K: "Q4_K"
    case .q5_K: "Q5_K"
    case .q6_K: "Q6_K"
    case .iq4_NL: "IQ4_NL"
    case .iq4_XS: "IQ4_XS"
    case .bf16: "BF16"
    }
  }

  /// Values in one block.
  public var blockLength: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_NL: 32
    case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_XS: 256
    }
  }

  /// Bytes of one block.
  public var blockByteCount: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q4_0, .iq4_NL: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q2_K: 84
    case .q3_K: 110
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    case .iq4_XS: 136
    }
  }

  /// Bytes of a row of `count` values; `count` must be a whole number of blocks.
  public func rowByteCount(_ count: Int) -> Int {
    precondition(count % blockLength == 0, "\(count) values are no whole \(name) blocks")
    return count / blockLength * blockByteCount
  }

  /// Whether `Codec` can encode it (all can be decoded).
  public var isEncodable: Bool {
    switch self {
    case .q2_K, .q3_K, .iq4_XS: false
    default: true
    }
  }

  var code: ck_format { ck_format(rawValue) }
}
