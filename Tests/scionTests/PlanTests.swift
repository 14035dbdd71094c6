import Foundation
import Tensors
import Testing

/// `scion plan` with the built executable.
@Suite struct PlanTests {
  private static let arguments =
    "-m base.gguf --data data.jsonl --batch 4 --init lora-one --init-samples 8"

  @Test("plan prints parts, total, choices and time on stdout, and writes nothing")
  func planPrintsATable() throws {
    let place = try Workplace()
    let before = try place.names()
    let outcome = try place.scion("plan \(Self.arguments)")
    #expect(outcome.code == 0, "\(outcome.messages)")
    for text in [
      "model file", "activations", "optimizer state", "gradients of blocks (start)", "peak",
      "micro-batches of", "adapter parameters", "tokens/s", "whole run",
    ] {
      #expect(outcome.output.contains(text), "\(text)")
    }
    #expect(!outcome.messages.contains("without effect"))
    let classic = try place.scion("plan \(Self.arguments) --init gaussian")
    #expect(classic.code == 0 && classic.messages.contains("init_samples: without effect"))
    #expect(Set(try place.names()).subtracting(before).isSubset(of: [".stdout", ".stderr"]))
  }

  @Test("plan --json is one document whose parts add up to its total")
  func planPrintsADocument() throws {
    let place = try Workplace()
    let outcome = try place.scion("plan \(Self.arguments) --json --memory 200M")
    #expect(outcome.code == 0, "\(outcome.messages)")
    let plan = try Workplace.object(outcome.output)
    let parts = try #require(plan["parts"] as? [[String: Any]])
    let training = parts.filter {
      ["always", "computing", "training"].contains($0["phase"] as? String)
    }
    .compactMap { $0["bytes"] as? Int }.reduce(0, +)
    #expect(training == plan["training_bytes"] as? Int)
    let total = try #require(plan["total_bytes"] as? Int)
    #expect(total >= training && total <= 200 << 20)
    #expect(plan["budget_bytes"] as? Int == 200 << 20)
    #expect(plan["steps"] as? Int == 6)
    for key in ["seconds_per_step", "start_seconds", "total_seconds", "bytes_per_parameter"] {
      #expect(try #require(plan[key] as? Double) > 0, "\(key)")
    }
    #expect((plan["start_forms"] as? [String: String])?.count == 7)
  }

  @Test("A budget that cannot be met is refused by plan as by train")
  func planRefusesAsTrainDoes() throws {
    let place = try Workplace()
    let planned = try place.scion("plan \(Self.arguments) --memory 2M")
    let trained = try place.scion("train \(Self.arguments) -o run --memory 2M")
    #expect(planned.code == 4 && trained.code == 4)
    #expect(planned.messages == trained.messages)
    #expect(planned.messages.hasPrefix("scion: this run needs at least "))
    #expect(!place.exists("run"))
  }

  @Test("Where int8 does not fit the limit, products are computed in bf16, and that is said")
  func int8GivesWayToMemory() throws {
    let place = try Workplace()
    func least(_ flags: String) throws -> String {
      let refusal = try place.scion("plan \(Self.arguments) --memory 2M \(flags)").messages
      return String(try #require(refusal.firstMatch(of: /raise it to (\d+M)/)).1)
    }
    let least = (auto: try least(""), int8: try least("--compute int8"))
    let plan = "plan \(Self.arguments) --memory \(least.auto)"
    let outcome = try place.scion(plan)
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(
      outcome.messages.contains("products are computed in bf16, since")
        == (Processor.trainsFasterInInt8 && least.auto != least.int8))
    let asked = try place.scion("\(plan) --compute int8")
    #expect((asked.code == 0) == (least.auto == least.int8))
    #expect(!asked.messages.contains("products are computed in bf16"))
  }

  @Test("Training under the least budget gives the losses of training without one")
  func leastBudgetTrainsTheSame() throws {
    let place = try Workplace()
    let flags = "train -m base.gguf --data data.jsonl --batch 1 --init-samples 8 --steps 3 --quiet"
    let refused = try place.scion("\(flags) -o tight --memory 2M")
    let words = refused.messages.split(separator: " ").map(String.init)
    let index = try #require(words.firstIndex(of: "least"))
    let tight = try place.scion("\(flags) -o tight --memory \(words[index + 1])")
    #expect(tight.code == 0, "\(tight.messages)")
    #expect(try place.scion("\(flags) -o free").code == 0)
    #expect(try place.names("tight") == place.names("free"))
    let (low, high) = (try losses(place, "tight"), try losses(place, "free"))
    #expect(low.count == 3 && high.count == 3)
    for (a, b) in zip(low, high) { #expect(abs(a - b) < 1e-2) }
  }

  private func losses(_ place: Workplace, _ run: String) throws -> [Double] {
    try place.text("\(run)/metrics.jsonl").split(separator: "\n").compactMap {
      try Workplace.object(String($0))["loss"] as? Double
    }
  }
}
