internal import Foundation

/// Angles per position of the pairs of a head, with every scaling already applied.
///
/// Pair i of a head turns by `position · frequencies[i]`; cosine and sine are multiplied by `magnitude`. Only the first
/// `2 · frequencies.count` values of a head turn.
public struct RotaryTable: Sendable, Equatable {
  /// Radians per position [rotated values / 2].
  public var frequencies: [Float]
  /// Pairs are neighbours (2i, 2i+1), the order of files with permuted q and k rows; else (i, i + rotated/2).
  public var interleaved: Bool
  /// On cosine and sine: it counts twice in a score.
  public var magnitude: Float

  public init(frequencies: [Float], interleaved: Bool, magnitude: Float = 1) {
    self.frequencies = frequencies
    self.interleaved = interleaved
    self.magnitude = magnitude
  }

  /// Whether no pair turns by more than half a turn a token, as none of any model does.
  static func tellsPositions(_ frequencies: [Float]) -> Bool {
    frequencies.allSatisfy { $0 <= .pi }
  }

  /// Values of a head that turn.
  public var rotated: Int { 2 * frequencies.count }
}

/// How positions beyond those of the pretraining are reached: the frequencies of `RotaryTable` from the plain ones.
enum RotaryScaling: Equatable {
  case none
  /// f / factor (position interpolation, arXiv 2306.15595).
  case linear(factor: Float)
  /// Between f and f / factor, by wavelength (YaRN, arXiv 2309.00071).
  case yarn(YaRN)

  struct YaRN: Equatable {
    var factor: Double
    var originalContext: Int
    var betaFast = 32.0
    var betaSlow = 1.0
    /// 0: none.
    var logMultiplier = 0.0

    /// The factor on cosine and sine: `(1 + 0.1 ln factor) / (1 + 0.1 m ln factor)`, m the log multiplier.
    var magnitude: Double {
      guard factor > 1 else { return 1 }
      return (1 + 0.1 * log(factor)) / (1 + 0.1 * logMultiplier * log(factor))
    }

    /// The share of the unscaled frequency of each pair: 1 for the fast ones.
    func ramp(base: Double, rotated: Int) -> [Double] {
      func dimension(_ turns: Double) -> Double {
        Double(rotated) * log(Double(originalContext) / (2 * .pi * turns)) / (2 * log(base))
      }
      let low = max(0, dimension(betaFast).rounded(.down))
      let high = min(Double(rotated - 1), dimension(betaSlow).rounded(.up))
      return (0..<rotated / 2).map { pair in
        1 - min(max((Double(pair) - low) / max(0.001, high - low), 0), 1)
      }
    }
  }

  /// The frequencies [rotated / 2]. Some files divide them by a tensor besides (`ArchitectureReader.divide`).
  func frequencies(base: Float, rotated: Int) -> [Float] {
    let plain = (0..<rotated / 2).map { pow(Double(base), -2 * Double($0) / Double(rotated)) }
    switch self {
    case .none: return plain.map { Float($0) }
    case .linear(let factor): return plain.map { Float($0 / Double(factor)) }
    case .yarn(let yarn):
      return zip(plain, yarn.ramp(base: Double(base), rotated: rotated)).map {
        Float($0 * $1 + $0 / yarn.factor * (1 - $1))
      }
    }
  }

  /// The factor on cosine and sine.
  var magnitude: Float {
    if case .yarn(let yarn) = self { Float(yarn.magnitude) } else { 1 }
  }
}
