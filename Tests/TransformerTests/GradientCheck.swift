import Tensors
import TestSupport
import Testing

@testable import Transformer

/// The gradients of adapters against differences of the loss along random directions.
///
/// A direction must not depend on the gradient that is checked: along the computed gradient itself, whatever error stands
/// at right angles to the true one is seen only in second order.
struct GradientCheck {
  let model: Model
  let adapters: AdapterSet
  let workspace: Workspace
  let batch: TokenBatch
  /// The point at which the gradient is taken.
  private let point: [Pair]
  private let gradient: [Pair]
  /// The experts that the point's tokens use: the loss is smooth only while they stay.
  private let routings: [[Int]?]

  private typealias Pair = (a: [Float], bt: [Float])

  /// Adapters of rank 3 with random A and B on all projections, in float32.
  init(_ model: Model, _ batch: TokenBatch, checkpointing: Checkpointing) throws {
    self.model = model
    self.batch = batch
    let layout = AdapterLayout(model.configuration, rank: 3, alpha: 6, rankStabilized: true)
    adapters = try AdapterSet(
      layout, layerCount: model.configuration.layerCount, storage: .float32, trainable: true)
    workspace = try Workspace(
      model.configuration,
      WorkspaceShape(
        tokens: batch.tokenCount, storage: .float32, rank: 3, checkpointing: checkpointing,
        lossRows: 8, dropsInputs: batch.dropout != nil))
    var random = SplitMix64(seed: 99)
    point = layout.slots.map { slot in
      let values = random.normals(slot.rank * (slot.in + slot.out)).map { $0 * 0.1 }
      return (
        Array(values.prefix(slot.rank * slot.in)), Array(values.dropFirst(slot.rank * slot.in))
      )
    }
    for (slot, pair) in zip(layout.slots, point) { adapters.assign(slot, a: pair.a, bt: pair.bt) }

    adapters.gradients?.clear()
    model.forward(batch, adapters: adapters, workspace)
    routings = workspace.routings.map { $0?.routing.chosen }
    _ = model.loss(batch, workspace, gradientWeight: 1 / Float(batch.targetCount))
    model.backward(batch, adapters: adapters, workspace)
    let adapters = adapters
    gradient = try layout.slots.map { try #require(adapters.gradientValues(of: $0)) }
  }

  /// What a direction changes.
  enum Part { case a, b, both }

  struct Derivative {
    /// Of the loss, from its differences.
    let measured: Double
    /// The product of gradient and direction.
    let computed: Double
    /// What such a product is in the mean: the size of the gradient's part over which the direction goes.
    let typical: Double

    /// Of a mean product.
    var error: Double { abs(measured - computed) / typical }
  }

  /// Along a random direction that changes the pairs that `includes` names: the first of a few along which no router changes
  /// its choice.
  func derivative(
    of part: Part, seed: UInt64, where includes: (AdapterSlot) -> Bool = { _ in true }
  ) throws -> Derivative {
    var random = SplitMix64(seed: seed)
    for _ in 0..<4 {
      if let found = try derivative(of: part, random: &random, where: includes) { return found }
    }
    throw NotSmooth()
  }

  struct NotSmooth: Error {}

  private func derivative(
    of part: Part, random: inout SplitMix64, where includes: (AdapterSlot) -> Bool
  ) throws -> Derivative? {
    let slots = adapters.layout.slots
    let direction: [Pair] = slots.map { slot in
      func values(_ count: Int, _ isIn: Bool) -> [Float] {
        isIn && includes(slot) ? random.normals(count) : Array(repeating: 0, count: count)
      }
      return (
        values(slot.rank * slot.in, part != .b), values(slot.rank * slot.out, part != .a)
      )
    }
    var (computed, squares) = (0.0, 0.0)
    for (d, g) in zip(direction, gradient) {
      for (x, y) in [(d.a, g.a), (d.bt, g.bt)] {
        for (x, y) in zip(x, y) where x != 0 {
          computed += Double(x) * Double(y)
          squares += Double(y) * Double(y)
        }
      }
    }
    try #require(squares > 0, "no gradient")

    // Fourth order in the step, which is a hundredth of the values, or less where it would change a router's choice.
    var step: Float = 7e-4
    while step > 5e-5 {
      let losses = [step, -step, 2 * step, -2 * step].map { loss(direction, $0) }
      if losses.allSatisfy({ $0 != nil }) {
        let f = losses.map { $0 ?? 0 }
        let measured = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * Double(step))
        return Derivative(
          measured: measured, computed: computed, typical: squares.squareRoot())
      }
      step /= 2
    }
    return nil
  }

  /// The mean loss at a step along a direction; nil where other experts are used. Puts the adapters back.
  private func loss(_ direction: [Pair], _ step: Float) -> Double? {
    let slots = adapters.layout.slots
    var changed: [Int] = []
    for (index, d) in direction.enumerated() where d.a.first != 0 || d.bt.first != 0 {
      func moved(_ values: [Float], _ d: [Float]) -> [Float] {
        zip(values, d).map { $0 + step * $1 }
      }
      adapters.assign(
        slots[index], a: moved(point[index].a, d.a), bt: moved(point[index].bt, d.bt))
      changed.append(index)
    }
    defer {
      for index in changed {
        adapters.assign(slots[index], a: point[index].a, bt: point[index].bt)
      }
    }
    model.forward(batch, adapters: adapters, workspace)
    guard workspace.routings.map({ $0?.routing.chosen }) == routings else { return nil }
    return model.loss(batch, workspace).reduce(0) { $0 + Double($1) } / Double(batch.targetCount)
  }
}
