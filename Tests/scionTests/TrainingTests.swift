import Foundation
import Testing

/// From a model and examples to an adapter and a merged model, with the built executable.
@Suite struct TrainingTests {
  static let train = "train -m base.gguf --data data.jsonl -o run --batch 4"

  @Test("Training writes everything of the contract, messages only on stderr")
  func trainingWritesEverything() throws {
    let place = try Workplace()
    let outcome = try place.scion("\(Self.train) --init lora-one --steps 6 --eval-every 3")
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(outcome.output.isEmpty)
    #expect(outcome.messages.contains("step 6/6"))
    #expect(
      try place.names("run") == [
        ".scion-run", "README.md", "adapter.gguf", "init.json", "init.svg", "metrics.jsonl", "peft",
        "recipe.yaml", "report.html", "run.json",
      ])
    #expect(
      try place.names("run/peft") == ["adapter_config.json", "adapter_model.safetensors"])

    let rows = try place.text("run/metrics.jsonl").split(separator: "\n").map {
      try Workplace.object(String($0))
    }
    let steps = rows.filter { $0["loss"] != nil }
    #expect(steps.count == 6)
    for row in steps {
      #expect(
        row.keys.sorted() == [
          "elapsed_seconds", "epoch", "grad_norm", "learning_rate", "loss", "resident_bytes",
          "step", "tokens", "tokens_per_second",
        ])
    }
    let validations = rows.filter { $0["validation_loss"] != nil }
    #expect(validations.compactMap { $0["step"] as? Int } == [0, 3, 6])

    let start = try place.json("run/init.json")
    #expect((start["matrices"] as? [Any])?.count == 14)
    let recipe = place.text("run/recipe.yaml")
    for key in ["lr: 0.001", "rank: 8", "seed: 42", "sha256: "] {
      #expect(recipe.contains(key), "\(key)")
    }
  }

  @Test(
    "A watched run shows answers, what is forgotten and TensorBoard's events, and can be compared")
  func watchesARun() throws {
    let place = try Workplace()
    try place.write(
      "general.txt",
      (0..<400).map { "line \($0) of a text that has nothing to do with it" }.joined(
        separator: "\n"))
    let flags =
      "--steps 5 --val-split 0.2 --sample-every 2 --samples 2 --forgetting general.txt --tensorboard"
    let outcome = try place.scion("\(Self.train) \(flags)")
    #expect(outcome.code == 0, "\(outcome.messages)")
    let samples = try place.text("run/samples.jsonl").split(separator: "\n").map {
      try Workplace.object(String($0))
    }
    #expect(samples.compactMap { $0["step"] as? Int } == [0, 0, 2, 2, 4, 4, 5, 5])
    for words in ["prompt 2", "wanted", "step 4, prompt 1", "perplexity of the general text"] {
      #expect(outcome.messages.contains(words), "\(words)")
    }
    let forgetting = try place.text("run/metrics.jsonl").split(separator: "\n")
      .map { try Workplace.object(String($0)) }.filter { $0["forgetting_perplexity"] != nil }
    #expect(forgetting.compactMap { $0["adapters"] as? Bool } == [false, true])
    #expect(place.exists("run/tensorboard/events.out.tfevents.0.scion"))
    // Watching changes no bit of the result.
    let plain = try place.scion(
      "\(Self.train.replacing("-o run", with: "-o plain")) --steps 5 --val-split 0.2 --quiet")
    #expect(plain.code == 0, "\(plain.messages)")
    let weights = "peft/adapter_model.safetensors"
    #expect(place.bytes("plain/\(weights)") == place.bytes("run/\(weights)"))

    let report = try place.scion("report run plain --html both.html")
    #expect(report.code == 0 && report.output.contains("plain"), "\(report.messages)")
    #expect(report.messages == "scion: wrote both.html\n")
    #expect(place.text("both.html").contains("</html>"))
    #expect(try place.scion("report run --html both.html").code == 2)
    #expect(try place.scion("report .").code == 3)
    #expect(try place.scion("report run --json").output.contains("best_validation_loss"))
    #expect(try place.scion("report run --html run/adapter.gguf --overwrite").code == 2)
  }

  @Test(
    "A learning rate is found before the first step, and the run's recipe repeats it to the byte")
  func findsARate() throws {
    let place = try Workplace()
    let outcome = try place.scion(
      "\(Self.train) --steps 6 --val-split 0.2 --init lora-one --lr auto")
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(outcome.messages.contains("held-out loss") && outcome.messages.contains("it is"))
    let recipe = place.text("run/recipe.yaml")
    #expect(!recipe.contains("lr: auto") && recipe.contains("lr: 0.0"))
    let again = try place.scion("train --recipe run/recipe.yaml -o again --quiet")
    #expect(again.code == 0, "\(again.messages)")
    let weights = "peft/adapter_model.safetensors"
    #expect(place.bytes("again/\(weights)") == place.bytes("run/\(weights)"))
  }

  @Test("A dry run prints recipe and plan, and like a refusal leaves nothing behind")
  func dryRunsAndRefusalsLeaveNothing() throws {
    let place = try Workplace()
    try place.write("short.txt", "too short")
    let before = try place.names()
    let dry = try place.scion("train -m base.gguf --data data.jsonl --batch 4 --dry-run")
    #expect(dry.code == 0, "\(dry.messages)")
    #expect(dry.output.contains("rank: 8") && dry.output.contains("# "))
    for flags in ["--resume gone", "--forgetting gone.txt", "--forgetting short.txt"] {
      let refused = try place.scion("\(Self.train) \(flags)")
      #expect(refused.code != 0)
      #expect(refused.messages.contains(flags.split(separator: " ")[1]), "\(refused.messages)")
    }
    // What the program says is caught in two files.
    #expect(try place.names() == [".stderr", ".stdout"] + before)
  }

  @Test(
    "Validation is at the steps of --eval-at, at 0 of the base and of the start, and after the last"
  )
  func validatesAtTheStepsAsked() throws {
    let place = try Workplace()
    func validations(_ flags: String) throws -> [[String: Any]] {
      let outcome = try place.scion("\(Self.train) --steps 5 --overwrite --quiet \(flags)")
      #expect(outcome.code == 0, "\(outcome.messages)")
      return try place.text("run/metrics.jsonl").split(separator: "\n").map {
        try Workplace.object(String($0))
      }.filter { $0["validation_loss"] != nil }
    }
    let rows = try validations("--eval-at 0,2,3 --val-split 0.2 --init lora-one")
    #expect(rows.compactMap { $0["step"] as? Int } == [0, 0, 2, 3, 5])
    #expect(rows.compactMap { $0["adapters"] as? Bool } == [false, true, true, true, true])
    let losses = rows.compactMap { $0["validation_loss"] as? Double }
    // LoRA-One's start has moved the model, classic LoRA's has not.
    #expect(losses[0] != losses[1])
    let classic = try validations("--eval-at 0 --val-split 0.2 --init gaussian")
    #expect(classic.compactMap { $0["step"] as? Int } == [0, 0, 5])
    #expect(classic[0]["validation_loss"] as? Double == losses[0])
    #expect(classic[1]["validation_loss"] as? Double == losses[0])
    let both = try validations("--eval-at 1 --eval-every 2 --val-split 0.2 --init lora-one")
    #expect(both.compactMap { $0["step"] as? Int } == [0, 1, 2, 4, 5])
    #expect(both.last?["validation_loss"] as? Double == losses.last)

    let wrong = try place.scion("\(Self.train) --eval-at 5,x")
    #expect(wrong.code == 2)
    #expect(wrong.messages.contains("eval_at is \"5,x\": it must be a whole number, or several"))
  }

  @Test("The best adapters on the validation part are the result, the last ones with --keep-last")
  func keepsTheBestOrTheLast() throws {
    let place = try Workplace()
    // Training teaches one token after the prompt and validation wants another: the surer the model becomes
    // of the one, the less of the other.
    func record(_ answer: Int) -> String {
      "{\"input_ids\":[10,20,30,\(answer)],\"labels\":[-100,-100,-100,\(answer)]}\n"
    }
    try FileManager.default.createDirectory(
      atPath: "\(place.path)/both", withIntermediateDirectories: false)
    try place.write("both/train.jsonl", String(repeating: record(40), count: 4))
    try place.write("both/valid.jsonl", record(50))
    let train =
      "train -m base.gguf -o run --batch 4 --init gaussian --warmup 0 --schedule constant --lr 3e-3 "
      + "--overwrite --quiet"
    func adapter(_ data: String, _ more: String) throws -> Data {
      let outcome = try place.scion("\(train) --data \(data) \(more)")
      #expect(outcome.code == 0, "\(outcome.messages)")
      return try #require(place.bytes("run/adapter.gguf"))
    }
    let kept = try adapter("both", "--steps 30 --eval-at 1")
    let losses = try place.text("run/metrics.jsonl").split(separator: "\n").map {
      try Workplace.object(String($0))
    }.filter { $0["adapters"] == nil || $0["adapters"] as? Bool == true }
      .compactMap { $0["validation_loss"] as? Double }
    // 10.4 and 15.0: no rounding turns them round.
    try #require(losses.count == 2 && losses[1] > losses[0] + 2, "\(losses)")
    #expect(try adapter("both", "--steps 1") == kept)
    let last = try adapter("both/train.jsonl", "--steps 30 --val-split 0")
    #expect(try adapter("both", "--steps 30 --eval-at 1 --keep-last") == last)
    #expect(kept != last)
  }

  @Test(
    "The same seed gives the same bytes: with 1 and 2 threads, and from the recipe that was written"
  )
  func sameSeedSameBytes() throws {
    let place = try Workplace()
    #expect(try place.scion("\(Self.train) --steps 4 --threads 1 --quiet").code == 0)
    let first = try #require(place.bytes("run/adapter.gguf"))
    #expect(try place.scion("\(Self.train) --steps 4 --threads 2 --quiet --overwrite").code == 0)
    #expect(place.bytes("run/adapter.gguf") == first)

    try FileManager.default.moveItem(
      atPath: "\(place.path)/run", toPath: "\(place.path)/earlier")
    let again = try place.scion("train --recipe earlier/recipe.yaml")
    #expect(again.code == 0, "\(again.messages)")
    #expect(place.bytes("run/adapter.gguf") == first)

    #expect(
      try place.scion("\(Self.train) --steps 4 --seed 43 --quiet --overwrite").code == 0)
    #expect(place.bytes("run/adapter.gguf") != first)
  }

  @Test("--steps 0 writes the adapter as initialised, and --quiet says nothing")
  func stepsZeroWritesTheStart() throws {
    let place = try Workplace()
    let outcome = try place.scion("\(Self.train) --init lora-one --steps 0 --quiet")
    #expect(outcome.code == 0)
    #expect(outcome.messages.isEmpty && outcome.output.isEmpty)
    #expect(place.exists("run/adapter.gguf") && place.exists("run/init.json"))
    #expect(!place.text("run/metrics.jsonl").contains("\"loss\""))
    // LoRA-One's start is not zero: it changes what the model says.
    let base = try likelihood(place, "")
    #expect(try likelihood(place, "--adapter run") != base)
  }

  @Test(
    "An adapter is used from its folder, its file, PEFT's form, and after export and import, alike")
  func everyFormIsTheSameAdapter() throws {
    let place = try Workplace()
    #expect(try place.scion("\(Self.train) --steps 8 --lr 1e-2 --quiet").code == 0)
    let base = try likelihood(place, "")
    let adapted = try likelihood(place, "--adapter run")
    #expect(adapted < base)
    let export = try place.scion("export -m base.gguf --adapter run --to peft -o peft")
    #expect(export.code == 0 && export.output == "peft\n", "\(export.messages)")
    let read = try place.scion("import peft -m base.gguf -o imported.gguf")
    #expect(read.code == 0 && read.output == "imported.gguf\n", "\(read.messages)")
    for form in ["run/adapter.gguf", "run/peft", "peft", "imported.gguf"] {
      #expect(try likelihood(place, "--adapter \(form)") == adapted, "\(form)")
    }
  }

  @Test("A merged model needs no adapter and predicts the same")
  func mergedModelPredictsTheSame() throws {
    let place = try Workplace()
    #expect(try place.scion("\(Self.train) --steps 8 --lr 1e-2 --quiet").code == 0)
    let merge = try place.scion("merge -m base.gguf --adapter run -o merged.gguf --type f32")
    #expect(merge.code == 0, "\(merge.messages)")
    #expect(merge.output.hasPrefix("merged.gguf  "))
    let flags = "--chat -p hello --max-tokens 12 --compute f32"
    func logits(_ model: String) throws -> [Double] {
      let outcome = try place.scion("generate -m \(model) \(flags) --logits next.json --quiet")
      #expect(outcome.code == 0, "\(outcome.messages)")
      return try #require(place.json("next.json")["logits"] as? [Double])
    }
    func distance(_ a: [Double], _ b: [Double]) -> Double {
      zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
    }
    let adapted = try logits("base.gguf --adapter run")
    let merged = try logits("merged.gguf")
    let base = try logits("base.gguf")
    #expect(merged.count == 260 && distance(merged, adapted) < 1e-3)
    #expect(distance(merged, base) > 0.1)
    let text = try place.scion("generate -m merged.gguf \(flags) --quiet")
    #expect(text.code == 0 && !text.output.isEmpty && text.messages.isEmpty)
    let loud = try place.scion("generate -m base.gguf --adapter run \(flags)")
    #expect(loud.code == 0 && loud.messages.contains("; generated "))
    let inspect = try place.scion("inspect merged.gguf")
    #expect(inspect.code == 0 && inspect.output.contains("synthetic LoRA"))
  }

  @Test("eval writes one JSON document with the keys of its task, and a row per example")
  func evaluationHasItsKeys() throws {
    let place = try Workplace()
    let common = ["examples", "seconds", "task", "tokens"]
    let tasks = [
      ("nll", "", ["nll_per_token", "perplexity"], ["index", "nll", "tokens"]),
      (
        "perplexity", "--context 64", ["nll_per_token", "perplexity", "perplexity_error"], nil
      ),
      (
        "exact", "--limit 3 --max-tokens 4", ["exact_match"],
        ["exact", "expected", "index", "output", "prompt", "tokens"]
      ),
    ]
    for (task, flags, keys, rowKeys) in tasks {
      let outcome = try place.scion(
        "eval -m base.gguf --task \(task) --data data.jsonl \(flags) --json r.json --rows r.jsonl")
      #expect(outcome.code == 0, "\(task): \(outcome.messages)")
      #expect(outcome.output.hasPrefix("task            \(task)\n"))
      #expect(try place.json("r.json").keys.sorted() == (common + keys).sorted())
      let rows = place.text("r.jsonl").split(separator: "\n")
      if let rowKeys, let first = rows.first {
        #expect(try Workplace.object(String(first)).keys.sorted() == rowKeys)
        #expect(rows.count == (task == "exact" ? 3 : 24))
      }
    }
  }

  private func likelihood(_ place: Workplace, _ flags: String) throws -> Double {
    let outcome = try place.scion(
      "eval -m base.gguf --task nll --data data.jsonl --json nll.json --quiet \(flags)")
    #expect(outcome.code == 0, "\(outcome.messages)")
    return try #require(place.json("nll.json")["nll_per_token"] as? Double)
  }
}
