internal import CLAPACK

// The calls to BLAS and LAPACK, single and double precision side by side, on one thread: results must
// not depend on the number of threads, and the library's own threads would fight with the kernels'.

/// Set once, at the first call that could start threads.
private let isSingleThreaded: Bool = {
  openblas_set_num_threads(1)
  return true
}()

private let letterS = CChar(UInt8(ascii: "S"))
private let letterL = CChar(UInt8(ascii: "L"))

/// LAPACK's verdict as an error: `info < 0` is an argument with a NaN, `info > 0` a failed
/// computation.
private func check(_ routine: String, _ info: Int32) throws(TensorError) {
  if info != 0 { throw .noConvergence(routine: routine, info: Int(info)) }
}

// MARK: - Single precision

extension Float: DenseScalar {
  public static func zeros(_ count: Int) -> [Float] { [Float](repeating: 0, count: count) }

  public static func multiply(
    into c: inout [Float], _ a: [Float], _ transposeA: Bool, _ b: [Float], _ transposeB: Bool,
    m: Int, n: Int, k: Int
  ) {
    precondition(a.count == m * k && b.count == k * n && c.count == m * n)
    precondition(isSingleThreaded)
    unsafe cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, blasint(m), blasint(n), blasint(k), 1,
      a, blasint(transposeA ? m : k), b, blasint(transposeB ? k : n), 0, &c, blasint(n))
  }

  public static func add(into y: inout [Float], _ x: [Float], times factor: Float) {
    precondition(x.count == y.count)
    unsafe cblas_saxpy(blasint(x.count), factor, x, 1, &y, 1)
  }

  public static func scale(_ y: inout [Float], range: Range<Int>, by factor: Float) {
    precondition(range.lowerBound >= 0 && range.upperBound <= y.count)
    unsafe y.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      unsafe cblas_sscal(blasint(range.count), factor, base + range.lowerBound, 1)
    }
  }

  public static func transpose(_ a: [Float], rows: Int, columns: Int) -> [Float] {
    precondition(a.count == rows * columns)
    var result = [Float](repeating: 0, count: a.count)
    unsafe cblas_somatcopy(
      CblasRowMajor, CblasTrans, blasint(rows), blasint(columns), 1, a, blasint(columns),
      &result, blasint(rows))
    return result
  }

  public static func dot(_ x: [Float], _ y: [Float]) -> Double {
    precondition(x.count == y.count)
    return unsafe cblas_dsdot(blasint(x.count), x, 1, y, 1)
  }

  public static func orthonormalize(
    _ a: inout [Float], vectors: Int, length: Int
  ) throws(TensorError) {
    precondition(a.count == vectors * length && vectors <= length)
    let (m, n) = (Int32(length), Int32(vectors))
    var tau = [Float](repeating: 0, count: vectors)
    precondition(isSingleThreaded)
    try check("sgeqrf", unsafe LAPACKE_sgeqrf(LAPACK_COL_MAJOR, m, n, &a, m, &tau))
    try check("sorgqr", unsafe LAPACKE_sorgqr(LAPACK_COL_MAJOR, m, n, n, &a, m, tau))
  }

  public static func decompose(
    _ a: [Float], rows: Int, columns: Int
  ) throws(TensorError) -> (u: [Float], values: [Float], vt: [Float]) {
    precondition(a.count == rows * columns)
    let k = min(rows, columns)
    let (m, n, kept) = (Int32(rows), Int32(columns), Int32(k))
    var u = [Float](repeating: 0, count: rows * k)
    var values = [Float](repeating: 0, count: k)
    var vt = [Float](repeating: 0, count: k * columns)
    // Column-major LAPACK sees Aᵀ = V S Uᵀ: its left vectors are our right ones.
    var work = a
    precondition(isSingleThreaded)
    let info = unsafe LAPACKE_sgesdd(
      LAPACK_COL_MAJOR, letterS, n, m, &work, n, &values, &vt, n, &u, kept)
    if info > 0 {
      work = a
      var superdiagonal = [Float](repeating: 0, count: k)
      try check(
        "sgesvd",
        unsafe LAPACKE_sgesvd(
          LAPACK_COL_MAJOR, letterS, letterS, n, m, &work, n, &values, &vt, n, &u, kept,
          &superdiagonal))
    } else {
      try check("sgesdd", info)
    }
    return (u, values, vt)
  }

  public static func solve(
    _ a: inout [Float], _ right: inout [Float], size: Int, count: Int
  ) throws(TensorError) {
    precondition(a.count == size * size && right.count == size * count)
    let (n, sides) = (Int32(size), Int32(count))
    precondition(isSingleThreaded)
    try check("spotrf", unsafe LAPACKE_spotrf(LAPACK_COL_MAJOR, letterL, n, &a, n))
    // Its L, read by rows, is the U of A = UᵀU: solved for all columns of the right side at once.
    for transpose in [CblasTrans, CblasNoTrans] {
      unsafe cblas_strsm(
        CblasRowMajor, CblasLeft, CblasUpper, transpose, CblasNonUnit, n, sides, 1, a, n, &right,
        sides)
    }
  }
}

