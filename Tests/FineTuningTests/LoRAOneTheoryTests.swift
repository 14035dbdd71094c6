import Tensors
import Testing

@testable import FineTuning

/// What the theory of LoRA-One (arXiv 2502.01235) and of preconditioned descent (arXiv 2402.02347)
/// promises, on linear and ReLU students small enough to check it.
@Suite struct LoRAOneTheoryTests {
  /// `L = ‖X(W + BA)ᵀ − Y‖² / 2N` with `Y = X(W + Δ)ᵀ`: its gradient depends on the data through `H
  /// = XᵀX/N` alone.
  struct LinearStudent<Scalar: DenseScalar> {
    /// Δ [100, 100] of rank 4, singular values from 1 down to 1/κ.
    var target: DenseMatrix<Scalar>
    /// H [100, 100], N = 1600.
    var covariance: DenseMatrix<Scalar>

    init(condition: Double = 1, seed: UInt64 = 1) throws {
      var draws = RandomGenerator(seed: seed)
      func gaussian(_ rows: Int, _ columns: Int) -> DenseMatrix<Scalar> {
        converted(.gaussian(rows: rows, columns: columns, from: &draws))
      }
      let p = try LinearAlgebra.orthonormalRows(gaussian(4, 100))
      let q = try LinearAlgebra.orthonormalRows(gaussian(4, 100))
      let step = condition.squareRoot().squareRoot()
      let values: [Double] = [1, 1 / step, 1 / (step * step), 1 / condition]
      target = p.scalingRows(by: values.map { Scalar($0) }).times(q, transposeSelf: true)
      let x = gaussian(1600, 100)
      covariance = x.times(x, transposeSelf: true).scaled(by: 1 / 1600)
    }

    /// G = ∂L/∂W at ΔW.
    func gradient(_ update: DenseMatrix<Scalar>) -> DenseMatrix<Scalar> {
      update.adding(target, times: -1).times(covariance)
    }

    func error(_ update: DenseMatrix<Scalar>) -> Double {
      update.adding(target, times: -1).frobeniusNorm / target.frobeniusNorm
    }
  }

  /// B·A with B transposed.
  static func product<Scalar>(
    _ bt: DenseMatrix<Scalar>, _ a: DenseMatrix<Scalar>
  ) -> DenseMatrix<Scalar> {
    bt.times(a, transposeSelf: true)
  }

  static func start(
    _ gradient: DenseMatrix<Float>, rank: Int, scale: InitializationScale,
    factor: Float = 1
  ) throws -> AdapterStart {
    try AdapterInitializer(.loraOne, scale: scale, generator: RandomGenerator(seed: 2)).start(
      of: AdaptedMatrix(
        name: "student", rows: gradient.rows, columns: gradient.columns, rank: rank,
        scale: factor),
      from: DenseGradientOperator(gradient)
    ).start
  }

  // MARK: - 1. Exact alignment

  /// With B₀ = 0 the columns of B_t stay in the column space of G, for every t (in the paper's `Y =
  /// XW`: the row space).
  private func alignmentError<Scalar: DenseScalar>(_: Scalar.Type) throws -> Double {
    let student = try LinearStudent<Scalar>()
    let columns = try LinearAlgebra.singularValues(
      student.gradient(DenseMatrix(rows: 100, columns: 100))
    ).truncated(to: 4).ut
    var draws = RandomGenerator(seed: 5)
    var a: DenseMatrix<Scalar> = converted(
      .gaussian(rows: 8, columns: 100, deviation: 0.1, from: &draws))
    var bt = DenseMatrix<Scalar>(rows: 8, columns: 100)
    var worst = 0.0
    for _ in 0..<40 {
      let gradient = student.gradient(Self.product(bt, a))
      let gradientA = bt.times(gradient)
      let gradientBT = a.times(gradient, transposeOther: true)
      a = a.adding(gradientA, times: -0.5)
      bt = bt.adding(gradientBT, times: -0.5)
      let inside = bt.times(columns, transposeOther: true).times(columns)
      worst = max(worst, bt.adding(inside, times: -1).frobeniusNorm / bt.frobeniusNorm)
    }
    #expect(student.error(Self.product(bt, a)) < 0.05, "the student must have moved")
    return worst
  }

