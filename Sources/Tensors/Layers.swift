internal import CKernels

// The operations between the products; forward and backward side by side. Each checks shapes, then calls
// one C driver of the same name in CSupport/CKernels.

// MARK: - Root-mean-square normalization

/// `y = x / sqrt(mean(x²) + epsilon) · weight`, row by row; `weight` has one value a column.
public func rmsNorm(into y: Matrix, _ x: Matrix, weight: [Float], epsilon: Float) {
  precondition(y.rows == x.rows && y.columns == x.columns && weight.count == x.columns)
  unsafe ck_rms_norm(
    y.pointer, y.type.code, x.pointer, x.type.code, weight, epsilon,
    Int64(x.rows), Int64(x.columns))
}

/// `dx += ` the gradient of `rmsNorm` at `x`, given `dy`; `dx` and `dy` are float32.
public func rmsNormBackward(
  into dx: Matrix, dy: Matrix, _ x: Matrix, weight: [Float], epsilon: Float
) {
  precondition(dx.rows == x.rows && dx.columns == x.columns && dy.count == x.count)
  precondition(weight.count == x.columns)
  unsafe ck_rms_norm_backward(
    dx.floats, dy.floats, x.pointer, x.type.code, weight, epsilon,
    Int64(x.rows), Int64(x.columns))
}

// MARK: - Rotary embedding

/// Rotates `x [tokens, heads · size]` in place by `positions[token] · frequencies[pair]`.
///
/// `interleaved` pairs neighbours (2i, 2i+1), as llama-architecture GGUFs are laid out; else (i, i + size/2).
/// `inverse` rotates back, which is the backward.
public func rotate(
  _ x: Matrix, positions: [Int32], frequencies: [Float], interleaved: Bool, inverse: Bool = false
) {
  let size = frequencies.count * 2
  precondition(positions.count == x.rows && size > 0 && size <= 1024 && x.columns % size == 0)
  unsafe ck_rope(
    x.pointer, x.type.code, positions, frequencies, interleaved ? 1 : 0, inverse ? 1 : 0,
    Int64(x.rows), Int64(x.columns / size), Int64(size))
}

// MARK: - SwiGLU

/// `a = silu(gate) · up`, element by element.
public func swiglu(into a: Matrix, gate: Matrix, up: Matrix) {
  precondition(a.count == gate.count && gate.count == up.count)
  precondition(a.type == gate.type && gate.type == up.type)
  unsafe ck_swiglu(a.pointer, gate.pointer, up.pointer, a.type.code, Int64(a.count))
}

/// Gradients of `swiglu`; `dgate` may be `gate` itself and `dup` may be `up` itself.
public func swigluBackward(
  dgate: Matrix, dup: Matrix, da: Matrix, gate: Matrix, up: Matrix
) {
  precondition(da.count == gate.count && gate.count == up.count)
  precondition(dgate.count == gate.count && dup.count == up.count)
  precondition(
    dgate.type == gate.type && dup.type == gate.type && da.type == gate.type
      && up.type == gate.type)
  unsafe ck_swiglu_backward(
    dgate.pointer, dup.pointer, da.pointer, gate.pointer, up.pointer, da.type.code,
    Int64(da.count))
}

// MARK: - Attention

/// The geometry of grouped-query attention.
public struct AttentionShape: Sendable, Hashable {
  /// Query heads.
  public var heads: Int
  /// Key-value heads; each serves `heads / keyValueHeads` query heads.
  public var keyValueHeads: Int
  /// Width of one head: even, at most 1024.
  public var size: Int
  /// Multiplies query · key; positive.
  public var scale: Float

  public init(heads: Int, keyValueHeads: Int, size: Int, scale: Float? = nil) {
    precondition(heads > 0 && keyValueHeads > 0 && heads % keyValueHeads == 0 && size > 0)
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.size = size
    self.scale = scale ?? 1 / Float(size).squareRoot()
    precondition(size % 2 == 0 && size <= 1024 && self.scale > 0)
  }

