internal import Tensors

/// OLMo 2 and 3: norms only after attention and feed-forward, a norm over whole rows of queries and keys; in OLMo 3 three of
/// four layers see a window and turn without the scaling.
extension Architecture {
  static let olmo2 = Architecture("olmo2") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.init(pairs: .halves, biases: []))
    try reader.requireHead()
    let base = try reader.base("rope.freq_base")
    try reader.expect("rope.freq_base_swa") { $0.float == base }
    let window =
      reader.has("attention.sliding_window")
      ? try reader.size("attention.sliding_window") : nil
    let local = try reader.localLayers(configuration.layerCount, period: 4)
    let plain = RotaryTable(
      frequencies: RotaryScaling.none.frequencies(
        base: base, rotated: configuration.attention.size),
      interleaved: false)
    for index in configuration.layers.indices {
      configuration.layers[index].normsBefore = false
      configuration.layers[index].normsAfter = true
      configuration.layers[index].queryKeyNorm = .row
      if let window, local[index] {
        configuration.layers[index].attention.window = window
        configuration.layers[index].rotary = plain
      }
    }
    return configuration
  }
}
