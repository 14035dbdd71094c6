internal import Transformer

/// Pairs on a base that keeps q, k and v, or gate and up, otherwise than the adapter's own base: in one tensor or in several.
/// Exact both ways, but for the rounding of one product.
///
/// - On one tensor: the pairs of its parts become one of rank R = Σ rᵢ, A stacked, B block-diagonal. A file has one α, and the
///   scale of a pair follows from its own rank, so that block i of B is multiplied by R/rᵢ, or its root when rank-stabilised.
/// - On several: each part gets the same A and its own rows of B.
struct FusedTensors {
  private let configuration: ModelConfiguration

  init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  /// Whether the base has the weight of `projection`, as it is or in another form.
  func has(_ projection: Projection) -> Bool {
    let available = configuration.projections
    return available.contains(projection) || whole(of: projection) != nil
      || (!projection.parts.isEmpty && projection.parts.allSatisfy(available.contains))
  }

  /// The projection of the base that holds `projection` among others.
  private func whole(of projection: Projection) -> Projection? {
    configuration.projections.first { $0.parts.contains(projection) }
  }

  /// The same change of the weights, in pairs of projections that the base has.
  func fitted(_ pairs: [AdapterTensors], isRankStabilized: Bool) -> [AdapterTensors] {
    var places: [Place: [Piece]] = [:]
    func add(_ pair: AdapterTensors, to projection: Projection, row: Int) {
      places[Place(layer: pair.layer, projection: projection), default: []].append(
        Piece(row: row, pair: pair))
    }
    for pair in pairs {
      if configuration.projections.contains(pair.projection) {
        add(pair, to: pair.projection, row: 0)
      } else if let whole = whole(of: pair.projection) {
        let before = whole.parts.prefix { $0 != pair.projection }
        add(pair, to: whole, row: before.reduce(0) { $0 + configuration.shape(of: $1).out })
      } else {
        for part in separated(pair) { add(part, to: part.projection, row: 0) }
      }
    }
    return places.map { place, pieces in
      pieces.count == 1 && pieces[0].pair.projection == place.projection
        ? pieces[0].pair : joined(pieces, at: place, isRankStabilized: isRankStabilized)
    }
  }

  /// The same adapter with pairs of the modules that Hugging Face's model has: only that of phi3 fuses.
  func huggingFaceForm(_ adapter: Adapter) -> Adapter {
    guard configuration.architecture != "phi3" else { return adapter }
    return Adapter(
      tensors: adapter.tensors.flatMap { $0.projection.parts.isEmpty ? [$0] : separated($0) },
      alpha: adapter.alpha, isRankStabilized: adapter.isRankStabilized,
      architecture: adapter.architecture)
  }

  private struct Place: Hashable {
    let layer: Int
    let projection: Projection
  }

  /// A pair whose first output is output `row` of its place.
  private struct Piece {
    let row: Int
    let pair: AdapterTensors
  }

  /// One pair a part of a fused one.
  private func separated(_ pair: AdapterTensors) -> [AdapterTensors] {
    var first = 0
    return pair.projection.parts.map { part in
      let width = configuration.shape(of: part).out
      defer { first += width }
      let rows = (0..<pair.rank).map { component in
        let start = component * pair.outputWidth + first
        return pair.bt[start..<start + width]
      }
      return AdapterTensors(
        layer: pair.layer, projection: part, rank: pair.rank, inputWidth: pair.inputWidth,
        outputWidth: width, a: pair.a, bt: Array(rows.joined()))
    }
  }

  private func joined(
    _ pieces: [Piece], at place: Place, isRankStabilized: Bool
  ) -> AdapterTensors {
    let (out, `in`) = configuration.shape(of: place.projection)
    let rank = pieces.reduce(0) { $0 + $1.pair.rank }
    var (a, bt): ([Float], [Float]) = ([], [])
    for piece in pieces.sorted(by: { $0.row < $1.row }) {
      let pair = piece.pair
      let ratio = Float(rank) / Float(pair.rank)
      let factor = isRankStabilized ? ratio.squareRoot() : ratio
      a += pair.a
      for component in 0..<pair.rank {
        let start = component * pair.outputWidth
        bt += [Float](repeating: 0, count: piece.row)
        bt += pair.bt[start..<start + pair.outputWidth].map { factor * $0 }
        bt += [Float](repeating: 0, count: out - piece.row - pair.outputWidth)
      }
    }
    return AdapterTensors(
      layer: place.layer, projection: place.projection, rank: rank, inputWidth: `in`,
      outputWidth: out, a: a, bt: bt)
  }
}