  /// Bytes of scratch that `attention` and `attentionBackward` keep for the calling thread when a micro-batch has these
  /// `starts`: for the memory plan.
  public func scratchByteCount(starts: [Int32], type: ElementType) -> Int {
    unsafe Int(
      ck_attention_scratch_bytes(
        type.code, starts, Int64(starts.count - 1), Int64(heads), Int64(keyValueHeads),
        Int64(size)))
  }
}

/// Causal attention inside each sequence. `o`, `q` [tokens, heads·size], `k`, `v` [tokens, kvHeads·size], `lse`
/// [tokens, heads] float32 (log-sum-exp, for the backward); sequence s owns rows `starts[s]..<starts[s+1]`.
public func attention(
  into o: Matrix, lse: Matrix, q: Matrix, k: Matrix, v: Matrix, starts: [Int32],
  shape: AttentionShape
) {
  checkAttention(q, k, v, starts, shape)
  precondition(o.rows == q.rows && o.columns == q.columns && o.type == q.type)
  precondition(lse.rows == q.rows && lse.columns == shape.heads)
  unsafe ck_attention(
    o.pointer, lse.floats, q.pointer, k.pointer, v.pointer, q.type.code,
    starts, Int64(starts.count - 1), Int64(shape.heads), Int64(shape.keyValueHeads),
    Int64(shape.size), shape.scale)
}

/// Gradients of `attention`, given that of its output.
public func attentionBackward(
  dq: Matrix, dk: Matrix, dv: Matrix, dOutput: Matrix, o: Matrix, lse: Matrix,
  q: Matrix, k: Matrix, v: Matrix, starts: [Int32], shape: AttentionShape
) {
  checkAttention(q, k, v, starts, shape)
  checkAttention(dq, dk, dv, starts, shape)
  precondition(dOutput.rows == q.rows && dOutput.columns == q.columns)
  precondition(o.rows == q.rows && o.columns == q.columns)
  precondition(lse.rows == q.rows && lse.columns == shape.heads)
  precondition(dq.type == q.type && dOutput.type == q.type && o.type == q.type)
  unsafe ck_attention_backward(
    dq.pointer, dk.pointer, dv.pointer, dOutput.pointer, o.pointer, lse.floats,
    q.pointer, k.pointer, v.pointer, q.type.code, starts, Int64(starts.count - 1),
    Int64(shape.heads), Int64(shape.keyValueHeads), Int64(shape.size), shape.scale)
}

/// Attention over a key-value cache: row t of `q` belongs to cache slot `slots[t]` at `positions[t]` and sees
/// positions 0…positions[t]. `keys`, `values` [slots · capacity, kvHeads·size].
public func cachedAttention(
  into o: Matrix, q: Matrix, keys: Matrix, values: Matrix, slots: [Int32], positions: [Int32],
  capacity: Int, shape: AttentionShape
) {
  precondition(o.rows == q.rows && o.columns == q.columns)
  precondition(q.columns == shape.heads * shape.size)
  precondition(keys.columns == shape.keyValueHeads * shape.size && values.count == keys.count)
  precondition(q.type == o.type && keys.type == q.type && values.type == q.type)
  precondition(slots.count == q.rows && positions.count == q.rows)
  for (slot, position) in zip(slots, positions) {
    precondition(slot >= 0 && (Int(slot) + 1) * capacity <= keys.rows)
    precondition(position >= 0 && Int(position) < capacity)
  }
  unsafe ck_attention_cached(
    o.pointer, q.pointer, keys.pointer, values.pointer, q.type.code, slots, positions,
    Int64(q.rows), Int64(capacity), Int64(shape.heads), Int64(shape.keyValueHeads),
    Int64(shape.size), shape.scale)
}

private func checkAttention(
  _ q: Matrix, _ k: Matrix, _ v: Matrix, _ starts: [Int32], _ shape: AttentionShape
) {
  precondition(q.columns == shape.heads * shape.size)
  precondition(k.columns == shape.keyValueHeads * shape.size && v.columns == k.columns)
  precondition(k.rows == q.rows && v.rows == q.rows && k.type == q.type && v.type == q.type)
  precondition(starts.first == 0 && Int(starts.last ?? -1) == q.rows)
  precondition(zip(starts, starts.dropFirst()).allSatisfy { $0 <= $1 })
}

// MARK: - Cross-entropy

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
