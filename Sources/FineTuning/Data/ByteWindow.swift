internal import Tensors

/// The bytes of a mapped file by index, a window of them in memory at a time.
///
/// For scanning a file of any size from front to back: what lies behind is given back to the
/// system. Going back is allowed and costs another window.
struct ByteWindow {
  let file: MappedFile
  private var bytes: [UInt8] = []
  private var first = 0

  private static let size = 1 << 18

  init(_ file: MappedFile) { self.file = file }

  var count: Int { file.byteCount }

  /// The byte at `index`, which must lie inside the file.
  subscript(index: Int) -> UInt8 {
    mutating get {
      let place = index - first
      if place >= 0, place < bytes.count { return bytes[place] }
      load(index)
      return bytes[0]
    }
  }

  private mutating func load(_ index: Int) {
    if index > first { file.releasePages(first..<index) }
    first = index
    bytes = file.bytes(index..<min(index + Self.size, count))
  }

  /// Where `byte` next stands at or behind `index`; the end of the file when it does not.
  mutating func firstIndex(of byte: UInt8, from index: Int) -> Int {
    var index = index
    while index < count {
      _ = self[index]
      if let place = bytes[(index - first)...].firstIndex(of: byte) { return first + place }
      index = first + bytes.count
    }
    return count
  }

  /// The first byte at or behind `index` that is not JSON's white space; the end when there is none.
  mutating func skippingSpace(from index: Int) -> Int {
    var index = index
    while index < count, self[index].isJSONSpace { index += 1 }
    return index
  }
}

extension UInt8 {
  /// JSON's white space.
  var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
