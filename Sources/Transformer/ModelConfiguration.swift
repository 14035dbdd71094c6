public import ModelFiles
public import Tensors

/// The sizes and constants of a decoder, read from the metadata and the tensor names of a GGUF file by its `Architecture`.
public struct ModelConfiguration: Sendable, Equatable {
  /// `general.architecture`.
  public var architecture: String
  /// `general.name`, or the architecture.
  public var name: String
  /// Width of the residual stream.
  public var width: Int
  /// Width inside the feed-forward part (of one expert, where there are experts).
  public var feedForwardWidth: Int
  public var vocabularySize: Int
  /// Longest context that the model was made for.
  public var contextLength: Int
  /// One a layer. Sizes are the same in all of them, steps and constants may differ.
  public var layers: [LayerShape]
  /// The linear layers of every block that may have an adapter, in the order of `Projection`.
  public var projections: [Projection]
  public var normalization = Normalization.rootMeanSquare
  public var normEpsilon: Float
  /// On the embeddings as they enter the first block (not on a tied head).
  public var embeddingScale: Float = 1
  /// On the logits.
  public var logitScale: Float = 1
  /// c · tanh(logit / c), after the scale.
  public var logitSoftCap: Float?
  /// Rows of q and k are permuted inside each head against Hugging Face's order, so that pairs of the rotation are neighbours:
  /// GGUF row 2i + j of a head is Hugging Face row j · size/2 + i.
  public var permutesQueryKeyRows = false
  /// The head is the embedding matrix itself.
  public var tiedHead: Bool
  /// The head has a bias.
  public var headBias = false
  /// The context of the pretraining, where layers have other rotations beyond it (`LayerShape.longRotary`).
  public var originalContext: Int?

  /// Tensors of the file whose values are in this configuration.
  public var auxiliaryTensors: Set<String> = []
  /// What the user should know about settings of the file that are left aside on purpose, a sentence each.
  public var notices: [String] = []

  public var layerCount: Int { layers.count }

  /// The geometry of the heads, the same in all layers.
  public var attention: AttentionShape { layers[0].attention }

  public var queryWidth: Int { attention.heads * attention.size }
  public var keyWidth: Int { attention.keyValueHeads * attention.size }
  public var valueWidth: Int { attention.keyValueHeads * attention.valueSize }
  /// Width of what attention leaves for the output projection.
  public var attendedWidth: Int { attention.heads * attention.valueSize }

  public var experts: ExpertShape? { layers[0].experts }

  /// The projections of every expert, which have adapters where asked.
  public var expertProjections: [Projection] {
    experts == nil ? [] : Projection.allCases.filter(\.isExpert)
  }

  /// Output and input width of a projection's weight [out, in], of experts that of one.
  public func shape(of projection: Projection) -> (out: Int, in: Int) {
    switch projection {
    case .query: (queryWidth, width)
    case .key: (keyWidth, width)
    case .value: (valueWidth, width)
    case .queryKeyValue: (queryWidth + keyWidth + valueWidth, width)
    case .output: (width, attendedWidth)
    case .gate, .up: (feedForwardWidth, width)
    case .gateUp: (2 * feedForwardWidth, width)
    case .down: (width, feedForwardWidth)
    case .gateExperts, .upExperts: (experts?.width ?? 0, width)
    case .downExperts: (width, experts?.width ?? 0)
    }
  }

  /// The widest input of a projection.
  public var widestInput: Int {
    max(projections.map { shape(of: $0).in }.max() ?? 0, experts?.width ?? 0, width)
  }

  /// The widest output of a projection that is no expert's.
  public var widestOutput: Int {
    projections.filter { !$0.isExpert }.map { shape(of: $0).out }.max() ?? 0
  }

  /// Weights that a token is multiplied with in one block: those of all projections, of the router and of the experts used.
  public var blockParameterCount: Int {
    let dense = projections.reduce(0) { sum, projection in
      let (out, `in`) = shape(of: projection)
      return sum + out * `in`
    }
    guard let experts else { return dense }
    return dense + experts.count * width + experts.used * 3 * width * experts.width
  }

  /// The most scratch that attention keeps in any layer for a micro-batch with these `starts`: for the memory plan.
  public func attentionScratchByteCount(starts: [Int32], type: ElementType) -> Int {
    Set(layers.map(\.attention)).map { $0.scratchByteCount(starts: starts, type: type) }.max() ?? 0
  }

  /// The same model for runs whose longest sequence has `longest` tokens: where rotations differ beyond the original context,
  /// those of the longer kind take their place. Decided once a run, so that start, training and evaluation agree.
  public func preparing(forSequencesOf longest: Int) -> ModelConfiguration {
    guard needsLongRotation(longest) else { return self }
    var changed = self
    for layer in layers.indices {
      if let long = layers[layer].longRotary { changed.layers[layer].rotary = long }
    }
    return changed
  }

  /// Whether sequences of `longest` tokens are rotated otherwise than shorter ones.
  public func needsLongRotation(_ longest: Int) -> Bool {
    guard let originalContext else { return false }
    return longest > originalContext && layers.contains { $0.longRotary != nil }
  }

  /// Says that the context, and not the length that was asked for, ends the sequences of data whose longest has `longest` tokens;
  /// nil where it does not.
  public func contextNotice(sequenceLength: Int, longest: Int) -> String? {
    guard sequenceLength > contextLength, longest >= contextLength else { return nil }
    return "the model's context is \(contextLength) tokens: sequences end there, not at --seq-len "
      + "\(sequenceLength)"
  }

  /// What the user should know of a run whose longest sequence has `longest` tokens; nil where nothing.
  public func rotationNotice(forSequencesOf longest: Int) -> String? {
    guard let originalContext, needsLongRotation(longest) else { return nil }
    return
      "sequences of up to \(longest) tokens are longer than the model's original context of \(originalContext): "
      + "the whole run uses the rotary factors of long contexts"
  }

  /// Reads and checks the metadata of `file`. Throws `TransformerError`.
  public init(_ file: GGUFFile) throws(TransformerError) {
    self = try Architecture.configuration(of: file)
  }

  /// The parts without which no decoder is; the rest have the values of a plain one.
  init(
    architecture: String, name: String, width: Int, feedForwardWidth: Int, vocabularySize: Int,
    contextLength: Int, layers: [LayerShape], projections: [Projection], normEpsilon: Float,
    tiedHead: Bool
  ) {
    precondition(!layers.isEmpty)
    self.architecture = architecture
    self.name = name
    self.width = width
    self.feedForwardWidth = feedForwardWidth
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.layers = layers
    self.projections = projections
    self.normEpsilon = normEpsilon
    self.tiedHead = tiedHead
  }
}
