/* The decoders of the two AVX-512 leaves, one per format: 32 values to two registers. They agree
 * with the scalar decoders but for rounding (fused multiply-adds, weights looked up in a table). */
#ifndef CK_DECODE_AVX512_H
#define CK_DECODE_AVX512_H

#include "blocks.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))),                   \
    apply_to = function)

/* Values 0...15 and 16...31 of a run. */
typedef struct { __m512 a, b; } ck_run;
typedef ck_run decoder(const char *row, int64_t k, int64_t count);

#include "decode_x86.h"

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

INLINE __m512 splat_half(uint16_t h) { return _mm512_set1_ps(half(h)); }

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

INLINE ck_run decode_q2_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q2_k *b = (const ck_q2_k *)row + k / 256;
    int run = (int)(k / 32 % 8);
    __m128 factors = q2_k_factors(b, run);
    __m256i q = two_bits(b->q, run);
    __m512 a = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(q)));
    __m512 c = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(q, 1)));
    __m128 minima = _mm_movehl_ps(factors, factors);
    return (ck_run){_mm512_fmsub_ps(a, splat_first(factors), splat_first(minima)),
                    _mm512_fmsub_ps(c, splat_second(factors), splat_second(minima))};
}

INLINE ck_run decode_q3_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q3_k *b = (const ck_q3_k *)row + k / 256;
    int run = (int)(k / 32 % 8);
    __m256i high = _mm256_loadu_si256((const __m256i *)b->high), q = two_bits(b->q, run);
    __mmask32 clear = _mm256_testn_epi8_mask(high, _mm256_set1_epi8((char)(1 << run)));
    q = _mm256_mask_sub_epi8(q, clear, q, _mm256_set1_epi8(4));
    float s0, s1;
    q3_k_scales(b, run, &s0, &s1);
    __m512 a = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(q)));
    __m512 c = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(q, 1)));
    return (ck_run){_mm512_mul_ps(a, _mm512_set1_ps(s0)), _mm512_mul_ps(c, _mm512_set1_ps(s1))};
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

INLINE ck_run decode_q5_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q5_k *b = (const ck_q5_k *)row + k / 256;
    int group = (int)(k / 32 % 8);
    uint8_t s, m;
    ck_q4_k_scale(b->scales, group, &s, &m);
    __m512 scale = _mm512_set1_ps(half(b->d) * (float)s);
    __m512 minimum = _mm512_set1_ps(half(b->dmin) * (float)m);
    __m256i q = _mm256_loadu_si256((const __m256i *)(b->q + group / 2 * 32));
    q = _mm256_srl_epi16(q, _mm_cvtsi32_si128((group & 1) * 4));
    q = _mm256_and_si256(q, _mm256_set1_epi8(15));
    __mmask32 set = _mm256_test_epi8_mask(_mm256_loadu_si256((const __m256i *)b->high),
                                          _mm256_set1_epi8((char)(1 << group)));
    q = _mm256_mask_add_epi8(q, set, q, _mm256_set1_epi8(16));
    __m512 a = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(q)));
    __m512 c = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(q, 1)));
    return (ck_run){_mm512_fmsub_ps(a, scale, minimum), _mm512_fmsub_ps(c, scale, minimum)};
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

/* Like look_up_nibbles, with weights that are unevenly spaced. */
INLINE ck_run look_up_levels(const uint8_t *q, __m512 scale) {
    __m128i levels = _mm_loadu_si128((const __m128i *)ck_iq4_levels);
    __m512 weights = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(levels)), scale);
    __m512i index = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)q));
    return (ck_run){_mm512_permutexvar_ps(index, weights),
                    _mm512_permutexvar_ps(_mm512_srli_epi32(index, 4), weights)};
}

INLINE ck_run decode_iq4_nl(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_iq4_nl *b = (const ck_iq4_nl *)row + k / 32;
    return look_up_levels(b->q, splat_half(b->d));
}

INLINE ck_run decode_iq4_xs(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_iq4_xs *b = (const ck_iq4_xs *)row + k / 256;
    int group = (int)(k / 32 % 8);
    float scale = half(b->d) * (float)ck_iq4_xs_scale(b, group);
    return look_up_levels(b->q + group * 16, _mm512_set1_ps(scale));
}

#pragma clang attribute pop
#endif