  @Test func descentFromZeroStaysInTheSpaceOfTheFirstGradient() throws {
    #expect(try alignmentError(Float.self) < 1e-5)
    #expect(try alignmentError(Double.self) < 1e-12)
  }

  // MARK: - 2. Spectral start is close

  @Test(arguments: [1.0, 10, 100])
  func spectralStartIsCloseToTheTarget(condition: Double) throws {
    let student = try LinearStudent<Float>(condition: condition)
    let start = try Self.start(
      student.gradient(DenseMatrix(rows: 100, columns: 100)), rank: 8, scale: .theory)
    let error = student.error(Self.product(start.bt, start.a))
    #expect(abs(error - 0.26) < 0.03, "\(error)")
  }

  // MARK: - 3. Linear rate independent of the condition number

  /// Relative error after 50 steps of (preconditioned) gradient descent with rate ½ from the
  /// spectral start.
  private func finalError(condition: Double, preconditioned: Bool) throws -> Double {
    let student = try LinearStudent<Double>(condition: condition)
    let start = try Self.start(
      converted(student.gradient(DenseMatrix(rows: 100, columns: 100))), rank: 8, scale: .theory)
    var a: DenseMatrix<Double> = converted(start.a)
    var bt: DenseMatrix<Double> = converted(start.bt)
    for _ in 0..<50 {
      let gradient = student.gradient(Self.product(bt, a))
      var gradients = (a: bt.times(gradient), bt: a.times(gradient, transposeOther: true))
      if preconditioned {
        gradients = try Preconditioner.scaled(
          gradientA: gradients.a, gradientBT: gradients.bt, a: a, bt: bt, damping: 1e-3)
      }
      a = a.adding(gradients.a, times: -0.5)
      bt = bt.adding(gradients.bt, times: -0.5)
    }
    return student.error(Self.product(bt, a))
  }

  @Test(arguments: [1.0, 4, 10, 100])
  func preconditionedDescentConvergesAtTheSameRateForEveryCondition(condition: Double) throws {
    let error = try finalError(condition: condition, preconditioned: true)
    #expect(error < 1e-8, "\(error)")
  }

  /// What the preconditioner is measured against: the same steps without it.
  @Test(arguments: [(1.0, 1.6e-9), (4, 2.9e-4), (10, 2.1e-3), (100, 4.5e-3)])
  func plainDescentSlowsDownWithTheCondition(condition: Double, expected: Double) throws {
    let error = try finalError(condition: condition, preconditioned: false)
    #expect(error > expected / 3 && error < expected * 3, "\(error)")
  }

  // MARK: - 4. ReLU teacher and student

  /// Relative errors of the start as it is and doubled, for N samples.
  private func reluErrors(samples: Int) throws -> (unscaled: Double, doubled: Double) {
    var draws = RandomGenerator(seed: 4)
    func basis() throws -> DenseMatrix<Float> {
      try LinearAlgebra.orthonormalRows(.gaussian(rows: 4, columns: 32, from: &draws))
    }
    let target = try basis().times(basis(), transposeSelf: true)
    let w = DenseMatrix<Float>.gaussian(rows: 32, columns: 32, from: &draws)
    let x = DenseMatrix<Float>.gaussian(rows: samples, columns: 32, from: &draws)
    let wanted = x.times(w.adding(target), transposeOther: true)
    let found = x.times(w, transposeOther: true)
    let residual = zip(found.values, wanted.values).map { found, wanted in
      found > 0 ? found - max(wanted, 0) : 0
    }
    let gradient = DenseMatrix(rows: samples, columns: 32, values: residual)
      .times(x, transposeSelf: true).scaled(by: 1 / Float(samples))
    let start = try Self.start(gradient, rank: 4, scale: .theory)
    func error(_ start: AdapterStart) -> Double {
      Self.product(start.bt, start.a).adding(target, times: -1).frobeniusNorm
        / target.frobeniusNorm
    }
    return (error(start), error(start.scaled(by: 2)))
  }

