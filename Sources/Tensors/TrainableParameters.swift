internal import CKernels

/// How trainable parameters are kept: the values of `--adapter-precision`.
public enum ParameterPrecision: String, Sendable, Hashable, Codable, CaseIterable {
  /// An exact float32 master in two halves of 16 bits; the upper is the bfloat16 that products read. 4 bytes.
  case splitFloat32 = "split-fp32"
  /// A float32 master, and a bfloat16 copy where products read that. 4 or 6 bytes.
  case float32 = "fp32"
  /// bfloat16 alone, every update rounded up or down at random. 2 bytes.
  case bfloat16 = "bf16-sr"
}

/// Parameters `[rows, columns]` that an optimizer changes, kept in one of three precisions.
///
/// Split: `high` is the master rounded to the nearest bfloat16 and `low` makes it exact:
/// `bits(master) = (high << 16) + Int16(low)`. All parts are handles into arenas.
public struct TrainableParameters {
  public let precision: ParameterPrecision
  /// The parameters as bfloat16 [rows, columns]: exact, or the masters rounded to nearest. nil for float32 masters without
  /// a copy.
  public let rounded: Matrix?
  /// The float32 masters [rows, columns], where they lie in one piece.
  public let master: Matrix?
  /// The remainders of split masters: signed 16-bit integers in the memory of a matrix that calls itself bfloat16.
  let low: Matrix?

  public let rows: Int
  public let columns: Int
  public var count: Int { rows * columns }

  /// Everything that is kept, as it lies in memory, by name: what a checkpoint holds.
  public var parts: [(name: String, values: Matrix)] {
    [("rounded", rounded), ("master", master), ("low", low)].compactMap { name, part in
      part.map { (name, $0) }
    }
  }

  private init(
    precision: ParameterPrecision, rounded: Matrix?, master: Matrix?, low: Matrix?
  ) {
    guard let shape = rounded ?? master else { preconditionFailure("parameters lie somewhere") }
    self.precision = precision
    self.rounded = rounded
    self.master = master
    self.low = low
    (rows, columns) = (shape.rows, shape.columns)
    for part in [rounded, low] {
      precondition(part.map { $0.type == .bfloat16 && $0.count == shape.count } ?? true)
    }
    precondition(master.map { $0.type == .float32 && $0.count == shape.count } ?? true)
  }

  /// Split masters; both halves of the same shape and of type bfloat16.
  public init(high: Matrix, low: Matrix) {
    self.init(precision: .splitFloat32, rounded: high, master: nil, low: low)
  }

  /// Float32 masters, with a bfloat16 copy of the same shape or without.
  public init(master: Matrix, copy: Matrix?) {
    self.init(precision: .float32, rounded: copy, master: master, low: nil)
  }

  /// bfloat16 alone.
  public init(randomlyRounded values: Matrix) {
    self.init(precision: .bfloat16, rounded: values, master: nil, low: nil)
  }

  /// New parameters, zero when the arena is new and has `byteCount` bytes left.
  ///
  /// - Parameter isRead: the type in which products read them: whether float32 masters need a copy.
  public init(
    rows: Int, columns: Int, precision: ParameterPrecision, isRead type: ElementType,
    in arena: Arena
  ) {
    func make(_ type: ElementType) -> Matrix {
      arena.allocate(rows: rows, columns: columns, type: type)
    }
    switch precision {
    case .splitFloat32: self.init(high: make(.bfloat16), low: make(.bfloat16))
    case .float32:
      self.init(master: make(.float32), copy: type == .bfloat16 ? make(.bfloat16) : nil)
    case .bfloat16: self.init(randomlyRounded: make(.bfloat16))
    }
  }

  /// Bytes that such parameters take in an arena.
  public static func byteCount(
    rows: Int, columns: Int, precision: ParameterPrecision, isRead type: ElementType
  ) -> Int {
    let half = Arena.size(rows: rows, columns: columns, type: .bfloat16)
    let whole = Arena.size(rows: rows, columns: columns, type: .float32)
    switch precision {
    case .splitFloat32: return 2 * half
    case .float32: return whole + (type == .bfloat16 ? half : 0)
    case .bfloat16: return half
    }
  }

  /// `rows · columns` parameters from number `start` on: the same memory.
  public func slice(_ start: Int, rows: Int, columns: Int) -> TrainableParameters {
    TrainableParameters(
      precision: precision, rounded: rounded?.slice(start, rows: rows, columns: columns),
      master: master?.slice(start, rows: rows, columns: columns),
      low: low?.slice(start, rows: rows, columns: columns))
  }

  /// Sets every parameter: exactly, or rounded to the nearest bfloat16 where nothing finer is kept.
  /// `values.count` must equal `count`.
  public func assign(_ values: [Float]) {
    precondition(values.count == count, "\(values.count) values for \(rows) x \(columns)")
    if let rounded, let low {
      unsafe ck_split(rounded.halves, low.remainders, values, Int64(count))
    } else {
      master?.assign(values)
      rounded?.assign(values)
    }
  }

  /// The parameters, row by row, exactly.
  public func array() -> [Float] {
    if let master { return master.array() }
    guard let rounded else { return [] }
    guard let low else { return rounded.array() }
    return unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if count > 0 {
        unsafe ck_join(buffer.baseAddress!, rounded.halves, low.remainders, Int64(count))
      }
      initialized = count
    }
  }

  /// The parameters, row by row, rounded to bfloat16 as products in bfloat16 see them.
  public func roundedArray() -> [Float] {
    rounded?.array() ?? array().map { BFloat16($0).float }
  }

  /// Writes the parameters into a float32 matrix, exactly.
  public func copy(into target: Matrix) {
    precondition(target.count == count)
    if let master {
      target.assign(master)
    } else if let rounded, let low {
      unsafe ck_join(target.floats, rounded.halves, low.remainders, Int64(count))
    } else if let rounded {
      target.assign(rounded)
    }
  }
}

extension Matrix {
  var halves: UnsafeMutablePointer<UInt16> {
    precondition(type == .bfloat16, "a bfloat16 matrix is needed here")
    return unsafe pointer.assumingMemoryBound(to: UInt16.self)
  }

  /// The lower halves of split masters.
  var remainders: UnsafeMutablePointer<Int16> {
    precondition(type == .bfloat16, "a bfloat16 matrix is needed here")
    return unsafe pointer.assumingMemoryBound(to: Int16.self)
  }

  var bytesOfMoments: UnsafeMutablePointer<UInt8> {
    unsafe pointer.assumingMemoryBound(to: UInt8.self)
  }
}
