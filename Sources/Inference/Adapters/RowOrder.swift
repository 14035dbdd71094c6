internal import ModelFiles
internal import Transformer

/// The order in which an architecture's GGUF files keep the rows of q and k.
///
/// Converters interleave the two halves of each head for `llama` and its like, so that rotary pairs are neighbours: GGUF row
/// `h·size + 2i + j` is Hugging Face's row `h·size + j·size/2 + i` (llama.cpp, convert_hf_to_gguf.py, `permute`).
struct RowOrder {
  /// Size of a head, or nil when both orders are the same.
  let headSize: Int?

  static let permutedArchitectures: Set<String> = ["llama", "granite", "smollm3", "mistral3"]

  init(metadata: GGUFMetadata, path: String) throws(AdapterError) {
    let architecture = metadata.string("general.architecture") ?? ""
    guard Self.permutedArchitectures.contains(architecture) else {
      headSize = nil
      return
    }
    if let size = metadata.int("\(architecture).attention.key_length"), size > 0, size % 2 == 0 {
      headSize = size
      return
    }
    guard let width = metadata.int("\(architecture).embedding_length"),
      let heads = metadata.int("\(architecture).attention.head_count"),
      heads > 0, width > 0, width % heads == 0, (width / heads) % 2 == 0
    else { throw .missingMetadata(path: path, key: "\(architecture).attention.head_count") }
    headSize = width / heads
  }

  /// For each GGUF row, the row of Hugging Face's matrix; nil when they are the same for this projection.
  func huggingFaceRows(_ projection: Projection, count: Int) -> [Int]? {
    guard let size = headSize, projection == .query || projection == .key, count % size == 0 else {
      return nil
    }
    return (0..<count).map { row in
      let (head, inside) = (row / size, row % size)
      return head * size + (inside % 2) * (size / 2) + inside / 2
    }
  }
}
