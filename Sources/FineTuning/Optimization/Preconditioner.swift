public import Tensors

/// The scaled (Riemannian) gradient of a low-rank pair, Zhang and Pilanci, arXiv 2402.02347:
///
/// ```
/// ĝ_A = (BᵀB + δ_B I)⁻¹ g_A        ĝ_B = g_B (AAᵀ + δ_A I)⁻¹        δ = damping · trace / r
/// ```
///
/// which makes the step in B·A independent of how the product is split between the factors. The
/// damping is relative because the Gram eigenvalues of a start are at most 1/γ: an absolute one is
/// either nothing or everything. No state; r × r scratch. The moments of an optimizer come after
/// it.
public enum Preconditioner {
  /// The scaled gradients, in the shapes of the gradients; B and its gradient are transposed.
  ///
  /// `a`, `gradientA [r, in]`, `bt`, `gradientBT [r, out]`: both Grams are of the values before the
  /// update. A factor that is zero leaves the other's gradient as it is. Throws
  /// `TensorError.noConvergence` for values that are not finite.
  public static func scaled<Scalar: DenseScalar>(
    gradientA: DenseMatrix<Scalar>, gradientBT: DenseMatrix<Scalar>,
    a: DenseMatrix<Scalar>, bt: DenseMatrix<Scalar>, damping: Scalar = 1e-2
  ) throws(TensorError) -> (a: DenseMatrix<Scalar>, bt: DenseMatrix<Scalar>) {
    precondition(damping > 0 && a.rows == bt.rows)
    precondition(gradientA.rows == a.rows && gradientA.columns == a.columns)
    precondition(gradientBT.rows == bt.rows && gradientBT.columns == bt.columns)
    return (
      try scaled(gradientA, by: bt, damping: damping),
      try scaled(gradientBT, by: a, damping: damping)
    )
  }

  /// One side alone: the scaled gradient [r, n] of a factor whose partner is `partner [r, m]`.
  public static func scaled<Scalar: DenseScalar>(
    _ gradient: DenseMatrix<Scalar>, by partner: DenseMatrix<Scalar>, damping: Scalar = 1e-2
  ) throws(TensorError) -> DenseMatrix<Scalar> {
    precondition(damping > 0 && partner.rows == gradient.rows)
    return try solve(partner.gramOfRows(), gradient, damping)
  }

  private static func solve<Scalar: DenseScalar>(
    _ gram: DenseMatrix<Scalar>, _ gradient: DenseMatrix<Scalar>, _ damping: Scalar
  ) throws(TensorError) -> DenseMatrix<Scalar> {
    var damped = gram
    var trace: Scalar = 0
    for index in 0..<gram.rows { trace += gram[index, index] }
    guard trace != 0 else { return gradient }
    for index in 0..<gram.rows { damped[index, index] += damping * trace / Scalar(gram.rows) }
    return try LinearAlgebra.solvePositiveDefinite(damped, gradient)
  }
}
