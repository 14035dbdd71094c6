internal import CKernels

// Many small products at once: those of the experts of a layer. Shared out among the threads together
// (CSupport/CKernels/gemm.c), they keep all of them busy, and none waits from one product to the next.

/// One of several products, which has an input, an output and a weight of its own.
public struct SeparateProduct {
  let output: Matrix
  let input: Matrix
  let weight: QuantizedMatrix
  let adapter: (low: Matrix, high: Matrix)?

  /// What `multiply(into:_:_:adapter:)` and `multiplyTransposed(into:_:_:adapter:)` take.
  ///
  /// - Parameter adapter: `u` and `bt` of a product, `v` and `a` of a transposed one.
  public init(
    into output: Matrix, _ input: Matrix, _ weight: QuantizedMatrix,
    adapter: (low: Matrix, high: Matrix)? = nil
  ) {
    self.output = output
    self.input = input
    self.weight = weight
    self.adapter = adapter
  }
}

/// `multiply` for each of `products`, to the same bits. Outputs do not overlap; all inputs share a type.
public func multiplyAll(_ products: [SeparateProduct], accumulate: Bool = false) {
  let arguments = unsafe arguments(of: products, accumulate, input: \.columns, output: \.rows)
  unsafe ck_multiply_all(arguments, Int64(arguments.count))
}

/// `multiplyTransposed` for each of `products`, to the same bits. Outputs do not overlap; all inputs share a type.
public func multiplyTransposedAll(_ products: [SeparateProduct], accumulate: Bool = false) {
  let arguments = unsafe arguments(of: products, accumulate, input: \.rows, output: \.columns)
  unsafe ck_multiply_transposed_all(arguments, Int64(arguments.count))
}

/// Checked, without products that have no rows.
private func arguments(
  of products: [SeparateProduct], _ accumulate: Bool, input: KeyPath<QuantizedMatrix, Int>,
  output: KeyPath<QuantizedMatrix, Int>
) -> [ck_product_arguments] {
  unsafe products.compactMap { product in
    let (y, x, w) = (product.output, product.input, product.weight)
    precondition(x.columns == w[keyPath: input] && y.columns == w[keyPath: output])
    precondition(x.rows == y.rows)
    precondition(x.type == products[0].input.type && (!accumulate || y.type == .float32))
    if let (low, high) = product.adapter {
      precondition(low.rows == x.rows && low.columns == high.rows && high.columns == y.columns)
      precondition(low.type == x.type && high.type == x.type)
    }
    guard x.rows > 0 else { return nil }
    return unsafe productArguments(
      y, x, w, (product.adapter?.low, product.adapter?.high), accumulate)
  }
}