extension Float {
  /// Replaces the symmetric positive definite `a [size, size]` by U, upper triangular with `a⁻¹ = Uᵀ·U`, zero below the
  /// diagonal.
  static func factorOfInverse(_ a: inout [Float], size: Int) throws(TensorError) {
    precondition(a.count == size * size)
    precondition(isSingleThreaded)
    let n = Int32(size)
    try check("spotrf", unsafe LAPACKE_spotrf(LAPACK_COL_MAJOR, letterL, n, &a, n))
    try check("spotri", unsafe LAPACKE_spotri(LAPACK_COL_MAJOR, letterL, n, &a, n))
    // Column-major L of L·Lᵀ is, read by rows, the U of Uᵀ·U.
    try check("spotrf", unsafe LAPACKE_spotrf(LAPACK_COL_MAJOR, letterL, n, &a, n))
    for row in 1..<max(size, 1) {
      for column in 0..<row { a[row * size + column] = 0 }
    }
  }
}

// MARK: - Double precision

extension Double: DenseScalar {
  public static func zeros(_ count: Int) -> [Double] { [Double](repeating: 0, count: count) }

  public static func multiply(
    into c: inout [Double], _ a: [Double], _ transposeA: Bool, _ b: [Double], _ transposeB: Bool,
    m: Int, n: Int, k: Int
  ) {
    precondition(a.count == m * k && b.count == k * n && c.count == m * n)
    precondition(isSingleThreaded)
    unsafe cblas_dgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, blasint(m), blasint(n), blasint(k), 1,
      a, blasint(transposeA ? m : k), b, blasint(transposeB ? k : n), 0, &c, blasint(n))
  }

  public static func add(into y: inout [Double], _ x: [Double], times factor: Double) {
    precondition(x.count == y.count)
    unsafe cblas_daxpy(blasint(x.count), factor, x, 1, &y, 1)
  }

  public static func scale(_ y: inout [Double], range: Range<Int>, by factor: Double) {
    precondition(range.lowerBound >= 0 && range.upperBound <= y.count)
    unsafe y.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      unsafe cblas_dscal(blasint(range.count), factor, base + range.lowerBound, 1)
    }
  }

  public static func transpose(_ a: [Double], rows: Int, columns: Int) -> [Double] {
    precondition(a.count == rows * columns)
    var result = [Double](repeating: 0, count: a.count)
    unsafe cblas_domatcopy(
      CblasRowMajor, CblasTrans, blasint(rows), blasint(columns), 1, a, blasint(columns),
      &result, blasint(rows))
    return result
  }

  public static func dot(_ x: [Double], _ y: [Double]) -> Double {
    precondition(x.count == y.count)
    return unsafe cblas_ddot(blasint(x.count), x, 1, y, 1)
  }

  public static func orthonormalize(
    _ a: inout [Double], vectors: Int, length: Int
  ) throws(TensorError) {
    precondition(a.count == vectors * length && vectors <= length)
    let (m, n) = (Int32(length), Int32(vectors))
    var tau = [Double](repeating: 0, count: vectors)
    precondition(isSingleThreaded)
    try check("dgeqrf", unsafe LAPACKE_dgeqrf(LAPACK_COL_MAJOR, m, n, &a, m, &tau))
    try check("dorgqr", unsafe LAPACKE_dorgqr(LAPACK_COL_MAJOR, m, n, n, &a, m, tau))
  }

  public static func decompose(
    _ a: [Double], rows: Int, columns: Int
  ) throws(TensorError) -> (u: [Double], values: [Double], vt: [Double]) {
    precondition(a.count == rows * columns)
    let k = min(rows, columns)
    let (m, n, kept) = (Int32(rows), Int32(columns), Int32(k))
    var u = [Double](repeating: 0, count: rows * k)
    var values = [Double](repeating: 0, count: k)
    var vt = [Double](repeating: 0, count: k * columns)
    // Column-major LAPACK sees Aᵀ = V S Uᵀ: its left vectors are our right ones.
    var work = a
    precondition(isSingleThreaded)
    let info = unsafe LAPACKE_dgesdd(
      LAPACK_COL_MAJOR, letterS, n, m, &work, n, &values, &vt, n, &u, kept)
    if info > 0 {
      work = a
      var superdiagonal = [Double](repeating: 0, count: k)
      try check(
        "dgesvd",
        unsafe LAPACKE_dgesvd(
          LAPACK_COL_MAJOR, letterS, letterS, n, m, &work, n, &values, &vt, n, &u, kept,
          &superdiagonal))
    } else {
      try check("dgesdd", info)
    }
    return (u, values, vt)
  }

  public static func solve(
    _ a: inout [Double], _ right: inout [Double], size: Int, count: Int
  ) throws(TensorError) {
    precondition(a.count == size * size && right.count == size * count)
    let (n, sides) = (Int32(size), Int32(count))
    precondition(isSingleThreaded)
    try check("dpotrf", unsafe LAPACKE_dpotrf(LAPACK_COL_MAJOR, letterL, n, &a, n))
    // Its L, read by rows, is the U of A = UᵀU: solved for all columns of the right side at once.
    for transpose in [CblasTrans, CblasNoTrans] {
      unsafe cblas_dtrsm(
        CblasRowMajor, CblasLeft, CblasUpper, transpose, CblasNonUnit, n, sides, 1, a, n, &right,
        sides)
    }
  }
}
