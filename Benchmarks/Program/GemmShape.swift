/// A weight of a model that people fine-tune.
struct GemmShape: Hashable {
  /// Output width: rows of W.
  let out: Int
  /// Input width: columns of W.
  let `in`: Int

  init(_ out: Int, _ in: Int) {
    self.out = out
    self.in = `in`
  }

  var text: String { "\(out)x\(`in`)" }

  /// Attention, key and value, feed-forward (both ways) of SmolLM2-135M and a 1B (TinyLlama).
  static let small: [GemmShape] = [
    GemmShape(576, 576), GemmShape(192, 576), GemmShape(1536, 576), GemmShape(576, 1536),
    GemmShape(2048, 2048), GemmShape(5632, 2048), GemmShape(2048, 5632),
  ]

  /// Those of an 8B (Llama 3): measured in the formats that such models mostly come in, since they take the longest.
  static let large: [GemmShape] = [
    GemmShape(4096, 4096), GemmShape(14336, 4096), GemmShape(4096, 14336),
  ]

  /// The head of SmolLM2-135M: the widest weight; measured in the formats that such heads come in.
  static let head = GemmShape(49152, 576)

  /// Tokens of a micro-batch.
  static let tokens = [64, 512, 1024]
}

/// Which product: Y = X·Wᵀ, or its gradient dX = dY·W.
enum GemmDirection: String, CaseIterable {
  case forward, backward
}
