/* Scalar codecs of the blocks of 32: Q4_0 Q4_1 Q5_0 Q5_1 Q8_0. Encoders give the same bytes as
 * ggml's quantize_row_*_ref (round by adding one half and truncating; Q4_0 and Q5_0 scale by the
 * value of largest magnitude, with its sign, so that it lands on the one extra negative step). */
#include "blocks.h"
#include <float.h>
#include <math.h>

/* ---- Decoding ---- */

void ck_decode_q4_0(float *y, const void *w, int64_t count) {
    const ck_q4_0 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, y += 32) {
        float d = ck_from_f16(b->d);
        for (int j = 0; j < 16; j++) {
            y[j] = (float)((b->q[j] & 15) - 8) * d;
            y[j + 16] = (float)((b->q[j] >> 4) - 8) * d;
        }
    }
}

void ck_decode_q4_1(float *y, const void *w, int64_t count) {
    const ck_q4_1 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, y += 32) {
        float d = ck_from_f16(b->d), m = ck_from_f16(b->m);
        for (int j = 0; j < 16; j++) {
            y[j] = (float)(b->q[j] & 15) * d + m;
            y[j + 16] = (float)(b->q[j] >> 4) * d + m;
        }
    }
}

void ck_decode_q5_0(float *y, const void *w, int64_t count) {
    const ck_q5_0 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, y += 32) {
        float d = ck_from_f16(b->d);
        for (int j = 0; j < 16; j++) {
            int low = (b->q[j] & 15) | (int)(b->high >> j & 1) << 4;
            int high = (b->q[j] >> 4) | (int)(b->high >> (j + 16) & 1) << 4;
            y[j] = (float)(low - 16) * d;
            y[j + 16] = (float)(high - 16) * d;
        }
    }
}

void ck_decode_q5_1(float *y, const void *w, int64_t count) {
    const ck_q5_1 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, y += 32) {
        float d = ck_from_f16(b->d), m = ck_from_f16(b->m);
        for (int j = 0; j < 16; j++) {
            int low = (b->q[j] & 15) | (int)(b->high >> j & 1) << 4;
            int high = (b->q[j] >> 4) | (int)(b->high >> (j + 16) & 1) << 4;
            y[j] = (float)low * d + m;
            y[j + 16] = (float)high * d + m;
        }
    }
}

void ck_decode_q8_0(float *y, const void *w, int64_t count) {
    const ck_q8_0 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, y += 32) {
        float d = ck_from_f16(b->d);
        for (int j = 0; j < 32; j++) y[j] = (float)b->q[j] * d;
    }
}

/* ---- Encoding ---- */

/* The value of largest magnitude (the first of equals), with its sign. */
static float signed_extreme(const float *x) {
    float largest = 0, value = 0;
    for (int j = 0; j < 32; j++)
        if (largest < fabsf(x[j])) {
            largest = fabsf(x[j]);
            value = x[j];
        }
    return value;
}

static void range(const float *x, float *minimum, float *maximum) {
    float low = FLT_MAX, high = -FLT_MAX;
    for (int j = 0; j < 32; j++) {
        if (x[j] < low) low = x[j];
        if (x[j] > high) high = x[j];
    }
    *minimum = low;
    *maximum = high;
}

static inline int at_most(int q, int limit) { return q < limit ? q : limit; }

void ck_encode_q4_0(void *w, const float *x, int64_t count) {
    ck_q4_0 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, x += 32) {
        float d = signed_extreme(x) / -8, inverse = d != 0 ? 1.0f / d : 0;
        b->d = ck_to_f16(d);
        for (int j = 0; j < 16; j++) {
            int low = at_most((int8_t)(x[j] * inverse + 8.5f), 15);
            int high = at_most((int8_t)(x[j + 16] * inverse + 8.5f), 15);
            b->q[j] = (uint8_t)(low | high << 4);
        }
    }
}

void ck_encode_q4_1(void *w, const float *x, int64_t count) {
    ck_q4_1 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, x += 32) {
        float minimum, maximum;
        range(x, &minimum, &maximum);
        float d = (maximum - minimum) / 15, inverse = d != 0 ? 1.0f / d : 0;
        b->d = ck_to_f16(d);
        b->m = ck_to_f16(minimum);
        for (int j = 0; j < 16; j++) {
            int low = at_most((int8_t)((x[j] - minimum) * inverse + 0.5f), 15);
            int high = at_most((int8_t)((x[j + 16] - minimum) * inverse + 0.5f), 15);
            b->q[j] = (uint8_t)(low | high << 4);
        }
    }
}

void ck_encode_q5_0(void *w, const float *x, int64_t count) {
    ck_q5_0 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, x += 32) {
        float d = signed_extreme(x) / -16, inverse = d != 0 ? 1.0f / d : 0;
        uint32_t bits = 0;
        b->d = ck_to_f16(d);
        for (int j = 0; j < 16; j++) {
            uint32_t low = (uint32_t)at_most((int8_t)(x[j] * inverse + 16.5f), 31);
            uint32_t high = (uint32_t)at_most((int8_t)(x[j + 16] * inverse + 16.5f), 31);
            b->q[j] = (uint8_t)((low & 15) | (high & 15) << 4);
            bits |= (low >> 4 & 1) << j | (high >> 4 & 1) << (j + 16);
        }
        b->high = bits;
    }
}

void ck_encode_q5_1(void *w, const float *x, int64_t count) {
    ck_q5_1 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, x += 32) {
        float minimum, maximum;
        range(x, &minimum, &maximum);
        float d = (maximum - minimum) / 31, inverse = d != 0 ? 1.0f / d : 0;
        uint32_t bits = 0;
        b->d = ck_to_f16(d);
        b->m = ck_to_f16(minimum);
        for (int j = 0; j < 16; j++) {
            uint32_t low = (uint8_t)((x[j] - minimum) * inverse + 0.5f);
            uint32_t high = (uint8_t)((x[j + 16] - minimum) * inverse + 0.5f);
            b->q[j] = (uint8_t)((low & 15) | (high & 15) << 4);
            bits |= (low >> 4 & 1) << j | (high >> 4 & 1) << (j + 16);
        }
        b->high = bits;
    }
}

void ck_encode_q8_0(void *w, const float *x, int64_t count) {
    ck_q8_0 *b = w;
    for (int64_t i = 0; i < count / 32; i++, b++, x += 32) {
        float d = fabsf(signed_extreme(x)) / 127, inverse = d != 0 ? 1.0f / d : 0;
        b->d = ck_to_f16(d);
        for (int j = 0; j < 32; j++) b->q[j] = (int8_t)roundf(x[j] * inverse);
    }
}
