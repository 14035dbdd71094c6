/* The int8 product (gemm_int8.c): what its leaves have in common.
 *
 * x and W are cut into groups of 128 neighbours in k. A group is 128 integers of -127...127 and one
 * fp32 scale, max|v| / 127: q is v / scale, rounded to nearest even. The integers of a group
 * are multiplied and summed exactly in 32 bits, and a group costs one conversion:
 *
 *     y[t, o] = initial + sum over groups g, in order: fma(float(sum qx qw), sx[t, g] sw[o, g], .)
 *
 * so every tier does the same arithmetic, and only its decoder of W can differ in a last bit.
 *
 * Forward k runs along the rows of W, which are its columns in the panel; the gradient dx = dy . W is the
 * same product with k down the rows, and W rounded in groups of 128 rows of a column. Of dy, which has
 * few large values among many small ones, q is rounded up or down at random so that its mean is v / scale:
 *
 *     q = (nearest(v / scale * 2^16) + r) >> 16     r 16 bits of ck_noise: in a row, those of
 *                                                   value i are the half i % 2 of draw i / 2
 *
 * Rounded to nearest, all that is below half a step of its group would be lost in every token alike; at
 * random the errors of tokens are independent and have mean 0, so they vanish in the sum over tokens that a
 * weight's gradient is.
 *
 * Why 128: the conversion takes a share of the time that halves with each doubling of the group,
 * and the error grows with a group's largest value. Relative error of y for Gaussian x and W, or
 * weights of SmolLM2 in Q4_1 (which differ by 0.0004 at most), and the share of the peak of
 * vpdpbusd that the inner loop reaches on Zen 5 (AVX-512, k = 2048):
 *
 *     group                 32       64      128      256
 *     x and W rounded    0.0076   0.0085   0.0094   0.0101
 *     x alone            0.0054   0.0060   0.0065   0.0070
 *     share of peak                 0.78     0.86
 *
 * llama.cpp rounds x alone, in groups of 32, and keeps the integers of W with their own scales. */
#ifndef CK_INT8_H
#define CK_INT8_H

#include "leaf.h"
#include "noise.h"

enum {
    CK_INT8_GROUP = 128,
};

/* Quantized rows: integers in the leaf's own width, and for every group its scale and what the
 * leaf's accumulators start from. */
typedef struct {
    void *values;           /* [tokens, stride]; stride is k rounded up to 64 */
    float *scales;          /* [tokens, groups] */
    int32_t *starts;        /* [tokens, groups] */
    int64_t stride, groups;
} ck_int8_rows;

/* y [tokens, columns] = initial + x . panel. */
typedef struct {
    ck_sweep to;            /* y, initial, columns, tokens; no segments; scale 1 */
    ck_int8_rows x;         /* at the first token and group of this sweep; rows have x.groups */
    const void *panel;
    const float *scales;    /* of the panel, [groups][64] */
    int64_t k;              /* in this sweep */
} ck_int8_sweep;

/* Packs `columns` columns of a panel, k values of K, k at most `depth`. Of the panel's 64 columns only those
 * from ..< to are written.
 *
 * pack_rows: panel column j is row j of w, values first ..< first + k, first a multiple of 256; from and to
 * multiples of 16. pack_columns: it is column first + j of the k rows of w; first, from and to multiples of
 * 32. */
typedef void ck_int8_pack(void *panel, float *scales, const char *w, size_t row_bytes, int64_t first,
                          int64_t k, int32_t columns, int32_t from, int32_t to);

typedef struct {
    ck_format format;
    ck_int8_pack *pack_rows, *pack_columns;
} ck_int8_format;

typedef struct {
    int64_t depth;       /* most values of K in a panel, a multiple of 256 */
    size_t element_size; /* of a quantized value */
    /* One row of k values of x_type to groups; what the last group lacks is zero. */
    void (*quantize)(const ck_int8_rows *to, int64_t row, const void *x, ck_format x_type,
                     int64_t k);
    /* The same, rounded at random by draws of `key`. */
    void (*quantize_randomly)(const ck_int8_rows *to, int64_t row, const void *x, ck_format x_type,
                              int64_t k, uint64_t key);
    void (*sweep)(const ck_int8_sweep *sweep);
    ck_int8_format formats[CK_FORMATS];
} ck_int8_leaf;

#if defined(__x86_64__)
extern const ck_int8_leaf ck_int8_leaf_avx512vnni, ck_int8_leaf_avxvnni, ck_int8_leaf_avx2;
#endif

/* ---- Shared by the leaves ---- */

typedef struct {
    float scale, inverse;
} ck_int8_scale;

/* From a group's largest magnitude. A group too small to be divided by is zero; an infinity or a
 * NaN ends up in the scale, and so in y. */
static inline ck_int8_scale ck_int8_scale_of(float most) {
    if (most < 0x1p-100f) return (ck_int8_scale){0, 0};
    return (ck_int8_scale){most * (1 / 127.0f), 127 / most};
}

/* As ck_tile; `sums` is room for 24 x 16 floats. */
typedef void ck_int8_tile(const ck_int8_sweep *sweep, int64_t token, float *sums);

static inline void ck_int8_sweep_tiles(const ck_int8_sweep *s, ck_int8_tile *const *tiles,
                                       int64_t height) {
    _Alignas(64) float sums[24 * 16];
    int64_t count = (s->to.tokens + height - 1) / height;
    for (int64_t i = 0; i < count; i++) {
        int64_t from = s->to.tokens * i / count, to = s->to.tokens * (i + 1) / count;
        ck_fetch_ahead(&s->to.ahead, s->to.ahead.rows * i / count,
                       s->to.ahead.rows * (i + 1) / count);
        tiles[to - from - 1](s, from, sums);
    }
}

#endif
