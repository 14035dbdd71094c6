internal import Foundation

/// `report.html`: a run, or several side by side, on one page without scripts or anything from elsewhere, in light and dark.
public struct ReportPage {
  private let runs: [RunRecord]
  private var run: RunRecord { runs[0] }
  /// Of one run that is being watched: how it stands, and what it is just doing.
  private var live: (state: LiveReport.State, activity: String)?

  public init(_ run: RunRecord) { runs = [run] }

  /// The page of a run that is being watched.
  init(_ run: RunRecord, state: LiveReport.State, activity: String) {
    runs = [run]
    live = (state, activity)
  }

  /// One page for several runs: their curves lie over each other.
  public init(comparing runs: [RunRecord]) {
    precondition(!runs.isEmpty)
    self.runs = runs
  }

  private var isComparison: Bool { runs.count > 1 }

  public var html: String {
    let title = runs.map(\.name).joined(separator: ", ")
    var sections = [facts]
    sections.append(charts)
    if !isComparison { sections += [samples, data, start, repetition] }
    sections.append(settings)
    return Self.document(
      title, state: live?.state, sections.filter { !$0.isEmpty }.joined(separator: "\n"))
  }

  /// The page of a run that has no files yet.
  static func waiting(name: String, state: LiveReport.State, activity: String) -> String {
    document(name, state: state, "<p class=\"note\">\(HTML.escaped(activity))</p>")
  }

  private static func document(
    _ title: String, state: LiveReport.State?, _ body: String
  ) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(HTML.escaped(title)): Scion</title>
    <style>
    \(ReportStyle.css)
    </style>
    </head>
    <body>
    <main\(state.map { " data-state=\"\($0.rawValue)\"" } ?? "")>
    <h1>\(HTML.escaped(title))</h1>
    \(body)
    </main>
    </body>
    </html>

