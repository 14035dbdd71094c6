/// Hard caps of the GGUF reader: far above every real model, low enough that a damaged length can never make
/// it allocate more than a small multiple of the file.
enum GGUFLimits {
  /// Metadata entries.
  static let entries = 1 << 16
  /// Tensors.
  static let tensors = 1 << 17
  /// Bytes of a metadata key (the format's own limit).
  static let key = (1 << 16) - 1
  /// Bytes of a tensor's name (llama.cpp allows 63).
  static let tensorName = 255
  /// Bytes of a string value.
  static let string = 1 << 26
  /// Elements of an array.
  static let array = 1 << 26
  /// Arrays inside arrays.
  static let depth = 4
  /// Bytes of `general.alignment`.
  static let alignment = 1 << 20
  /// Bytes of data of a file that is written.
  static let data = 1 << 60
  /// Dimensions of a tensor.
  static let dimensions = 4
}
