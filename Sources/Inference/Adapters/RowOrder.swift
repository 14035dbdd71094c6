internal import Transformer

/// The order in which an architecture's GGUF files keep the rows of q and k.
///
/// Converters interleave the two halves of each head for `llama` and its like, so that rotary pairs are neighbours: GGUF row
/// `h·size + 2i + j` is Hugging Face's row `h·size + j·size/2 + i` (llama.cpp, convert_hf_to_gguf.py, `permute`).
struct RowOrder {
  private let configuration: ModelConfiguration

  init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  /// For each GGUF row, the row of Hugging Face's matrix; nil when they are the same for this projection.
  func huggingFaceRows(_ projection: Projection) -> [Int]? {
    guard configuration.permutesQueryKeyRows else { return nil }
    let size = configuration.attention.size
    func heads(_ first: Int, _ count: Int) -> [Int] {
      (0..<count).map { row in
        let (head, inside) = (row / size, row % size)
        return first + head * size + (inside % 2) * (size / 2) + inside / 2
      }
    }
    let (q, k) = (configuration.queryWidth, configuration.keyWidth)
    switch projection {
    case .query: return heads(0, q)
    case .key: return heads(0, k)
    case .queryKeyValue:
      return heads(0, q) + heads(q, k) + (q + k..<q + k + configuration.valueWidth)
    default: return nil
    }
  }
}
