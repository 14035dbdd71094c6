internal import Foundation
public import Tensors

/// Chooses the next token from logits: the first maximum at temperature 0, else a draw.
///
/// The draw keeps the top k, then the nucleus (the fewest likeliest tokens whose probabilities at temperature 1 sum
/// to at least top p; Holtzman et al. 2020), and then applies the temperature: the order of llama.cpp and mlx-lm.
/// Everything follows from the seed. No repetition penalties.
public struct Sampler: Sendable {
  private let temperature: Float
  private let topP: Float
  private let topK: Int?
  private var random: RandomGenerator

  public init(_ options: GenerationOptions) {
    temperature = options.temperature
    topP = options.topP
    topK = options.topK
    random = RandomGenerator(seed: options.seed).stream("sampler")
  }

  /// The token that follows, from row `row` of logits [rows, vocabulary] float32.
  public mutating func next(_ logits: Matrix, row: Int = 0) -> Int32 {
    let row = logits.rows(row..<row + 1)
    guard temperature > 0 else { return Int32(argmax(of: row)[0]) }
    return next(row.array())
  }

  /// The same from values; at temperature 0 the first maximum.
  public mutating func next(_ logits: [Float]) -> Int32 {
    precondition(!logits.isEmpty)
    guard temperature > 0 else {
      let best = logits.indices.reduce(0) { logits[$1] > logits[$0] ? $1 : $0 }
      return Int32(best)
    }
    let kept = candidates(logits)
    let maximum = kept.reduce(-Float.infinity) { max($0, logits[Int($1)]) }
    var sum = 0.0
    let cumulated = kept.map { id in
      sum += exp(Double((logits[Int(id)] - maximum) / temperature))
      return sum
    }
    let draw = random.uniform() * sum
    return kept[cumulated.firstIndex { $0 > draw } ?? kept.count - 1]
  }

  /// The ids that top k and top p leave, likeliest first where either cuts, else all in order.
  func candidates(_ logits: [Float]) -> [Int32] {
    let all = (0..<Int32(logits.count)).filter { logits[Int($0)] > -.infinity }
    guard !all.isEmpty else { return [0] }
    guard topP < 1 || topK != nil else { return all }
    func likelier(_ a: Int32, _ b: Int32) -> Bool {
      let (x, y) = (logits[Int(a)], logits[Int(b)])
      return x > y || (x == y && a < b)
    }
    var kept = all
    if let topK, topK < kept.count {
      kept = Array(kept.sorted(by: likelier).prefix(topK))
    }
    guard topP < 1 else { return kept }
    let maximum = kept.reduce(-Float.infinity) { max($0, logits[Int($1)]) }
    let weights = kept.map { exp(Double(logits[Int($0)] - maximum)) }
    let total = weights.reduce(0, +)
    // Whatever is left out sums to at most 1 − p, so a token below (1 − p)/(n − 1) is never needed: no sort of all.
    let floor = (1 - Double(topP)) / Double(max(kept.count - 1, 1)) * total
    var likely = zip(kept, weights).filter { $0.1 >= floor }
    likely.sort { likelier($0.0, $1.0) }
    var sum = 0.0
    var nucleus: [Int32] = []
    for (id, weight) in likely {
      nucleus.append(id)
      sum += weight
      if sum >= Double(topP) * total { break }
    }
    return nucleus
  }
}
