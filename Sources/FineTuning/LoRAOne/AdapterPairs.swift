internal import Tensors
internal import Transformer

/// A copy of all pairs of a normalized start, from which a line search makes starts of other sizes: each from the copy, so
/// that what is tried and what is chosen are the same to the bit.
struct AdapterPairs {
  private let pairs: [(slot: AdapterSlot, a: DenseMatrix<Float>, bt: DenseMatrix<Float>)]

  init(_ adapters: AdapterSet) {
    pairs = adapters.layout.slots.map { slot in
      let values = adapters.values(slot)
      return (
        slot, DenseMatrix(rows: slot.rank, columns: slot.in, values: values.a),
        DenseMatrix(rows: slot.rank, columns: slot.out, values: values.bt)
      )
    }
  }

  /// Sets all pairs of `adapters` to ΔW₀ times `multiplier`, shared evenly between the factors. With 0, B = 0 and A stays as
  /// it is. Pairs with B = 0 stay as they are.
  func assign(to adapters: AdapterSet, times multiplier: Float) {
    precondition(multiplier >= 0)
    for (slot, a, bt) in pairs {
      let hasUpdate = bt.values.contains { $0 != 0 }
      let factor = hasUpdate ? multiplier.squareRoot() : 1
      adapters.assign(
        slot, a: multiplier == 0 ? a.values : a.scaled(by: factor).values,
        bt: bt.scaled(by: factor).values)
    }
  }
}
