// The settings of the optimizer, and of how long a run is.

extension RecipeSetting {
  public static let optimization: [RecipeSetting] = [
    .init(
      "optimizer", \.optimizer, "rule", choices: FineTuneRecipe.optimizers,
      "How adapters follow the gradient: adamw; scaled-adamw (each pair's gradient first divided "
        + "by the other factor's Gram matrix, so that the split of B·A does not matter); sgd and "
        + "scaled-gd (the same without moments; they want far larger learning rates)."),
    .init(
      "damping", \.damping, "share",
      "Damping of scaled-adamw and scaled-gd, as a share of the Gram matrix's mean eigenvalue.",
      must: "a positive number, like 0.01", isPositive),
    .init(
      "lora_plus", \.loraPlus, "ratio",
      "Learning rate of B as a multiple of `lr`, which is A's; 16 is usual in LoRA+.",
      must: "a positive ratio of the learning rates of B and A, 1 for none", isPositive),
    .init(
      "freeze_a", \.freezeA,
      "Train B alone (LoRA-FA): A stays where it starts and takes no gradient or moments."),
    .init(
      "moments", \.moments, choices: FineTuneRecipe.momentPrecisions,
      "How AdamW's two moments are kept: fp32 (8 bytes a parameter), bf16 (4), 8bit (2); the "
        + "last two rounded at random."),
    .init(
      "lr", \.lr, "rate|auto",
      "Highest learning rate, or auto: short trials from the same start, in about a tenth of the "
        + "run's time, choose one. The default was chosen on a model of 135M parameters.",
      must: "a positive number, or auto"
    ) { $0.value.map(isPositive) ?? true },
    .init(
      "schedule", \.schedule, choices: FineTuneRecipe.schedules,
      "Learning rate after warm-up."),
    .init(
      "warmup", \.warmup, "share", "Share of the steps with a rising learning rate.",
      must: "a share of the steps, 0 to below 1"
    ) { $0 >= 0 && $0 < 1 },
    .init(
      "weight_decay", \.weightDecay, "number", "Decoupled weight decay.", must: "0 or more"
    ) { $0.isFinite && $0 >= 0 },
    .init(
      "dropout", \.dropout, "share",
      "Share of the values of adapters' inputs that a step drops, 0.05 to 0.1 where data are few.",
      must: "a share, 0 to below 1"
    ) { $0 >= 0 && $0 < 1 },
    .init(
      "clip", \.clip, "norm",
      "Largest norm of the gradient, before any scaling of pairs; 0 for no clipping.",
      must: "0 (off) or more"
    ) { $0.isFinite && $0 >= 0 },
    .init(
      "seed", \.seed, "n", bearing: .start,
      "Same seed, same data, same machine type: same adapter."),
  ]

  /// How long a run is, and what a step covers.
  public static let length: [RecipeSetting] = [
    .init(
      "epochs", \.epochs, "n", unset: "1", "Passes over the data; with `time` the most.",
      must: "at least 1", isAtLeastOne),
    .init(
      "steps", \.steps, "n",
      "Optimizer steps, instead of `epochs`; 0 writes the adapter as initialised.",
      must: "at least 0"
    ) { $0.map { $0 >= 0 } ?? true },
    .init(
      "time", \.time, "90s|30m|8h",
      "Time for the whole run, its start, validations and results included: steps and schedule "
        + "are fitted to it by a measurement, and again where the machine's speed changes. With "
        + "neither `epochs` nor `steps` it takes as many passes as fit."),
    .init(
      "pace", \.pace, "0:n,…",
      "Steps that an earlier run of a given time was fitted to, as its recipe has them: repeats "
        + "it."),
    .init(
      "batch_tokens", \.batchTokens, "n", unset: "\(FineTuneRecipe.defaultBatchTokens)",
      "Tokens per step.", must: "1 to 16777216", isBatch),
    .init(
      "batch", \.batch, "n", "Sequences per step, instead of `batch_tokens`.",
      must: "1 to 16777216", isBatch),
    .init(
      "accum", \.accum, "n", "Batches added up for one step.", must: "1 to 65536"
    ) { (1...65536).contains($0) },
    .init(
      "seq_len", \.seqLen, "n", bearing: .start,
      "Most tokens in a sequence; longer records are cut.", must: "2 to 1048576"
    ) { (2...(1 << 20)).contains($0) },
  ]

  private static let isBatch: @Sendable (Int?) -> Bool = {
    $0.map { (1...(1 << 24)).contains($0) } ?? true
  }
}
