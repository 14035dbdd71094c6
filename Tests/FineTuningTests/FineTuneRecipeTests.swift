import Testing
import Transformer

@testable import FineTuning

struct FineTuneRecipeTests {
  private func changed(_ change: (inout FineTuneRecipe) -> Void) -> FineTuneRecipe {
    var recipe = FineTuneRecipe()
    change(&recipe)
    return recipe
  }

  @Test func theDefaultsAreValidAndRoundTrip() throws {
    let recipe = FineTuneRecipe()
    try recipe.validate()
    let again = try FineTuneRecipe(yaml: try recipe.yaml())
    #expect(again == recipe.spelledOut)
    #expect(try FineTuneRecipe(yaml: "") == recipe)
    #expect(try FineTuneRecipe(yaml: "# nothing\n") == recipe)
  }

  @Test func everySettingRoundTrips() throws {
    let recipe = changed {
      $0.model = "a b.gguf"
      $0.data = ["d", "e:0.5"]
      $0.trainOn = "assistant"
      $0.output = "o"
      $0.rank = 4
      $0.alpha = 12.5
      $0.rslora = false
      $0.targets = "q,v"
      $0.initSamples = 3
      $0.gamma = 16
      $0.optimizer = "scaled-adamw"
      $0.damping = 0.125
      $0.loraPlus = 16
      $0.freezeA = true
      $0.adapterPrecision = "bf16-sr"
      $0.moments = "8bit"
      $0.steps = 0
      $0.batch = 4
      $0.accum = 2
      $0.seqLen = 77
      $0.lr = 1e-3
      $0.schedule = "cosine"
      $0.warmup = 0
      $0.weightDecay = 0.1
      $0.clip = 0
      $0.seed = .max
      $0.threads = 3
      $0.memory = ByteSize("1.5G")
      $0.compute = "f32"
      $0.valSplit = 0.25
      $0.evalEvery = 10
      $0.evalAt = [0, 5, 20]
      $0.keepLast = true
      $0.patience = 2
      $0.trainOnPrompt = true
      $0.skipBad = true
      $0.template = "chatml"
      $0.logEvery = 5
      $0.quiet = true
      $0.provenance = .init(
        scion: "0.1", base: .init(path: "b", sha256: "00"), data: [.init(path: "d", sha256: "11")])
    }
    try recipe.validate()
    #expect(try FineTuneRecipe(yaml: try recipe.yaml()) == recipe)
    #expect(recipe.duration == .steps(0))
    #expect(recipe.stepSize == .sequences(8))
  }

  @Test func theFileShowsEveryKeyWithItsDefault() throws {
    let yaml = try FineTuneRecipe().yaml()
    for setting in RecipeSetting.all {
      #expect(yaml.contains("\(setting.key):"), "\(setting.key)")
    }
    #expect(yaml.contains("epochs: 1\n"))
    #expect(yaml.contains("batch_tokens: 2048\n"))
    #expect(yaml.contains("init: gaussian\n"))
  }

  @Test func readsWhatPeopleWrite() throws {
    let recipe = try FineTuneRecipe(
      yaml: "rank: 16\nalpha: 32\nlr: 0.0002\ntargets: [q_proj, attn_v]\nmemory: 2G\nbatch: 4\n")
    try recipe.validate()
    #expect(recipe.rank == 16 && recipe.alpha == 32 && recipe.lr == 2e-4)
    #expect(recipe.projections == [.query, .value])
    #expect(recipe.memory?.byteCount == 2 << 30)
    #expect(recipe.epochs == nil)
  }

