internal import Tensors

/// Training data with its validation part.
///
/// Each part of a mixture is split for itself, before its weight repeats anything: what is validated
/// on is never trained on. Files to test on are not read.
public struct TrainingData: Sendable {
  public let train: Dataset
  /// From files of its own, or split off `train`.
  public let validation: Dataset?
  /// What is to be said of the parts together, a sentence each.
  public let notices: [String]

  /// Tokens of the longest sequence of training and validation; at least 1.
  public var longest: Int { max(train.sequences.longest, validation?.sequences.longest ?? 1, 1) }

  /// Loads everything that `parts` name. `validationFraction` applies only where no part has
  /// validation files.
  public init(
    parts: [DataPart], builder: SequenceBuilder, skipBad: Bool = false,
    validationFraction: Double, seed: UInt64
  ) throws(DataError) {
    precondition(!parts.isEmpty)
    var sources: [DataSource] = []
    for part in parts { sources.append(try DataSource(path: part.path)) }
    let hasOwn = sources.contains { !$0.validation.isEmpty }
    let mixture = RandomGenerator(seed: seed).stream("mixture")
    var trained: [Dataset] = []
    var held: [Dataset] = []
    var notices: [String] = []
    for (index, (part, source)) in zip(parts, sources).enumerated() {
      var generator = mixture.stream(index)
      var all = try Dataset(paths: source.train, builder: builder, skipBad: skipBad)
      let count = all.sequences.count
      if part.weight < 1 { all = try all.weighted(part.weight, &generator) }
      let (train, validation) =
        hasOwn ? (all, nil) : try all.split(fraction: validationFraction, seed: seed)
      let weighted = part.weight > 1 ? try train.weighted(part.weight, &generator) : train
      trained.append(weighted)
      if let validation {
        held.append(validation)
        let asked = (Double(all.sequences.count) * validationFraction).rounded()
        if validation.sequences.count < Int(asked) {
          notices.append(
            "\(part.path): \(validation.sequences.count) sequences are held out for validation, not the "
              + "\(Int(asked)) of --val-split; a file of your own may have more")
        }
      }
      if part.weight != 1 {
        notices.append(
          "\(part.path) has weight \(part.weight): \(weighted.sequences.count) sequences of the "
            + "\(part.weight < 1 ? count : train.sequences.count) are an epoch")
      }
      if !source.validation.isEmpty {
        held.append(try Dataset(paths: source.validation, builder: builder, skipBad: skipBad))
      }
    }
    train = try Dataset(joining: trained)
    validation = held.isEmpty ? nil : try Dataset(joining: held)
    if let validation, let leak = Self.leak(train, validation) { notices.append(leak) }
    self.notices = notices
  }

  /// Says how many sequences of `validation` are also in `train`; nil for none.
  private static func leak(_ train: Dataset, _ validation: Dataset) -> String? {
    // Hashes of the small part are kept, not of the large one.
    let held = Set(validation.sequences.hashes)
    var found: Set<UInt64> = []
    for hash in train.sequences.hashes where held.contains(hash) { found.insert(hash) }
    let shared = validation.sequences.hashes.reduce(0) { $0 + (found.contains($1) ? 1 : 0) }
    guard shared > 0 else { return nil }
    return "\(shared) of \(validation.sequences.count) validation sequences are trained on too: "
      + "the validation loss says little of new data"
  }
}
