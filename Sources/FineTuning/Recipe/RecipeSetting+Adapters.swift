internal import Tensors
internal import Transformer

// The settings of files, of adapters, and of where these start.

extension RecipeSetting {
  /// What is read and written.
  public static let files: [RecipeSetting] = [
    .init(
      "model", \.model, "file", isPath: true, bearing: .nothing, "Base model, a GGUF file."),
    .init(
      "data", \.data, "path", isPath: true, bearing: .nothing,
      "Training data: a file (JSONL, JSON, CSV, TSV, text; .gz, .zst), a folder with train.jsonl "
        + "and, where there is, valid.jsonl, or - for stdin; may be given several times, each "
        + "with a weight such as a.jsonl:0.3 or b.jsonl:2."),
    .init(
      "output", \.output, "folder", isPath: true, bearing: .nothing,
      "Folder for the run's results."),
  ]

  public static let adapters: [RecipeSetting] = [
    .init(
      "rank", \.rank, "n", bearing: .start, "Rank of the adapters, 1 to 256.", must: "1 to 256"
    ) { (1...256).contains($0) },
    .init(
      "alpha", \.alpha, "number", bearing: .start,
      "Adapters are scaled by alpha/√rank, see `rslora`.", must: "a positive number",
      isPositive),
    .init(
      "rslora", \.rslora, bearing: .start, "Scale by alpha/√rank rather than alpha/rank."),
    .init(
      "targets", \.targets, "all|q,k,v,o,gate,up,down,…", isList: true, bearing: .start,
      "Layers that get adapters. Models that fuse them have qkv and gate_up; experts have "
        + "adapters only where gate_exps, up_exps or down_exps is named.",
      must: FineTuneRecipe.targetNames, FineTuneRecipe.areTargets),
    .init(
      "adapter_precision", \.adapterPrecision, choices: FineTuneRecipe.adapterPrecisions,
      bearing: .start,
      "How adapters are kept in training: split-fp32 (exact, 4 bytes each), fp32 (exact, 4 bytes "
        + "and 2 for a bf16 copy), bf16-sr (2 bytes, updates rounded at random)."),
  ]

  public static let start: [RecipeSetting] = [
    .init(
      "init", \.initialization, "start", choices: FineTuneRecipe.initializations,
      bearing: .start,
      "Where adapters start: gaussian or kaiming (classic LoRA: no change at step 0), lora-one "
        + "(the gradient's leading directions), lora-one-a (its row space, no change at step 0), "
        + "eva (the inputs' leading directions, no change at step 0), orthogonal (random "
        + "directions as large as lora-one's: a control)."),
    .init(
      "init_samples", \.initSamples, "n", bearing: .start,
      "Sequences whose gradient (eva: inputs) the start takes.", must: "at least 1",
      { $0 > 0 }),
    .init(
      "init_order", \.initOrder, choices: FineTuneRecipe.initOrders, bearing: .start,
      "Which sequences those are: a seeded random choice, or the first of the training data."),
    .init(
      "init_loss", \.initLoss, choices: FineTuneRecipe.initLosses, bearing: .start,
      "Whose mean loss the start descends: that of all target tokens, or first of each sequence, "
        + "so that short ones count as much as long ones."),
    .init(
      "init_scale", \.initScale, choices: FineTuneRecipe.initScales, bearing: .start,
      "How large lora-one's start is: normalized (by gamma, alike in every matrix), linesearch "
        + "(the gamma of least loss on the start's sequences, by some more forward passes over "
        + "them; no start at all where none beats the base), theory (as large as the gradient "
        + "itself)."),
    .init(
      "gamma", \.gamma, "number", bearing: .start,
      "LoRA-One's start has spectral norm alpha/(gamma·√rank).", must: "a positive number",
      isPositive),
  ]

  static let isPositive: @Sendable (Float) -> Bool = { $0.isFinite && $0 > 0 }
  static let isAtLeastOne: @Sendable (Int?) -> Bool = { $0.map { $0 > 0 } ?? true }
}

extension FineTuneRecipe {
  /// What `targets` may be, as errors say it.
  static let targetNames =
    "all, or some of q,k,v,o,gate,up,down (fused: qkv,gate_up; of experts: "
    + "gate_exps,up_exps,down_exps)"

  /// Whether `text` names targets: `all` alone, or projections in any common spelling.
  static let areTargets: @Sendable (String) -> Bool = { text in
    let parts = targetParts(text)
    return parts == ["all"]
      || !parts.isEmpty && parts.allSatisfy { Projection(anySpelling: $0) != nil }
  }

  static func targetParts(_ text: String) -> [String] {
    text.split(separator: ",").map { part in
      String(part.filter { !$0.isWhitespace }).lowercased()
    }
  }
}
