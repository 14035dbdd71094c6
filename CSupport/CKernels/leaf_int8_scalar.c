/* The int8 product written down plainly: the arithmetic of int8.h for every format, from the
 * scalar codecs. It is the tier `scalar`, and what the other tiers are tested against. */
#include "blocks.h"
#include "int8.h"
#include "oracle.h"
#include "team.h"

enum { TOKENS = 16 }; /* swept over a decoded group */

static inline float element(const void *x, ck_format type, int64_t i) {
    return type == CK_BF16 ? ck_from_bf16(((const uint16_t *)x)[i]) : ((const float *)x)[i];
}

/* To the nearest integer, ties to even; |v| is at most 127. */
static inline int32_t nearest(float v) { return (int32_t)((v + 0x1.8p23f) - 0x1.8p23f); }

/* The integers of a group and its scale; values past `count` are zero. */
static float quantize_group(int32_t q[CK_INT8_GROUP], const float *v, int64_t count) {
    uint32_t most = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t magnitude = ck_bits_of_float(v[i]) & 0x7fffffff;
        if (magnitude > most) most = magnitude;
    }
    ck_int8_scale s = ck_int8_scale_of(ck_float_of_bits(most));
    int finite = most < 0x7f800000; /* else the scale alone matters */
    for (int64_t i = 0; i < CK_INT8_GROUP; i++)
        q[i] = i < count && finite ? nearest(v[i] * s.inverse) : 0;
    return s.scale;
}

/* Runs of tokens. */
static void multiply(void *context, int64_t first, int64_t end, int32_t slot) {
    (void)slot;
    const ck_product_arguments *p = context;
    const void *x = p->x, *u = p->u, *b = p->b;
    const ck_format x_type = p->x_type, y_type = p->y_type;
    const int64_t tokens = p->tokens, out = p->out, in = p->in, rank = p->rank;
    void *y = p->y;
    const ck_codec *codec = ck_codec_of(p->w_format);
    size_t stride = ck_offset(codec, in);
    for (int64_t t0 = first * TOKENS; t0 < tokens && t0 < end * TOKENS; t0 += TOKENS) {
        int64_t count = tokens - t0 < TOKENS ? tokens - t0 : TOKENS;
        for (int64_t o = 0; o < out; o++) {
            float sums[TOKENS];
            for (int64_t t = 0; t < count; t++) {
                int64_t at = (t0 + t) * out + o;
                sums[t] = p->accumulate ? ((const float *)y)[at] : 0;
                for (int64_t r = 0; r < rank; r++)
                    sums[t] += element(u, x_type, (t0 + t) * rank + r) *
                               element(b, x_type, r * out + o);
            }
            /* Whole blocks of the longest format at a time. */
            float weights[256];
            for (int64_t k0 = 0; k0 < in; k0 += 256) {
                int64_t n = in - k0 < 256 ? in - k0 : 256;
                const char *row = (const char *)p->w + (size_t)o * stride;
                codec->decode(weights, row + ck_offset(codec, k0), n);
                for (int64_t g = 0; g < n; g += CK_INT8_GROUP) {
                    int64_t length = n - g < CK_INT8_GROUP ? n - g : CK_INT8_GROUP;
                    int32_t qw[CK_INT8_GROUP], qx[CK_INT8_GROUP];
                    float w_scale = quantize_group(qw, weights + g, length);
                    for (int64_t t = 0; t < count; t++) {
                        float inputs[CK_INT8_GROUP];
                        for (int64_t i = 0; i < length; i++)
                            inputs[i] = element(x, x_type, (t0 + t) * in + k0 + g + i);
                        float factor = w_scale * quantize_group(qx, inputs, length);
                        int32_t sum = 0;
                        for (int i = 0; i < CK_INT8_GROUP; i++) sum += qx[i] * qw[i];
                        sums[t] = __builtin_fmaf((float)sum, factor, sums[t]);
                    }
                }
            }
            for (int64_t t = 0; t < count; t++) {
                int64_t at = (t0 + t) * out + o;
                if (y_type == CK_BF16)
                    ((uint16_t *)y)[at] = ck_to_bf16(sums[t]);
                else
                    ((float *)y)[at] = sums[t];
            }
        }
    }
}

void ck_multiply_int8_scalar(const ck_product_arguments *p) {
    ck_team_run(multiply, (void *)p, (p->tokens + TOKENS - 1) / TOKENS, 1, ck_threads());
}
