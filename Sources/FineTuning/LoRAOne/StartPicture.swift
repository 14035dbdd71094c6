internal import Foundation
public import Transformer

/// The picture of a start, `init.svg`: one self-contained SVG that a person reads at a glance.
///
/// Three parts: a map of layers × projections with the share of ‖G‖²_F (EVA: ‖X‖²_F) that the start's rank holds; the
/// spectra σ_i/σ₁, a panel for each projection and a line for each layer; and the loss of the initialisation data before and
/// after, with the sizes that a line search tried. It draws what the report says and measures nothing.
public struct StartPicture {
  private let report: StartReport
  private let layers: [Int]
  private let projections: [Projection]
  private var entries: [Projection: [Int: AdapterStartReport]] = [:]

  /// nil where nothing was measured: there is nothing to see.
  ///
  /// - Parameter adapted: the projections that have adapters; a tensor's name alone does not tell fused ones from others.
  public init?(_ report: StartReport, _ adapted: [Projection]) {
    guard !report.layers.isEmpty, !report.matrices.isEmpty else { return nil }
    self.report = report
    layers = report.layers.map(\.layer)
    let byName = Dictionary(report.matrices.map { ($0.name, $0) }) { first, _ in first }
    var entries: [Projection: [Int: AdapterStartReport]] = [:]
    for projection in adapted {
      for layer in layers {
        if let found = byName[projection.weightName(layer: layer)] {
          entries[projection, default: [:]][layer] = found
        }
      }
    }
    self.entries = entries
    projections = adapted.filter { entries[$0] != nil }
  }

  private static let width = 980.0
  private static let margin = 90.0
  private static let ink = "#1f2933"
  private static let faint = "#7b8794"

  private var plotWidth: Double { Self.width - Self.margin - 110 }
  private var measured: String { report.initialization.source == .inputs ? "inputs" : "gradient" }

  public var svg: String {
    var drawing = Drawing()
    var top = 34.0
    drawing.text(
      20, top, "Start of the adapters: \(report.initialization.rawValue)", size: 20, weight: 600)
    top += 24
    drawing.text(20, top, subtitle, color: Self.faint)
    top = map(&drawing, top: top + 34)
    top = spectra(&drawing, top: top + 40)
    top = losses(&drawing, top: top + 40)
    return drawing.svg(width: Self.width, height: top + 24)
  }

  private var subtitle: String {
    var parts = [
      "rank \(report.rank)",
      "\(report.sequences) sequences, \(report.tokens) tokens",
      String(format: "%.1f s", report.seconds),
    ]
    if report.initialization == .loraOne {
      let gamma = String(format: "gamma %g", report.chosenGamma ?? report.gamma)
      parts.insert(report.scale == .theory ? "as large as the gradient" : gamma, at: 1)
    }
    return parts.joined(separator: "  ·  ")
  }

  // MARK: - Map

  /// The ends of the colour scale, whole percents.
  private var range: ClosedRange<Double> {
    let shares = report.matrices.map(\.capturedShare)
    let low = ((shares.min() ?? 0) * 100).rounded(.down) / 100
    let high = ((shares.max() ?? 1) * 100).rounded(.up) / 100
    return low...max(high, low + 0.01)
  }

