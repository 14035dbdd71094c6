public import Inference
public import ModelFiles
public import Tensors

/// The format asked of a merged model's weights.
public enum MergeType: Sendable, Equatable {
  /// Each tensor keeps its own.
  case keep
  /// All matrices in this one, which must be encodable.
  case format(BlockFormat)

  /// From a name in `names`, in any case; nil for others.
  public init?(_ name: String) {
    if name.lowercased() == "keep" {
      self = .keep
      return
    }
    let format = BlockFormat.allCases.first { $0.name.lowercased() == name.lowercased() }
    guard let format, format.isEncodable else { return nil }
    self = .format(format)
  }

  /// As a user writes it.
  public var name: String { format?.name.lowercased() ?? "keep" }

  /// What a user can ask for.
  public static var names: [String] {
    ["keep"] + BlockFormat.allCases.filter(\.isEncodable).map { $0.name.lowercased() }
  }

  /// Nil for `keep`.
  var format: BlockFormat? {
    if case .format(let format) = self { format } else { nil }
  }
}

/// What happens to each tensor of a base when it is merged or written in another format: decided before anything is written.
///
/// `keep`: tensors without adapters are copied byte for byte; one that changes keeps its format, or becomes Q8_0 when Scion
/// cannot encode that. A named format converts matrices only (vectors such as norms stay as they are). Rows that are no
/// whole blocks of it fall back as in llama.cpp: Q4_K to Q5_0, Q5_K to Q5_1, Q6_K to Q8_0, what then still does not fit to F16.
public struct MergePlan: Sendable {
  public struct Entry: Sendable, Equatable {
    public let tensor: GGUFTensor
    /// The format it gets; nil = copied in a format Scion does not know.
    public let format: BlockFormat?
    /// Whether an adapter is added.
    public let isAdapted: Bool
    /// Whether its bytes are copied as they are.
    public let isCopied: Bool
    /// What it becomes instead of the format that was asked for, and why; without the tensor's name.
    public let notice: String?

    /// Bytes in the merged file.
    public var byteCount: Int {
      guard !isCopied, let format else { return tensor.byteCount }
      return tensor.elementCount / tensor.dimensions[0] * format.rowByteCount(tensor.dimensions[0])
    }
  }

  /// In the order of the base's tensors.
  public private(set) var entries: [Entry]
  /// Files of the base.
  private let parts: Int

  /// Throws when an adapter does not fit the base, or a tensor that has to change cannot be decoded.
  public init(base: GGUFFile, adapter: Adapter?, type: MergeType) throws(AdapterError) {
    let path = base.path
    var adapted: Set<String> = []
    for pair in adapter?.tensors ?? [] {
      guard let tensor = base.tensor(pair.tensorName) else {
        throw .notInBase(path: path, name: pair.tensorName)
      }
      guard tensor.dimensions.prefix(2) == [pair.inputWidth, pair.outputWidth],
        pair.expert ?? 0 < tensor.dimensions.dropFirst(2).reduce(1, *)
      else {
        throw .wrongShape(
          path: path, name: pair.tensorName,
          expected: "[\(pair.outputWidth), \(pair.inputWidth)]",
          found: "[" + tensor.dimensions.reversed().map { "\($0)" }.joined(separator: ", ") + "]")
      }
      adapted.insert(pair.tensorName)
    }
    var entries: [Entry] = []
    for tensor in base.tensors {
      let isAdapted = adapted.contains(tensor.name)
      guard let own = tensor.format else {
        if isAdapted {
          throw .cannotChange(path: path, name: tensor.name, format: tensor.typeName)
        }
        let notice =
          type == .keep ? nil : "\(tensor.typeName) as before, since Scion cannot decode it"
        entries.append(
          Entry(tensor: tensor, format: nil, isAdapted: false, isCopied: true, notice: notice))
        continue
      }
      let isMatrix = tensor.dimensions.count > 1 && tensor.elementCount > tensor.dimensions[0]
      let wanted = isMatrix ? type.format ?? own : own
      if wanted == own, !isAdapted {
        entries.append(
          Entry(tensor: tensor, format: own, isAdapted: false, isCopied: true, notice: nil))
        continue
      }
      let (format, notice) = Self.encodable(wanted, tensor: tensor)
      entries.append(
        Entry(
          tensor: tensor, format: format, isAdapted: isAdapted, isCopied: false, notice: notice))
    }
    self.entries = entries
    parts = base.files.count
  }

