internal import Foundation
internal import Tensors

/// Which experts the tokens of a micro-batch use, and how much: T tokens, k experts each, R = T · k rows sorted by expert.
struct ExpertRouting {
  /// The experts of each token, the strongest first [T · k].
  let chosen: [Int]
  /// Their shares, which sum to one for each token [T · k].
  let shares: [Float]
  /// The token of each sorted row [R].
  let tokens: [Int]
  /// The place in `chosen` and `shares` of each sorted row [R].
  let places: [Int]
  /// Rows `starts[e]..<starts[e + 1]` are those of expert e.
  let starts: [Int]

  /// The k largest logits of each row, and the softmax over them. (A softmax over all experts whose k largest values are
  /// divided by their sum is the same.)
  ///
  /// - Parameters:
  ///   - logits: of the router [T, experts].
  ///   - earlier: a routing of the same tokens whose choice is kept: rounding must not change it between a forward and the
  ///     backward.
  init(_ logits: Matrix, _ shape: ExpertShape, keeping earlier: ExpertRouting? = nil) {
    let (count, used) = (logits.rows, shape.used)
    let values = logits.array()
    var chosen = earlier?.chosen ?? [Int](repeating: 0, count: count * used)
    var shares = [Float](repeating: 0, count: count * used)
    precondition(chosen.count == count * used && logits.columns == shape.count)
    for token in 0..<count {
      let row = token * shape.count
      let places = token * used..<(token + 1) * used
      if earlier == nil {
        ExpertRouting.choose(into: &chosen, places, of: values, row..<row + shape.count)
      }
      var (top, sum): (Float, Float) = (-.infinity, 0)
      for place in places { top = max(top, values[row + chosen[place]]) }
      for place in places {
        shares[place] = expf(values[row + chosen[place]] - top)
        sum += shares[place]
      }
      for place in places { shares[place] /= sum }
    }
    self.chosen = chosen
    self.shares = shares

    var starts = [Int](repeating: 0, count: shape.count + 1)
    for expert in chosen { starts[expert + 1] += 1 }
    for expert in 0..<shape.count { starts[expert + 1] += starts[expert] }
    self.starts = starts
    var next = starts
    var places = [Int](repeating: 0, count: chosen.count)
    for (place, expert) in chosen.enumerated() {
      places[next[expert]] = place
      next[expert] += 1
    }
    self.places = places
    tokens = places.map { $0 / used }
  }

  /// Fills `places` of `chosen` with the numbers of the largest of `values` in `row`, the largest first, of equal ones the
  /// lower first.
  private static func choose(
    into chosen: inout [Int], _ places: Range<Int>, of values: [Float], _ row: Range<Int>
  ) {
    var found = 0
    for (number, index) in row.enumerated() {
      let value = values[index]
      var place = places.lowerBound + found
      if found == places.count {
        if value <= values[row.lowerBound + chosen[place - 1]] { continue }
        place -= 1
      } else {
        found += 1
      }
      while place > places.lowerBound, value > values[row.lowerBound + chosen[place - 1]] {
        chosen[place] = chosen[place - 1]
        place -= 1
      }
      chosen[place] = number
    }
  }

  /// An expert and its rows.
  typealias Rows = (expert: Int, rows: Range<Int>)

  /// The experts that have rows, with these.
  var used: [Rows] {
    (0..<starts.count - 1).compactMap { expert in
      let rows = starts[expert]..<starts[expert + 1]
      return rows.isEmpty ? nil : (expert, rows)
    }
  }

  /// The same in groups of at most `count`.
  func groups(atMost count: Int) -> [[Rows]] {
    let used = used
    let size = min(count, max(used.count, 1))
    return stride(from: 0, to: used.count, by: size).map {
      Array(used[$0..<min($0 + size, used.count)])
    }
  }

  /// Bytes of the routing of `tokens` tokens.
  static func byteCount(tokens: Int, _ shape: ExpertShape) -> Int {
    let (number, share) = (MemoryLayout<Int>.stride, MemoryLayout<Float>.stride)
    return tokens * shape.used * (3 * number + share) + (shape.count + 1) * number
  }

  /// The shares of the sorted rows, times `factor` [R].
  func sortedShares(times factor: Float) -> [Float] { places.map { shares[$0] * factor } }

  // MARK: - Backward

  /// ∂L/∂ logits [T, experts] into `gradient`, from ∂L/∂ share of each sorted row: with p the shares,
  /// `∂l_j = p_j · (∂p_j − Σ_i p_i ∂p_i)` for the experts chosen, zero for the others. The choice itself has no gradient.
  func backward(into gradient: Matrix, shareGradients: [Float], _ shape: ExpertShape) {
    var byPlace = [Float](repeating: 0, count: shares.count)
    for (row, place) in places.enumerated() { byPlace[place] = shareGradients[row] }
    var values = [Float](repeating: 0, count: gradient.count)
    for token in 0..<gradient.rows {
      let range = token * shape.used..<(token + 1) * shape.used
      let mean = range.reduce(0) { $0 + shares[$1] * byPlace[$1] }
      for place in range {
        values[token * shape.count + chosen[place]] = shares[place] * (byPlace[place] - mean)
      }
    }
    gradient.assign(values)
  }
}
