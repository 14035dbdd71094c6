internal import CKernels

/// Negative log-likelihood of each row's target and, when asked, its gradient.
///
/// `nll[row] = logsumexp(logits[row]) − logits[row, target]`; `gradient [rows, vocabulary]` becomes
/// `weights[row] · (softmax − onehot)`. A float32 gradient may be the logits' own memory.
public func crossEntropy(
  logits: Matrix, targets: [Int32], weights: [Float], gradient: Matrix?
) -> [Float] {
  precondition(targets.count == logits.rows && weights.count == logits.rows)
  precondition(targets.allSatisfy { $0 >= 0 && Int($0) < logits.columns })
  if let gradient {
    precondition(gradient.rows == logits.rows && gradient.columns == logits.columns)
  }
  return unsafe [Float](unsafeUninitializedCapacity: logits.rows) { buffer, initialized in
    if logits.rows > 0 {
      unsafe ck_cross_entropy(
        buffer.baseAddress!, gradient?.pointer, (gradient?.type ?? .float32).code,
        logits.floats, targets, weights, Int64(logits.rows), Int64(logits.columns))
    }
    initialized = logits.rows
  }
}