    """
  }

  private func section(_ title: String, _ body: String) -> String {
    "<section>\n<h2>\(HTML.escaped(title))</h2>\n\(body)\n</section>"
  }

  // MARK: - Facts

  private var facts: String {
    isComparison ? section("Runs", RunTable(runs).html) : tiles
  }

  private var tiles: String {
    var facts: [(String, String)] = []
    if let best = run.best {
      facts.append(("validation loss", String(format: "%.4f", best.validationLoss)))
      if let base = run.baseLoss { facts.append(("of the base", String(format: "%.4f", base))) }
    } else if let last = run.smoothedLoss.last {
      facts.append(("training loss", String(format: "%.4f", last)))
    }
    facts.append(("steps", "\(run.steps.last?.step ?? 0)"))
    if let tokens = run.steps.last?.tokens { facts.append(("tokens", ReportText.count(tokens))) }
    facts.append(("time", ReportText.time(run.elapsedSeconds)))
    if let speed = run.tokensPerSecond {
      facts.append(("tokens/s", String(format: "%.0f", speed)))
    }
    if let peak = run.peakBytes { facts.append(("memory", ReportText.bytes(peak))) }
    let tiles = facts.map {
      "<div class=\"tile\"><b>\(HTML.escaped($0.1))</b><span>\(HTML.escaped($0.0))</span></div>"
    }.joined(separator: "\n")
    let machine = run.summary.map { summary in
      "\(summary.base), \(ReportText.bytes(summary.baseBytes)); \(summary.adapterMatrices) matrices "
        + "with \(ReportText.count(summary.adapterParameters)) trained parameters; "
        + "\(summary.instructionSet), \(summary.threads) threads; Scion \(summary.version)"
    }
    let words = live?.activity ?? (run.isFinished ? nil : "The run is not finished.")
    let state = words.map { "<p class=\"note\">\(HTML.escaped($0))</p>\n" } ?? ""
    return "\(state)<p class=\"note\">\(HTML.escaped(machine ?? ""))</p>\n"
      + "<div class=\"tiles\">\n\(tiles)\n</div>"
  }

  // MARK: - Curves

  private var charts: String {
    let figures = [
      lossChart,
      chart("Learning rate", "rate", fromZero: true) { run in
        run.steps.map { (Double($0.step), $0.learningRate) }
      },
      chart("Gradient norm, before clipping", "norm", fromZero: true) { run in
        run.steps.map { (Double($0.step), $0.gradientNorm) }
      },
      chart("Speed", "tokens/s", fromZero: true) { run in
        run.steps.map { (Double($0.step), $0.tokensPerSecond) }
      },
      memoryChart, forgettingChart,
    ].compactMap(\.self)
    guard !figures.isEmpty else { return "" }
    return section(
      "Curves",
      "<div class=\"charts\">\n\(figures.joined(separator: "\n"))\n</div>\n\(numbers)")
  }

  private var lossChart: String? {
    var series: [Chart.Series] = []
    for (index, run) in runs.enumerated() {
      let prefix = isComparison ? "\(run.name): " : ""
      let steps = run.steps.map { Double($0.step) }
      if !isComparison {
        series.append(
          .init(
            name: "each step", points: run.steps.map { (Double($0.step), $0.loss) },
            style: .faint, color: 0))
      }
      series.append(
        .init(
          name: "\(prefix)training, smoothed", points: Array(zip(steps, run.smoothedLoss)),
          style: isComparison ? .faint : .strong, color: index))
      series.append(
        .init(
          name: "\(prefix)validation",
          points: run.validated.map { (Double($0.step), $0.validationLoss) }, style: .dots,
          color: isComparison ? index : 1))
      if let base = run.baseLoss, index == 0 {
        series.append(
          .init(name: "validation of the base", points: [(0, base)], style: .level, color: 2))
      }
    }
    return figure(Chart(title: "Loss", yName: "nats a token", series: series))
  }

  private func chart(
    _ title: String, _ unit: String, fromZero: Bool,
    _ points: (RunRecord) -> [(x: Double, y: Double)]
  ) -> String? {
    figure(
      Chart(
        title: title, yName: unit,
        series: runs.enumerated().map { index, run in
          .init(name: isComparison ? run.name : title, points: points(run), color: index)
        }, fromZero: fromZero))
  }

  private var memoryChart: String? {
    var series = runs.enumerated().map { index, run in
      Chart.Series(
        name: isComparison ? run.name : "resident",
        points: run.steps.map { (Double($0.step), Double($0.residentBytes) / 1e6) }, color: index)
    }
    if !isComparison, let summary = run.summary {
      series.append(
        .init(
          name: "planned", points: [(0, Double(summary.plannedBytes) / 1e6)], style: .level,
          color: 1))
      if let budget = summary.budgetBytes {
        series.append(
          .init(name: "budget", points: [(0, Double(budget) / 1e6)], style: .level, color: 2))
      }
    }
    return figure(Chart(title: "Memory", yName: "MB", series: series, fromZero: true))
  }

  private var forgettingChart: String? {
    guard runs.contains(where: { !$0.forgetting.isEmpty }) else { return nil }
    return figure(
      Chart(
        title: "Perplexity of the general text", yName: "perplexity",
        series: runs.enumerated().map { index, run in
          .init(
            name: isComparison ? run.name : "perplexity",
            points: run.forgetting.map { (Double($0.step), $0.perplexity) }, style: .dots,
            color: index)
        }))
  }

  private func figure(_ chart: Chart) -> String? {
    guard let svg = chart.svg else { return nil }
    let legend =
      chart.series.filter { !$0.points.isEmpty }.count < 2
      ? ""
      : "<p class=\"legend\">"
        + chart.series.filter { !$0.points.isEmpty }.map {
          "<span><i class=\"key \(Self.key(of: $0.style)) s\($0.color)\"></i>"
            + "\(HTML.escaped($0.name))</span>"
        }.joined(separator: " ") + "</p>\n"
    return """
      <figure>
      <figcaption>\(HTML.escaped(chart.title)) <span class="unit">\(HTML.escaped(chart.yName))</span></figcaption>
      \(legend)\(svg)
      </figure>
      """
  }

  private static func key(of style: Chart.Series.Style) -> String {
    switch style {
    case .faint: "thin"
    case .level: "dashed"
    case .strong, .dots: "thick"
    }
  }

  /// The curves' numbers for who cannot see them, or wants them.
  private var numbers: String {
    guard !isComparison else { return "" }
    let rows = run.validations.map { row in
      "<tr><td>\(row.step)</td><td>\(String(format: "%.2f", row.epoch))</td>"
        + "<td>\(String(format: "%.4f", row.validationLoss))</td>"
        + "<td>\(row.adapters ? "with adapters" : "base")</td></tr>"
    }
    guard !rows.isEmpty else { return "" }
    return """
      <details>
      <summary>Validations in numbers</summary>
      <table>
      <thead><tr><th>step</th><th>epoch</th><th>loss</th><th>of</th></tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody>
      </table>
      </details>
      """
  }
}

// MARK: - What only one run has

extension ReportPage {
  private var samples: String {
    guard !run.samples.isEmpty else { return "" }
    let bySample = Dictionary(grouping: run.samples, by: \.sample)
    let parts = bySample.keys.sorted().compactMap { key -> String? in
      guard let all = bySample[key]?.sorted(by: { $0.step < $1.step }), let first = all.first,
        let last = all.last
      else { return nil }
      func answer(_ sample: AnswerSample) -> String {
        "<div><h4>\(sample.step == 0 ? "before" : "after step \(sample.step)")</h4>"
          + "<pre>\(HTML.escaped(sample.answer))</pre></div>"
      }
      let between = all.dropFirst().dropLast().map(answer).joined(separator: "\n")
      return """
        <article>
        <h3>Prompt</h3>
        <pre>\(HTML.escaped(first.prompt))</pre>
        <div class="answers">
        \(answer(first))
        \(all.count > 1 ? answer(last) : "")
        <div><h4>expected</h4><pre>\(HTML.escaped(first.expected))</pre></div>
        </div>
        \(between.isEmpty ? "" : "<details><summary>Between</summary>\(between)</details>")
        </article>
        """
    }
    return section("Answers", parts.joined(separator: "\n"))
  }

  private var data: String {
    guard let summary = run.summary else { return "" }
    var rows = [("records", "\(summary.records)")]
    for (name, part) in [("training", summary.train), ("validation", summary.validation)] {
      guard let part else { continue }
      rows.append(
        (
          name,
          "\(part.sequences) sequences, \(ReportText.count(part.tokens)) tokens, "
            + "\(ReportText.count(part.targets)) of them learned"
        ))
    }
    for (name, count) in [
      ("cut at the sequence length", summary.truncated),
      ("without anything to learn", summary.dropped),
      ("bad, left out", summary.skipped),
    ] where count > 0 { rows.append((name, "\(count)")) }
    for source in run.recipe.provenance?.data ?? [] {
      rows.append(("file", "\(source.path), SHA-256 \(source.sha256.prefix(16))…"))
    }
    let most = max(summary.train.lengths.values.max() ?? 1, 1)
    let bars = summary.train.lengths.sorted { $0.key < $1.key }.map { bucket, count in
      "<tr><td>\(bucket / 2 + (bucket > 2 ? 1 : 0))–\(bucket)</td><td>\(count)</td>"
        + "<td class=\"wide\"><meter min=\"0\" max=\"\(most)\" value=\"\(count)\">\(count)</meter></td></tr>"
    }.joined(separator: "\n")
    return section(
      "Data",
      table(rows) + """

