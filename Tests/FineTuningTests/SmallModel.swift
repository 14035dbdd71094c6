import ModelFiles
import Tokenization

@testable import FineTuning

/// A byte-level tokenizer of 256 byte tokens and a few control tokens, for tests that need no real model.
enum SmallModel {
  static let beginning: Int32 = 256
  static let end: Int32 = 257
  static let turnStart: Int32 = 258
  static let turnEnd: Int32 = 259
  static let vocabularySize = 260

  static func tokenizer(addsBeginning: Bool = false) throws -> Tokenizer {
    var metadata = GGUFMetadata()
    metadata.set("tokenizer.ggml.model", .string("gpt2"))
    metadata.set("tokenizer.ggml.pre", .string("gpt-2"))
    let tokens =
      (0..<256).map { byteText(UInt8($0)) } + ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    metadata.set("tokenizer.ggml.tokens", .array(.string(tokens)))
    let kinds = [Int32](repeating: 1, count: 256) + [3, 3, 3, 3]
    metadata.set("tokenizer.ggml.token_type", .array(.int32(kinds)))
    metadata.set("tokenizer.ggml.merges", .array(.string([])))
    metadata.set("tokenizer.ggml.bos_token_id", .uint32(256))
    metadata.set("tokenizer.ggml.eos_token_id", .uint32(257))
    metadata.set("tokenizer.ggml.add_bos_token", .bool(addsBeginning))
    return try Tokenizer(metadata)
  }

  /// A template by name, with this vocabulary's ends.
  static func template(_ name: String) throws -> ChatTemplate {
    var template = try ChatTemplate.named(name)
    template.beginning = "<s>"
    template.end = "</s>"
    return template
  }

  /// GPT-2's printable stand-in of a byte.
  private static func byteText(_ byte: UInt8) -> String {
    var next: UInt32 = 256
    for value in 0...UInt32(byte) {
      let isPlain =
        (33...126).contains(value) || (161...172).contains(value) || (174...255).contains(value)
      if value == byte { return isPlain ? text(value) : text(next) }
      if !isPlain { next += 1 }
    }
    return ""
  }

  private static func text(_ value: UInt32) -> String {
    Unicode.Scalar(value).map { String(Character($0)) } ?? ""
  }

  static func ids(_ text: String) -> [Int32] { text.utf8.map { Int32($0) } }
}
