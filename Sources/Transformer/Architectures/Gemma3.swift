internal import Tensors

/// Gemma 3 (text): norms before and after, a norm on queries and keys, GELU; five of six layers see a window and turn by a
/// base of their own.
extension Architecture {
  static let gemma3 = Architecture("gemma3") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.init(pairs: .halves, biases: []))
    let window = try reader.size("attention.sliding_window")
    let local = try reader.localLayers(configuration.layerCount, period: 6)
    configuration.logitSoftCap = try reader.optionalNumber("final_logit_softcapping")
    let base = try reader.base("rope.freq_base_swa")
    let rotated = configuration.layers[0].rotary?.rotated ?? 0
    // The scaling of the file is that of the global layers.
    let rotary = RotaryTable(
      frequencies: RotaryScaling.none.frequencies(base: base, rotated: rotated),
      interleaved: false)
    for index in configuration.layers.indices {
      configuration.layers[index].queryKeyNorm = .head
      if local[index] {
        configuration.layers[index].attention.window = window
        configuration.layers[index].rotary = rotary
      }
    }
    configuration.becomeGemma(layersOfLargest: 62)
    return configuration
  }
}
