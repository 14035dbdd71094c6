import Foundation

@testable import ModelFiles

/// A GGUF file in the making whose every field can be a lie.
struct GGUFBytes {
  var magic: [UInt8] = Array("GGUF".utf8)
  var version: UInt32 = 3
  /// Declared; nil means as many as there are.
  var tensorCount: UInt64?
  var entryCount: UInt64?
  var entries: [[UInt8]] = []
  var tensors: [[UInt8]] = []
  var data: [UInt8] = []
  var alignment = 32

  /// A whole file.
  var bytes: [UInt8] {
    var bytes = magic + Self.integer(version)
    bytes += Self.integer(tensorCount ?? UInt64(tensors.count))
    bytes += Self.integer(entryCount ?? UInt64(entries.count))
    bytes += entries.joined()
    bytes += tensors.joined()
    if !tensors.isEmpty {
      bytes += repeatElement(0, count: padded(bytes.count, alignment) - bytes.count)
    }
    return bytes + data
  }

  func read() throws(GGUFError) -> GGUFFile { try GGUFFile(name: "hostile.gguf", bytes: bytes) }

  // MARK: - Fields

  static func integer<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> T($0 * 8)) }
  }

  static func text(_ text: String) -> [UInt8] { integer(UInt64(text.utf8.count)) + text.utf8 }

  mutating func entry(_ key: String, type: UInt32, _ payload: [UInt8]) {
    entries.append(Self.text(key) + Self.integer(type) + payload)
  }

  mutating func tensor(
    _ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64 = 0,
    dimensionCount: UInt32? = nil
  ) {
    tensors.append(
      Self.text(name) + Self.integer(dimensionCount ?? UInt32(dimensions.count))
        + dimensions.flatMap { Self.integer($0) } + Self.integer(type) + Self.integer(offset))
  }

  // MARK: - Material

  /// Small and valid: every value type, two tensors.
  static var valid: GGUFBytes {
    var file = GGUFBytes()
    file.entry("general.architecture", type: 8, text("llama"))
    file.entry("a.uint8", type: 0, [7])
    file.entry("a.int8", type: 1, [0xFF])
    file.entry("a.uint16", type: 2, integer(UInt16(513)))
    file.entry("a.int16", type: 3, integer(Int16(-2)))
    file.entry("a.uint32", type: 4, integer(UInt32(70_000)))
    file.entry("a.int32", type: 5, integer(Int32(-70_000)))
    file.entry("a.float32", type: 6, integer(Float(0.5).bitPattern))
    file.entry("a.bool", type: 7, [1])
    file.entry("a.uint64", type: 10, integer(UInt64.max))
    file.entry("a.int64", type: 11, integer(Int64.min))
    file.entry("a.float64", type: 12, integer(Double(0.1).bitPattern))
    let strings = text("one") + text("") + text("drei ü")
    file.entry("a.strings", type: 9, integer(UInt32(8)) + integer(UInt64(3)) + strings)
    let floats: [Float] = [1, -2]
    file.entry(
      "a.floats", type: 9,
      integer(UInt32(6)) + integer(UInt64(2)) + floats.flatMap { integer($0.bitPattern) })
    // [[1, 2], [true]]
    let numbers = integer(UInt32(4)) + integer(UInt64(2)) + integer(UInt32(1)) + integer(UInt32(2))
    let truths = integer(UInt32(7)) + integer(UInt64(1)) + [1]
    file.entry("a.nested", type: 9, integer(UInt32(9)) + integer(UInt64(2)) + numbers + truths)
    file.tensor("norm", [4], offset: 0)
    file.tensor("weight", [32, 2], type: 8, offset: 32)
    let norm: [Float] = [1, 2, 3, 4]
    file.data = norm.flatMap { integer($0.bitPattern) } + [UInt8](repeating: 0, count: 16)
    for scale: UInt16 in [0x3C00, 0x4000] {  // 1, 2
      file.data += integer(scale) + (0..<32).map { UInt8(bitPattern: Int8($0 - 16)) }
    }
    return file
  }
}

/// A folder that is removed with its content at the end of a test.
final class TemporaryFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "scion-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Also hidden ones.
  var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  func file(_ name: String) -> String { path + "/" + name }
}

/// Files that may lie beside the package; nil when they do not.
enum RealFiles {
  private static let package = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static let smol = existing("models/SmolLM2-135M-Instruct.Q4_1.gguf")
  static let stories = existing("../shared/models/stories260K.gguf")

  private static func existing(_ path: String) -> String? {
    let path = package.appending(path: path).path
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }
}

/// A small generator with a fixed sequence (Steele, Lea, Flood 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
