import Foundation
import TestSupport
import Testing

@testable import FineTuning

/// A run's page: everything is on it, nothing is from elsewhere, and no text can break it.
struct ReportPageTests {
  private static let hostile = "</pre><script>alert('x')</script> & \"quoted\" \u{0}\u{1B}[31m"

  private func makeRun(_ path: String, hostile: Bool = false) throws {
    let directory = try RunDirectory(path: path)
    try directory.beginAnew()
    var recipe = FineTuneRecipe()
    recipe.lr = path.hasSuffix("b") ? 2e-3 : 1e-3
    recipe.data = [hostile ? "<b>&.jsonl" : "d.jsonl"]
    try directory.write(recipe.yaml(), to: RunDirectory.Name.recipe)
    try directory.list(growing: RunDirectory.Name.metrics)
    var log = try MetricsLog(path: directory.metrics)
    try log.append(
      ValidationMetrics(
        step: 0, epoch: 0, validationLoss: 3, adapters: false, elapsedSeconds: 1))
    for step in 1...900 {
      try log.append(
        StepMetrics(
          step: step, epoch: Double(step) / 300, tokens: step * 100,
          loss: step == 7 ? .nan : 3 / Double(step), learningRate: 1e-3, gradientNorm: 1,
          tokensPerSecond: 50, residentBytes: 400_000_000, elapsedSeconds: Double(step)))
      if step % 300 == 0 {
        try log.append(
          ValidationMetrics(
            step: step, epoch: 1, validationLoss: 900 / Double(step), elapsedSeconds: Double(step))
        )
      }
    }
    let sample = hostile ? Self.hostile : "text"
    let lines = [0, 900].map { step in
      AnswerSample(sample: 0, prompt: sample, expected: sample, step: step, answer: sample)
    }
    let text = try lines.map {
      String(decoding: try JSONEncoder.scion.encode($0), as: UTF8.self) + "\n"
    }.joined()
    try directory.write(text, to: RunDirectory.Name.samples)
    try directory.close(growing: RunDirectory.Name.metrics)
    try directory.finish()
  }

  @Test func thePageHasAllOfARunAndNothingFromElsewhere() throws {
    let folder = try TemporaryFolder()
    try makeRun("\(folder.path)/a", hostile: true)
    let record = try RunRecord(path: "\(folder.path)/a")
    #expect(record.isFinished && record.steps.count == 900 && record.best?.step == 900)
    #expect(record.baseLoss == 3 && record.peakBytes == 400_000_000)
    let html = ReportPage(record).html
    for words in [
      "<!DOCTYPE html>", "prefers-color-scheme: dark", "Loss", "Learning rate", "Gradient norm",
      "Speed", "Memory", "validation of the base", "Answers", "scion train --recipe", "viewport",
      "&lt;/pre&gt;&lt;script&gt;alert(&#39;x&#39;)",
    ] { #expect(html.contains(words), "\(words)") }
    for words in ["<script", "src=", "href=", "url(", "http", "@import", "nan,", "\u{0}", "\u{1B}"]
    {
      #expect(!html.contains(words), "\(words)")
    }
    // Every element that is opened is closed.
    for name in ["section", "figure", "svg", "table", "pre", "div", "details", "article", "main"] {
      let opened = html.components(separatedBy: "<\(name)").count
      #expect(opened == html.components(separatedBy: "</\(name)>").count, "\(name)")
    }
    // More points than pixels are drawn together.
    #expect(html.utf8.count < 150_000)
  }

  @Test func runsAreComparedByWhatDiffers() throws {
    let folder = try TemporaryFolder()
    try makeRun("\(folder.path)/a")
    try makeRun("\(folder.path)/b")
    let runs = try ["a", "b"].map { try RunRecord(path: "\(folder.path)/\($0)") }
    let text = RunTable(runs).text
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0].hasPrefix("run") && lines[1].hasPrefix("a") && lines[2].hasPrefix("b"))
    #expect(lines[1].contains("1.0000") && lines[1].contains("3.0000"))
    #expect(lines.contains { $0.hasPrefix("lr") && $0.contains("0.001") && $0.contains("0.002") })
    #expect(!lines.contains { $0.hasPrefix("rank") })
    let html = ReportPage(comparing: runs).html
    #expect(html.contains("Settings that differ") && html.contains("a: validation"))
    #expect(RunTable(runs).entries.map(\.settings["lr"]) == ["0.001", "0.002"])
  }

  @Test func aWatchedRunSaysHowItStandsAndNeedsNoFilesYet() throws {
    let folder = try TemporaryFolder()
    let live = LiveReport(name: "<run>")
    #expect(live.page.contains("data-state=\"running\"") && live.page.contains("&lt;run&gt;"))
    #expect(live.numbers.contains(#""state":"running""#) && live.numbers.contains(#""steps":[]"#))
    try makeRun("\(folder.path)/a")
    #expect(!live.page.contains("Learning rate"), "nobody said that this is its folder")
    live.follow("\(folder.path)/a")
    live.say("step 900/1000 <b>")
    #expect(live.page.contains("Learning rate") && live.page.contains("step 900/1000 &lt;b&gt;"))
    live.end(.failed, "the disk is full")
    #expect(live.page.contains("data-state=\"failed\"") && live.page.contains("the disk is full"))
    struct Numbers: Decodable {
      let name: String
      let state: String
      let steps: [StepMetrics]
      let validations: [ValidationMetrics]
      let samples: [AnswerSample]
    }
    let numbers = try JSONDecoder.scion.decode(Numbers.self, from: Data(live.numbers.utf8))
    #expect(numbers.name == "a" && numbers.state == "failed" && numbers.steps.count == 900)
    #expect(numbers.steps[6].loss.isNaN && numbers.validations.count == 4)
    #expect(numbers.samples.count == 2)
    // The page of the run's own folder knows nothing of watching.
    #expect(!ReportPage(try RunRecord(path: "\(folder.path)/a")).html.contains("data-state"))
  }

  @Test func aFolderWithoutARunIsNamed() throws {
    let folder = try TemporaryFolder()
    #expect(throws: RunRecord.Failure.noRun(path: folder.path)) {
      try RunRecord(path: folder.path)
    }
  }

  @Test func ticksAreRoundAndReachBothEnds() {
    for (low, high) in [(0.0, 1.0), (0.137, 0.139), (3, 4_000), (-2, 5), (1e-9, 2e-9), (5, 5.1)] {
      let ticks = Chart.ticks(low, high)
      #expect(ticks.count >= 2 && ticks.count <= 8, "\(ticks)")
      #expect(ticks[0] <= low + 1e-12 && ticks[ticks.count - 1] >= high - 1e-12)
    }
    #expect(Chart(title: "t", yName: "y", series: []).svg == nil)
    let broken = Chart(
      title: "t", yName: "y", series: [.init(name: "s", points: [(.nan, 1), (1, .infinity)])])
    #expect(broken.svg == nil)
    let single = Chart(title: "t", yName: "y", series: [.init(name: "s", points: [(1, 1)])])
    #expect(single.svg?.contains("circle") == true)
  }
}
