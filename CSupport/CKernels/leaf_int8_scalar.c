/* The int8 product written down plainly: the arithmetic of int8.h for every format, from the
 * scalar codecs. It is the tier `scalar`, and what the other tiers are tested against. */
#include "blocks.h"
#include "int8.h"
#include "oracle.h"
#include "team.h"

enum {
    TOKENS = 16, /* swept over decoded weights, */
    BLOCK = 256, /* so many columns and values of K of them: whole blocks of the longest format */
};

static inline float element(const void *x, ck_format type, int64_t i) {
    return type == CK_BF16 ? ck_from_bf16(((const uint16_t *)x)[i]) : ((const float *)x)[i];
}

/* To the nearest integer, ties to even; |v| is at most 127. */
static inline int32_t nearest(float v) { return (int32_t)((v + 0x1.8p23f) - 0x1.8p23f); }

/* Towards minus infinity. */
static inline int32_t shifted(int32_t v) {
    return v >= 0 ? v >> 16 : ~(~v >> 16);
}

/* v, at most 127 in magnitude but for rounding, up or down by 16 random bits. */
static inline int32_t shaken(float v, uint32_t random) {
    int32_t fixed = (int32_t)__builtin_rintf(v * 0x1p16f); /* beyond what `nearest` is good for */
    int32_t q = shifted(fixed + (int32_t)random);
    return q > 127 ? 127 : q < -128 ? -128 : q;
}

typedef struct {
    int32_t q[CK_INT8_GROUP];
    float scale;
} group;

/* A group of `count` values; what it lacks is zero. `key`: of the row, or NULL to round to nearest;
 * `first`: the place of the first value in the row. */
static void quantize_group(group *group, const float *v, int64_t count, const uint64_t *key,
                           int64_t first) {
    uint32_t most = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t magnitude = ck_bits_of_float(v[i]) & 0x7fffffff;
        if (magnitude > most) most = magnitude;
    }
    ck_int8_scale s = ck_int8_scale_of(ck_float_of_bits(most));
    int finite = most < 0x7f800000; /* else the scale alone matters */
    for (int64_t i = 0; i < CK_INT8_GROUP; i++) {
        int64_t place = first + i;
        if (i >= count || !finite)
            group->q[i] = 0;
        else if (key)
            group->q[i] = shaken(v[i] * s.inverse,
                                 ck_noise(*key, place / 2) >> place % 2 * 16 & 0xffff);
        else
            group->q[i] = nearest(v[i] * s.inverse);
    }
    group->scale = s.scale;
}

typedef struct {
    const ck_product_arguments *arguments;
    const uint64_t *key;
    int64_t first_row, n, k; /* columns of y; values of K */
    int32_t transposed;
} product;

/* Weights of `columns` columns from o, k values from k0, both multiples of BLOCK, by the scalar codecs. */
static void decode(float w[BLOCK][BLOCK], const product *p, int64_t o, int64_t columns, int64_t k0,
                   int64_t k) {
    const ck_codec *codec = ck_codec_of(p->arguments->w_format);
    size_t stride = ck_offset(codec, p->arguments->in);
    if (!p->transposed) {
        const char *at = (const char *)p->arguments->w + (size_t)o * stride + ck_offset(codec, k0);
        for (int64_t j = 0; j < columns; j++) codec->decode(w[j], at + (size_t)j * stride, k);
        return;
    }
    const char *at = (const char *)p->arguments->w + (size_t)k0 * stride + ck_offset(codec, o);
    for (int64_t i = 0; i < k; i++) {
        float row[BLOCK];
        codec->decode(row, at + (size_t)i * stride, columns);
        for (int64_t j = 0; j < columns; j++) w[j][i] = row[j];
    }
}

/* Adds the groups at k0 of `count` tokens from t0 to their sums; `length` values each. */
static void add_group(float sums[TOKENS][BLOCK], const product *product, float w[BLOCK][BLOCK],
                      int64_t columns, int64_t t0, int64_t count, int64_t k0, int64_t length) {
    const ck_product_arguments *p = product->arguments;
    group x[TOKENS], column;
    for (int64_t t = 0; t < count; t++) {
        float inputs[CK_INT8_GROUP];
        for (int64_t i = 0; i < length; i++)
            inputs[i] = element(p->x, p->x_type, (t0 + t) * product->k + k0 + i);
        uint64_t key =
            product->key ? ck_row_key(*product->key, product->first_row + t0 + t) : 0;
        quantize_group(&x[t], inputs, length, product->key ? &key : NULL, k0);
    }
    for (int64_t j = 0; j < columns; j++) {
        quantize_group(&column, w[j] + k0 % BLOCK, length, NULL, 0);
        for (int64_t t = 0; t < count; t++) {
            int32_t sum = 0;
            for (int i = 0; i < CK_INT8_GROUP; i++) sum += x[t].q[i] * column.q[i];
            sums[t][j] = __builtin_fmaf((float)sum, column.scale * x[t].scale, sums[t][j]);
        }
    }
}

/* `count` tokens from t0, `columns` columns from o. */
static void multiply_block(const product *product, int64_t t0, int64_t count, int64_t o,
                           int64_t columns) {
    const ck_product_arguments *p = product->arguments;
    float w[BLOCK][BLOCK], sums[TOKENS][BLOCK];
    for (int64_t t = 0; t < count; t++)
        for (int64_t j = 0; j < columns; j++) {
            float sum = p->accumulate ? ((const float *)p->y)[(t0 + t) * product->n + o + j] : 0;
            for (int64_t r = 0; r < p->rank; r++)
                sum += element(p->u, p->x_type, (t0 + t) * p->rank + r) *
                       element(p->b, p->x_type, r * product->n + o + j);
            sums[t][j] = sum;
        }
    for (int64_t k0 = 0; k0 < product->k; k0 += CK_INT8_GROUP) {
        int64_t left = product->k - k0;
        if (k0 % BLOCK == 0) decode(w, product, o, columns, k0, left < BLOCK ? left : BLOCK);
        add_group(sums, product, w, columns, t0, count, k0,
                  left < CK_INT8_GROUP ? left : CK_INT8_GROUP);
    }
    for (int64_t t = 0; t < count; t++)
        for (int64_t j = 0; j < columns; j++) {
            int64_t at = (t0 + t) * product->n + o + j;
            if (p->y_type == CK_BF16)
                ((uint16_t *)p->y)[at] = ck_to_bf16(sums[t][j]);
            else
                ((float *)p->y)[at] = sums[t][j];
        }
}

/* Runs of tokens. */
static void multiply(void *context, int64_t first, int64_t end, int32_t slot) {
    (void)slot;
    const product *p = context;
    int64_t tokens = p->arguments->tokens;
    for (int64_t t0 = first * TOKENS; t0 < tokens && t0 < end * TOKENS; t0 += TOKENS) {
        int64_t count = tokens - t0 < TOKENS ? tokens - t0 : TOKENS;
        for (int64_t o = 0; o < p->n; o += BLOCK)
            multiply_block(p, t0, count, o, p->n - o < BLOCK ? p->n - o : BLOCK);
    }
}

void ck_multiply_int8_scalar(const ck_product_arguments *p, int32_t transposed,
                             const uint64_t *key, int64_t first_row) {
    product product = {.arguments = p, .key = key, .first_row = first_row,
                       .n = transposed ? p->in : p->out, .k = transposed ? p->out : p->in,
                       .transposed = transposed};
    ck_team_run(multiply, &product, (p->tokens + TOKENS - 1) / TOKENS, 1, ck_threads());
}
