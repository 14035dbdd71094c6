public import Inference
public import ModelFiles
public import Tensors

/// Writes a base with an adapter merged into it, W' = W + s·B·A, tensor by tensor and in chunks of rows: memory beyond the
/// adapter is a few MiB a thread whatever the model's size; with error feedback also what that measures.
///
/// Metadata are copied in order, but for the name, the origin, the file type and stale `quantize.imatrix.*`; a split base
/// becomes one file, without `split.*`. The output is complete or not there: it is written under a temporary name and renamed
/// by `finish()`.
///
///     var merger = try Merger(base: base, adapter: adapter, type: .keep, output: path, name: nil)
///     while let step = try merger.next() { … }
///     try merger.finish()
public struct Merger: ~Copyable {
  /// One tensor done.
  public struct Step: Sendable, Equatable {
    public let entry: MergePlan.Entry
    /// Position in the plan, from 0, and number of tensors in all.
    public let index: Int
    public let count: Int
    /// ‖s·B·A‖_F / ‖W‖_F: how much the adapter changes this tensor; 0 without adapter.
    public let relativeChange: Double
    /// ⟨Q − W, ΔW⟩ / ‖ΔW‖², ΔW = s·B·A: the part of the change that is left after rounding to Q; nil without adapter.
    public let keptShare: Double?
    /// Σ ‖(Q − W − ΔW)·x‖² / Σ ‖ΔW·x‖² over the layer's inputs x: what rounding does to the outputs, measured by what the
    /// adapter does to them; nil where no inputs were measured.
    public let functionalError: Double?
  }

  /// Sums over the rows of a tensor.
  private struct Sums {
    /// ‖ΔW‖², ‖W‖², ⟨Q − W, ΔW⟩.
    var (changed, whole, kept) = (0.0, 0.0, 0.0)
    /// Σ ‖(Q − T)·x‖² and Σ ‖ΔW·x‖².
    var effect: (lost: Double, wanted: Double)?

    mutating func add(_ other: Sums) {
      changed += other.changed
      whole += other.whole
      kept += other.kept
      if let more = other.effect {
        effect = ((effect?.lost ?? 0) + more.lost, (effect?.wanted ?? 0) + more.wanted)
      }
    }
  }

  /// Values in a chunk of rows.
  private static let chunkLength = 1 << 18

  public let plan: MergePlan
  /// Once it is raised, `next` ends early: the tensor is not whole, and `finish` would refuse.
  public var stop: StopFlag?
  private let base: GGUFFile
  private let weights: TunedWeights
  private let rounding: FeedbackRounding?
  private var writer: GGUFWriter
  private var position = 0
  /// The base's tensor that was written last holds values that are not numbers.
  private var isBroken = false

  /// Checks everything and creates the temporary file. `name` replaces `general.name`; nil makes one from the base's.
  ///
  /// - Parameters:
  ///   - rounding: rounds the weights of blocks with error feedback; tensors are written block by block.
  ///   - promoted: tensors that get a format other than `type` says (`Promotion`).
  public init(
    base: GGUFFile, adapter: Adapter?, type: MergeType, output: String, name: String? = nil,
    rounding: FeedbackRounding? = nil, promoted: [String: BlockFormat] = [:]
  ) throws(AdapterError) {
    guard !base.files.contains(where: { FileIdentity.same(output, $0.path) }) else {
      throw .sameFile(path: output)
    }
    var plan = try MergePlan(base: base, adapter: adapter, type: type)
    plan.promote(promoted)
    if rounding != nil { plan.sortByBlock() }
    let metadata = Self.metadata(
      base: base.metadata, plan: plan, isMerged: adapter != nil, name: name)
    // Whatever can throw comes before the first assignment: a value that cannot be copied is never half made.
    let writer = try Self.writer(output: output, base: base, plan: plan, metadata: metadata)
    self.plan = plan
    self.base = base
    weights = TunedWeights(base: base, adapter: adapter)
    self.rounding = rounding
    self.writer = writer
  }

  private static func writer(
    output: String, base: GGUFFile, plan: MergePlan, metadata: GGUFMetadata
  ) throws(AdapterError) -> GGUFWriter {
    let tensors = plan.entries.map { entry in
      guard !entry.isCopied, let format = entry.format else {
        return GGUFTensorDescription(entry.tensor)
      }
      return GGUFTensorDescription(
        name: entry.tensor.name, dimensions: entry.tensor.dimensions, format: format)
    }
    do {
      return try GGUFWriter(
        path: output, metadata: metadata, tensors: tensors, alignment: base.alignment)
    } catch {
      throw .gguf(error)
    }
  }

  private static func metadata(
    base: GGUFMetadata, plan: MergePlan, isMerged: Bool, name: String?
  ) -> GGUFMetadata {
    var metadata = base
    for key in metadata.keys where key.hasPrefix("quantize.imatrix.") || key.hasPrefix("split.") {
      metadata.remove(key)
    }
    if isMerged {
      BaseModelKeys(base).write(to: &metadata)
      metadata.set("general.finetune", .string("lora"))
      let baseName = base.string("general.name")
      metadata.set("general.name", .string(name ?? baseName.map { "\($0) LoRA" } ?? "merged"))
    } else if let name {
      metadata.set("general.name", .string(name))
    }
    if let fileType = plan.fileType { metadata.set("general.file_type", .uint32(fileType)) }
    return metadata
  }

