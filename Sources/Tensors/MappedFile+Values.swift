/// Whole runs of values out of a mapped file, copied in one go: what the readers of model files need to parse
/// tens of thousands of strings quickly. Ranges must lie inside the file; readers check them first.
extension MappedFile {
  /// The text in `range`, or nil when the bytes are not valid UTF-8.
  public func text(_ range: Range<Int>) -> String? {
    guard !range.isEmpty else { return "" }
    let start = unsafe pointer(at: range.lowerBound, byteCount: range.count)
    let buffer = unsafe UnsafeRawBufferPointer(start: start, count: range.count)
    return unsafe buffer.withMemoryRebound(to: UInt8.self) {
      unsafe String(validating: $0, as: UTF8.self)
    }
  }

  /// `count` little-endian integers from any offset.
  public func integers<T: FixedWidthInteger & BitwiseCopyable>(
    _: T.Type, at offset: Int, count: Int
  ) -> [T] {
    unsafe copied(at: offset, count: count)
  }

  /// `count` little-endian singles from any offset.
  public func floats(at offset: Int, count: Int) -> [Float] {
    unsafe copied(at: offset, count: count)
  }

  /// `count` little-endian doubles from any offset.
  public func doubles(at offset: Int, count: Int) -> [Double] {
    unsafe copied(at: offset, count: count)
  }

  /// Every processor that Scion runs on is little-endian, so that values are copied as they lie.
  @unsafe
  private func copied<T: BitwiseCopyable>(at offset: Int, count: Int) -> [T] {
    precondition(count >= 0)
    let byteCount = count * MemoryLayout<T>.size
    let start = unsafe pointer(at: offset, byteCount: byteCount)
    return unsafe [T](unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(
        from: UnsafeRawBufferPointer(start: start, count: byteCount))
      initialized = count
    }
  }
}
