import Testing

@testable import FineTuning

/// The table that readers, checks, fingerprints and options are made from.
struct RecipeSettingTests {
  @Test func everyPropertyIsInTheTable() throws {
    let properties = Mirror(reflecting: FineTuneRecipe()).children.compactMap(\.label)
      .filter { $0 != "provenance" }
    #expect(properties.count == RecipeSetting.all.count)
    #expect(Set(RecipeSetting.all.map(\.key)).count == RecipeSetting.all.count)
  }

  @Test func everyRowSetsWhatItShows() throws {
    for setting in RecipeSetting.all {
      let usual = setting.encode(FineTuneRecipe())
      var recipe = FineTuneRecipe()
      try setting.decode(&recipe, usual)
      #expect(recipe == FineTuneRecipe(), "\(setting.key)")
      #expect(!setting.help.isEmpty)
      #expect(setting.isSwitch == setting.valueName.isEmpty, "\(setting.key)")
    }
  }

  @Test func textsMeanWhatYAMLMeans() throws {
    var recipe = FineTuneRecipe()
    try recipe.apply([
      "rank": ["4"], "lr": ["1e-4"], "steps": ["0x10"], "memory": ["2G"], "freeze_a": ["true"],
      "data": ["a", "b:0.5"], "eval_at": ["5, 10"], "output": ["null"], "seed": ["\(UInt64.max)"],
    ])
    #expect(recipe.rank == 4 && recipe.lr == 1e-4 && recipe.steps == 16 && recipe.freezeA)
    #expect(recipe.memory?.byteCount == 2 << 30 && recipe.seed == .max)
    #expect(recipe.data == ["a", "b:0.5"] && recipe.evalAt == [5, 10] && recipe.output == "null")
    #expect(try FineTuneRecipe(yaml: recipe.yaml()) == recipe.spelledOut)
  }

  @Test func textsThatLookLikeOtherTypesStayTexts() throws {
    var recipe = FineTuneRecipe()
    for name in ["null", "true", "1.5", "~", "a: b", "# c", "", " x", "日本", "it's", "- d"] {
      recipe.output = name
      #expect(try FineTuneRecipe(yaml: recipe.yaml()).output == name, "\(name)")
    }
  }

  @Test func aGivenSettingTakesThePlaceOfWhatItExcludes() throws {
    var recipe = try FineTuneRecipe(yaml: "epochs: 3\nbatch_tokens: 99\ntrain_on: tool\n")
    try recipe.apply(["steps": ["5"], "batch": ["2"], "train_on_prompt": ["true"]])
    #expect(recipe.epochs == nil && recipe.steps == 5)
    #expect(recipe.batchTokens == nil && recipe.batch == 2)
    #expect(recipe.trainOn == "assistant" && recipe.trainOnPrompt)
    try recipe.validate()
    try recipe.apply(["epochs": ["1"], "steps": ["2"]])
    #expect(throws: RecipeError.conflict("epochs", "steps")) { try recipe.validate() }
  }

  @Test func whatDoesNotFitIsNamed() {
    for (key, text, words) in [
      ("rank", "high", "a whole number"), ("lr", "fast", "a positive number, or auto"),
      ("memory", "lots", "a size like"), ("schedule", "wavy", "linear or cosine"),
      ("eval_at", "5,x", "a whole number, or several"),
    ] {
      var recipe = FineTuneRecipe()
      do {
        try recipe.apply([key: [text]])
        try recipe.validate()
        Issue.record("took \(key) \(text)")
      } catch {
        #expect("\(error)".contains(key) && "\(error)".contains(words), "\(error)")
      }
    }
  }

  @Test func aFingerprintHasWhatBearsOnTheResult() {
    let texts = FineTuneRecipe().texts(bearing: [.start, .result])
    for key in ["rank", "lr", "seed", "eval_every", "dropout"] where texts[key] == nil {
      #expect(key == "dropout" && !RecipeSetting.all.contains { $0.key == "dropout" }, "\(key)")
    }
    for key in ["threads", "memory", "output", "quiet", "save_every"] {
      #expect(texts[key] == nil, "\(key)")
    }
  }
}
