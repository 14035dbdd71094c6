internal import CCompression

/// Unpacking of gzip (RFC 1952) and Zstandard (RFC 8878) into a temporary file, a piece at a time:
/// memory does not grow with the file.
extension MappedFile {
  /// How a file is packed, by its first bytes.
  public enum Packing: String, Sendable {
    case gzip
    case zstd
  }

  /// Nil for a file that is not packed.
  public var packing: Packing? {
    let head = bytes(0..<min(4, byteCount))
    if head.starts(with: [0x1F, 0x8B]) { return .gzip }
    if head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
    return nil
  }

  /// What the file holds, unpacked and mapped; nil when that is nothing. Throws `cannotMap` for a
  /// damaged file, `cannotSpill` without room.
  public func unpacked(_ packing: Packing) throws(TensorError) -> MappedFile? {
    var result = try TemporaryFile()
    switch packing {
    case .gzip: try inflate(into: &result)
    case .zstd: try decompress(into: &result)
    }
    return try result.mapped(path: path)
  }

  private static let pieceSize = 1 << 18

  private func damaged(_ packing: Packing) -> TensorError {
    .cannotMap(path: path, reason: "its \(packing.rawValue) data are damaged or cut off")
  }

  /// One or more gzip members.
  private func inflate(into result: inout TemporaryFile) throws(TensorError) {
    var stream = unsafe z_stream()
    // 15 bits of window, and 16 for gzip's header.
    guard
      unsafe inflateInit2_(
        &stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw .outOfMemory(name: "zlib", byteCount: 1 << 15) }
    defer { _ = unsafe inflateEnd(&stream) }
    var piece = [UInt8](repeating: 0, count: Self.pieceSize)
    var position = 0
    var status = Z_OK
    while position < byteCount || status == Z_OK {
      let input = min(byteCount - position, 1 << 20)
      let (code, used, made) = unsafe piece.withUnsafeMutableBufferPointer { output in
        unsafe stream.next_in = unsafe UnsafeMutablePointer(
          mutating: pointer(at: position, byteCount: input).assumingMemoryBound(to: UInt8.self))
        unsafe stream.avail_in = UInt32(input)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = UInt32(output.count)
        let code = unsafe CCompression.inflate(&stream, Z_NO_FLUSH)
        return (
          code, input - Int(unsafe stream.avail_in), output.count - Int(unsafe stream.avail_out)
        )
      }
      status = code
      try result.append(piece[..<made])
      releasePages(position..<(position + used))
      position += used
      guard code == Z_OK || code == Z_STREAM_END, used + made > 0 || code == Z_STREAM_END else {
        throw damaged(.gzip)
      }
      if code == Z_STREAM_END, position < byteCount { _ = unsafe inflateReset(&stream) }
    }
  }

  /// One or more frames.
  private func decompress(into result: inout TemporaryFile) throws(TensorError) {
    guard let stream = unsafe ZSTD_createDStream() else {
      throw .outOfMemory(name: "zstd", byteCount: 1 << 20)
    }
    defer { _ = unsafe ZSTD_freeDStream(stream) }
    var piece = [UInt8](repeating: 0, count: Self.pieceSize)
    var position = 0
    var isFull = false
    // 0 where a frame is complete.
    var left = 1
    while position < byteCount || isFull {
      let size = min(byteCount - position, 1 << 20)
      let (code, used, made) = unsafe piece.withUnsafeMutableBytes { buffer in
        var input = unsafe ZSTD_inBuffer(
          src: pointer(at: position, byteCount: size), size: size, pos: 0)
        var output = unsafe ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        let code = unsafe ZSTD_decompressStream(stream, &output, &input)
        return (code, unsafe input.pos, unsafe output.pos)
      }
      guard ZSTD_isError(code) == 0 else { throw damaged(.zstd) }
      if used == 0, made == 0 { break }
      left = code
      try result.append(piece[..<made])
      releasePages(position..<(position + used))
      position += used
      isFull = made == piece.count
    }
    guard left == 0 else { throw damaged(.zstd) }
  }
}
