@testable import Tokenization

/// Builds the bytes of a precompiled character map: a double array in which every node has a block
/// of 256 units for its children, then the replacements.
enum TestCharacterMap {
  static func bytes(_ replacements: [(String, String)]) -> [UInt8] {
    var units: [UInt32] = [0]
    var texts: [UInt8] = []
    func add(_ index: Int, _ label: UInt8, _ strings: [(key: ArraySlice<UInt8>, value: String)]) {
      let block = (units.count + 255) / 256 * 256
      units += Array(repeating: 0, count: block + 256 - units.count)
      let value = strings.first { $0.key.isEmpty }?.value
      units[index] =
        UInt32(label) | UInt32(index ^ block) << 10 | (value == nil ? 0 : 1 << 8)
      if let value {
        units[block] = 1 << 31 | UInt32(texts.count)
        texts += Array(value.utf8) + [0]
      }
      let groups = Dictionary(grouping: strings.filter { !$0.key.isEmpty }) { $0.key.first ?? 0 }
      for (byte, group) in groups.sorted(by: { $0.key < $1.key }) {
        add(block ^ Int(byte), byte, group.map { ($0.key.dropFirst(), $0.value) })
      }
    }
    add(0, 0, replacements.map { (Array($0.0.utf8)[...], $0.1) })
    return number(UInt32(4 * units.count)) + units.flatMap(number) + texts
  }

  static func number(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
  }
}
