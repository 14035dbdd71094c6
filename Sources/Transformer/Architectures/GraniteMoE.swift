/// Granite 3 with experts (1B-A400M, 3B-A800M): Granite whose feed-forward parts are experts, each as wide as the file's
/// feed-forward length.
extension Architecture {
  static let granitemoe = Architecture("granitemoe") { reader throws(TransformerError) in
    var traits = ArchitectureReader.Traits.llama
    traits.experts = .whole
    return try reader.granite(traits)
  }
}