  /// The nearest format to `wanted` that can be encoded in rows of this length.
  private static func encodable(
    _ wanted: BlockFormat, tensor: GGUFTensor
  ) -> (BlockFormat, String?) {
    let row = tensor.dimensions[0]
    func fits(_ format: BlockFormat) -> Bool { row % format.blockLength == 0 }
    if !wanted.isEncodable, fits(.q8_0) {
      return (.q8_0, "Q8_0, since Scion cannot encode \(wanted.name)")
    }
    if wanted.isEncodable, fits(wanted) { return (wanted, nil) }
    let smaller: BlockFormat =
      switch wanted {
      case .q4_K: .q5_0
      case .q5_K: .q5_1
      case .q6_K: .q8_0
      default: .f16
      }
    let format = fits(smaller) ? smaller : .f16
    return (format, "\(format.name), since rows of \(row) are no whole \(wanted.name) blocks")
  }

  /// Gives some of the tensors that are encoded another format.
  mutating func promote(_ formats: [String: BlockFormat]) {
    guard !formats.isEmpty else { return }
    entries = entries.map { entry in
      guard !entry.isCopied, let format = formats[entry.tensor.name] else { return entry }
      return Entry(
        tensor: entry.tensor, format: format, isAdapted: entry.isAdapted, isCopied: false,
        notice: nil)
    }
  }

  /// Puts the tensors of blocks in the order of the blocks, behind the others; within a block as they were.
  mutating func sortByBlock() {
    func block(_ entry: Entry) -> Int {
      let parts = entry.tensor.name.split(separator: ".")
      return parts.first == "blk" && parts.count > 1 ? Int(parts[1]) ?? -1 : -1
    }
    let keyed = entries.enumerated().map { (block($1), $0, $1) }
    entries = keyed.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
  }

  /// Bytes of all tensors in the merged file.
  public var byteCount: Int { entries.reduce(0) { $0 + $1.byteCount } }

  /// That a split base becomes one file, and the notices of all tensors, those that say the same in one sentence:
  /// "blk.0.attn_q.weight and 179 others: Q5_0, since …".
  public var notices: [String] {
    var tensors: [String: [String]] = [:]
    var order: [String] = []
    for entry in entries {
      guard let notice = entry.notice else { continue }
      if tensors[notice] == nil { order.append(notice) }
      tensors[notice, default: []].append(entry.tensor.name)
    }
    let joined =
      parts > 1 ? ["the \(parts) parts of the base become one file, without the split.* keys"] : []
    return joined
      + order.map { notice in
        let names = tensors[notice] ?? []
        let others = names.count - 1
        let rest = others == 0 ? "" : " and \(others) other\(others == 1 ? "" : "s")"
        return "\(names[0])\(rest): \(notice)"
      }
  }

  /// `general.file_type` (llama.cpp's `llama_ftype`) of the type that most values are in; nil when it has no number here.
  var fileType: UInt32? {
    var counts: [UInt32: Int] = [:]
    for entry in entries where entry.tensor.dimensions.count > 1 {
      counts[entry.format?.rawValue ?? entry.tensor.typeID, default: 0] += entry.tensor.elementCount
    }
    let majority = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }
    switch majority.flatMap({ BlockFormat(rawValue: $0.key) }) {
    case .f32: return 0
    case .f16: return 1
    case .q4_0: return 2
    case .q4_1: return 3
    case .q8_0: return 7
    case .q5_0: return 8
    case .q5_1: return 9
    case .q2_K: return 10
    case .q3_K: return 12
    case .q4_K: return 15
    case .q5_K: return 17
    case .q6_K: return 18
    case .iq4_NL: return 25
    case .iq4_XS: return 30
    case .bf16: return 32
    case nil: return nil
    }
  }
}
