/* Block layouts of the GGUF formats, the scalar number conversions, and the table of codecs.
 *
 * A row of a tensor is a whole number of blocks. Layouts and formulas are those of ggml
 * (ggml-common.h, ggml-quants.c); values of a 4- or 5-bit block of 32 lie as j in the low and j +
 * 16 in the high nibbles.
 *
 *   Q4_0  w = d (q - 8)        Q5_0  w = d (q - 16)      Q8_0  w = d q
 *   Q4_1  w = d q + m          Q5_1  w = d q + m
 *   IQ4_NL w = d level[q], 16 unevenly spaced levels
 *
 * Blocks of 256 have two levels of scales, d s for each group of values:
 *
 *   Q2_K  16 groups of 16: w = (d s) q - (dmin m), s and m of 4 bits
 *   Q3_K  16 groups of 16: w = (d s) (q - 4), s signed, of 6 bits
 *   Q4_K  8 groups of 32: w = (d s) q - (dmin m), s and m of 6 bits
 *   Q5_K  the same with q of 5 bits
 *   Q6_K  16 groups of 16: w = (d s) (q - 32), s a signed byte
 *   IQ4_XS 8 groups of 32: w = (d s) level[q], s signed, of 6 bits
 */
#ifndef CK_BLOCKS_H
#define CK_BLOCKS_H

#include "CKernels.h"
#include <string.h>

#pragma pack(push, 1)
typedef struct { uint16_t d; uint8_t q[16]; } ck_q4_0;
typedef struct { uint16_t d, m; uint8_t q[16]; } ck_q4_1;
typedef struct { uint16_t d; uint32_t high; uint8_t q[16]; } ck_q5_0;
typedef struct { uint16_t d, m; uint32_t high; uint8_t q[16]; } ck_q5_1;
typedef struct { uint16_t d; int8_t q[32]; } ck_q8_0;
typedef struct { uint8_t scales[16]; uint8_t q[64]; uint16_t d, dmin; } ck_q2_k;
typedef struct { uint8_t high[32]; uint8_t q[64]; uint8_t scales[12]; uint16_t d; } ck_q3_k;
typedef struct { uint16_t d, dmin; uint8_t scales[12]; uint8_t q[128]; } ck_q4_k;
typedef struct { uint16_t d, dmin; uint8_t scales[12]; uint8_t high[32]; uint8_t q[128]; } ck_q5_k;
typedef struct { uint8_t low[128]; uint8_t high[64]; int8_t scales[16]; uint16_t d; } ck_q6_k;
typedef struct { uint16_t d; uint8_t q[16]; } ck_iq4_nl;
typedef struct { uint16_t d, high_scales; uint8_t low_scales[4]; uint8_t q[128]; } ck_iq4_xs;
#pragma pack(pop)

_Static_assert(sizeof(ck_q4_0) == 18, "Q4_0 block");
_Static_assert(sizeof(ck_q4_1) == 20, "Q4_1 block");
_Static_assert(sizeof(ck_q5_0) == 22, "Q5_0 block");
_Static_assert(sizeof(ck_q5_1) == 24, "Q5_1 block");
_Static_assert(sizeof(ck_q8_0) == 34, "Q8_0 block");
_Static_assert(sizeof(ck_q2_k) == 84, "Q2_K block");
_Static_assert(sizeof(ck_q3_k) == 110, "Q3_K block");
_Static_assert(sizeof(ck_q4_k) == 144, "Q4_K block");
_Static_assert(sizeof(ck_q5_k) == 176, "Q5_K block");
_Static_assert(sizeof(ck_q6_k) == 210, "Q6_K block");
_Static_assert(sizeof(ck_iq4_nl) == 18, "IQ4_NL block");
_Static_assert(sizeof(ck_iq4_xs) == 136, "IQ4_XS block");

/* The levels of IQ4_NL and IQ4_XS (a fact of the format, kvalues_iq4nl). */
static const int8_t ck_iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113};

