internal import Foundation

/// What PyTorch and PEFT compute with the real model: `scripts/reference-curve` made the numbers and says what each is.
public struct RealReference: Decodable, Sendable {
  public struct Gradient: Decodable, Sendable {
    public let fro: Double
    public let max: Double
    public let row0: [Double]
    public let row1: [Double]
  }

  /// Of the first sequence, without adapters.
  public struct Base: Decodable, Sendable {
    public let meanNll: Double
    public let nllPerTarget: [Double]
    public let lastTopIds: [Int]
    public let lastTopLogits: [Double]
    public let hiddenFro: [Double]
    /// By GGUF tensor name.
    public let grads: [String: Gradient]
  }

  /// Norms of a pair after the last step.
  public struct Pair: Decodable, Sendable {
    public let aFro: Double
    public let bFro: Double
  }

  public let rank: Int
  public let alpha: Float
  public let rate: Double
  public let sequences: [[Int32]]
  /// Before each update; step s takes the sequences 4·(s mod 2) ... + 3.
  public let losses: [Double]
  /// Of the first four sequences after the last update.
  public let after: Double
  /// By `blk.N.part`.
  public let adapters: [String: Pair]
  public let base: Base

  public init() throws {
    let file = TestFiles.root.appendingPathComponent("Tests/Fixtures/smollm2_reference.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Self.self, from: Data(contentsOf: file))
  }

  /// A [rank, inputs] with which the curve starts: odd integers in ±65535 over 2²¹, drawn by SplitMix64 from the FNV-1a hash
  /// of `smollm2/blk.N.part.lora_a`, four to a word, the lowest bits first.
  public static func a(_ part: String, count: Int) -> [Float] {
    let seed = "smollm2/\(part).lora_a".utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    var words = SplitMix64(seed: seed)
    var values: [Float] = []
    while values.count < count {
      let word = words.next()
      for place in 0..<4 {
        let draw = Int(UInt16(truncatingIfNeeded: word >> UInt64(16 * place)))
        values.append(Float(2 * draw - 65535) / Float(1 << 21))
      }
    }
    return Array(values.prefix(count))
  }
}
