/// Values that lie in memory while they are few and in an unnamed temporary file beyond: an index of millions of rows then
/// takes no resident memory.
///
/// It reads like an array. Of a file each access is a system call of some 0.3 µs; going through from front to back reads
/// pieces of 32 KiB.
public struct SpilledArray<Element: BitwiseCopyable & Sendable>: RandomAccessCollection, Sendable {
  fileprivate enum Storage: Sendable {
    case memory([Element])
    case file(UnlinkedFile)
  }

  fileprivate var storage: Storage
  public let count: Int

  /// Bytes of the values that are kept in memory before a file takes them.
  public static var memoryLimit: Int { 1 << 20 }

  /// Values in a piece.
  private static var pieceCount: Int { Swift.max(32768 / MemoryLayout<Element>.stride, 1) }

  public init(_ values: [Element]) {
    storage = .memory(values)
    count = values.count
  }

  fileprivate init(_ file: UnlinkedFile, count: Int) {
    storage = .file(file)
    self.count = count
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { count }

  public subscript(index: Int) -> Element {
    switch storage {
    case .memory(let values): values[index]
    case .file: self.values(index..<index + 1)[0]
    }
  }

  /// A copy of the values `range`.
  public func values(_ range: Range<Int>) -> [Element] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    switch storage {
    case .memory(let values): return Array(values[range])
    case .file(let file):
      return unsafe [Element](unsafeUninitializedCapacity: range.count) { buffer, initialized in
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        let whole = unsafe UnsafeMutableRawBufferPointer(
          rebasing: bytes[..<(range.count * MemoryLayout<Element>.stride)])
        do {
          try unsafe file.read(into: whole, at: range.lowerBound * MemoryLayout<Element>.stride)
        } catch {
          // Written before, and whole: a disk that loses it leaves nothing to go on with.
          fatalError("\(error)")
        }
        initialized = range.count
      }
    }
  }

  public func makeIterator() -> Iterator { Iterator(array: self) }

  /// Goes through in pieces.
  public struct Iterator: IteratorProtocol {
    fileprivate let array: SpilledArray
    private var piece: [Element] = []
    private var position = 0
    private var end = 0

    fileprivate init(array: SpilledArray) { self.array = array }

    public mutating func next() -> Element? {
      if position == piece.count {
        guard end < array.count else { return nil }
        let range = end..<Swift.min(end + SpilledArray.pieceCount, array.count)
        piece = array.values(range)
        (position, end) = (0, range.upperBound)
      }
      defer { position += 1 }
      return piece[position]
    }
  }

  // MARK: - Writing

  /// Takes values one by one.
  public struct Writer: ~Copyable {
    private var buffer: [Element] = []
    private var file: UnlinkedFile?
    private var written = 0

    public init() {}

    public var count: Int { written + buffer.count }

    /// Throws `TensorError.cannotSpill` without room.
    public mutating func append(_ value: Element) throws(TensorError) {
      buffer.append(value)
      try flushIfFull()
    }

    private mutating func flushIfFull() throws(TensorError) {
      let limit = file == nil ? SpilledArray.memoryLimit : 1 << 18
      if buffer.count * MemoryLayout<Element>.stride >= limit { try flush() }
    }

    /// Throws `TensorError.cannotSpill` without room.
    public mutating func append(contentsOf values: [Element]) throws(TensorError) {
      buffer.append(contentsOf: values)
      try flushIfFull()
    }

    private mutating func flush() throws(TensorError) {
      let file = if let file { file } else { try UnlinkedFile(of: .data) }
      self.file = file
      let offset = written * MemoryLayout<Element>.stride
      try unsafe buffer.withUnsafeBufferPointer {
        (values: UnsafeBufferPointer<Element>) throws(TensorError) -> Void in
        try unsafe file.write(UnsafeRawBufferPointer(values), at: offset)
      }
      written += buffer.count
      buffer = []
    }

    public consuming func finish() throws(TensorError) -> SpilledArray {
      guard file != nil else { return SpilledArray(buffer) }
      try flush()
      guard let file else { return SpilledArray([]) }
      return SpilledArray(file, count: written)
    }
  }
}

extension SpilledArray where Element == Int32 {
  /// Bytes a value that `permutation` takes in memory until it is made.
  public static var bytesWhilePermuting: Int { MemoryLayout<Int32>.stride }

  /// 0..<count in a random order: `RandomGenerator.permutation`'s, and as many draws. While it is made it takes
  /// `bytesWhilePermuting` a value in memory. `count` must be below 2³¹.
  ///
  /// Throws `TensorError.cannotSpill` without room.
  public static func permutation(
    _ count: Int, _ generator: inout RandomGenerator
  ) throws(TensorError) -> SpilledArray {
    var order = (0..<Int32(count)).map { $0 }
    generator.shuffle(&order)
    var writer = Writer()
    for start in stride(from: 0, to: count, by: pieceCount) {
      try writer.append(contentsOf: Array(order[start..<Swift.min(start + pieceCount, count)]))
    }
    return try writer.finish()
  }
}