static inline float ck_float_of_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static inline uint32_t ck_bits_of_float(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

static inline float ck_from_bf16(uint16_t h) { return ck_float_of_bits((uint32_t)h << 16); }

/* Round to nearest even; a NaN stays a (quiet) NaN. */
static inline uint16_t ck_to_bf16(float f) {
    uint32_t u = ck_bits_of_float(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float ck_from_f16(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31) return ck_float_of_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent) return ck_float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float f = (float)fraction * 0x1p-24f; /* zero or subnormal: exact */
    return sign ? -f : f;
}

/* Round to nearest even, overflow to infinity, NaN stays NaN. */
static inline uint16_t ck_to_f16(float f) {
    uint32_t u = ck_bits_of_float(f);
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    u &= 0x7fffffff;
    if (u > 0x7f800000) return sign | 0x7e00;
    if (u >= 0x477ff000) return sign | 0x7c00; /* from 65520 on */
    if (u < 0x38800000) { /* below 2^-14: the addition rounds to units of 2^-24 */
        float shifted = ck_float_of_bits(u) + 0.5f;
        return sign | (uint16_t)(ck_bits_of_float(shifted) - 0x3f000000);
    }
    return sign | (uint16_t)((u + 0xfff + (u >> 13 & 1) - 0x38000000) >> 13);
}

/* The 6-bit scale and minimum of group j (0...7) of a Q4_K or Q5_K block. */
static inline void ck_q4_k_scale(const uint8_t *s, int j, uint8_t *scale, uint8_t *minimum) {
    if (j < 4) {
        *scale = s[j] & 63;
        *minimum = s[j + 4] & 63;
    } else {
        *scale = (uint8_t)((s[j + 4] & 15) | (s[j - 4] >> 6) << 4);
        *minimum = (uint8_t)((s[j + 4] >> 4) | (s[j] >> 6) << 4);
    }
}

/* The 6-bit scale of group j (0...15) of a Q3_K block, from -32 on: the low four bits are nibbles
 * of bytes 0...7, the upper two lie four to a byte in bytes 8...11. */
static inline int ck_q3_k_scale(const uint8_t *s, int j) {
    int low = s[j & 7] >> (j >> 3) * 4 & 15, high = s[8 + (j & 3)] >> (j >> 2) * 2 & 3;
    return (low | high << 4) - 32;
}

/* The 6-bit scale of group j (0...7) of an IQ4_XS block, from -32 on. */
static inline int ck_iq4_xs_scale(const ck_iq4_xs *b, int j) {
    int low = b->low_scales[j / 2] >> (j & 1) * 4 & 15, high = b->high_scales >> 2 * j & 3;
    return (low | high << 4) - 32;
}

/* One format: block geometry and the scalar codec of a run of whole blocks (count values). */
typedef struct {
    ck_format format;
    int32_t block_length, block_bytes;
    void (*decode)(float *y, const void *w, int64_t count);
    void (*encode)(void *w, const float *x, int64_t count); /* NULL: can only be read */
} ck_codec;

const ck_codec *ck_codec_of(ck_format format);

void ck_decode_f32(float *y, const void *w, int64_t count);
void ck_decode_f16(float *y, const void *w, int64_t count);
void ck_decode_bf16(float *y, const void *w, int64_t count);
void ck_decode_q4_0(float *y, const void *w, int64_t count);
void ck_decode_q4_1(float *y, const void *w, int64_t count);
void ck_decode_q5_0(float *y, const void *w, int64_t count);
void ck_decode_q5_1(float *y, const void *w, int64_t count);
void ck_decode_q8_0(float *y, const void *w, int64_t count);
void ck_decode_q2_k(float *y, const void *w, int64_t count);
void ck_decode_q3_k(float *y, const void *w, int64_t count);
void ck_decode_q4_k(float *y, const void *w, int64_t count);
void ck_decode_q5_k(float *y, const void *w, int64_t count);
void ck_decode_q6_k(float *y, const void *w, int64_t count);
void ck_decode_iq4_nl(float *y, const void *w, int64_t count);
void ck_decode_iq4_xs(float *y, const void *w, int64_t count);
void ck_encode_f32(void *w, const float *x, int64_t count);
void ck_encode_f16(void *w, const float *x, int64_t count);
void ck_encode_bf16(void *w, const float *x, int64_t count);
void ck_encode_q4_0(void *w, const float *x, int64_t count);
void ck_encode_q4_1(void *w, const float *x, int64_t count);
void ck_encode_q5_0(void *w, const float *x, int64_t count);
void ck_encode_q5_1(void *w, const float *x, int64_t count);
void ck_encode_q8_0(void *w, const float *x, int64_t count);
void ck_encode_q4_k(void *w, const float *x, int64_t count);
void ck_encode_q5_k(void *w, const float *x, int64_t count);
void ck_encode_q6_k(void *w, const float *x, int64_t count);
void ck_encode_iq4_nl(void *w, const float *x, int64_t count);

/* Byte offset of value k (the first of a block) in a row. */
static inline size_t ck_offset(const ck_codec *c, int64_t k) {
    return (size_t)(k / c->block_length) * (size_t)c->block_bytes;
}

#endif
