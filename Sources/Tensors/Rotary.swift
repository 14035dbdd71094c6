internal import CKernels

/// Rotates the pairs of each head of `x [tokens, heads · size]` in place by `positions[token] ·
/// frequencies[pair]`, and multiplies them by `magnitude`.
///
/// The first `2 · frequencies.count` values of a head are rotated, at most 1024; the rest passes
/// unchanged. `interleaved` pairs neighbours (2i, 2i+1), as llama-architecture GGUFs are laid out;
/// else (i, i + frequencies.count). `inverse` rotates back, which is the backward; it multiplies by
/// `magnitude` as well.
public func rotate(
  _ x: Matrix, heads: Int, positions: [Int32], frequencies: [Float], interleaved: Bool,
  magnitude: Float = 1, inverse: Bool = false
) {
  precondition(positions.count == x.rows && heads > 0 && x.columns % heads == 0)
  let size = x.columns / heads
  precondition(2 * frequencies.count <= min(size, 1024))
  unsafe ck_rope(
    x.pointer, x.type.code, positions, frequencies, Int64(frequencies.count), magnitude,
    interleaved ? 1 : 0, inverse ? 1 : 0, Int64(x.rows), Int64(heads), Int64(size))
}
