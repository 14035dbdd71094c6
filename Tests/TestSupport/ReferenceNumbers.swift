public import Foundation

/// What a tiny model must compute, from an independent implementation. The fields are explained at the head of
/// `scripts/reference-numbers`.
public struct ReferenceNumbers: Sendable, Decodable {
  public let name: String
  public let architecture: String
  public let sequences: [Sequence]

  public struct Sequence: Sendable, Decodable {
    public let ids: [Int32]
    public let meanNll: Double
    public let nllPerTarget: [Double]
    public let lastLogits: [Double]
    public let hiddenFro: [Double]
    public let grads: [String: Gradient]
    /// Of the Q8_0 file; nil where the fixture has it elsewhere.
    public let q80: Likelihood?

    public var likelihood: Likelihood {
      Likelihood(meanNll: meanNll, nllPerTarget: nllPerTarget)
    }
  }

  public struct Likelihood: Sendable, Decodable {
    public let meanNll: Double
    public let nllPerTarget: [Double]
  }

  /// The gradient of a weight.
  public struct Gradient: Sendable, Decodable {
    /// Frobenius norm.
    public let fro: Double
    /// Largest absolute value.
    public let max: Double
    /// The first values of rows 0 and 1.
    public let rows: [[Double]]

    private enum Key: String, CodingKey {
      case fro, max, row0, row1, maxAbs, first8, row1First8
    }

    public init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Key.self)
      fro = try values.decode(Double.self, forKey: .fro)
      let isShared = values.contains(.maxAbs)
      max = try values.decode(Double.self, forKey: isShared ? .maxAbs : .max)
      rows = try (isShared ? [.first8, .row1First8] : [.row0, .row1]).map {
        try values.decode([Double].self, forKey: $0)
      }
    }
  }

  public init(contentsOf url: URL) throws {
    self = try Self.decoder.decode(Self.self, from: Data(contentsOf: url))
  }

  private static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }

  // MARK: - The shared folder's numbers

  /// The sequences of a model of `../shared/reference/architectures`, made by other scripts: those of the float32 file and of
  /// the Q8_0 file.
  public static func shared(
    contentsOf url: URL
  ) throws -> (exact: [Sequence], rounded: [Sequence]) {
    struct Part: Decodable { let sequences: [Sequence] }
    struct File: Decodable {
      let f32: Part
      let q80: Part
    }
    let file = try decoder.decode(File.self, from: Data(contentsOf: url))
    return (file.f32.sequences, file.q80.sequences)
  }
}
