internal import Tokenization

// The settings of the machine, of data, and of what a run keeps and shows.

extension RecipeSetting {
  public static let machine: [RecipeSetting] = [
    .init(
      "threads", \.threads, "n", unset: "processors, or cores where those are faster",
      bearing: .nothing,
      "Threads.", must: "1 to 1024"
    ) { $0.map { (1...1024).contains($0) } ?? true },
    .init(
      "memory", \.memory, "size", bearing: .nothing,
      "Budget for resident memory, e.g. 600M or 2G; a run that needs more ends with exit code 4 "
        + "before it starts.", must: "at least 1M"
    ) { $0.map { $0.byteCount >= 1 << 20 } ?? true },
    .init(
      "compute", \.compute, "type", choices: FineTuneRecipe.computes, bearing: .start,
      "Number type of activations."),
    .init(
      "nice", \.nice, "n", bearing: .nothing,
      "How far other programs go before this one, 0 (not at all) to 19.", must: "0 to 19"
    ) { (0...19).contains($0) },
  ]

  /// What stays of a run that ends early.
  public static let saving: [RecipeSetting] = [
    .init(
      "save_every", \.saveEvery, "n", unset: "about every ten minutes, and none stays",
      bearing: .nothing,
      "Steps between checkpoints, the newest of which stay when the run is finished.",
      must: "at least 1", isAtLeastOne),
    .init(
      "keep", \.keep, "n", bearing: .nothing, "Checkpoints that stay, the newest.",
      must: "at least 1"
    ) { $0 > 0 },
  ]

  public static let evaluation: [RecipeSetting] = [
    .init(
      "val_split", \.valSplit, "share", bearing: .start,
      "Share of the data, up to 2,000 sequences, set aside for validation when there is no valid.jsonl.",
      must: "a share, 0 to below 1"
    ) { $0 >= 0 && $0 < 1 },
    .init(
      "eval_every", \.evalEvery, "n", unset: "at the end of each epoch",
      "Steps between validations; the last step always has one.", must: "at least 1",
      isAtLeastOne),
    .init(
      "eval_at", \.evalAt, "5,10,20",
      "Steps to validate at, besides `eval_every`; 0 is the start with its adapters.",
      must: "steps of 0 or more"
    ) { $0.allSatisfy { $0 >= 0 } },
    .init(
      "keep_last", \.keepLast,
      "Keep the last adapters, not those that were best on the validation part."),
    .init(
      "sample_every", \.sampleEvery, "n", unset: "never", bearing: .nothing,
      "Steps between answers to the same prompts, shown and kept in samples.jsonl; also before "
        + "the first step and after the last.", must: "at least 1", isAtLeastOne),
    .init(
      "samples", \.samples, "n", bearing: .nothing,
      "How many prompts that is, of the validation part.", must: "1 to 32"
    ) { (1...32).contains($0) },
    .init(
      "forgetting", \.forgetting, "file", isPath: true, bearing: .nothing,
      "A general text: its perplexity before and after says what was forgotten."),
    .init(
      "patience", \.patience, "n", unset: "never",
      "Stop after so many validations without improvement.", must: "at least 1", isAtLeastOne),
  ]

  public static let data: [RecipeSetting] = [
    .init(
      "train_on_prompt", \.trainOnPrompt, bearing: .start,
      "Learn prompts too, not only completions."),
    .init(
      "train_on", \.trainOn, "assistant,tool,…", isList: true, bearing: .start,
      "Roles whose messages are learned.", must: "roles such as assistant,tool",
      FineTuneRecipe.areRoles),
    .init(
      "skip_bad", \.skipBad, bearing: .start, "Leave bad records out instead of stopping."),
    .init(
      "template", \.template, "name|file", isPath: true, bearing: .start,
      "Chat template: the model's own (auto), a common one "
        + "(\(NamedTemplates.names.filter { $0 != "none" }.joined(separator: ", "))), none (turns "
        + "joined plainly), or a file in Jinja.",
      must: FineTuneRecipe.templates.joined(separator: ", ") + " or a file such as mine.jinja"
    ) { name in
      FineTuneRecipe.templates.contains(name) || name.contains { "./".contains($0) }
    },
    .init(
      "now", \.now, "time", unset: "today; kept in the recipe", bearing: .start,
      "The time that a template's strftime_now tells.",
      must: "a time such as 2026-07-04T09:05:03"
    ) { $0.map { TemplateClock($0) != nil } ?? true },
  ]

  public static let messages: [RecipeSetting] = [
    .init(
      "log_every", \.logEvery, "n", bearing: .nothing,
      "Steps between progress lines off a terminal.", must: "at least 1"
    ) { $0 > 0 },
    .init(
      "tensorboard", \.tensorboard, bearing: .nothing,
      "Write TensorBoard's event files under the output folder."),
    .init("quiet", \.quiet, bearing: .nothing, "No progress on stderr."),
  ]
}
