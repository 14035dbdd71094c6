/* Scalar codecs of the 4-bit formats with uneven levels (ck_iq4_levels): IQ4_NL, one scale for 32
 * values, and IQ4_XS, 256 values with two levels of scales. IQ4_XS is only read. */
#include "blocks.h"
#include <math.h>

/* ---- Decoding ---- */

/* Value j in the low, j + 16 in the high nibble of byte j. */
static void look_up(float *y, const uint8_t *q, float scale) {
    for (int j = 0; j < 16; j++) {
        y[j] = scale * (float)ck_iq4_levels[q[j] & 15];
        y[j + 16] = scale * (float)ck_iq4_levels[q[j] >> 4];
    }
}

void ck_decode_iq4_nl(float *y, const void *w, int64_t count) {
    const ck_iq4_nl *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, y += 32) look_up(y, b->q, ck_from_f16(b->d));
}

void ck_decode_iq4_xs(float *y, const void *w, int64_t count) {
    const ck_iq4_xs *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++) {
        float d = ck_from_f16(b->d);
        for (int group = 0; group < 8; group++, y += 32)
            look_up(y, b->q + group * 16, d * (float)ck_iq4_xs_scale(b, group));
    }
}

/* ---- Encoding IQ4_NL: weighted least squares, the error of large values counting more ---- */

/* Each value's level: the one below the first midpoint that is not exceeded. */
static void nearest_levels(float *level, const float *x, float inverse) {
    for (int j = 0; j < 32; j++) level[j] = ck_iq4_levels[0];
    for (int i = 1; i < 16; i++) {
        float gap = (float)(ck_iq4_levels[i] - ck_iq4_levels[i - 1]);
        float middle = ck_iq4_levels[i] - gap / 2;
        for (int j = 0; j < 32; j++) level[j] += x[j] * inverse > middle ? gap : 0;
    }
}

/* Sums of w l x and w l l with w = x^2, in eight interleaved parts. */
static void level_sums(float *lx, float *ll, const float *x, const float *level) {
    enum { LANES = 8 };
    float part_x[LANES] = {0}, part_l[LANES] = {0};
    for (int j = 0; j < 32; j += LANES)
        for (int l = 0; l < LANES; l++) {
            float v = x[j + l], weighted = v * v * level[j + l];
            part_x[l] += weighted * v;
            part_l[l] += weighted * level[j + l];
        }
    *lx = *ll = 0;
    for (int l = 0; l < LANES; l++) {
        *lx += part_x[l];
        *ll += part_l[l];
    }
}

/* The scale of a block. Starts put the value of largest magnitude near the lowest level or, with
 * the other sign, near the highest. */
static float fit_scale(const float *x) {
    float extreme = 0, best = 0, most = 0, level[32];
    for (int j = 0; j < 32; j++)
        if (fabsf(x[j]) > fabsf(extreme)) extreme = x[j];
    if (extreme == 0) return 0;
    for (int step = -7; step <= 14; step++) {
        float top = step <= 7 ? (float)(ck_iq4_levels[0] + step)
                              : (float)(ck_iq4_levels[15] + 2 * (step - 11));
        float lx, ll;
        nearest_levels(level, x, top / extreme);
        level_sums(&lx, &ll, x, level);
        if (ll > 0 && lx * lx > most * ll) {
            most = lx * lx / ll;
            best = lx / ll;
        }
    }
    return best;
}

static int index_of(float level) {
    int index = 0;
    while (index < 15 && ck_iq4_levels[index] < level) index++;
    return index;
}

void ck_encode_iq4_nl(void *w, const float *x, int64_t count) {
    ck_iq4_nl *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, x += 32) {
        float level[32];
        b->d = ck_to_f16(fit_scale(x));
        float d = ck_from_f16(b->d);
        nearest_levels(level, x, d != 0 ? 1 / d : 0);
        for (int j = 0; j < 16; j++)
            b->q[j] = (uint8_t)(index_of(level[j]) | index_of(level[j + 16]) << 4);
    }
}
