internal import CKernels

/// One weight of `multiplyFew`: `y [tokens, out]`, `w [out, in]` and perhaps an adapter's `u [tokens, rank]` and
/// `bt [rank, out]`.
public struct FewProduct {
  public let y: Matrix
  public let w: QuantizedMatrix
  public let adapter: (u: Matrix, bt: Matrix)?

  public init(into y: Matrix, _ w: QuantizedMatrix, adapter: (u: Matrix, bt: Matrix)? = nil) {
    self.y = y
    self.w = w
    self.adapter = adapter
  }

  /// Most tokens that it takes.
  public static let mostTokens = Int(CK_FEW_TOKENS)
}

/// `multiply` of at most `FewProduct.mostTokens` tokens with several weights that share the input, for generation.
///
/// `x [tokens, in]` is rounded to 8-bit integers in blocks of 32 with a float32 scale each, and multiplied with the
/// blocks of the weights in integers, as llama.cpp does; about 0.005 of relative error. Where `multiply` is faster for so
/// many tokens it is what is done. Weights without blocks and adapters are computed in float32. All `y` have one type;
/// `accumulate` needs float32. Threads without work read the beginnings of the weights in `next`, which are expected to be
/// multiplied in the call that follows.
public func multiplyFew(
  _ products: [FewProduct], _ x: Matrix, accumulate: Bool = false, next: [QuantizedMatrix] = []
) {
  guard let type = products.first?.y.type, x.rows > 0 else { return }
  precondition(x.rows <= FewProduct.mostTokens && (!accumulate || type == .float32))
  let all = unsafe products.map { product in
    precondition(x.columns == product.w.columns && product.y.columns == product.w.rows)
    precondition(product.y.rows == x.rows && product.y.type == type)
    if let (u, bt) = product.adapter {
      precondition(u.rows == x.rows && u.columns == bt.rows && bt.columns == product.w.rows)
      precondition(u.type == x.type && bt.type == x.type)
    }
    return unsafe productArguments(
      product.y, x, product.w, (product.adapter?.u, product.adapter?.bt), accumulate)
  }
  let following = unsafe next.map { unsafe ck_few_next(w: $0.pointer, bytes: $0.byteCount) }
  unsafe ck_multiply_few(all, Int64(all.count), following, Int64(following.count))
}