  private func map(_ drawing: inout Drawing, top: Double) -> Double {
    drawing.text(
      20, top,
      "Share of the \(measured) that the start holds: mean \(percent(report.meanCapturedShare))",
      size: 14, weight: 600)
    let cell = min(plotWidth / Double(layers.count), 40)
    let height = 22.0
    let left = Self.margin
    let begin = top + 16
    let range = range
    for (row, projection) in projections.enumerated() {
      let y = begin + Double(row) * height
      drawing.text(left - 8, y + 15, projection.shortName, anchor: "end")
      for (column, layer) in layers.enumerated() {
        guard let entry = entries[projection]?[layer] else { continue }
        let share = (entry.capturedShare - range.lowerBound) / (range.upperBound - range.lowerBound)
        drawing.rectangle(
          left + Double(column) * cell, y, cell - 1, height - 1, fill: Palette.color(share),
          title: "\(entry.name): \(percent(entry.capturedShare)), rank \(entry.rank)")
      }
    }
    let bottom = begin + Double(projections.count) * height
    let step = layers.count > 12 ? 5 : 1
    for (column, layer) in layers.enumerated() where layer % step == 0 {
      drawing.text(
        left + (Double(column) + 0.5) * cell, bottom + 14, "\(layer)", color: Self.faint,
        anchor: "middle")
    }
    drawing.text(left - 8, bottom + 14, "layer", color: Self.faint, anchor: "end")
    legend(&drawing, left: left + cell * Double(layers.count) + 24, top: begin, bottom: bottom)
    return bottom + 14
  }

  private func legend(_ drawing: inout Drawing, left: Double, top: Double, bottom: Double) {
    let steps = 24
    let height = (bottom - top) / Double(steps)
    for step in 0..<steps {
      drawing.rectangle(
        left, bottom - Double(step + 1) * height, 14, height + 0.5,
        fill: Palette.color((Double(step) + 0.5) / Double(steps)))
    }
    drawing.text(left + 20, top + 10, percent(range.upperBound))
    drawing.text(left + 20, bottom, percent(range.lowerBound))
  }

  // MARK: - Spectra

  private func spectra(_ drawing: inout Drawing, top: Double) -> Double {
    drawing.text(
      20, top, "Singular values beside the first, σᵢ/σ₁: a line for each layer", size: 14,
      weight: 600)
    let gap = 14.0
    let count = Double(projections.count)
    let width = min((plotWidth + 60 - gap * (count - 1)) / count, 260)
    let height = 130.0
    let begin = top + 34
    for (column, projection) in projections.enumerated() {
      let left = Self.margin + Double(column) * (width + gap)
      drawing.text(left + width / 2, begin - 6, projection.shortName, anchor: "middle")
      for share in [0.0, 0.5, 1] {
        let y = begin + (1 - share) * height
        drawing.line(left, y, left + width, y, color: "#e4e7eb")
        if column == 0 {
          drawing.text(
            left - 8, y + 4, String(format: "%g", share), color: Self.faint, anchor: "end")
        }
      }
      for (index, layer) in layers.enumerated() {
        guard let values = entries[projection]?[layer]?.singularValues, let first = values.first,
          first > 0, first.isFinite
        else { continue }
        let last = Double(max(values.count - 1, 1))
        let points = values.enumerated().map { place, value in
          (left + Double(place) / last * width, begin + (1 - Double(value / first)) * height)
        }
        drawing.path(points, color: Palette.depth(Double(index) / Double(max(layers.count - 1, 1))))
      }
      let ranks = (entries[projection] ?? [:]).values.map(\.rank).max() ?? report.rank
      drawing.text(left, begin + height + 14, "1", color: Self.faint)
      drawing.text(left + width, begin + height + 14, "\(ranks)", color: Self.faint, anchor: "end")
    }
    return depthLegend(&drawing, top: begin + height + 34)
  }

  private func depthLegend(_ drawing: inout Drawing, top: Double) -> Double {
    guard layers.count > 1, let first = layers.first, let last = layers.last else { return top }
    let left = Self.margin
    drawing.text(left - 8, top, "layer", color: Self.faint, anchor: "end")
    drawing.text(left, top, "\(first)", color: Self.faint)
    for step in 0..<40 {
      drawing.rectangle(
        left + 20 + Double(step) * 4, top - 9, 4.5, 9, fill: Palette.depth(Double(step) / 39))
    }
    drawing.text(left + 188, top, "\(last)", color: Self.faint)
    return top
  }

  // MARK: - Loss

