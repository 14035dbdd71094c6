/* The table of leaf kernels: what a tier must do, single-threaded, for the product driver (gemm.c).
 *
 * A product y [tokens, N] = x [tokens, K] . W is cut into panels of at most 64 columns and at most
 * `depth` values of K. A leaf packs one panel of W, dequantized, in a layout of its own,
 * and sweeps all tokens over it. Each element of y is summed in the order of K, whatever the tile
 * it falls in, so that the number of threads does not change a bit of it, nor does the number of
 * tokens (but for one to four, which take the path without panels).
 */
#ifndef CK_LEAF_H
#define CK_LEAF_H

#include "CKernels.h"

enum {
    CK_PANEL_COLUMNS = 64,
    CK_ADAPTER_DEPTH = 256, /* an adapter of at most this rank rides in the last sweep */
    CK_FORMATS = 15,
    CK_DOT_ROWS = 16,  /* rows of W that one call of `dot` handles */
    CK_DOT_TOKENS = 4, /* tokens up to which the product takes the path without panels */
};

/* x [tokens, k] (row stride in elements) times a packed panel [k, columns]. */
typedef struct {
    const void *x, *panel;
    int64_t x_stride, k;
} ck_segment;

/* Rows of w that the next panel will be packed from; asked for while the present one is swept, since
 * packing waits for memory otherwise: a weight is used once per micro-batch and is long out of the
 * caches. */
typedef struct {
    const char *first;
    size_t row_bytes, bytes; /* from row to row; wanted of each */
    int64_t rows;
} ck_ahead;

/* y [tokens, columns] = scale * (initial [tokens, columns] + sum of the segments). initial may
 * be y. */
typedef struct {
    ck_segment segment[2];
    int32_t segments;
    ck_format x_type, y_type;
    const float *initial; /* NULL: zero */
    int64_t initial_stride;
    void *y;
    int64_t y_stride, tokens;
    int32_t columns; /* 1...64 */
    float scale;
    ck_ahead ahead; /* rows 0: nothing */
} ck_sweep;

/* Panel column j is row j of w: values k0 ..< k0 + k (k0 a multiple of 32 and of `depth`). */
typedef void ck_pack_rows(void *panel, const char *w, size_t row_bytes, int64_t k0, int64_t k,
                          int32_t columns);
/* Panel column j is column c0 + j (c0 a multiple of 32) of the k rows of w. */
typedef void ck_pack_columns(void *panel, const char *w, size_t row_bytes, int64_t c0, int64_t k,
                             int32_t columns);
/* y [tokens, 16] f32: x [tokens, in] f32 times the first `rows` (1...16) rows of w, transposed;
 * tokens 1...4. */
typedef void ck_dot(float *y, const float *x, const char *w, size_t row_bytes, int64_t tokens,
                    int64_t rows, int64_t in);

typedef struct {
    ck_format format;
    ck_pack_rows *pack_rows;
    ck_pack_columns *pack_columns;
    ck_dot *dot;
} ck_leaf_format;

typedef struct {
    int64_t depth;       /* values of K in a panel, a multiple of 256 */
    size_t element_size; /* of a packed value */
    void (*sweep)(const ck_sweep *sweep);
    ck_leaf_format formats[CK_FORMATS];
} ck_leaf;

#if defined(__x86_64__)
extern const ck_leaf ck_leaf_avx2, ck_leaf_avx512, ck_leaf_avx512_bf16;
#elif defined(__aarch64__)
extern const ck_leaf ck_leaf_neon, ck_leaf_neon_bf16;
#endif

/* Bytes of the whole blocks that `count` values begin or lie in (codec.c). */
size_t ck_covering_bytes(ck_format format, int64_t count);

static inline const ck_leaf_format *ck_leaf_format_of(const ck_leaf *leaf, ck_format format) {
    for (int i = 0; i < CK_FORMATS; i++)
        if (leaf->formats[i].format == format) return &leaf->formats[i];
    __builtin_trap();
}

/* ---- Shared by the leaves ---- */

/* Columns that a packed panel reserves: 16, 32 or 64. */
static inline int32_t ck_panel_lanes(int32_t columns) {
    return columns <= 16 ? 16 : columns <= 32 ? 32 : 64;
}

/* A register tile: `token` is its first row; the number of rows is built into the function. */
typedef void ck_tile(const ck_sweep *sweep, int64_t token);

/* Asks for rows from ..< to of what comes next, for the second-level cache. */
static inline void ck_fetch_ahead(const ck_ahead *ahead, int64_t from, int64_t to) {
    for (int64_t row = from; row < to; row++) {
        const char *at = ahead->first + (size_t)row * ahead->row_bytes;
        for (size_t byte = 0; byte < ahead->bytes; byte += 64) __builtin_prefetch(at + byte, 0, 2);
        __builtin_prefetch(at + ahead->bytes - 1, 0, 2);
    }
}

/* Cuts the tokens into tiles of nearly equal height, at most `height`; tiles[h - 1] has height
 * h. */
static inline void ck_sweep_tiles(const ck_sweep *s, ck_tile *const *tiles, int64_t height) {
    int64_t count = (s->tokens + height - 1) / height;
    for (int64_t i = 0; i < count; i++) {
        int64_t from = s->tokens * i / count, to = s->tokens * (i + 1) / count;
        ck_fetch_ahead(&s->ahead, s->ahead.rows * i / count, s->ahead.rows * (i + 1) / count);
        tiles[to - from - 1](s, from);
    }
}

/* All formats of a leaf, given a macro ENTRY(id, name). */
#define CK_ALL_FORMATS(ENTRY)                                                                      \
    ENTRY(CK_F32, f32) ENTRY(CK_F16, f16) ENTRY(CK_BF16, bf16) ENTRY(CK_Q4_0, q4_0)                \
    ENTRY(CK_Q4_1, q4_1) ENTRY(CK_Q5_0, q5_0) ENTRY(CK_Q5_1, q5_1) ENTRY(CK_Q8_0, q8_0)            \
    ENTRY(CK_Q2_K, q2_k) ENTRY(CK_Q3_K, q3_k) ENTRY(CK_Q4_K, q4_k) ENTRY(CK_Q5_K, q5_k)            \
    ENTRY(CK_Q6_K, q6_k) ENTRY(CK_IQ4_NL, iq4_nl) ENTRY(CK_IQ4_XS, iq4_xs)

#endif
