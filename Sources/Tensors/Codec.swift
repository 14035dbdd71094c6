internal import CKernels

/// Row-wise decoding and encoding of GGUF blocks in SIMD Swift: the embedding lookup, merging and inspecting, and
/// the tests' second oracle beside the C codecs.
///
/// Decoded values equal ggml's `dequantize_row_*` bit for bit, and encoded blocks of 32 its `quantize_row_*_ref`; Q4_K,
/// Q5_K, Q6_K and IQ4_NL are encoded by a search over scales of our own, in C. Products never come here: they dequantize
/// panels in C.
public enum Codec {
  // MARK: - Decoding

  /// The rows `rows` of `matrix`, `[rows.count, columns]`, row-major.
  public static func decode(_ matrix: QuantizedMatrix, rows: Range<Int>) -> [Float] {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= matrix.rows)
    let columns = matrix.columns
    guard columns > 0 && !rows.isEmpty else { return [] }
    return unsafe [Float](unsafeUninitializedCapacity: rows.count * columns) { buffer, count in
      for (index, row) in rows.enumerated() {
        unsafe decodeRow(
          into: buffer.baseAddress! + index * columns, matrix.rowPointer(row),
          matrix.format, columns)
      }
      count = rows.count * columns
    }
  }

  /// The values of whole blocks. `bytes.count` must be a whole number of blocks.
  public static func decode(_ bytes: [UInt8], as format: BlockFormat) -> [Float] {
    precondition(
      bytes.count % format.blockByteCount == 0,
      "\(bytes.count) bytes are no whole \(format.name) blocks")
    let values = bytes.count / format.blockByteCount * format.blockLength
    guard values > 0 else { return [] }
    return unsafe [Float](unsafeUninitializedCapacity: values) { buffer, count in
      unsafe bytes.withUnsafeBytes { source in
        unsafe decodeRow(into: buffer.baseAddress!, source.baseAddress!, format, values)
      }
      count = values
    }
  }

  /// Embedding lookup: row i of `y [ids.count, columns]` becomes row `ids[i]` of `matrix`, rounded when `y` is bfloat16.
  ///
  /// Traps when an id is no row of the matrix.
  public static func gather(_ matrix: QuantizedMatrix, ids: [Int32], into y: Matrix) {
    precondition(y.rows == ids.count && y.columns == matrix.columns)
    guard matrix.columns > 0 else { return }
    for (row, id) in ids.enumerated() { decode(matrix, row: Int(id), into: y.rows(row..<row + 1)) }
  }

  /// One row of `matrix` into `y [1, columns]`, rounded to nearest when `y` is bfloat16.
  public static func decode(_ matrix: QuantizedMatrix, row: Int, into y: Matrix) {
    precondition(y.rows == 1 && y.columns == matrix.columns)
    let columns = matrix.columns
    guard columns > 0 else { return }
    let source = unsafe matrix.rowPointer(row)
    switch y.type {
    case .float32:
      unsafe decodeRow(into: y.floats, source, matrix.format, columns)
    case .bfloat16:
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
        unsafe decodeRow(into: values.baseAddress!, source, matrix.format, columns)
        unsafe encodeRow(into: y.pointer, values.baseAddress!, .bf16, columns)
      }
    }
  }

  // MARK: - Encoding

  /// The blocks of `values [rows, columns]`, row-major. `columns` must be whole blocks and `format.isEncodable`.
  ///
  /// Values that are not finite give meaningless blocks; they never trap.
  public static func encode(
    _ values: [Float], as format: BlockFormat, columns: Int
  ) -> [UInt8] {
    precondition(format.isEncodable, "\(format.name) cannot be encoded")
    precondition(columns > 0 && columns % format.blockLength == 0 && values.count % columns == 0)
    let byteCount = format.rowByteCount(values.count)
    guard byteCount > 0 else { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      unsafe values.withUnsafeBufferPointer { source in
        let target = UnsafeMutableRawPointer(buffer.baseAddress!)
        switch format {
        case .q4_K, .q5_K, .q6_K, .iq4_NL:  // Rows are shared out among threads.
          unsafe ck_quantize(
            target, source.baseAddress!, format.code, Int64(values.count / columns), Int64(columns))
        default:  // A row is whole blocks and rows follow each other, so that all rows are one.
          unsafe encodeRow(into: target, source.baseAddress!, format, values.count)
        }
      }
      count = byteCount
    }
  }
}
