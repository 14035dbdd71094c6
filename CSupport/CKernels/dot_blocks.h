/* At most 16 rows of w times one to four tokens, as many rows at once as registers hold sums.
 * Include inside a leaf's `#pragma clang attribute push`, after
 *
 *   reader, input    types: what reads a format's blocks; a value (or group) of x
 *   AT_ONCE          rows at once for one and two tokens; AT_ONCE_OF_MANY for three and four
 *   dot_rows(read, y, x, w, row_bytes, in, tokens, rows): y [tokens, 16] of the first `rows`
 *                    rows; both numbers are constants */
INLINE void dot_block(const reader read, float *y, const input *x, const char *w, size_t row_bytes,
                      int64_t rows, int64_t in, const int tokens, const int at_once) {
    int64_t r = 0;
    for (; r + at_once <= rows; r += at_once)
        dot_rows(read, y + r, x, w + (size_t)r * row_bytes, row_bytes, in, tokens, at_once);
    for (; r < rows; r++)
        dot_rows(read, y + r, x, w + (size_t)r * row_bytes, row_bytes, in, tokens, 1);
}

INLINE void dot(const reader read, float *y, const input *x, const char *w, size_t row_bytes,
                int64_t tokens, int64_t rows, int64_t in) {
    switch (tokens) {
    case 1: dot_block(read, y, x, w, row_bytes, rows, in, 1, AT_ONCE); break;
    case 2: dot_block(read, y, x, w, row_bytes, rows, in, 2, AT_ONCE); break;
    case 3: dot_block(read, y, x, w, row_bytes, rows, in, 3, AT_ONCE_OF_MANY); break;
    default: dot_block(read, y, x, w, row_bytes, rows, in, 4, AT_ONCE_OF_MANY);
    }
}
