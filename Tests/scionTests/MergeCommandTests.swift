import Foundation
import Testing

/// `scion merge` into few bits, with the built executable.
@Suite struct MergeCommandTests {
  private func place() throws -> Workplace {
    let place = try Workplace()
    #expect(try place.scion("\(TrainingTests.train) --steps 8 --lr 1e-2 --quiet").code == 0)
    return place
  }

  @Test("Below 8 bits the run's own data are measured on, and what it cost is said and written")
  func feedbackByDefault() throws {
    let place = try place()
    let merge = "merge -m base.gguf --adapter run --type q4_0"
    let fed = try place.scion("\(merge) -o fed.gguf --test data.jsonl --json fed.json")
    #expect(fed.code == 0, "\(fed.messages)")
    #expect(fed.messages.contains("scion: feedback over "))
    for line in [
      "rounding        feedback", "change kept     ", "output error    ", "gain kept       ",
    ] {
      #expect(fed.output.contains(line), "\(fed.output)")
    }
    let plain = try place.scion(
      "\(merge) -o plain.gguf --method round --test data.jsonl --json plain.json")
    #expect(plain.code == 0 && plain.output.contains("rounding        round"), "\(plain.messages)")
    func loss(_ file: String) throws -> Double {
      try #require((place.json(file)["losses"] as? [String: Any])?["merged"] as? Double)
    }
    let evaluation = try place.scion(
      "eval -m fed.gguf --task nll --data data.jsonl --json nll.json --quiet")
    #expect(evaluation.code == 0)
    let measured = try #require(place.json("nll.json")["nll_per_token"] as? Double)
    #expect(try abs(measured - loss("fed.json")) < 1e-6)
    #expect(try loss("plain.json").isFinite)
    // Written again, over what merge itself wrote.
    #expect(try place.scion("\(merge) -o fed.gguf --json fed.json --overwrite --quiet").code == 0)
    let budget = try place.scion("\(merge) -o larger.gguf --budget +20%")
    #expect(budget.code == 0 && budget.messages.contains(" become "), "\(budget.messages)")
    let sizes = ["fed.gguf", "larger.gguf"].map { place.bytes($0)?.count ?? 0 }
    #expect(sizes[1] > sizes[0] && Double(sizes[1]) < 1.2 * Double(sizes[0]))
  }

  @Test(
    "Without data a notice says what rounding erases; with wrong settings a sentence says what to do"
  )
  func withoutData() throws {
    let place = try place()
    let alone = "merge -m base.gguf --adapter run/adapter.gguf"
    let plain = try place.scion("\(alone) --type q4_0 -o m.gguf")
    #expect(plain.code == 0 && plain.messages.contains("add --data"), "\(plain.messages)")
    for (settings, code, sentence) in [
      (
        "--method feedback", 2, "--method feedback needs text like that of the training: add --data"
      ),
      ("--budget +10%", 2, "--budget spends its bytes by --method feedback: add --data"),
      ("--budget much", 2, "--budget"), ("--samples 0", 2, "--samples must be 1 or more"),
      ("--method round --data data.jsonl", 2, "leave one of them out"),
      ("--data absent.jsonl", 3, "absent.jsonl"), ("--test absent.jsonl", 3, "absent.jsonl"),
    ] as [(String, Int32, String)] {
      let outcome = try place.scion("\(alone) --type q4_0 -o n.gguf \(settings)")
      #expect(outcome.code == code, "\(settings): \(outcome.messages)")
      #expect(outcome.messages.contains(sentence), "\(settings): \(outcome.messages)")
      #expect(!place.exists("n.gguf"))
    }
  }
}
