/* Encoders of the blocks of 256 with two levels of scales: Q4_K, Q5_K and Q6_K.
 *
 * Each group's own scale (and minimum) is fitted by weighted least squares, starting from several
 * steps near the one that spans the group's range: round, solve for the best scale of these
 * integers, keep the start with the least error. Then the scales are rounded to multiples of the
 * block's d and dmin, as halves, and each group takes the best of the neighbouring multiples.
 * Weights are those of ggml's quantize_row_*_ref: the error of large values counts more.
 *
 * Values that are not finite give meaningless blocks. Sums run in LANES interleaved parts, so that
 * the compiler may use the baseline's vectors. */
#include "blocks.h"
#include <math.h>

enum { LANES = 8 };

/* Ties to even, |v| < 2^22. */
static inline float nearest(float v) { return (v + 12582912.0f) - 12582912.0f; }

/* NaN gives low. */
static inline float limited(float v, float low, float high) {
    v = v > low ? v : low;
    return v < high ? v : high;
}

static inline float total(const float *part) {
    return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

/* ---- Q4_K, Q5_K: x = scale q - minimum, q in 0...levels, minimum >= 0 ---- */

typedef struct { float scale, minimum; } affine;

static void affine_quanta(float *q, const float *x, affine a, float levels) {
    float inverse = a.scale != 0 ? 1 / a.scale : 0;
    for (int j = 0; j < 32; j++)
        q[j] = limited(nearest((x[j] + a.minimum) * inverse), 0, levels);
}

static float affine_error(const float *x, const float *weight, const float *q, affine a) {
    float part[LANES] = {0};
    for (int j = 0; j < 32; j += LANES)
        for (int l = 0; l < LANES; l++) {
            float e = a.scale * q[j + l] - a.minimum - x[j + l];
            part[l] += weight[j + l] * e * e;
        }
    return total(part);
}

/* The best scale and minimum for given integers; `otherwise` where they are all the same. */
static affine affine_solution(const float *x, const float *weight, const float *q,
                              affine otherwise) {
    float w[LANES] = {0}, wx[LANES] = {0}, wq[LANES] = {0}, wqq[LANES] = {0}, wqx[LANES] = {0};
    for (int j = 0; j < 32; j += LANES)
        for (int l = 0; l < LANES; l++) {
            float one = weight[j + l], times_q = one * q[j + l];
            w[l] += one;
            wx[l] += one * x[j + l];
            wq[l] += times_q;
            wqq[l] += times_q * q[j + l];
            wqx[l] += times_q * x[j + l];
        }
    float s = total(w), sx = total(wx), sq = total(wq), sqq = total(wqq), sqx = total(wqx);
    float determinant = s * sqq - sq * sq;
    if (!(determinant > 0)) return otherwise;
    affine a = {(s * sqx - sx * sq) / determinant, (sq * sqx - sqq * sx) / determinant};
    if (a.minimum < 0) a = (affine){sqx / sqq, 0};
    return a;
}

static affine fit_affine(const float *x, const float *weight, float levels) {
    float low = 0, high = x[0], q[32];
    for (int j = 0; j < 32; j++) {
        if (x[j] < low) low = x[j];
        if (x[j] > high) high = x[j];
    }
    affine best = {0, -low};
    if (!(high > low)) return best;
    float least = INFINITY;
    for (int step = 0; step <= 20; step++) {
        affine start = {(high - low) / (levels - 1 + 0.1f * (float)step), -low};
        affine_quanta(q, x, start, levels);
        affine a = affine_solution(x, weight, q, start);
        float error = affine_error(x, weight, q, a);
        if (error < least) {
            least = error;
            best = a;
        }
    }
    for (int round = 0; round < 2; round++) {
        affine_quanta(q, x, best, levels);
        affine a = affine_solution(x, weight, q, best);
        if (affine_error(x, weight, q, a) < least) {
            least = affine_error(x, weight, q, a);
            best = a;
        }
    }
    return best;
}

/* A value in steps of d, at most 63. */
static int steps(float value, float d) {
    return d != 0 ? (int)limited(nearest(value / d), 0, 63) : 0;
}

/* The best integers of a group among the neighbours of its scale and minimum in steps of d and
 * dmin, which are replaced. */
static void choose_affine(float *q, int *s, int *m, const float *x, const float *weight, float d,
                          float dmin, float levels) {
    int s0 = *s, m0 = *m;
    float least = INFINITY, trial[32];
    for (int i = s0 - 1; i <= s0 + 1; i++)
        for (int j = m0 - 1; j <= m0 + 1; j++) {
            if (i < 0 || i > 63 || j < 0 || j > 63) continue;
            affine a = {d * (float)i, dmin * (float)j};
            affine_quanta(trial, x, a, levels);
            float error = affine_error(x, weight, trial, a);
            if (!(error < least) && least != INFINITY) continue;
            least = error;
            *s = i;
            *m = j;
            memcpy(q, trial, sizeof trial);
        }
}

/* One block: d, dmin, the packed scales of ck_q4_k_scale, and the integers. */
static void encode_affine(uint16_t *d, uint16_t *dmin, uint8_t *scales, float q[256],
                          const float *x, float levels) {
    float weight[256], largest = 0, largest_minimum = 0;
    affine fits[8];
    for (int group = 0; group < 8; group++) {
        const float *values = x + group * 32;
        float squares = 0;
        for (int j = 0; j < 32; j++) squares += values[j] * values[j];
        float mean = sqrtf(squares / 32);
        for (int j = 0; j < 32; j++) weight[group * 32 + j] = mean + fabsf(values[j]);
        fits[group] = fit_affine(values, weight + group * 32, levels);
        if (fits[group].scale > largest) largest = fits[group].scale;
        if (fits[group].minimum > largest_minimum) largest_minimum = fits[group].minimum;
    }
    *d = ck_to_f16(largest / 63);
    *dmin = ck_to_f16(largest_minimum / 63);
    float step = ck_from_f16(*d), minimum_step = ck_from_f16(*dmin);
    memset(scales, 0, 12);
    for (int group = 0; group < 8; group++) {
        int s = steps(fits[group].scale, step), m = steps(fits[group].minimum, minimum_step);
        choose_affine(q + group * 32, &s, &m, x + group * 32, weight + group * 32, step,
                      minimum_step, levels);
        if (group < 4) {
            scales[group] |= (uint8_t)s;
            scales[group + 4] |= (uint8_t)m;
        } else {
            scales[group + 4] = (uint8_t)((s & 15) | (m & 15) << 4);
            scales[group - 4] |= (uint8_t)(s >> 4 << 6);
            scales[group] |= (uint8_t)(m >> 4 << 6);
        }
    }
}

void ck_encode_q4_k(void *w, const float *x, int64_t count) {
    ck_q4_k *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++, x += 256) {
        float q[256];
        uint16_t d, dmin;
        encode_affine(&d, &dmin, b->scales, q, x, 15);
        b->d = d;
        b->dmin = dmin;
        for (int j = 0; j < 128; j++) {
            const float *low = q + j / 32 * 64 + j % 32;
            b->q[j] = (uint8_t)((int)low[0] | (int)low[32] << 4);
        }
    }
}

