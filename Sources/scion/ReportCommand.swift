import ArgumentParser
import FineTuning
import Foundation
import ModelFiles

/// `scion report`: runs side by side, as text, JSON or a page.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Compare runs: losses, time, memory and the settings in which they differ.",
    discussion: """
      Takes folders that train wrote to, finished, interrupted or still running. Each run also has a page of its own, \
      report.html in its folder.

        scion report tuned
        scion report tuned-a tuned-b --html comparison.html
      """)

  @Argument(
    help: ArgumentHelp("Folders of runs.", valueName: "folder"), completion: .directory)
  var folders: [String]

  @Flag(help: "Print one JSON document instead of the table.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Write a page with the curves, which needs nothing from elsewhere.", valueName: "file"),
    completion: .file(extensions: ["html"]))
  var html: String?

  @Flag(help: "Replace the page where it exists.")
  var overwrite = false

  func run() throws {
    if let html { try OutputPath.check(html, .page, overwrite: overwrite, inputs: inputs) }
    let runs = try folders.map { try RunRecord(path: $0) }
    let table = RunTable(runs)
    if let html {
      let page = runs.count == 1 ? ReportPage(runs[0]) : ReportPage(comparing: runs)
      try AtomicFile.write(path: html, text: page.html)
      StandardStreams.message("scion: wrote \(html)\n")
    }
    guard json else { return try StandardStreams.result(table.text) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try StandardStreams.result(
      String(decoding: try encoder.encode(table.entries), as: UTF8.self) + "\n")
  }

  /// What is read of each run.
  private var inputs: [String] {
    folders.flatMap { folder in
      ["recipe.yaml", "metrics.jsonl", "init.json", "run.json", "samples.jsonl", "adapter.gguf"]
        .map { "\(folder)/\($0)" }
    }
  }
}
