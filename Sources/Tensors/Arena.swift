internal import Glibc

/// One anonymous memory mapping, cut into matrices in order.
///
/// An arena is sized before it is made (`MemoryPlan`), so that memory is known before it is spent.
/// Pages cost nothing until they are written. An arena belongs to one task: it is not `Sendable`.
@safe
public final class Arena {
  /// What the arena is for, for error messages and the plan.
  public let name: String
  /// Bytes mapped.
  public let byteCount: Int
  /// Bytes handed out now.
  public private(set) var used = 0
  /// The most bytes that were handed out at a time.
  public private(set) var highest = 0
  private let isMapped: Bool

  let base: UnsafeMutableRawPointer

  /// Every matrix begins on such a boundary (a cache line, an AVX-512 register).
  public static let alignment = 64

  /// Maps `byteCount` zero bytes. Throws `TensorError.outOfMemory`.
  public init(_ name: String, byteCount: Int) throws(TensorError) {
    let size = max(byteCount, Arena.alignment)
    let pointer = unsafe mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let pointer = unsafe pointer, unsafe pointer != MAP_FAILED else {
      throw .outOfMemory(name: name, byteCount: size)
    }
    // Large pages where the system has them at hand; a wish, its failure is of no consequence.
    _ = unsafe madvise(pointer, size, MADV_HUGEPAGE)
    self.name = name
    self.byteCount = size
    isMapped = true
    unsafe self.base = pointer
  }

  /// An arena without memory: it hands out matrices that nobody may read or write, to find out how many bytes they take
  /// (`highest`). Their place is in a page that no process can touch.
  public init(measuring name: String) {
    self.name = name
    byteCount = Int.max / 4
    isMapped = false
    guard let nowhere = unsafe UnsafeMutableRawPointer(bitPattern: Arena.alignment) else {
      preconditionFailure("an address above zero is an address")
    }
    unsafe base = nowhere
  }

  deinit {
    if isMapped { unsafe munmap(base, byteCount) }
  }

  /// Bytes that a matrix of this shape takes in an arena, padding included.
  public static func size(rows: Int, columns: Int, type: ElementType) -> Int {
    let bytes = rows * columns * type.byteCount
    return (bytes + alignment - 1) / alignment * alignment
  }

  /// The next matrix `[rows, columns]`; contents as they are (zero when new). Traps when the arena is full.
  public func allocate(rows: Int, columns: Int, type: ElementType) -> Matrix {
    let bytes = Arena.size(rows: rows, columns: columns, type: type)
    precondition(
      used + bytes <= byteCount,
      "arena \(name) is full: \(used) + \(bytes) of \(byteCount) bytes")
    let matrix = Matrix(arena: self, offset: used, rows: rows, columns: columns, type: type)
    used += bytes
    highest = max(highest, used)
    return matrix
  }

  /// Takes back everything that was handed out since `used` was `mark`.
  public func release(to mark: Int) {
    precondition(mark >= 0 && mark <= used)
    used = mark
  }

  /// Gives the pages back to the system; the contents become zero.
  public func discardPages() {
    _ = unsafe madvise(base, byteCount, MADV_DONTNEED)
  }
}
