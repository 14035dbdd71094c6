/* What the two AVX-512 leaves share: one decoder per format (32 values to two registers),
 * transposition, and the epilogue of a register tile. Include inside the leaf's `#pragma clang
 * attribute push`. */
#ifndef CK_AVX512_H
#define CK_AVX512_H

#include "blocks.h"
#include "leaf.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))),                   \
    apply_to = function)

/* Values 0...15 and 16...31 of a run. */
typedef struct { __m512 a, b; } ck_run;

/* ---- Decoders ----
 *
 * Values k ..< k + 32 of a row (k a multiple of 32). Formats without blocks may have fewer
 * (count < 32): the rest is zero and is not read. */

INLINE __mmask32 mask_of(int64_t count) {
    return count >= 32 ? 0xffffffffu : (1u << count) - 1;
}

INLINE ck_run decode_f32(const char *row, int64_t k, int64_t count) {
    const float *p = (const float *)row + k;
    __mmask32 mask = mask_of(count);
    return (ck_run){_mm512_maskz_loadu_ps((__mmask16)mask, p),
                    _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), p + 16)};
}

INLINE ck_run decode_f16(const char *row, int64_t k, int64_t count) {
    __m512i h = _mm512_maskz_loadu_epi16(mask_of(count), row + 2 * k);
    return (ck_run){_mm512_cvtph_ps(_mm512_castsi512_si256(h)),
                    _mm512_cvtph_ps(_mm512_extracti64x4_epi64(h, 1))};
}

INLINE __m512 widen_bf16(__m256i h) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

INLINE ck_run decode_bf16(const char *row, int64_t k, int64_t count) {
    __m512i h = _mm512_maskz_loadu_epi16(mask_of(count), row + 2 * k);
    return (ck_run){widen_bf16(_mm512_castsi512_si256(h)),
                    widen_bf16(_mm512_extracti64x4_epi64(h, 1))};
}

INLINE __m512 counting(void) {
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* 4-bit values are looked up in the block's own 16 weights; vpermps reads only the low 4 bits. */
INLINE ck_run look_up_nibbles(const uint8_t *q, __m512 scale, __m512 offset) {
    __m512 weights = _mm512_fmadd_ps(counting(), scale, offset);
    __m512i index = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)q));
    return (ck_run){_mm512_permutexvar_ps(index, weights),
                    _mm512_permutexvar_ps(_mm512_srli_epi32(index, 4), weights)};
}

/* Through a cleared register: the compiler's own _cvtsh_ss merges into a register that may be in
 * use. */
INLINE float half(uint16_t h) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h))); }

INLINE __m512 splat_half(uint16_t h) { return _mm512_set1_ps(half(h)); }

/* Two neighbouring halves (a scale and a minimum) at once. */
INLINE __m128 half_pair(const uint16_t *pair) {
    return _mm_cvtph_ps(_mm_loadu_si32(pair));
}

INLINE __m512 splat_first(__m128 pair) { return _mm512_broadcastss_ps(pair); }

INLINE __m512 splat_second(__m128 pair) { return _mm512_broadcastss_ps(_mm_movehdup_ps(pair)); }

INLINE ck_run decode_q4_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_0 *b = (const ck_q4_0 *)row + k / 32;
    __m512 d = splat_half(b->d);
    return look_up_nibbles(b->q, d, _mm512_mul_ps(d, _mm512_set1_ps(-8)));
}

INLINE ck_run decode_q4_1(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_1 *b = (const ck_q4_1 *)row + k / 32;
    __m128 pair = half_pair((const uint16_t *)b);
    return look_up_nibbles(b->q, splat_first(pair), splat_second(pair));
}

INLINE ck_run decode_five_bits(const uint8_t *q, uint32_t high, __m512 scale, __m512 offset) {
    __m512i index = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)q));
    __m512i low = _mm512_and_si512(index, _mm512_set1_epi32(15)), up = _mm512_srli_epi32(index, 4);
    __m512i bit = _mm512_set1_epi32(16);
    low = _mm512_mask_or_epi32(low, (__mmask16)high, low, bit);
    up = _mm512_mask_or_epi32(up, (__mmask16)(high >> 16), up, bit);
    return (ck_run){_mm512_fmadd_ps(_mm512_cvtepi32_ps(low), scale, offset),
                    _mm512_fmadd_ps(_mm512_cvtepi32_ps(up), scale, offset)};
}

INLINE ck_run decode_q5_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q5_0 *b = (const ck_q5_0 *)row + k / 32;
    __m512 d = splat_half(b->d);
    return decode_five_bits(b->q, b->high, d, _mm512_mul_ps(d, _mm512_set1_ps(-16)));
}

INLINE ck_run decode_q5_1(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q5_1 *b = (const ck_q5_1 *)row + k / 32;
    __m128 pair = half_pair((const uint16_t *)b);
    return decode_five_bits(b->q, b->high, splat_first(pair), splat_second(pair));
}

INLINE ck_run decode_q8_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q8_0 *b = (const ck_q8_0 *)row + k / 32;
    __m512 d = splat_half(b->d);
    const __m128i *q = (const __m128i *)b->q;
    __m512i first = _mm512_cvtepi8_epi32(_mm_loadu_si128(q));
    __m512i second = _mm512_cvtepi8_epi32(_mm_loadu_si128(q + 1));
    return (ck_run){_mm512_mul_ps(_mm512_cvtepi32_ps(first), d),
                    _mm512_mul_ps(_mm512_cvtepi32_ps(second), d)};
}