  private func losses(_ drawing: inout Drawing, top: Double) -> Double {
    guard let before = report.lossBefore, let after = report.lossAfter, before > 0 else {
      return top - 40
    }
    let note =
      report.initialization.leavesModelUnchanged ? ": B = 0, so training starts from the base" : ""
    let mean = report.loss == .tokens ? "all target tokens" : "each sequence, then all sequences"
    drawing.text(
      20, top, "Loss of the start's sequences (mean over \(mean))\(note)", size: 14, weight: 600)
    var bars: [(name: String, loss: Double, color: String)] = [
      ("base", before, "#9aa5b1"), ("start", after, "#225ea8"),
    ]
    for trial in (report.lineSearch ?? []).sorted(by: { $0.gamma > $1.gamma }) {
      bars.append((String(format: "γ = %g", trial.gamma), trial.loss, "#c7d2de"))
    }
    // A size far too large must not make the others invisible.
    let most = max(before, after) * 1.5
    let full = plotWidth - 60
    var y = top + 14
    for bar in bars {
      let length = bar.loss.isFinite ? min(bar.loss, most) / most * full : full
      drawing.text(Self.margin - 8, y + 13, bar.name, anchor: "end")
      drawing.rectangle(Self.margin, y, max(length, 1), 18, fill: bar.color)
      drawing.text(Self.margin + length + 8, y + 13, String(format: "%.4f", bar.loss))
      y += 24
    }
    return y - 6
  }

  private func percent(_ share: Double) -> String { String(format: "%.0f %%", share * 100) }
}

/// The elements of an SVG, one after the other.
private struct Drawing {
  private var elements: [String] = []

  private func number(_ value: Double) -> String { String(format: "%.1f", value) }

  mutating func text(
    _ x: Double, _ y: Double, _ text: String, size: Int = 12, color: String = "#1f2933",
    anchor: String = "start", weight: Int = 400
  ) {
    elements.append(
      "<text x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(size)\" font-weight=\"\(weight)\" "
        + "fill=\"\(color)\" text-anchor=\"\(anchor)\">\(escaped(text))</text>")
  }

  mutating func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, fill: String, title: String? = nil
  ) {
    let shape =
      "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(width))\" height=\"\(number(height))\" fill=\"\(fill)\""
    elements.append(title.map { "\(shape)><title>\(escaped($0))</title></rect>" } ?? "\(shape)/>")
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, color: String) {
    elements.append(
      "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\" stroke=\"\(color)\"/>"
    )
  }

  mutating func path(_ points: [(x: Double, y: Double)], color: String) {
    let text = points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
    elements.append(
      "<polyline points=\"\(text)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.1\" stroke-opacity=\"0.8\"/>"
    )
  }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }

  func svg(width: Double, height: Double) -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
    width="\(number(width))" height="\(number(height))" font-family="system-ui, sans-serif">
    <rect width="100%" height="100%" fill="white"/>
    \(elements.joined(separator: "\n"))
    </svg>

    """
  }
}

/// Colours of a share and of a layer's depth, readable without colour vision (light to dark).
private enum Palette {
  private static let shares: [(Double, Double, Double)] = [
    (255, 255, 217), (199, 233, 180), (65, 182, 196), (34, 94, 168), (8, 29, 88),
  ]
  private static let depths: [(Double, Double, Double)] = [
    (253, 190, 110), (221, 81, 101), (90, 24, 120),
  ]

  static func color(_ share: Double) -> String { mix(shares, share) }
  static func depth(_ share: Double) -> String { mix(depths, share) }

  private static func mix(_ stops: [(Double, Double, Double)], _ share: Double) -> String {
    let place = (share.isFinite ? min(max(share, 0), 1) : 0) * Double(stops.count - 1)
    let index = min(Int(place), stops.count - 2)
    let part = place - Double(index)
    let (a, b) = (stops[index], stops[index + 1])
    func byte(_ x: Double, _ y: Double) -> Int { Int((x + (y - x) * part).rounded()) }
    return String(
      format: "#%02x%02x%02x", byte(a.0, b.0), byte(a.1, b.1), byte(a.2, b.2))
  }
}