  /// Writes the next tensor; nil when all are written.
  ///
  /// Throws `AdapterError`, and with error feedback `TensorError`, `TrainingError.stopped`.
  public mutating func next() throws -> Step? {
    guard position < plan.entries.count else { return nil }
    let entry = plan.entries[position]
    var sums = Sums()
    do {
      if entry.isCopied {
        try copy(entry.tensor)
      } else {
        sums = try convert(entry)
      }
    } catch let error as GGUFError {
      throw AdapterError.gguf(error)
    }
    if isBroken {
      throw AdapterError.brokenBase(
        path: base.file(of: entry.tensor).path, name: entry.tensor.name)
    }
    guard (sums.changed + sums.whole).isFinite else {
      throw AdapterError.notFinite(path: "the merged model", name: entry.tensor.name)
    }
    position += 1
    return Step(
      entry: entry, index: position - 1, count: plan.entries.count,
      relativeChange: sums.whole > 0 ? (sums.changed / sums.whole).squareRoot() : 0,
      keptShare: sums.changed > 0 ? sums.kept / sums.changed : nil,
      functionalError: sums.effect.flatMap { $0.wanted > 0 ? $0.lost / $0.wanted : nil })
  }

  /// Syncs and renames; all tensors must have been written.
  public consuming func finish() throws(AdapterError) {
    do throws(GGUFError) { try writer.finish() } catch { throw .gguf(error) }
  }

  private mutating func copy(_ tensor: GGUFTensor) throws(GGUFError) {
    let file = base.file(of: tensor)
    let range = tensor.fileRange
    // What is no matrix of a known format has no numbers to look at.
    if let matrix = try? base.rows(of: tensor) {
      let step = max(1, (1 << 24) / matrix.columns)
      for start in stride(from: 0, to: matrix.rows, by: step) where !stop.isRaised && !isBroken {
        isBroken = !matrix.isFinite(in: start..<min(start + step, matrix.rows))
      }
    }
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 24) {
      if stop.isRaised || isBroken { return }
      try writer.append(file, start..<min(start + 1 << 24, range.upperBound))
    }
  }

  /// Encodes a tensor, with its adapter where it has one.
  private mutating func convert(_ entry: MergePlan.Entry) throws -> Sums {
    guard let format = entry.format else { preconditionFailure("what is encoded has a format") }
    let factor = try factor(entry)
    let matrix = try base.rows(of: entry.tensor)
    // Rows that are rounded with feedback are shared out among the threads; else each thread takes rows of its own.
    let threads = factor == nil ? Processor.threads : 1
    let chunks = weights.chunks(
      entry.tensor, valuesAtATime: Self.chunkLength * (factor == nil ? 1 : 4))
    var sums = Sums()
    for start in stride(from: 0, to: chunks.count, by: threads) where !stop.isRaised && !isBroken {
      let some = chunks[start..<min(start + threads, chunks.count)]
      let weights = weights
      let encoded = sideBySide(some.count, atMost: threads) { index in
        let chunk = weights.chunk(entry.tensor, matrix, rows: some[start + index])
        return Self.encode(chunk, of: matrix, as: format, factor)
      }
      for (bytes, own) in encoded {
        guard let own else {
          isBroken = true
          break
        }
        try writer.append(bytes)
        sums.add(own)
      }
    }
    return sums
  }

  /// The blocks of some rows and their sums, which are nil where the base's values are no numbers.
  private static func encode(
    _ chunk: TunedWeights.Chunk, of matrix: QuantizedMatrix, as format: BlockFormat,
    _ factor: InputFactor?
  ) -> (bytes: [UInt8], sums: Sums?) {
    let before = chunk.before
    var sums = Sums()
    sums.whole = before.innerProduct(before)
    // The square of large numbers may be infinite too.
    if !sums.whole.isFinite, !before.values.areFinite { return ([], nil) }
    let bytes: [UInt8]
    if let factor {
      let base = matrix.format == format ? (matrix, chunk.rows.lowerBound) : nil
      let (rounded, error) = Codec.encode(
        chunk.values, as: format, columns: before.columns, feedback: factor, base: base)
      bytes = rounded
      sums.effect = (error, chunk.squaredEffect(factor))
    } else {
      bytes = Codec.encode(chunk.values, as: format, columns: before.columns)
    }
    guard let delta = chunk.delta else {
      sums.whole = 0
      return (bytes, sums)
    }
    sums.changed = delta.innerProduct(delta)
    let after = DenseMatrix(
      rows: before.rows, columns: before.columns, values: Codec.decode(bytes, as: format))
    sums.kept = after.innerProduct(delta) - before.innerProduct(delta)
    return (bytes, sums)
  }

  /// What rounds a tensor with error feedback.
  private func factor(_ entry: MergePlan.Entry) throws -> InputFactor? {
    guard let rounding, let format = entry.format, format.hasFeedback else { return nil }
    return try rounding.factor(of: entry.tensor.name, stop: stop)
  }
}
