public import Transformer

/// The search for the fastest plan under a budget: tokens a micro-batch, layers that keep their products, rows of logits,
/// spilled block inputs, streamed weights.
extension MemoryPlan {
  /// One way to run.
  struct Choice {
    var microTokens: Int
    var extent: MicroBatchExtent
    var keptLayers: Int
    var lossRows: Int
    var spills: Bool
    var streams: Bool
    var startRoom: StartRoom
  }

  /// What the start's gradient may take.
  enum StartRoom {
    /// As much as its exact forms need.
    case exact
    /// What the budget leaves beside the other parts.
    case budget
    /// What training takes after it: then it asks for nothing more, where that can be.
    case smallest
  }

  /// Without --memory, activations stay under this where they can, and nothing is spilled or streamed.
  static let defaultActivations = 512_000_000
  /// Tokens of a micro-batch beyond which a dequantized weight is used well enough.
  private static let usualTokens = 512

  /// The fastest plan that fits.
  ///
  /// - Throws: `TransformerError.doesNotFit` with the smallest budget that works.
  public init(_ request: MemoryRequest) throws(TransformerError) {
    if let found = MemoryPlan.fastest(request, startRoom: .exact)
      ?? MemoryPlan.fastest(request, startRoom: .budget)
    {
      self = found
      return
    }
    let smallest = MemoryPlan.candidates(request).map {
      MemoryPlan(request, $0(0, .smallest))
    }.min { $0.total < $1.total }
    guard let smallest else { preconditionFailure("there is always a candidate") }
    if let budget = request.budget {
      guard smallest.total <= budget else {
        throw .doesNotFit(budget: budget, smallest: smallest.total)
      }
    }
    self = smallest
  }

  /// The fastest plan that fits, or nil when none does.
  private static func fastest(_ request: MemoryRequest, startRoom: StartRoom) -> MemoryPlan? {
    let work = ModelWork(request.configuration)
    var best: (plan: MemoryPlan, cost: Double)?
    for candidate in candidates(request) {
      guard
        let plan = mostKept(request, { MemoryPlan(request, candidate($0, startRoom)) })
      else { continue }
      let cost = cost(plan, request, work)
      if cost < best?.cost ?? .infinity { best = (plan, cost) }
    }
    return best?.plan
  }

  /// Everything that can be chosen but the kept layers and the start's room.
  private static func candidates(_ request: MemoryRequest) -> [(Int, StartRoom) -> Choice] {
    let modes = request.budget == nil ? [false] : [false, true]
    var found: [(Int, StartRoom) -> Choice] = []
    for (limit, extent) in MemoryPlan.limits(request) {
      for lossRows in [256, 128, 64, 32, 16, 8] where lossRows <= max(extent.tokens, 8) {
        for spills in modes {
          for streams in modes {
            found.append { kept, startRoom in
              Choice(
                microTokens: limit, extent: extent, keptLayers: kept, lossRows: lossRows,
                spills: spills, streams: streams, startRoom: startRoom)
            }
          }
        }
      }
    }
    return found
  }

  /// The plan that keeps most layers and fits, or nil when none does. One kept layer costs nothing: its memory serves the
  /// others too.
  private static func mostKept(
    _ request: MemoryRequest, _ plan: (Int) -> MemoryPlan
  ) -> MemoryPlan? {
    let layers = request.configuration.layerCount
    func fits(_ plan: MemoryPlan) -> Bool {
      guard let budget = request.budget else {
        return Workspace.byteCount(request.configuration, plan.workspace) <= defaultActivations
      }
      return plan.total <= budget
    }
    let floor = plan(min(1, layers))
    guard fits(floor) else { return nil }
    var (low, high) = (min(1, layers), layers)
    var best = floor
    while low < high {
      let middle = (low + high + 1) / 2
      let candidate = plan(middle)
      if fits(candidate) {
        low = middle
        best = candidate
      } else {
        high = middle - 1
      }
    }
    return best
  }

  /// Limits on the tokens of a micro-batch that lead to different ones.
  private static func limits(_ request: MemoryRequest) -> [(limit: Int, extent: MicroBatchExtent)] {
    var found: [(limit: Int, extent: MicroBatchExtent)] = []
    // Experts see few of the tokens each, and gain from more of them.
    let many = request.configuration.experts == nil ? [] : [8192, 4096]
    for limit in many + [2048, 1536, 1280, 1024, 768, 512, 384, 256, 0] {
      let tokens = max(request.longest, min(request.stepTokens, limit))
      if found.contains(where: { $0.limit == tokens }) { continue }
      let extent = request.extent(tokens)
      if found.contains(where: { $0.extent == extent }) { continue }
      found.append((tokens, extent))
    }
    return found
  }

  /// Work per token in multiply-adds: the passes over the weights, more where few tokens share a dequantized panel, and
  /// moving bytes at what it costs beside the products.
  private static func cost(
    _ plan: MemoryPlan, _ request: MemoryRequest, _ work: ModelWork
  ) -> Double {
    let configuration = request.configuration
    let layers = Double(configuration.layerCount)
    let tokens = max(plan.meanTokens, 1)
    // Dequantizing a panel takes as long as multiplying so many rows with it.
    func overhead(_ rows: Double) -> Double { 1 + 40 / rows }
    // The head is not run again.
    var cost = work.passCost(
      keptLayers: plan.keptLayers, tokens: tokens, overhead: overhead)
    cost += 2 * Double(work.headWeights) * overhead(Double(plan.workspace.lossRows))
    if plan.workspace.spillsBoundaries {
      cost += 2 * Double(configuration.width * plan.workspace.storage.byteCount) * layers * 50
    }
    if plan.streamsWeights { cost += 2 * Double(request.fileBytes) * 75 / tokens }
    // Larger micro-batches take memory in proportion: they have to save four per cent. (8 sequences of 512 tokens: 1,024
    // at a time took 185 MB more than 512 and were hardly faster; 16 of 80 at once instead of in two parts saved some.)
    if plan.workspace.tokens > usualTokens { cost *= 1.04 }
    return cost
  }
}
