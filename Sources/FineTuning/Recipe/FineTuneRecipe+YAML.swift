internal import Foundation
internal import Yams

/// A recipe as YAML: one mapping, keys in the order of the flags, defaults written out; missing keys are defaults.
extension FineTuneRecipe: Codable {
  enum CodingKeys: String, CodingKey, CaseIterable {
    case model, data, output
    case rank, alpha, rslora, targets
    case initialization = "init"
    case initSamples = "init_samples"
    case initOrder = "init_order"
    case initLoss = "init_loss"
    case initScale = "init_scale"
    case gamma, optimizer, damping
    case loraPlus = "lora_plus"
    case freezeA = "freeze_a"
    case adapterPrecision = "adapter_precision"
    case moments, epochs, steps
    case batchTokens = "batch_tokens"
    case batch, accum
    case seqLen = "seq_len"
    case lr, schedule, warmup
    case weightDecay = "weight_decay"
    case clip, seed, threads, memory, compute
    case saveEvery = "save_every"
    case keep
    case valSplit = "val_split"
    case evalEvery = "eval_every"
    case evalAt = "eval_at"
    case keepLast = "keep_last"
    case patience
    case trainOnPrompt = "train_on_prompt"
    case trainOn = "train_on"
    case skipBad = "skip_bad"
    case template, now
    case logEvery = "log_every"
    case quiet, provenance
  }

  public init(from decoder: any Decoder) throws {
    self.init()
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func read<T: Decodable>(_ key: CodingKeys, _ value: inout T) throws {
      if let found = try container.decodeIfPresent(T.self, forKey: key) { value = found }
    }
    func read<T: Decodable>(_ key: CodingKeys, optional value: inout T?) throws {
      value = try container.decodeIfPresent(T.self, forKey: key)
    }
    try read(.model, optional: &model)
    // Both `data: a.jsonl` and a list.
    if let one = try? container.decodeIfPresent(String.self, forKey: .data) {
      data = [one]
    } else {
      try read(.data, &data)
    }
    try read(.output, optional: &output)
    try read(.rank, &rank)
    try read(.alpha, &alpha)
    try read(.rslora, &rslora)
    // Both `targets: q,v` and `targets: [q, v]`.
    if let list = try? container.decodeIfPresent([String].self, forKey: .targets) {
      targets = list.joined(separator: ",")
    } else {
      try read(.targets, &targets)
    }
    try read(.initialization, &initialization)
    try read(.initSamples, &initSamples)
    try read(.initOrder, &initOrder)
    try read(.initLoss, &initLoss)
    try read(.initScale, &initScale)
    try read(.gamma, &gamma)
    try read(.optimizer, &optimizer)
    try read(.damping, &damping)
    try read(.loraPlus, &loraPlus)
    try read(.freezeA, &freezeA)
    try read(.adapterPrecision, &adapterPrecision)
    try read(.moments, &moments)
    try read(.epochs, optional: &epochs)
    try read(.steps, optional: &steps)
    try read(.batchTokens, optional: &batchTokens)
    try read(.batch, optional: &batch)
    try read(.accum, &accum)
    try read(.seqLen, &seqLen)
    try read(.lr, &lr)
    try read(.schedule, &schedule)
    try read(.warmup, &warmup)
    try read(.weightDecay, &weightDecay)
    try read(.clip, &clip)
    try read(.seed, &seed)
    try read(.threads, optional: &threads)
    try read(.memory, optional: &memory)
    try read(.compute, &compute)
    try read(.saveEvery, optional: &saveEvery)
    try read(.keep, &keep)
    try read(.valSplit, &valSplit)
    try read(.evalEvery, optional: &evalEvery)
    try read(.evalAt, &evalAt)
    try read(.keepLast, &keepLast)
    try read(.patience, optional: &patience)
    try read(.trainOnPrompt, &trainOnPrompt)
    // Both `train_on: assistant,tool` and a list.
    if let list = try? container.decodeIfPresent([String].self, forKey: .trainOn) {
      trainOn = list.joined(separator: ",")
    } else {
      try read(.trainOn, &trainOn)
    }
    try read(.skipBad, &skipBad)
    try read(.template, &template)
    try read(.now, optional: &now)
    try read(.logEvery, &logEvery)
    try read(.quiet, &quiet)
    try read(.provenance, optional: &provenance)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    // A float as the shortest decimal that means it, a whole one as an integer: people read this file.
    func encode(_ value: Float, _ key: CodingKeys) throws {
      if let whole = Int(exactly: value) {
        try container.encode(whole, forKey: key)
      } else {
        try container.encode(Double("\(value)") ?? Double(value), forKey: key)
      }
    }
    // Optionals are written as null, so that the file shows every key there is.
    try container.encode(model, forKey: .model)
    try container.encode(data, forKey: .data)
    try container.encode(output, forKey: .output)
    try container.encode(rank, forKey: .rank)
    try encode(alpha, .alpha)
    try container.encode(rslora, forKey: .rslora)
    try container.encode(targets, forKey: .targets)
    try container.encode(initialization, forKey: .initialization)
    try container.encode(initSamples, forKey: .initSamples)
    try container.encode(initOrder, forKey: .initOrder)
    try container.encode(initLoss, forKey: .initLoss)
    try container.encode(initScale, forKey: .initScale)
    try encode(gamma, .gamma)
    try container.encode(optimizer, forKey: .optimizer)
    try encode(damping, .damping)
    try encode(loraPlus, .loraPlus)
    try container.encode(freezeA, forKey: .freezeA)
    try container.encode(adapterPrecision, forKey: .adapterPrecision)
    try container.encode(moments, forKey: .moments)
    try container.encode(epochs, forKey: .epochs)
    try container.encode(steps, forKey: .steps)
    try container.encode(batchTokens, forKey: .batchTokens)
    try container.encode(batch, forKey: .batch)
    try container.encode(accum, forKey: .accum)
    try container.encode(seqLen, forKey: .seqLen)
    try encode(lr, .lr)
    try container.encode(schedule, forKey: .schedule)
    try encode(warmup, .warmup)
    try encode(weightDecay, .weightDecay)
    try encode(clip, .clip)
    try container.encode(seed, forKey: .seed)
    try container.encode(threads, forKey: .threads)
    try container.encode(memory, forKey: .memory)
    try container.encode(compute, forKey: .compute)
    try container.encode(saveEvery, forKey: .saveEvery)
    try container.encode(keep, forKey: .keep)
    try encode(valSplit, .valSplit)
    try container.encode(evalEvery, forKey: .evalEvery)
    try container.encode(evalAt, forKey: .evalAt)
    try container.encode(keepLast, forKey: .keepLast)
    try container.encode(patience, forKey: .patience)
    try container.encode(trainOnPrompt, forKey: .trainOnPrompt)
    try container.encode(trainOn, forKey: .trainOn)
    try container.encode(skipBad, forKey: .skipBad)
    try container.encode(template, forKey: .template)
    try container.encode(now, forKey: .now)
    try container.encode(logEvery, forKey: .logEvery)
    try container.encode(quiet, forKey: .quiet)
    try container.encodeIfPresent(provenance, forKey: .provenance)
  }

