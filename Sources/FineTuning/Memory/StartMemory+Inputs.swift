internal import Tensors
internal import Transformer

extension StartMemory {
  /// How EVA's start holds the inputs of one block: by the first projection that reads each (`Projection.inputLeader`), in
  /// the smaller exact form (dense XᵀX if `4n² < b·Tn` bytes, b bytes an activation), the largest incremental where there
  /// is no room.
  init(
    inputsOf configuration: ModelConfiguration, _ layout: AdapterLayout, data: MemoryRequest.Start,
    storage: ElementType, microTokens: Int, room: Int?
  ) {
    let leaders = Set(layout.slots.map(\.projection.inputLeader)).sorted {
      $0.rawValue < $1.rawValue
    }
    func width(_ leader: Projection) -> Int { configuration.shape(of: leader).in }
    func bytes(_ form: GradientForm, _ leader: Projection) -> Int {
      BlockInputCollector.byteCount(
        form, width: width(leader), tokens: data.tokens, storage: storage, rank: layout.rank)
    }
    var forms: [Projection: GradientForm] = [:]
    for leader in leaders {
      forms[leader] = bytes(.dense, leader) < bytes(.factors, leader) ? .dense : .factors
    }
    self.init(fitting: room, forms, bytes: bytes) { forms in
      StartMemory(
        forms: forms,
        blockBytes: BlockInputCollector.byteCount(
          configuration, forms: forms, tokens: data.tokens, batches: data.sequences,
          storage: storage, rank: layout.rank),
        decomposition: forms.map { leader, form in
          StartMemory.decomposition(
            rows: width(leader), columns: width(leader), form, storage: storage,
            tokens: microTokens, rank: layout.rank)
        }.max() ?? 0)
    }
  }
}
