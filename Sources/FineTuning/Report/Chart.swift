internal import Foundation

/// A line chart as an SVG element without colours of its own: classes `s0`… take them from the page, so that it suits light
/// and dark.
struct Chart {
  struct Series {
    enum Style { case faint, strong, dots, level }

    var name: String
    var points: [(x: Double, y: Double)]
    var style = Style.strong
    /// Which of the page's colours.
    var color = 0
  }

  var title: String
  var xName = "step"
  var yName: String
  var series: [Series]
  /// Whether the vertical axis begins at 0.
  var fromZero = false

  private static let (width, height) = (620.0, 280.0)
  private static let (left, right, top, bottom) = (74.0, 16.0, 16.0, 48.0)
  /// More points than pixels are drawn as means of neighbours.
  private static let most = 560

  /// nil where nothing can be drawn.
  var svg: String? {
    let shown = series.map { series in
      var series = series
      series.points = Self.thinned(series.points.filter { $0.x.isFinite && $0.y.isFinite })
      return series
    }.filter { !$0.points.isEmpty }
    let points = shown.flatMap(\.points)
    guard let firstX = points.map(\.x).min(), let lastX = points.map(\.x).max(),
      let least = points.map(\.y).min(), let largest = points.map(\.y).max()
    else { return nil }
    let xTicks = Self.ticks(firstX, max(lastX, firstX + 1), wholes: true)
    let yTicks = Self.ticks(
      fromZero ? min(0, least) : least,
      largest > least ? largest : least + max(abs(least) * 0.1, 1e-9))
    let (x0, x1) = (firstX, max(lastX, firstX + 1))
    let (y0, y1) = (min(yTicks[0], least), max(yTicks[yTicks.count - 1], largest))
    func x(_ value: Double) -> Double {
      Self.left + (value - x0) / (x1 - x0) * (Self.width - Self.left - Self.right)
    }
    func y(_ value: Double) -> Double {
      Self.height - Self.bottom
        - (value - y0) / max(y1 - y0, 1e-300) * (Self.height - Self.top - Self.bottom)
    }
    var parts: [String] = []
    for tick in yTicks {
      parts.append(
        "<line class=\"grid\" x1=\"\(n(Self.left))\" y1=\"\(n(y(tick)))\" x2=\"\(n(Self.width - Self.right))\" "
          + "y2=\"\(n(y(tick)))\"/>")
      parts.append(label(Self.left - 8, y(tick) + 4, Self.text(tick, yTicks), "end"))
    }
    for tick in xTicks where tick >= x0 && tick <= x1 {
      parts.append(
        label(x(tick), Self.height - Self.bottom + 20, Self.text(tick, xTicks), "middle"))
    }
    parts.append(
      label((Self.left + Self.width - Self.right) / 2, Self.height - 6, xName, "middle"))
    for series in shown {
      parts += draw(series, x, y, ends: (Self.left, Self.width - Self.right))
    }
    let names = shown.map(\.name).joined(separator: ", ")
    return """
      <svg viewBox="0 0 \(n(Self.width)) \(n(Self.height))" role="img" \
      aria-label="\(HTML.escaped("\(title): \(names)"))">
      \(parts.joined(separator: "\n"))
      </svg>
      """
  }

  private func draw(
    _ series: Series, _ x: (Double) -> Double, _ y: (Double) -> Double,
    ends: (Double, Double)
  ) -> [String] {
    let color = "s\(series.color)"
    if series.style == .level, let level = series.points.first {
      return [
        "<line class=\"level \(color)\" x1=\"\(n(ends.0))\" y1=\"\(n(y(level.y)))\" x2=\"\(n(ends.1))\" "
          + "y2=\"\(n(y(level.y)))\"><title>\(HTML.escaped(tip(series, level)))</title></line>"
      ]
    }
    var parts: [String] = []
    if series.points.count > 1 {
      let line = series.points.map { "\(n(x($0.x))),\(n(y($0.y)))" }.joined(separator: " ")
      let kind = series.style == .faint ? "faint" : "line"
      parts.append("<polyline class=\"\(kind) \(color)\" points=\"\(line)\"/>")
    }
    if series.style == .dots || series.points.count == 1 {
      for point in series.points {
        parts.append(
          "<circle class=\"dot \(color)\" cx=\"\(n(x(point.x)))\" cy=\"\(n(y(point.y)))\" r=\"4\">"
            + "<title>\(HTML.escaped(tip(series, point)))</title></circle>")
      }
    }
    return parts
  }

  private func tip(_ series: Series, _ point: (x: Double, y: Double)) -> String {
    "\(series.name), \(xName) \(String(format: "%g", point.x)): \(String(format: "%.4g", point.y))"
  }

  private func label(_ x: Double, _ y: Double, _ text: String, _ anchor: String) -> String {
    "<text x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\">\(HTML.escaped(text))</text>"
  }

  private func n(_ value: Double) -> String { String(format: "%.1f", value) }

  // MARK: - Scales

  /// About five round numbers that reach from `low` to `high`.
  static func ticks(_ low: Double, _ high: Double, wholes: Bool = false) -> [Double] {
    let rough = max((high - low) / 4, 1e-300)
    let power = pow(10, log10(rough).rounded(.down))
    var step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
    if wholes { step = max(step.rounded(), 1) }
    let first = (low / step).rounded(.down)
    let last = (high / step).rounded(.up)
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  /// With as many digits as tell the ticks apart.
  private static func text(_ value: Double, _ ticks: [Double]) -> String {
    let step = ticks.count > 1 ? ticks[1] - ticks[0] : 1
    if abs(value) < step / 1000 { return "0" }
    if step < 0.001 { return String(format: "%.2g", value) }
    let digits = max(0, Int((-log10(step)).rounded(.up)))
    return String(format: "%.\(min(digits, 6))f", value)
  }

  private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    guard points.count > most else { return points }
    return (0..<most).map { index in
      let own = points[(index * points.count / most)..<((index + 1) * points.count / most)]
      let count = Double(own.count)
      return (own.reduce(0) { $0 + $1.x } / count, own.reduce(0) { $0 + $1.y } / count)
    }
  }
}

/// Text in HTML.
enum HTML {
  /// Also for attributes; control characters, which HTML does not allow, become spaces.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      default:
        let isControl =
          scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
          || (0xFDD0...0xFDEF).contains(scalar.value) || scalar.value & 0xFFFE == 0xFFFE
        if isControl { result += " " } else { result.unicodeScalars.append(scalar) }
      }
    }
    return result
  }
}
