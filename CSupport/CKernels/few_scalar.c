/* The arithmetic of few.h written down plainly: the oracle of its leaves, and the leaf of
 * processors that have no other. The integer v of a weight is got from the block as few.h says; the
 * sums over blocks run in fp32. */
#include "blocks.h"
#include "few.h"
#include <math.h>

static float input(const void *x, ck_format type, int64_t i) {
    return type == CK_BF16 ? ck_from_bf16(((const uint16_t *)x)[i]) : ((const float *)x)[i];
}

static void prepare(ck_few_input *to, const void *x, ck_format type, int64_t in) {
    for (int64_t g = 0; g < ck_few_groups(in); g++) {
        memset(&to[g], 0, sizeof to[g]);
        for (int64_t half = 0; half < 2 && g * 64 + half * 32 < in; half++) {
            int64_t k = g * 64 + half * 32;
            uint32_t top = 0; /* magnitudes order as their bits do, NaN above all */
            for (int64_t i = 0; i < 32; i++) {
                uint32_t bits = ck_bits_of_float(input(x, type, k + i)) & 0x7fffffff;
                if (bits > top) top = bits;
            }
            float most = ck_float_of_bits(top);
            for (int64_t i = 0; i < 8; i++) to[g].scale[half * 8 + i] = most / 127;
            if (most < 0x1p-119f) {
                for (int64_t i = 0; i < 8; i++) to[g].scale[half * 8 + i] = 0;
                continue;
            }
            if (!(most <= 0x1.fffffep127f)) continue;
            float inverse = 127 / most;
            for (int64_t i = 0; i < 32; i++) {
                int8_t q = (int8_t)lrintf(input(x, type, k + i) * inverse);
                to[g].q[half * 32 + i] = q;
                to[g].sums[(half * 32 + i) / 4] += q;
            }
        }
    }
}

/* One run of 16 values of a row: w = scale * v + minimum. */
typedef struct {
    float scale, minimum;
    int32_t v[16];
} run;

static int32_t nibble(const uint8_t *q, int64_t i) { return i < 16 ? q[i] & 15 : q[i - 16] >> 4; }

/* Values k ..< k + 16 of a row, k a multiple of 16. */
typedef run decoder(const char *row, int64_t k);

static run run_of_q4_0(const char *row, int64_t k) {
    const ck_q4_0 *b = (const ck_q4_0 *)row + k / 32;
    run run = {ck_from_f16(b->d), 0, {0}};
    for (int i = 0; i < 16; i++) run.v[i] = nibble(b->q, k % 32 + i) - 8;
    return run;
}

static run run_of_q4_1(const char *row, int64_t k) {
    const ck_q4_1 *b = (const ck_q4_1 *)row + k / 32;
    run run = {ck_from_f16(b->d), ck_from_f16(b->m), {0}};
    for (int i = 0; i < 16; i++) run.v[i] = nibble(b->q, k % 32 + i);
    return run;
}

static run run_of_q5_0(const char *row, int64_t k) {
    const ck_q5_0 *b = (const ck_q5_0 *)row + k / 32;
    run run = {ck_from_f16(b->d), 0, {0}};
    for (int i = 0; i < 16; i++)
        run.v[i] = nibble(b->q, k % 32 + i) + (int32_t)(b->high >> (k % 32 + i) & 1) * 16 - 16;
    return run;
}

static run run_of_q5_1(const char *row, int64_t k) {
    const ck_q5_1 *b = (const ck_q5_1 *)row + k / 32;
    run run = {ck_from_f16(b->d), ck_from_f16(b->m), {0}};
    for (int i = 0; i < 16; i++)
        run.v[i] = nibble(b->q, k % 32 + i) + (int32_t)(b->high >> (k % 32 + i) & 1) * 16;
    return run;
}

static run run_of_q8_0(const char *row, int64_t k) {
    const ck_q8_0 *b = (const ck_q8_0 *)row + k / 32;
    run run = {ck_from_f16(b->d), 0, {0}};
    for (int i = 0; i < 16; i++) run.v[i] = b->q[k % 32 + i];
    return run;
}

static run run_of_q4_k(const char *row, int64_t k) {
    const ck_q4_k *b = (const ck_q4_k *)row + k / 256;
    int group = (int)(k / 32 % 8);
    uint8_t s, m;
    ck_q4_k_scale(b->scales, group, &s, &m);
    run run = {ck_from_f16(b->d) * (float)s, -ck_from_f16(b->dmin) * (float)m, {0}};
    for (int i = 0; i < 16; i++)
        run.v[i] = b->q[group / 2 * 32 + k % 32 + i] >> (group & 1) * 4 & 15;
    return run;
}

static run run_of_q6_k(const char *row, int64_t k) {
    const ck_q6_k *b = (const ck_q6_k *)row + k / 256;
    int64_t at = k % 128, half = k % 256 / 128;
    run run = {ck_from_f16(b->d) * (float)b->scales[k % 256 / 16], 0, {0}};
    for (int64_t i = at; i < at + 16; i++) {
        int low = b->low[half * 64 + i % 64] >> i / 64 * 4 & 15;
        int high = b->high[half * 32 + i % 32] >> i / 32 * 2 & 3;
        run.v[i - at] = (low | high << 4) - 32;
    }
    return run;
}

static void dot(decoder *decode, float *y, const ck_few_input *x, const char *w, size_t row_bytes,
                int64_t tokens, int64_t rows, int64_t in) {
    int64_t groups = ck_few_groups(in);
    for (int64_t r = 0; r < rows; r++) {
        float sums[CK_DOT_TOKENS] = {0};
        for (int64_t k = 0; k < in; k += 16) {
            run run = decode(w + (size_t)r * row_bytes, k);
            for (int64_t t = 0; t < tokens; t++) {
                const ck_few_input *group = &x[t * groups + k / 64];
                const int8_t *q = group->q + k % 64;
                int32_t product = 0, sum = 0;
                for (int i = 0; i < 16; i++) {
                    product += run.v[i] * q[i];
                    sum += q[i];
                }
                float scale = group->scale[k % 64 / 32 * 8];
                sums[t] += run.scale * scale * (float)product + run.minimum * scale * (float)sum;
            }
        }
        for (int64_t t = 0; t < tokens; t++) y[t * CK_DOT_ROWS + r] = sums[t];
    }
}

/* ---- Table ---- */

#define FEW_LEAF ck_few_scalar
#define READER(name) run_of_##name
#define WITH_MANY 0
#include "few_formats.h"
