public import Inference
public import ModelFiles
public import Tensors

/// Writes a base with an adapter merged into it, W' = W + s·B·A, tensor by tensor and in chunks of rows: memory beyond the
/// adapter is a few MiB whatever the model's size.
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
  }

  /// Values in a chunk of rows.
  private static let chunkLength = 1 << 18

  public let plan: MergePlan
  /// Once it is raised, `next` ends early: the tensor is not whole, and `finish` would refuse.
  public var stop: StopFlag?
  private let base: GGUFFile
  /// By tensor, then by expert (0 for a tensor that is one matrix).
  private let pairs: [String: [Int: AdapterTensors]]
  private let adapter: Adapter?
  private let rounding: FeedbackRounding?
  private var writer: GGUFWriter
  private var position = 0
  /// The base's tensor that was written last holds values that are not numbers.
  private var isBroken = false

  /// Checks everything and creates the temporary file. `name` replaces `general.name`; nil makes one from the base's.
  ///
  /// With `rounding` the weights of blocks are rounded with error feedback, and tensors are written block by block.
  public init(
    base: GGUFFile, adapter: Adapter?, type: MergeType, output: String, name: String? = nil,
    rounding: FeedbackRounding? = nil
  ) throws(AdapterError) {
    guard !base.files.contains(where: { FileIdentity.same(output, $0.path) }) else {
      throw .sameFile(path: output)
    }
    var plan = try MergePlan(base: base, adapter: adapter, type: type)
    if rounding != nil { plan.sortByBlock() }
    let metadata = Self.metadata(
      base: base.metadata, plan: plan, isMerged: adapter != nil, name: name)
    // Whatever can throw comes before the first assignment: a value that cannot be copied is never half made.
    let writer = try Self.writer(output: output, base: base, plan: plan, metadata: metadata)
    self.plan = plan
    self.base = base
    self.adapter = adapter
    self.rounding = rounding
    self.writer = writer
    var pairs: [String: [Int: AdapterTensors]] = [:]
    for pair in adapter?.tensors ?? [] {
      pairs[pair.tensorName, default: [:]][pair.expert ?? 0] = pair
    }
    self.pairs = pairs
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
    let tensor = entry.tensor
    // More than two dimensions (experts) are rows all the same; no chunk reaches over the end of a matrix.
    let matrix = try base.rows(of: tensor)
    let columns = matrix.columns
    let height = tensor.dimensions.count > 1 ? tensor.dimensions[1] : 1
    let factor = try factor(entry)
    let step = max(1, Self.chunkLength * (factor == nil ? 1 : 4) / columns)
    var sums = Sums()
    var start = 0
    while start < matrix.rows, !stop.isRaised {
      let first = start / height * height
      let rows = start..<min(start + step, first + height)
      start = rows.upperBound
      let before = DenseMatrix(
        rows: rows.count, columns: columns, values: Codec.decode(matrix, rows: rows))
      guard let pair = pairs[tensor.name]?[first / height], let adapter else {
        if !before.values.areFinite { isBroken = true }
        _ = try append(before.values, entry, factor, matrix, rows, &sums)
        continue
      }
      let scale = adapter.scale(rank: pair.rank)
      let delta = Self.product(pair, rows: rows.lowerBound - first..<rows.upperBound - first)
        .scaled(by: scale)
      sums.changed += delta.innerProduct(delta)
      let square = before.innerProduct(before)
      sums.whole += square
      // The square of large numbers may be infinite too.
      if !square.isFinite, !before.values.areFinite { isBroken = true }
      let written = try append(before.adding(delta).values, entry, factor, matrix, rows, &sums)
      let after = DenseMatrix(rows: rows.count, columns: columns, values: written)
      sums.kept += after.adding(before, times: -1).innerProduct(delta)
      if let factor {
        let a = DenseMatrix(rows: pair.rank, columns: columns, values: pair.a)
        let rows = rows.lowerBound - first..<rows.upperBound - first
        sums.effect?.wanted +=
          Double(scale * scale) * factor.squaredEffect(bt: Self.columns(pair, rows), a: a)
      }
    }
    return sums
  }

  /// What rounds a tensor with error feedback.
  private func factor(_ entry: MergePlan.Entry) throws -> InputFactor? {
    guard let rounding, let format = entry.format, format.hasFeedback else { return nil }
    return try rounding.factor(of: entry.tensor.name, stop: stop)
  }

  /// Writes rows and returns the values that they have now.
  private mutating func append(
    _ values: [Float], _ entry: MergePlan.Entry, _ factor: InputFactor?, _ matrix: QuantizedMatrix,
    _ rows: Range<Int>, _ sums: inout Sums
  ) throws -> [Float] {
    guard let format = entry.format else { preconditionFailure("what is encoded has a format") }
    let bytes: [UInt8]
    if let factor {
      let base = matrix.format == format ? (matrix, rows.lowerBound) : nil
      let encoded = Codec.encode(
        values, as: format, columns: matrix.columns, feedback: factor, base: base)
      bytes = encoded.bytes
      sums.effect = ((sums.effect?.lost ?? 0) + encoded.error, sums.effect?.wanted ?? 0)
    } else {
      bytes = Codec.encode(values, as: format, columns: matrix.columns)
    }
    try writer.append(bytes)
    return entry.isAdapted ? Codec.decode(bytes, as: format) : []
  }

  /// Rows `rows` of B·A.
  private static func product(_ pair: AdapterTensors, rows: Range<Int>) -> DenseMatrix<Float> {
    let a = DenseMatrix(rows: pair.rank, columns: pair.inputWidth, values: pair.a)
    return columns(pair, rows).times(a, transposeSelf: true)
  }

  /// Columns `rows` of Bᵀ.
  private static func columns(_ pair: AdapterTensors, _ rows: Range<Int>) -> DenseMatrix<Float> {
    var bt: [Float] = []
    bt.reserveCapacity(pair.rank * rows.count)
    for component in 0..<pair.rank {
      let start = component * pair.outputWidth
      bt += pair.bt[start + rows.lowerBound..<start + rows.upperBound]
    }
    return DenseMatrix(rows: pair.rank, columns: rows.count, values: bt)
  }
}
