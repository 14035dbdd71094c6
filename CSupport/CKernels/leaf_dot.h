/* Some rows of w times a few tokens in fp32, without a panel: every row is read once. Include
 * inside the leaf's `#pragma clang attribute push`, after
 *
 *   vector        a register of floats, and its zero() and sum_of()
 *   sums          two registers a and b for each row and token
 *   add_run(sums, decode, x, w, row_bytes, in, k, count, tokens, rows): adds values k ..< k + count
 *                 (at most 32) of the rows, times those of x */
INLINE void dot_rows(decoder *decode, float *y, const float *x, const char *w, size_t row_bytes,
                     int64_t in, const int tokens, const int rows) {
    sums sums;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) sums.a[r][t] = sums.b[r][t] = zero();
    const char *ahead = w + 8192; /* far enough for memory to keep up */
    size_t step = row_bytes * 32 / (size_t)in;
    int64_t k = 0;
    for (; k + 32 <= in; k += 32, ahead += step) {
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) __builtin_prefetch(ahead + (size_t)r * row_bytes);
        add_run(&sums, decode, x, w, row_bytes, in, k, 32, tokens, rows);
    }
    if (k < in) add_run(&sums, decode, x, w, row_bytes, in, k, in - k, tokens, rows);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++)
            y[t * CK_DOT_ROWS + r] = sum_of(sums.a[r][t] + sums.b[r][t]);
}
