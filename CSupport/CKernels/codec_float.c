/* Codecs of the unquantized formats: F32, F16, BF16 (one value is one block). Rows need no
 * alignment. */
#include "blocks.h"

void ck_decode_f32(float *y, const void *w, int64_t count) { memcpy(y, w, (size_t)count * 4); }

void ck_encode_f32(void *w, const float *x, int64_t count) { memcpy(w, x, (size_t)count * 4); }

static inline uint16_t load_half(const void *w, int64_t i) {
    uint16_t h;
    memcpy(&h, (const char *)w + 2 * i, 2);
    return h;
}

static inline void store_half(void *w, int64_t i, uint16_t h) { memcpy((char *)w + 2 * i, &h, 2); }

void ck_decode_f16(float *y, const void *w, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = ck_from_f16(load_half(w, i));
}

void ck_encode_f16(void *w, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) store_half(w, i, ck_to_f16(x[i]));
}

void ck_decode_bf16(float *y, const void *w, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = ck_from_bf16(load_half(w, i));
}

void ck_encode_bf16(void *w, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) store_half(w, i, ck_to_bf16(x[i]));
}
