internal import CCrypto

/// The SHA-256 (FIPS 180-4) of a mapped file, as `sha256sum` prints it: what a recipe records of its base and data.
extension MappedFile {
  /// 64 lower-case hexadecimal digits. Reads every byte once (about 1 GB/s with the processor's SHA instructions) and gives
  /// the pages back as it goes, so that a large file does not become resident.
  public func sha256() -> String { Self.sha256(of: [self]) }

  /// The same of the file at `path`, which may be empty. Throws `TensorError.cannotMap`.
  public static func sha256(path: String) throws(TensorError) -> String {
    if let size = size(path), size == 0 { return sha256(of: []) }
    return try MappedFile(path: path).sha256()
  }

  /// The same of the bytes of several files, one after the other.
  public static func sha256(of files: [MappedFile]) -> String {
    let window = 1 << 20
    var digest = [UInt8](repeating: 0, count: 32)
    guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
    defer { unsafe EVP_MD_CTX_free(context) }
    var isDone = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    for file in files {
      for start in stride(from: 0, to: file.byteCount, by: window) {
        let range = start..<min(start + window, file.byteCount)
        let bytes = unsafe file.pointer(at: start, byteCount: range.count)
        isDone = unsafe isDone && EVP_DigestUpdate(context, bytes, range.count) == 1
        file.releasePages(range)
      }
    }
    isDone =
      unsafe digest.withUnsafeMutableBufferPointer { buffer in
        unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1
      } && isDone
    precondition(isDone, "libcrypto has no SHA-256")
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in digest {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
