public import Tensors
public import Transformer

// Between the adapters that a model computes with and the plain values that files hold.

extension Adapter {
  /// The adapters of `set`, rounded to bf16 as they are used.
  public init(_ set: AdapterSet, of loaded: LoadedModel) {
    self.init(
      tensors: set.layout.slots.map { slot in
        let (a, bt) = set.roundedValues(slot)
        return AdapterTensors(
          layer: slot.layer, projection: slot.projection, expert: slot.expert, rank: slot.rank,
          inputWidth: slot.in, outputWidth: slot.out, a: a, bt: bt)
      },
      alpha: set.layout.alpha, isRankStabilized: set.layout.rankStabilized,
      architecture: loaded.model.configuration.architecture)
  }

  /// The values ready to compute with, not trainable. Throws `TensorError.outOfMemory`.
  public func set(
    for loaded: LoadedModel, storage: ElementType
  ) throws(TensorError) -> AdapterSet {
    let configuration = loaded.model.configuration
    let layout = AdapterLayout(
      configuration,
      pairs: tensors.map {
        AdapterLayout.Place(
          layer: $0.layer, projection: $0.projection, expert: $0.expert, rank: $0.rank)
      },
      alpha: alpha, rankStabilized: isRankStabilized)
    let set = try AdapterSet(
      layout, layerCount: configuration.layerCount, storage: storage, trainable: false)
    for (slot, tensor) in zip(layout.slots, tensors) {
      set.assign(slot, a: tensor.a, bt: tensor.bt)
    }
    return set
  }
}

/// Adapters as a command line names them: the folder of a run, an adapter.gguf or a PEFT folder.
public enum AdapterFile {
  /// Reads whatever lies at `path` and makes it ready for `loaded`. Throws `AdapterError`, `TensorError`.
  public static func load(
    _ path: String, for loaded: LoadedModel, storage: ElementType
  ) throws -> AdapterSet {
    try Adapter(path: path, base: loaded.file).set(for: loaded, storage: storage)
  }
}