  // MARK: - Text

  /// Reads YAML (an empty text is the defaults). Does not validate values: call `validate()`.
  public init(yaml: String) throws(RecipeError) {
    let node: Node?
    do {
      node = try Yams.compose(yaml: yaml)
    } catch {
      throw .malformed(reason: Self.sentence(error))
    }
    guard let node, node != Node("", Tag(.null)) else {
      self.init()
      return
    }
    guard let mapping = node.mapping else {
      throw .malformed(reason: "it is no mapping of keys to values")
    }
    let names = CodingKeys.allCases.map(\.rawValue)
    for key in mapping.keys {
      let name = key.string ?? "?"
      guard names.contains(name) else {
        throw .unknownKey(name, nearest: EditDistance.nearest(to: name, among: names))
      }
    }
    do {
      self = try YAMLDecoder().decode(FineTuneRecipe.self, from: node)
    } catch DecodingError.typeMismatch(let type, let context) {
      throw .wrongType(key: Self.key(context), expected: Self.typeName(type))
    } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
      throw .badValue(
        key: Self.key(context), value: Self.text(of: context, in: mapping),
        expected: Self.key(context) == "memory" ? "a size like 160M, 2G or 1.5GiB" : "another value"
      )
    } catch {
      throw .malformed(reason: Self.sentence(error))
    }
  }

  /// The recipe with every default spelled out.
  public func yaml() throws(RecipeError) -> String {
    do {
      return try YAMLEncoder().encode(spelledOut)
    } catch {
      throw .malformed(reason: Self.sentence(error))
    }
  }

  /// Reads the file at `path`. Relative paths in it are relative to its folder.
  public init(contentsOf path: String) throws(RecipeError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .file(path: path, reason: "it cannot be read")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw .file(path: path, reason: "it is not UTF-8 text")
    }
    do throws(RecipeError) {
      try self.init(yaml: text)
      self = resolved(against: Self.folder(of: path))
    } catch {
      throw .inFile(path: path, error)
    }
  }

  /// The text of the value that `context` complains about.
  private static func text(of context: DecodingError.Context, in mapping: Node.Mapping) -> String {
    context.codingPath.first.flatMap { mapping[Node($0.stringValue)]?.string } ?? "not usable"
  }

  private static func sentence(_ error: any Error) -> String {
    if case YamlError.parser(_, let problem, let mark, _) = error {
      return "line \(mark.line): \(problem)"
    }
    if case YamlError.scanner(_, let problem, let mark, _) = error {
      return "line \(mark.line): \(problem)"
    }
    return "\(error)".split(separator: "\n").map { String($0) }.joined(separator: " ")
  }

  private static func key(_ context: DecodingError.Context) -> String {
    context.codingPath.map(\.stringValue).joined(separator: ".")
  }

  private static func typeName(_ type: any Any.Type) -> String {
    switch type {
    case is any BinaryInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    case is Bool.Type: "true or false"
    case is String.Type: "a text"
    default: "of another kind"
    }
  }
}
