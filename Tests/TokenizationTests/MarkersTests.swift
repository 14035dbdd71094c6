import Testing

@testable import Tokenization

struct MarkersTests {
  private func marker(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    return Markers.marker(in: bytes, at: 0, limit: bytes.count).map {
      String(decoding: bytes[$0], as: UTF8.self)
    }
  }

  @Test func knowsTheShapesOfTemplates() {
    for text in [
      "<|im_start|>", "<｜User｜>", "<｜end▁of▁sentence｜>", "[INST]", "[/INST]", "[TOOL_CALLS]",
      "</s>",
      "<start_of_turn>", "<|/x|>",
    ] {
      #expect(marker(text + "user") == text)
    }
  }

  @Test func leavesProseAndTagsAlone() {
    for text in [
      "<think>", "<tool_call>", "[a]", "[OK]", "<| a |>", "<||>", "<|never closed", "a<|x|>",
      "[INST", "<|a<b|>", "< s>",
    ] {
      #expect(marker(text) == nil, "\(text)")
    }
  }
}
