internal import CKernels

/// How an optimizer keeps its moments: the values of `--moments`.
public enum MomentPrecision: String, Sendable, Hashable, Codable, CaseIterable {
  /// 8 bytes a parameter for both moments.
  case float32 = "fp32"
  /// Rounded up or down at random; 4 bytes.
  case bfloat16 = "bf16"
  /// Small floats under a scale for each `Moments.blockSize` of them, rounded at random; 2 bytes and 8 a block.
  case eightBit = "8bit"
}

/// The first and second moments of a flat run of parameters, zero when new.
///
/// The 8-bit form is block-wise as in Dettmers and others, arXiv 2110.02861; its codes stand in
/// CSupport/CKernels/optimizer.c.
public struct Moments {
  public static let blockSize = Int(CK_MOMENT_BLOCK)

  public let precision: MomentPrecision
  public let count: Int
  let first: Matrix
  let second: Matrix
  let firstScales: Matrix?
  let secondScales: Matrix?

  /// Moments of `count` parameters; the arena must have `byteCount` bytes left.
  public init(count: Int, precision: MomentPrecision, in arena: Arena) {
    self.precision = precision
    self.count = count
    let (columns, type) = Moments.storage(count, precision)
    first = arena.allocate(rows: 1, columns: columns, type: type)
    second = arena.allocate(rows: 1, columns: columns, type: type)
    func scales() -> Matrix? {
      guard precision == .eightBit else { return nil }
      return arena.allocate(rows: 1, columns: Moments.blocks(count), type: .float32)
    }
    firstScales = scales()
    secondScales = scales()
  }

  /// Bytes that such moments take in an arena.
  public static func byteCount(count: Int, precision: MomentPrecision) -> Int {
    let (columns, type) = storage(count, precision)
    let scales =
      precision == .eightBit
      ? Arena.size(rows: 1, columns: blocks(count), type: .float32) : 0
    return 2 * (Arena.size(rows: 1, columns: columns, type: type) + scales)
  }

  /// Bytes lie two by two in a matrix that calls itself bfloat16.
  private static func storage(
    _ count: Int, _ precision: MomentPrecision
  ) -> (columns: Int, type: ElementType) {
    switch precision {
    case .float32: (count, .float32)
    case .bfloat16: (count, .bfloat16)
    case .eightBit: ((count + 1) / 2, .bfloat16)
    }
  }

  private static func blocks(_ count: Int) -> Int { (count + blockSize - 1) / blockSize }

  private init(_ whole: Moments, _ range: Range<Int>) {
    let (start, count) = (range.lowerBound, range.count)
    precondition(start >= 0 && start + count <= whole.count)
    precondition(
      whole.precision != .eightBit || start % Moments.blockSize == 0,
      "8-bit moments are cut at whole blocks")
    precision = whole.precision
    self.count = count
    let (columns, _) = Moments.storage(count, precision)
    let from = precision == .eightBit ? start / 2 : start
    first = whole.first.slice(from, rows: 1, columns: columns)
    second = whole.second.slice(from, rows: 1, columns: columns)
    func scales(_ scales: Matrix?) -> Matrix? {
      scales?.slice(start / Moments.blockSize, rows: 1, columns: Moments.blocks(count))
    }
    firstScales = scales(whole.firstScales)
    secondScales = scales(whole.secondScales)
  }

  /// The moments of the parameters `range`, as a view of the same memory. 8-bit ones are cut at whole blocks.
  public subscript(range: Range<Int>) -> Moments { Moments(self, range) }

  /// Everything that is kept, as it lies in memory, by name: what a checkpoint holds.
  public var parts: [(name: String, values: Matrix)] {
    [
      ("first", first), ("second", second), ("first_scales", firstScales),
      ("second_scales", secondScales),
    ].compactMap { name, part in part.map { (name, $0) } }
  }

  /// Both moments as numbers.
  public func values() -> (first: [Float], second: [Float]) {
    (numbers(first, firstScales, isSigned: 1), numbers(second, secondScales, isSigned: 0))
  }

  private func numbers(_ moments: Matrix, _ scales: Matrix?, isSigned: Int32) -> [Float] {
    guard let scales else { return moments.array() }
    return unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if count > 0 {
        unsafe ck_decode_moments(
          buffer.baseAddress!, moments.bytesOfMoments, scales.floats, isSigned, Int64(count))
      }
      initialized = count
    }
  }
}