  @Test(arguments: [(1_000, 0.21), (4_000, 0.09), (16_000, 0.05)])
  func reluHalvesTheGradientSoTheStartMustBeDoubled(samples: Int, expected: Double) throws {
    let errors = try reluErrors(samples: samples)
    #expect(abs(errors.unscaled - 0.51) < 0.03, "\(errors.unscaled)")
    #expect(abs(errors.doubled - expected) < 0.25 * expected, "\(errors.doubled)")
  }

  // MARK: - 5. Normalisation

  @Test(arguments: [Float(1e-6), 1, 1e5])
  func normalizedStartHasTheSameNormForEveryGradient(size: Float) throws {
    let student = try LinearStudent<Float>(condition: 10)
    let gradient = student.gradient(DenseMatrix(rows: 100, columns: 100)).scaled(by: size)
    let (alpha, gamma, rank) = (Float(16), Float(128), 4)
    let scale = alpha / Float(rank).squareRoot()
    let start = try Self.start(gradient, rank: rank, scale: .normalized, factor: scale)
    let update = Self.product(start.bt, start.a).scaled(by: scale)
    let norm = try LinearAlgebra.singularValues(update).values[0]
    let wanted = alpha / (gamma * Float(rank).squareRoot())
    #expect(abs(norm - wanted) < 1e-5 * wanted)
    #expect(abs(Float(start.norm) - wanted) < 1e-5 * wanted)
    #expect(update.innerProduct(gradient) < 0)
    // B₀ᵀB₀ = A₀A₀ᵀ = diag(S_i / S_1) / γ.
    let values = try LinearAlgebra.singularValues(gradient).values
    let gram = DenseMatrix(diagonal: values.prefix(rank).map { $0 / values[0] / gamma })
    for factor in [start.a, start.bt] {
      let difference = factor.gramOfRows().adding(gram, times: -1)
      #expect(difference.values.allSatisfy { abs($0) < 1e-4 / gamma })
    }
  }

  /// AdamW's first step is the sign of the gradient; diagonal Grams do not change signs.
  @Test func preconditionedFirstStepHasTheSignOfThePlainOne() throws {
    let student = try LinearStudent<Float>(condition: 10)
    let start = try Self.start(
      student.gradient(DenseMatrix(rows: 100, columns: 100)), rank: 4, scale: .normalized)
    let gradient = student.gradient(Self.product(start.bt, start.a))
    let plain = (a: start.bt.times(gradient), bt: start.a.times(gradient, transposeOther: true))
    let scaled = try Preconditioner.scaled(
      gradientA: plain.a, gradientBT: plain.bt, a: start.a, bt: start.bt)
    for (plain, scaled) in [(plain.a, scaled.a), (plain.bt, scaled.bt)] {
      // Where rounding in the Gram's zeros does not decide.
      let threshold = plain.values.map { abs($0) }.max()! * 1e-3
      let pairs = zip(plain.values, scaled.values).filter { abs($0.0) > threshold }
      #expect(pairs.count > plain.values.count / 2)
      #expect(pairs.allSatisfy { ($0.0 > 0) == ($0.1 > 0) })
      #expect(scaled.frobeniusNorm > 10 * plain.frobeniusNorm)
    }
  }
}

/// The same numbers in another precision.
private func converted<From: DenseScalar, To: DenseScalar>(
  _ matrix: DenseMatrix<From>
) -> DenseMatrix<To> {
  DenseMatrix(rows: matrix.rows, columns: matrix.columns, values: matrix.values.map { To($0) })
}
