import ArgumentParser
import FineTuning

/// The options of a run: those of every setting of a recipe, and of what stands around it. A flag
/// that is given wins over the recipe file; what neither sets has its default.
struct TrainOptions: ParsableArguments {
  @OptionGroup var files: SettingOptions<FileSettings>

  @Option(
    help: ArgumentHelp("Recipe to start from; flags override its keys.", valueName: "file"),
    completion: .file())
  var recipe: String?

  @Flag(
    help:
      "Replace the results of an earlier run in the output folder, when those of this one are complete."
  )
  var overwrite = false

  @Option(
    help: ArgumentHelp(
      "Whether to go on from a checkpoint: auto (an unfinished run of the same settings in the output folder goes on), "
        + "never (from the beginning), or a run's folder or checkpoint.",
      valueName: "auto|never|path"))
  var resume: TrainingLoop.Resume = .auto

  @OptionGroup(title: "Adapters") var adapters: SettingOptions<AdapterSettings>
  @OptionGroup(title: "Their start") var start: SettingOptions<StartSettings>
  @OptionGroup(title: "Optimization") var optimization: SettingOptions<OptimizationSettings>
  @OptionGroup(title: "Length") var length: SettingOptions<LengthSettings>
  @OptionGroup(title: "Memory") var machine: SettingOptions<MachineSettings>
  @OptionGroup(title: "Checkpoints") var saving: SettingOptions<SavingSettings>
  @OptionGroup(title: "Validation") var evaluation: SettingOptions<EvaluationSettings>
  @OptionGroup(title: "What is learned") var data: SettingOptions<DataSettings>
  @OptionGroup(title: "Messages") var messages: SettingOptions<MessageSettings>

  /// The recipe file, or the defaults, with every given flag put over it.
  func makeRecipe(_ model: ModelOptions) throws -> FineTuneRecipe {
    var result = try recipe.map { try FineTuneRecipe(contentsOf: $0) } ?? FineTuneRecipe()
    if model.model != nil || result.model == nil { result.model = try model.path() }
    let sections = [
      files.texts, adapters.texts, start.texts, optimization.texts, length.texts, machine.texts,
      saving.texts, evaluation.texts, data.texts, messages.texts,
    ]
    try result.apply(sections.reduce(into: [:]) { $0.merge($1) { $1 } })
    if let compute = model.compute { result.compute = compute.rawValue }
    if let threads = model.threads { result.threads = threads }
    if let nice = model.nice { result.nice = nice }
    return result
  }
}

enum FileSettings: SettingSection {
  /// The model is every command's own option.
  static let settings = RecipeSetting.files.filter { $0.key != "model" }
  static let letters: [String: Character] = ["output": "o"]
}

enum AdapterSettings: SettingSection {
  static let settings = RecipeSetting.adapters
}

enum StartSettings: SettingSection {
  static let settings = RecipeSetting.start
}

enum OptimizationSettings: SettingSection {
  static let settings = RecipeSetting.optimization
}

enum LengthSettings: SettingSection {
  static let settings = RecipeSetting.length
}

enum MachineSettings: SettingSection {
  /// Threads, number types and niceness are every command's own options.
  static let settings = RecipeSetting.machine.filter {
    !["threads", "compute", "nice"].contains($0.key)
  }
}

enum SavingSettings: SettingSection {
  static let settings = RecipeSetting.saving
}

enum EvaluationSettings: SettingSection {
  static let settings = RecipeSetting.evaluation
}

enum DataSettings: SettingSection {
  static let settings = RecipeSetting.data
}

enum MessageSettings: SettingSection {
  static let settings = RecipeSetting.messages
}
