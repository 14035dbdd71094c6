import Foundation
import ModelFiles

@testable import Tokenization

/// Small vocabularies made by hand, and where the real files lie when there are any.
enum TestTokenizers {
  static let packageRoot = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The root of a checkout beside which reference data lies, through however many folders of work
  /// trees.
  static func shared(_ path: String) -> String? {
    var folder = packageRoot
    for _ in 0..<3 {
      folder.deleteLastPathComponent()
      let file = folder.appending(path: "shared/\(path)").path
      if FileManager.default.fileExists(atPath: file) { return file }
    }
    return nil
  }

  static var smolLM2: String? {
    let file = packageRoot.appending(path: "models/SmolLM2-135M-Instruct.Q4_1.gguf").path
    return FileManager.default.fileExists(atPath: file) ? file : nil
  }

  static func fixture<Value: Decodable>(_ name: String) throws -> Value {
    let file = packageRoot.appending(path: "Tests/Fixtures/\(name)")
    return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
  }

  static func load(_ path: String) throws -> Tokenizer {
    try Tokenizer(GGUFFile(path: path).metadata)
  }

  /// GPT-2's way to write a byte.
  static func character(of byte: UInt8) -> String {
    switch byte {
    case 33...126, 161...172, 174...255: return String(Unicode.Scalar(byte))
    default:
      let unprintable = (0...255).filter {
        !(33...126).contains($0) && !(161...172).contains($0) && !(174...255).contains($0)
      }
      let index = unprintable.firstIndex(of: Int(byte)) ?? 0
      return String(Unicode.Scalar(UInt32(0x100 + index)) ?? " ")
    }
  }

  /// Ids 0…255 are the bytes; then what the merges make; then three control tokens and a
  /// user-defined one.
  static func bytePairs(
    merges: [String] = ["h e", "l l", "he ll", "hell o", "Ġ hello", "1 2"], extra: [String] = [],
    preTokenizer: String = "gpt-2",
    controls: [String] = ["<|begin|>", "<|im_start|>", "<|im_end|>"]
  ) -> TokenizerDescription {
    let bytes = (UInt8.min...UInt8.max).map(character(of:))
    let merged = merges.map { $0.replacing(" ", with: "") } + extra
    let tokens = bytes + merged + controls + ["<tool>"]
    var description = TokenizerDescription(
      kind: .bytePairEncoding(preTokenizer: preTokenizer), tokens: tokens)
    description.merges = merges
    description.tokenKinds =
      Array(repeating: 1, count: bytes.count + merged.count)
      + Array(repeating: 3, count: controls.count) + [4]
    return description
  }

  /// 0 unknown, 1 begin, 2 end, then the bytes (unless left out), then pieces with falling scores.
  static func sentencePieces(
    _ pieces: [String], hasBytes: Bool = true, userDefined: [String] = []
  ) -> TokenizerDescription {
    let bytes = hasBytes ? (0..<256).map { String(format: "<0x%02X>", $0) } : []
    var description = TokenizerDescription(
      kind: .sentencePiece, tokens: ["<unk>", "<s>", "</s>"] + bytes + pieces + userDefined)
    description.tokenKinds =
      [2, 3, 3] + bytes.map { _ in 6 } + pieces.map { _ in 1 } + userDefined.map { _ in 4 }
    description.scores =
      Array(repeating: 0, count: 3 + bytes.count) + pieces.indices.map { -Float($0) }
      + userDefined.map { _ in 0 }
    description.beginning = 1
    description.end = 2
    description.unknown = 0
    return description
  }

  /// Texts of every script and trap that a round trip must survive.
  static let texts = [
    "", " ", "a", "\n", "Hello, world!", "  two  spaces  ", "tab\tand\r\nCRLF\n\n\n", "nul\0nul",
    "0123456789 3.14 ٣٤٥", "emoji 😀👩‍👩‍👧‍👦🏳️‍🌈", "日本語と中文", "한국어", "e\u{301} é ñ",
    "مرحبا שלום", "𝔘𝔫𝔦 𠜎", "\u{180e}\u{85}\u{a0}\u{2003}\u{feff}", "it's we'LL 'x'",
    "<|im_start|>user\nhi<|im_end|>\n", "<|", "a\u{10ffff}b", String(repeating: "ab ", count: 300),
    String(repeating: "x", count: 2000), String(repeating: " ", count: 500) + "\n.",
  ]
}
