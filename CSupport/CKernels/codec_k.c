/* Scalar decoders of the blocks of 256 with two levels of scales: Q2_K Q3_K Q4_K Q5_K Q6_K. Their
 * encoders, searches over scales, are in encode_k.c. */
#include "blocks.h"

/* A half block of 128 values is four runs of 32: run r has bits 2r, 2r+1 of q[0...31]. A run is
 * two groups of 16 whose scale and minimum are the nibbles of one byte. */
void ck_decode_q2_k(float *y, const void *w, int64_t count) {
    const ck_q2_k *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++) {
        float d = ck_from_f16(b->d), dmin = ck_from_f16(b->dmin);
        for (int group = 0; group < 16; group++, y += 16) {
            const uint8_t *q = b->q + group / 8 * 32 + (group & 1) * 16;
            int shift = group / 2 % 4 * 2;
            float scale = d * (float)(b->scales[group] & 15);
            float minimum = dmin * (float)(b->scales[group] >> 4);
            for (int j = 0; j < 16; j++) y[j] = scale * (float)(q[j] >> shift & 3) - minimum;
        }
    }
}

/* Low two bits as in Q2_K; bit r of high[0...31] is the third of run r (0...7). */
void ck_decode_q3_k(float *y, const void *w, int64_t count) {
    const ck_q3_k *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++) {
        float d = ck_from_f16(b->d);
        for (int group = 0; group < 16; group++, y += 16) {
            const uint8_t *q = b->q + group / 8 * 32 + (group & 1) * 16;
            const uint8_t *high = b->high + (group & 1) * 16;
            int run = group / 2, shift = run % 4 * 2;
            float scale = d * (float)ck_q3_k_scale(b->scales, group);
            for (int j = 0; j < 16; j++)
                y[j] = scale * (float)((q[j] >> shift & 3) + (high[j] >> run & 1) * 4 - 4);
        }
    }
}

/* Groups 2i and 2i+1 (32 values each) share 32 bytes: low nibbles, then high nibbles. */
void ck_decode_q4_k(float *y, const void *w, int64_t count) {
    const ck_q4_k *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++) {
        float d = ck_from_f16(b->d), dmin = ck_from_f16(b->dmin);
        for (int group = 0; group < 8; group++, y += 32) {
            const uint8_t *q = b->q + group / 2 * 32;
            uint8_t s, m;
            ck_q4_k_scale(b->scales, group, &s, &m);
            float scale = d * (float)s, minimum = dmin * (float)m;
            for (int j = 0; j < 32; j++)
                y[j] = scale * (float)(group & 1 ? q[j] >> 4 : q[j] & 15) - minimum;
        }
    }
}

/* Q4_K with a fifth bit: bit g of high[0...31] belongs to group g. */
void ck_decode_q5_k(float *y, const void *w, int64_t count) {
    const ck_q5_k *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++) {
        float d = ck_from_f16(b->d), dmin = ck_from_f16(b->dmin);
        for (int group = 0; group < 8; group++, y += 32) {
            const uint8_t *q = b->q + group / 2 * 32;
            uint8_t s, m;
            ck_q4_k_scale(b->scales, group, &s, &m);
            float scale = d * (float)s, minimum = dmin * (float)m;
            for (int j = 0; j < 32; j++) {
                int low = group & 1 ? q[j] >> 4 : q[j] & 15;
                y[j] = scale * (float)(low | (b->high[j] >> group & 1) << 4) - minimum;
            }
        }
    }
}

/* A half block of 128 values is four runs of 32: run r has the low (r < 2) or high nibbles of
 * low[32 (r & 1)...] and bits 2r, 2r+1 of high[0...31]. */
void ck_decode_q6_k(float *y, const void *w, int64_t count) {
    const ck_q6_k *b = w;
    for (int64_t i = 0; i < count / 256; i++, b++) {
        float d = ck_from_f16(b->d);
        for (int run = 0; run < 8; run++, y += 32) {
            int r = run & 3;
            const uint8_t *low = b->low + run / 4 * 64 + (r & 1) * 32;
            const uint8_t *high = b->high + run / 4 * 32;
            for (int j = 0; j < 32; j++) {
                int q = (r < 2 ? low[j] & 15 : low[j] >> 4) | (high[j] >> (2 * r) & 3) << 4;
                y[j] = d * (float)b->scales[run * 2 + j / 16] * (float)(q - 32);
            }
        }
    }
}