void ck_encode_q5_k(void *w, const float *x, int64_t count) {
    ck_q5_k *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++, x += 256) {
        float q[256];
        uint16_t d, dmin;
        encode_affine(&d, &dmin, b->scales, q, x, 31);
        b->d = d;
        b->dmin = dmin;
        for (int j = 0; j < 128; j++) {
            const float *low = q + j / 32 * 64 + j % 32;
            b->q[j] = (uint8_t)(((int)low[0] & 15) | ((int)low[32] & 15) << 4);
        }
        memset(b->high, 0, sizeof b->high);
        for (int j = 0; j < 256; j++) b->high[j % 32] |= (uint8_t)((int)q[j] >> 4 << j / 32);
    }
}

/* ---- Q6_K: x = scale q, q in -32...31 ---- */

static void symmetric_quanta(float *q, const float *x, float inverse) {
    for (int j = 0; j < 16; j++) q[j] = limited(nearest(x[j] * inverse), -32, 31);
}

/* Weighted squares, less the constant sum of w x^2, are s (s qq - 2 qx). */
static void symmetric_sums(float *qx, float *qq, const float *x, const float *q) {
    float wqx[LANES] = {0}, wqq[LANES] = {0};
    for (int j = 0; j < 16; j += LANES)
        for (int l = 0; l < LANES; l++) {
            float v = x[j + l], times_q = v * v * q[j + l];
            wqx[l] += times_q * v;
            wqq[l] += times_q * q[j + l];
        }
    *qx = total(wqx);
    *qq = total(wqq);
}

static float fit_symmetric(const float *x) {
    float extreme = 0, q[16], best = 0, most = 0;
    for (int j = 0; j < 16; j++)
        if (fabsf(x[j]) > fabsf(extreme)) extreme = x[j];
    if (extreme == 0) return 0;
    for (int step = -9; step <= 9; step++) {
        float qx, qq;
        symmetric_quanta(q, x, -(32 + 0.1f * (float)step) / extreme);
        symmetric_sums(&qx, &qq, x, q);
        if (qq > 0 && qx * qx > most * qq) {
            most = qx * qx / qq;
            best = qx / qq;
        }
    }
    return best;
}

/* Group's integers for the best of the steps next to its scale; returns that step. */
static int choose_symmetric(float *q, const float *x, float scale, float d) {
    float least = INFINITY, trial[16];
    int middle = d != 0 ? (int)limited(nearest(scale / d), -128, 127) : 0, best = 0;
    for (int s = middle - 1; s <= middle + 1; s++) {
        if (s < -128 || s > 127) continue;
        float step = d * (float)s, qx, qq;
        symmetric_quanta(trial, x, step != 0 ? 1 / step : 0);
        symmetric_sums(&qx, &qq, x, trial);
        float error = step * (step * qq - 2 * qx);
        if (!(error < least) && least != INFINITY) continue;
        least = error;
        best = s;
        memcpy(q, trial, sizeof trial);
    }
    return best;
}

void ck_encode_q6_k(void *w, const float *x, int64_t count) {
    ck_q6_k *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++, x += 256) {
        float scales[16], q[256], extreme = 0;
        for (int group = 0; group < 16; group++) {
            scales[group] = fit_symmetric(x + group * 16);
            if (fabsf(scales[group]) > fabsf(extreme)) extreme = scales[group];
        }
        b->d = ck_to_f16(extreme / -128);
        float d = ck_from_f16(b->d);
        for (int group = 0; group < 16; group++)
            b->scales[group] =
                (int8_t)choose_symmetric(q + group * 16, x + group * 16, scales[group], d);
        memset(b->low, 0, sizeof b->low);
        memset(b->high, 0, sizeof b->high);
        for (int run = 0; run < 8; run++)
            for (int j = 0; j < 32; j++) {
                int r = run & 3, value = (int)q[run * 32 + j] + 32;
                b->low[run / 4 * 64 + (r & 1) * 32 + j] |= (uint8_t)((value & 15) << r / 2 * 4);
                b->high[run / 4 * 32 + j] |= (uint8_t)(value >> 4 << r * 2);
            }
    }
}