  @Test func namesTheNearestKeyForAnUnknownOne() {
    #expect(throws: RecipeError.unknownKey("learn_on_prompt", nearest: "train_on_prompt")) {
      try FineTuneRecipe(yaml: "learn_on_prompt: 1")
    }
    #expect(throws: RecipeError.unknownKey("seq-len", nearest: "seq_len")) {
      try FineTuneRecipe(yaml: "seq-len: 1")
    }
    for (name, key) in [("learning_rate", "lr"), ("learning_rte", "lr"), ("lora_r", "rank")] {
      #expect(throws: RecipeError.unknownKey(name, nearest: key)) {
        try FineTuneRecipe(yaml: "\(name): 1")
      }
    }
    #expect(throws: RecipeError.unknownKey("qqqqqqqqqq", nearest: nil)) {
      try FineTuneRecipe(yaml: "qqqqqqqqqq: 1")
    }
  }

  @Test(arguments: ["rank: high", "rank: 1.5", "- 1", "a: [", "quiet: 7", "memory: lots"])
  func refusesWhatDoesNotFit(yaml: String) {
    #expect(throws: RecipeError.self) { try FineTuneRecipe(yaml: yaml) }
  }

  @Test func settingsThatDoNothingAreNamed() {
    #expect(FineTuneRecipe().notices.isEmpty)
    let classic = changed {
      $0.initSamples = 8
      $0.gamma = 64
      $0.initScale = "linesearch"
    }
    #expect(classic.notices.count == 1)
    for word in ["init_samples", "gamma", "init_scale", "gaussian"] {
      #expect(classic.notices.contains { $0.contains(word) }, "\(word)")
    }
    var started = classic
    started.initialization = "lora-one"
    #expect(started.notices.isEmpty)
    started.initialization = "orthogonal"
    #expect(started.notices.count == 1 && !started.notices[0].contains("gamma"))
  }

  @Test func refusesEveryBadValueByName() {
    let cases: [(String, (inout FineTuneRecipe) -> Void)] = [
      ("rank", { $0.rank = 0 }), ("rank", { $0.rank = 257 }), ("alpha", { $0.alpha = 0 }),
      ("targets", { $0.targets = "q,x" }), ("targets", { $0.targets = "" }),
      ("targets", { $0.targets = "all,q" }), ("init", { $0.initialization = "magic" }),
      ("init_samples", { $0.initSamples = 0 }), ("gamma", { $0.gamma = .nan }),
      ("optimizer", { $0.optimizer = "adam" }),
      ("damping", { $0.damping = 0 }), ("lora_plus", { $0.loraPlus = -1 }),
      ("adapter_precision", { $0.adapterPrecision = "bf16" }),
      ("moments", { $0.moments = "4bit" }),
      (
        "moments",
        {
          $0.optimizer = "sgd"
          $0.moments = "8bit"
        }
      ), ("epochs", { $0.epochs = 0 }),
      ("steps", { $0.steps = -1 }), ("batch_tokens", { $0.batchTokens = 0 }),
      ("batch", { $0.batch = -2 }), ("accum", { $0.accum = 0 }), ("seq_len", { $0.seqLen = 1 }),
      ("lr", { $0.lr = 0 }), ("lr", { $0.lr = .fixed(.infinity) }),
      ("schedule", { $0.schedule = "x" }),
      ("warmup", { $0.warmup = 1 }), ("weight_decay", { $0.weightDecay = -1 }),
      ("clip", { $0.clip = -1 }), ("threads", { $0.threads = 0 }),
      ("memory", { $0.memory = ByteSize(byteCount: 5) }), ("compute", { $0.compute = "int4" }),
      ("val_split", { $0.valSplit = 1 }), ("eval_every", { $0.evalEvery = 0 }),
      ("eval_at", { $0.evalAt = [5, -1] }),
      ("patience", { $0.patience = 0 }), ("template", { $0.template = "" }),
      ("log_every", { $0.logEvery = 0 }),
    ]
    for (key, change) in cases {
      do {
        try changed(change).validate()
        Issue.record("accepted a bad \(key)")
      } catch RecipeError.badValue(let found, let value, _) {
        #expect(found == key)
        #expect(!value.contains("Optional"))
      } catch {
        Issue.record("\(error)")
      }
    }
  }

  @Test func refusesSettingsThatExcludeEachOther() {
    #expect(throws: RecipeError.conflict("epochs", "steps")) {
      try changed {
        $0.epochs = 1
        $0.steps = 2
      }.validate()
    }
    #expect(throws: RecipeError.conflict("batch", "batch_tokens")) {
      try changed {
        $0.batch = 1
        $0.batchTokens = 2
      }.validate()
    }
  }

  @Test func theScaleIsRankStabilisedUnlessAskedOtherwise() {
    #expect(changed { $0.rank = 4 }.adapterScale == 8)
    #expect(
      changed {
        $0.rank = 4
        $0.rslora = false
      }.adapterScale == 4)
  }
}