        <table>
        <thead><tr><th>tokens</th><th>sequences</th><th></th></tr></thead>
        <tbody>
        \(bars)
        </tbody>
        </table>
        """)
  }

  private var start: String {
    guard let start = run.start, !start.layers.isEmpty else { return "" }
    let kinds = Dictionary(grouping: start.matrices) { matrix in
      matrix.name.split(separator: ".").dropFirst(2).first.map(String.init) ?? matrix.name
    }
    let spectrum = kinds.sorted { $0.key < $1.key }.enumerated().map { index, kind in
      let count = kind.value.map(\.singularValues.count).min() ?? 0
      let means = (0..<count).map { place -> (x: Double, y: Double) in
        let shares = kind.value.map { matrix in
          Double(matrix.singularValues[place]) / Double(max(matrix.singularValues[0], 1e-30))
        }
        return (Double(place + 1), shares.reduce(0, +) / Double(shares.count))
      }
      return Chart.Series(name: kind.key, points: means, color: index % 8)
    }
    let captured = Chart(
      title: "Share of the gradient that the rank holds", xName: "layer", yName: "share",
      series: [
        .init(
          name: "share", points: start.layers.map { (Double($0.layer), $0.capturedShare) },
          style: .dots)
      ], fromZero: true)
    let spectra = Chart(
      title: "Singular values beside the first, mean over layers", xName: "singular value",
      yName: "σᵢ/σ₁", series: spectrum, fromZero: true)
    let figures = [figure(spectra), figure(captured)].compactMap(\.self).joined(separator: "\n")
    var words = "\(start.initialization.rawValue) from \(start.sequences) sequences"
    if let before = start.lossBefore, let after = start.lossAfter {
      words += String(format: "; their loss %.4f before and %.4f after", before, after)
    }
    return section(
      "Start", "<p>\(HTML.escaped(words)).</p>\n<div class=\"charts\">\n\(figures)\n</div>")
  }

  private var repetition: String {
    section(
      "Again",
      "<p>This command repeats the run:</p>\n<pre>scion train --recipe "
        + "\(HTML.escaped(ReportText.shell("\(run.name)/recipe.yaml"))) -o again</pre>")
  }

  private var settings: String {
    let rows = RecipeSetting.all.compactMap { setting -> (String, [String])? in
      let texts = runs.map { setting.text(of: $0.recipe) }
      guard texts.contains(where: { !$0.isEmpty }) else { return nil }
      if isComparison, Set(texts).count == 1 { return nil }
      return (setting.key, texts)
    }
    let head =
      isComparison
      ? "<thead><tr><th>setting</th>"
        + runs.map { "<th>\(HTML.escaped($0.name))</th>" }.joined() + "</tr></thead>\n" : ""
    let body = rows.map { key, texts in
      "<tr><th>\(key)</th>" + texts.map { "<td>\(HTML.escaped($0))</td>" }.joined() + "</tr>"
    }.joined(separator: "\n")
    let table =
      body.isEmpty
      ? "<p>All settings are the same.</p>"
      : "<div class=\"scroll\"><table>\n\(head)<tbody>\n\(body)\n</tbody>\n</table></div>"
    return section(
      isComparison ? "Settings that differ" : "Settings",
      isComparison ? table : "<details><summary>All settings</summary>\n\(table)\n</details>")
  }

  private func table(_ rows: [(String, String)]) -> String {
    "<table>\n<tbody>\n"
      + rows.map { "<tr><th>\(HTML.escaped($0.0))</th><td>\(HTML.escaped($0.1))</td></tr>" }
      .joined(separator: "\n") + "\n</tbody>\n</table>"
  }
}
