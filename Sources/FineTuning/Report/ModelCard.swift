/// The `README.md` of a run: a model card in Hugging Face's form, with facts of this run only.
public struct ModelCard: Sendable, Equatable {
  /// What the adapter is called.
  public var name: String
  /// What the base calls itself, or its file.
  public var baseName: String
  public var recipe: FineTuneRecipe
  /// Values trained.
  public var parameterCount: Int
  public var trainSequences: Int
  /// Tokens read in all steps.
  public var trainTokens: Int
  public var steps: Int
  public var firstLoss: Double?
  public var lastLoss: Double?
  /// Before training (the base), and of the adapter written.
  public var baseValidationLoss: Double?
  public var validationLoss: Double?
  public var elapsedSeconds: Double
  /// Largest resident memory.
  public var peakBytes: Int?
  /// Whether `peft/` is there: adapters on experts have no form for PEFT.
  public var hasPEFT = true

  public init(
    name: String, baseName: String, recipe: FineTuneRecipe, parameterCount: Int,
    trainSequences: Int, trainTokens: Int, steps: Int, elapsedSeconds: Double
  ) {
    self.name = name
    self.baseName = baseName
    self.recipe = recipe
    self.parameterCount = parameterCount
    self.trainSequences = trainSequences
    self.trainTokens = trainTokens
    self.steps = steps
    self.elapsedSeconds = elapsedSeconds
  }

  /// The card as Markdown.
  public var markdown: String {
    let settings = recipe.spelledOut
    var facts: [(String, String)] = [
      ("Base", baseName),
      ("Method", "LoRA, start \(settings.initialization), targets \(settings.targets)"),
      (
        "Rank, alpha",
        "\(settings.rank), \(settings.alpha)"
          + (settings.rslora ? " (scale alpha/√rank)" : " (scale alpha/rank)")
      ),
      ("Trained values", "\(parameterCount)"),
      ("Data", "\(trainSequences) sequences, \(trainTokens) tokens in \(steps) steps"),
      (
        "Optimizer",
        "\(settings.optimizer), learning rate \(settings.lr.description), \(settings.schedule)"
          + (settings.loraPlus == 1 ? "" : ", that of B times \(settings.loraPlus)")
          + (settings.freezeA ? ", A frozen" : "")
      ),
      ("Seed", "\(settings.seed)"),
      ("Time", "\(Self.rounded(elapsedSeconds, 1)) s"),
    ]
    if let peakBytes { facts.append(("Peak memory", "\((peakBytes + (1 << 19)) >> 20) MiB")) }
    if let firstLoss, let lastLoss {
      facts.append(
        ("Training loss", "\(Self.rounded(firstLoss, 4)) → \(Self.rounded(lastLoss, 4))"))
    }
    if let validationLoss {
      let before = baseValidationLoss.map { "\(Self.rounded($0, 4)) (base) → " } ?? ""
      facts.append(("Validation loss", before + Self.rounded(validationLoss, 4)))
    }
    let rows = facts.map { "| \(Self.cell($0.0)) | \(Self.cell($0.1)) |" }.joined(separator: "\n")
    let library = hasPEFT ? "library_name: peft\n" : ""
    let folder = hasPEFT ? "The folder `peft/` is the same adapter for Hugging Face PEFT. " : ""
    return """
      ---
      base_model: \(Self.quoted(baseName))
      \(library)pipeline_tag: text-generation
      tags: [lora, gguf, scion]
      ---

      # \(name)

      A LoRA adapter, trained by Scion on a quantized base that stayed as it was.

      | | |
      |---|---|
      \(rows)

      ## Use

      ```sh
      llama-cli -m base.gguf --lora adapter.gguf        # llama.cpp
      scion generate -m base.gguf --adapter . -p "…"    # Scion
      scion merge -m base.gguf --adapter . -o merged.gguf
      ```

      \(folder)`recipe.yaml` holds every setting and the hashes of base and data; `metrics.jsonl` has one line a step.

      """
  }

  private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }

  /// A YAML string whatever is in it.
  private static func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  private static func rounded(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return "\((value * scale).rounded() / scale)"
  }
}