INLINE ck_run decode_q4_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_k *b = (const ck_q4_k *)row + k / 256;
    int group = (int)(k / 32 % 8);
    uint8_t s, m;
    ck_q4_k_scale(b->scales, group, &s, &m);
    __m512 scale = _mm512_set1_ps(half(b->d) * (float)s);
    __m512 offset = _mm512_set1_ps(-half(b->dmin) * (float)m);
    __m512 weights = _mm512_fmadd_ps(counting(), scale, offset);
    const __m128i *q = (const __m128i *)(b->q + group / 2 * 32);
    __m128i shift = _mm_cvtsi32_si128((group & 1) * 4);
    __m512i a = _mm512_srl_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128(q)), shift);
    __m512i c = _mm512_srl_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128(q + 1)), shift);
    return (ck_run){_mm512_permutexvar_ps(a, weights), _mm512_permutexvar_ps(c, weights)};
}

INLINE ck_run decode_q6_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q6_k *b = (const ck_q6_k *)row + k / 256;
    int run = (int)(k / 32 % 8), r = run & 3;
    __m256i low = _mm256_loadu_si256((const __m256i *)(b->low + run / 4 * 64 + (r & 1) * 32));
    __m256i high = _mm256_loadu_si256((const __m256i *)(b->high + run / 4 * 32));
    low = _mm256_and_si256(_mm256_srl_epi16(low, _mm_cvtsi32_si128((r >> 1) * 4)),
                           _mm256_set1_epi8(15));
    high = _mm256_and_si256(_mm256_srl_epi16(high, _mm_cvtsi32_si128(2 * r)), _mm256_set1_epi8(3));
    __m256i q = _mm256_or_si256(low, _mm256_slli_epi16(high, 4));
    float d = half(b->d);
    __m512 s0 = _mm512_set1_ps(d * (float)b->scales[run * 2]);
    __m512 s1 = _mm512_set1_ps(d * (float)b->scales[run * 2 + 1]);
    __m512 middle = _mm512_set1_ps(32);
    __m512 a = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(q)));
    __m512 c = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(q, 1)));
    return (ck_run){_mm512_mul_ps(_mm512_sub_ps(a, middle), s0),
                    _mm512_mul_ps(_mm512_sub_ps(c, middle), s1)};
}

/* ---- Transposition of 16 rows of 16 32-bit values ---- */

INLINE void transpose_16x16(__m512i r[16]) {
    __m512i t[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 4) { /* r[i + c]: column c of each 128-bit lane, rows i...i+3 */
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma clang loop unroll(full)
    for (int c = 0; c < 4; c++) {
        t[c] = _mm512_shuffle_i32x4(r[c], r[c + 4], 0x88);
        t[c + 4] = _mm512_shuffle_i32x4(r[c], r[c + 4], 0xdd);
        t[c + 8] = _mm512_shuffle_i32x4(r[c + 8], r[c + 12], 0x88);
        t[c + 12] = _mm512_shuffle_i32x4(r[c + 8], r[c + 12], 0xdd);
    }
#pragma clang loop unroll(full)
    for (int c = 0; c < 4; c++) {
        r[c] = _mm512_shuffle_i32x4(t[c], t[c + 8], 0x88);
        r[c + 4] = _mm512_shuffle_i32x4(t[c + 4], t[c + 12], 0x88);
        r[c + 8] = _mm512_shuffle_i32x4(t[c], t[c + 8], 0xdd);
        r[c + 12] = _mm512_shuffle_i32x4(t[c + 4], t[c + 12], 0xdd);
    }
}

/* ---- Epilogue ---- */

/* The columns that exist in vector j of a tile. */
INLINE __mmask16 column_mask(const ck_sweep *s, int j) {
    int32_t left = s->columns - 16 * j;
    return left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

/* 16 values to bf16 without the instruction for it: to nearest even, NaN stays NaN. */
INLINE __m256i narrow_bf16(__m512 value) {
    __m512i u = _mm512_castps_si512(value);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    rounded = _mm512_mask_mov_epi32(rounded, nan, _mm512_set1_epi32(0x7fc00000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}

INLINE __m512 load_initial(const ck_sweep *s, int64_t token, int j) {
    if (!s->initial) return _mm512_setzero_ps();
    const float *p = s->initial + token * s->initial_stride + 16 * j;
    return _mm512_maskz_loadu_ps(column_mask(s, j), p);
}

INLINE void store_result(const ck_sweep *s, int64_t token, int j, __m512 value) {
    int64_t at = token * s->y_stride + 16 * j;
    __mmask16 mask = column_mask(s, j);
    value = _mm512_mul_ps(value, _mm512_set1_ps(s->scale));
    if (s->y_type == CK_BF16)
        _mm256_mask_storeu_epi16((uint16_t *)s->y + at, mask, narrow_bf16(value));
    else
        _mm512_mask_storeu_ps((float *)s->y + at, mask, value);
}

#pragma clang attribute pop
#endif
