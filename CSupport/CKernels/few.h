/* Products of one to CK_FEW_TOKENS tokens in 8-bit integers, for generation: what the driver (few.c) asks of
 * a leaf.
 *
 * A block of 32 inputs is rounded once to x = s q with s = max |x| / 127 and q = x / s to the nearest
 * integer (ties to even); a block of weights stays as it lies in the file, w = d v + m with v an
 * integer. Then
 *
 *   sum w x = d s (sum v q) + m s (sum q),
 *
 * with both sums in integers, exact in every leaf. Blocks of which |x| stays below 2^-119 count as
 * zero; a block with an infinity or a NaN has such a scale, so that results show it. Formats without
 * blocks (F32, F16, BF16) are not here: they keep the fp32 product.
 */
#ifndef CK_FEW_H
#define CK_FEW_H

#include "leaf.h"
#include <string.h>

enum { CK_FEW_GROUP = 64, CK_FEW_FORMATS = 7 };

/* Two neighbouring blocks of one token's input; the second of an odd last one is zero. */
typedef struct {
    int8_t q[64];
    int32_t sums[16]; /* of four neighbouring q each */
    float scale[16];  /* the first block's eight times, then the second's */
} ck_few_input;

/* Of one ck_few_input. */
typedef struct {
    int32_t total[4]; /* sum q of each 16 neighbouring values */
    float least[2];   /* s (sum q) of each block */
} ck_few_sums;

static inline int64_t ck_few_groups(int64_t in) { return (in + CK_FEW_GROUP - 1) / CK_FEW_GROUP; }

/* to [ck_few_groups(in)] from x [in] of a type, in a multiple of 32. */
typedef void ck_few_prepare(ck_few_input *to, const void *x, ck_format type, int64_t in);
/* y [tokens, 16] f32: x [tokens, groups] times the first `rows` (1...16) rows of w, transposed;
 * tokens 1...4. */
typedef void ck_few_dot(float *y, const ck_few_input *x, const char *w, size_t row_bytes,
                        int64_t tokens, int64_t rows, int64_t in);

/* The same for any number of tokens. */
typedef void ck_few_many(float *y, const ck_few_input *x, const ck_few_sums *sums, const char *w,
                         size_t row_bytes, int64_t tokens, int64_t rows, int64_t in);

typedef struct {
    ck_format format;
    ck_few_dot *dot;
    ck_few_many *many; /* NULL in the oracle, which takes a few tokens after the other */
} ck_few_format;

typedef struct {
    ck_few_prepare *prepare;
    ck_few_format formats[CK_FEW_FORMATS];
} ck_few_leaf;

extern const ck_few_leaf ck_few_scalar;
#if defined(__x86_64__)
extern const ck_few_leaf ck_few_avx2, ck_few_avxvnni, ck_few_avx512;
#endif

/* All formats of a leaf, given a macro ENTRY(id, name). */
#define CK_FEW_ALL_FORMATS(ENTRY)                                                                  \
    ENTRY(CK_Q4_0, q4_0) ENTRY(CK_Q4_1, q4_1) ENTRY(CK_Q5_0, q5_0) ENTRY(CK_Q5_1, q5_1)            \
    ENTRY(CK_Q8_0, q8_0) ENTRY(CK_Q4_K, q4_k) ENTRY(CK_Q6_K, q6_k)

/* ---- Shared by the leaves ---- */

typedef struct {
    float scale, inverse;
} ck_few_scale;

/* From a block's largest magnitude. */
static inline ck_few_scale ck_few_scale_of(float most) {
    if (most < 0x1p-119f) return (ck_few_scale){0, 0};
    return (ck_few_scale){most / 127, !(most <= 0x1.fffffep127f) ? 0 : 127 / most};
}

/* After an odd number of blocks: the second one of the last input is zero. */
static inline void ck_few_end(ck_few_input *to, int64_t in) {
    if (in % 64 == 0) return;
    ck_few_input *last = &to[in / 64];
    memset(last->q + 32, 0, 32);
    memset(last->sums + 8, 0, sizeof last->sums / 2);
    memset(last->scale + 8, 0, sizeof last->scale / 2);
}

#endif
