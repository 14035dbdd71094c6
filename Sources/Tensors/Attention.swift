internal import CKernels

// Causal grouped-query attention over packed sequences, forward and backward, and over a key-value
// cache.

/// The geometry of grouped-query attention.
public struct AttentionShape: Sendable, Hashable {
  /// Query heads.
  public var heads: Int
  /// Key-value heads; each serves `heads / keyValueHeads` query heads.
  public var keyValueHeads: Int
  /// Width of one head of queries and keys: even, at most 1024.
  public var size: Int
  /// Width of one head of values, and so of the output: even, at most 1024.
  public var valueSize: Int
  /// Multiplies query · key; positive.
  public var scale: Float
  /// Query i sees key j if `0 <= i - j < window` (the token itself counts); nil: every key up to
  /// its own. Positive.
  public var window: Int?
  /// c: the scaled score s becomes `c · tanh(s / c)` before the softmax; nil: it stays. Positive.
  public var softCap: Float?

  /// `valueSize` is `size` unless given, `scale` is `1 / √size`.
  public init(
    heads: Int, keyValueHeads: Int, size: Int, valueSize: Int? = nil, scale: Float? = nil,
    window: Int? = nil, softCap: Float? = nil
  ) {
    precondition(heads > 0 && keyValueHeads > 0 && heads % keyValueHeads == 0 && size > 0)
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.size = size
    self.valueSize = valueSize ?? size
    self.scale = scale ?? 1 / Float(size).squareRoot()
    self.window = window
    self.softCap = softCap
    _ = kernelShape
  }

  /// As C takes it, checked.
  fileprivate var kernelShape: ck_attention_shape {
    for width in [size, valueSize] {
      precondition(width > 0 && width % 2 == 0 && width <= 1024, "head sizes: even, 2...1024")
    }
    precondition(scale > 0 && (window ?? 1) > 0 && (softCap ?? 1) > 0)
    return ck_attention_shape(
      heads: Int64(heads), kv_heads: Int64(keyValueHeads), size: Int64(size),
      value_size: Int64(valueSize), window: Int64(min(window ?? 0, Int(Int32.max))), scale: scale,
      soft_cap: softCap ?? 0)
  }

  /// Bytes of scratch that `attention` and `attentionBackward` keep for the calling thread when a
  /// micro-batch has these `starts`: for the memory plan.
  public func scratchByteCount(starts: [Int32], type: ElementType) -> Int {
    var shape = kernelShape
    return unsafe Int(
      ck_attention_scratch_bytes(type.code, starts, Int64(starts.count - 1), &shape))
  }
}

/// Causal attention inside each sequence: softmax over the keys that `shape` lets a query see.
///
/// `q` [tokens, heads·size], `k` [tokens, kvHeads·size], `v` [tokens, kvHeads·valueSize], `o`
/// [tokens, heads·valueSize], `lse` [tokens, heads] float32 (log-sum-exp, for the backward);
/// sequence s owns rows `starts[s]..<starts[s+1]`.
public func attention(
  into o: Matrix, lse: Matrix, q: Matrix, k: Matrix, v: Matrix, starts: [Int32],
  shape: AttentionShape
) {
  checkInputs(q, k, v, starts, shape)
  checkOutput(o, lse, q, shape)
  var kernelShape = shape.kernelShape
  unsafe ck_attention(
    o.pointer, lse.floats, q.pointer, k.pointer, v.pointer, q.type.code,
    starts, Int64(starts.count - 1), &kernelShape)
}

/// Gradients of `attention`, given that of its output; each has the shape and the type of what it
/// belongs to.
public func attentionBackward(
  dq: Matrix, dk: Matrix, dv: Matrix, dOutput: Matrix, o: Matrix, lse: Matrix,
  q: Matrix, k: Matrix, v: Matrix, starts: [Int32], shape: AttentionShape
) {
  checkInputs(q, k, v, starts, shape)
  checkInputs(dq, dk, dv, starts, shape)
  checkOutput(o, lse, q, shape)
  checkOutput(dOutput, lse, q, shape)
  precondition(dq.type == q.type)
  var kernelShape = shape.kernelShape
  unsafe ck_attention_backward(
    dq.pointer, dk.pointer, dv.pointer, dOutput.pointer, o.pointer, lse.floats,
    q.pointer, k.pointer, v.pointer, q.type.code, starts, Int64(starts.count - 1), &kernelShape)
}

/// Attention over a key-value cache: row t of `q` belongs to cache slot `slots[t]` at
/// `positions[t]` and sees positions 0…positions[t], of which only those of the window are read.
/// `keys` [slots · capacity, kvHeads·size], `values` [slots · capacity, kvHeads·valueSize], `o`
/// [tokens, heads·valueSize].
public func cachedAttention(
  into o: Matrix, q: Matrix, keys: Matrix, values: Matrix, slots: [Int32], positions: [Int32],
  capacity: Int, shape: AttentionShape
) {
  precondition(o.rows == q.rows && o.columns == shape.heads * shape.valueSize)
  precondition(q.columns == shape.heads * shape.size)
  precondition(keys.columns == shape.keyValueHeads * shape.size)
  precondition(
    values.columns == shape.keyValueHeads * shape.valueSize && values.rows == keys.rows)
  precondition(q.type == o.type && keys.type == q.type && values.type == q.type)
  precondition(slots.count == q.rows && positions.count == q.rows)
  for (slot, position) in zip(slots, positions) {
    precondition(slot >= 0 && (Int(slot) + 1) * capacity <= keys.rows)
    precondition(position >= 0 && Int(position) < capacity)
  }
  var kernelShape = shape.kernelShape
  unsafe ck_attention_cached(
    o.pointer, q.pointer, keys.pointer, values.pointer, q.type.code, slots, positions,
    Int64(q.rows), Int64(capacity), &kernelShape)
}

private func checkInputs(
  _ q: Matrix, _ k: Matrix, _ v: Matrix, _ starts: [Int32], _ shape: AttentionShape
) {
  precondition(q.columns == shape.heads * shape.size)
  precondition(k.columns == shape.keyValueHeads * shape.size)
  precondition(v.columns == shape.keyValueHeads * shape.valueSize)
  precondition(k.rows == q.rows && v.rows == q.rows && k.type == q.type && v.type == q.type)
  precondition(starts.first == 0 && Int(starts.last ?? -1) == q.rows)
  precondition(zip(starts, starts.dropFirst()).allSatisfy { $0 <= $1 })
}

private func checkOutput(_ o: Matrix, _ lse: Matrix, _ q: Matrix, _ shape: AttentionShape) {
  precondition(o.rows == q.rows && o.columns == shape.heads * shape.valueSize && o.type == q.type)
  precondition(lse.rows == q.rows && lse.columns == shape.heads)
}
