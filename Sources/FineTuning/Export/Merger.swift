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
  private var writer: GGUFWriter
  private var position = 0
  /// The base's tensor that was written last holds values that are not numbers.
  private var isBroken = false

  /// Checks everything and creates the temporary file. `name` replaces `general.name`; nil makes one from the base's.
  public init(
    base: GGUFFile, adapter: Adapter?, type: MergeType, output: String, name: String? = nil
  ) throws(AdapterError) {
    guard !base.files.contains(where: { FileIdentity.same(output, $0.path) }) else {
      throw .sameFile(path: output)
    }
    let plan = try MergePlan(base: base, adapter: adapter, type: type)
    let metadata = Self.metadata(
      base: base.metadata, plan: plan, isMerged: adapter != nil, name: name)
    // Whatever can throw comes before the first assignment: a value that cannot be copied is never half made.
    let writer = try Self.writer(output: output, base: base, plan: plan, metadata: metadata)
    self.plan = plan
    self.base = base
    self.adapter = adapter
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
  public mutating func next() throws(AdapterError) -> Step? {
    guard position < plan.entries.count else { return nil }
    let entry = plan.entries[position]
    let (changed, whole): (Double, Double)
    do throws(GGUFError) {
      if entry.isCopied {
        try copy(entry.tensor)
        (changed, whole) = (0, 0)
      } else {
        (changed, whole) = try convert(entry)
      }
    } catch {
      throw .gguf(error)
    }
    if isBroken {
      throw .brokenBase(path: base.file(of: entry.tensor).path, name: entry.tensor.name)
    }
    guard (changed + whole).isFinite else {
      throw .notFinite(path: "the merged model", name: entry.tensor.name)
    }
    let change = whole > 0 ? (changed / whole).squareRoot() : 0
    position += 1
    return Step(
      entry: entry, index: position - 1, count: plan.entries.count, relativeChange: change)
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

  /// ‖s·B·A‖² and ‖W‖² of a tensor that an adapter changes.
  private mutating func convert(
    _ entry: MergePlan.Entry
  ) throws(GGUFError) -> (changed: Double, whole: Double) {
    let tensor = entry.tensor
    // More than two dimensions (experts) are rows all the same; no chunk reaches over the end of a matrix.
    let matrix = try base.rows(of: tensor)
    let columns = matrix.columns
    let height = tensor.dimensions.count > 1 ? tensor.dimensions[1] : 1
    let step = max(1, Self.chunkLength / columns)
    var (changed, whole) = (0.0, 0.0)
    var start = 0
    while start < matrix.rows, !stop.isRaised {
      let first = start / height * height
      let rows = start..<min(start + step, first + height)
      start = rows.upperBound
      var weights = Codec.decode(matrix, rows: rows)
      if let pair = pairs[tensor.name]?[first / height], let adapter {
        let delta = Self.product(pair, rows: rows.lowerBound - first..<rows.upperBound - first)
        let scale = adapter.scale(rank: pair.rank)
        let before = DenseMatrix(rows: rows.count, columns: columns, values: weights)
        changed += Double(scale * scale) * delta.innerProduct(delta)
        let square = before.innerProduct(before)
        whole += square
        // The square of large numbers may be infinite too.
        if !square.isFinite, !before.values.areFinite { isBroken = true }
        weights = before.adding(delta, times: scale).values
      } else if !weights.areFinite {
        isBroken = true
      }
      try writer.append(values: weights)
    }
    return (changed, whole)
  }

  /// Rows `rows` of B·A.
  private static func product(_ pair: AdapterTensors, rows: Range<Int>) -> DenseMatrix<Float> {
    var bt: [Float] = []
    bt.reserveCapacity(pair.rank * rows.count)
    for component in 0..<pair.rank {
      let start = component * pair.outputWidth
      bt += pair.bt[start + rows.lowerBound..<start + rows.upperBound]
    }
    let a = DenseMatrix(rows: pair.rank, columns: pair.inputWidth, values: pair.a)
    return DenseMatrix(rows: pair.rank, columns: rows.count, values: bt)
      .times(a, transposeSelf: true)
  }
}
