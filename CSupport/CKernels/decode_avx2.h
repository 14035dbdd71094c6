/* The decoders of the AVX2 leaf, one per format: 32 values to four registers. The same functions
 * as decode_avx512.h, in 256 bits. */
#ifndef CK_DECODE_AVX2_H
#define CK_DECODE_AVX2_H

#include "blocks.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

/* Values 8i ..< 8i + 8 of a run in v[i]. */
typedef struct { __m256 v[4]; } ck_run;
typedef ck_run decoder(const char *row, int64_t k, int64_t count);

#include "decode_x86.h"

/* ---- Decoders ----
 *
 * Values k ..< k + 32 of a row (k a multiple of 32). Formats without blocks may have fewer
 * (count < 32): the rest is zero and is not read. */

/* The values themselves, or a copy of the few that exist, followed by zeros. */
INLINE const char *whole_run(char room[128], const char *p, int64_t count, size_t size) {
    if (count >= 32) return p;
    memset(room, 0, 128);
    memcpy(room, p, (size_t)count * size);
    return room;
}

INLINE ck_run decode_f32(const char *row, int64_t k, int64_t count) {
    char room[128];
    const float *p = (const float *)whole_run(room, row + 4 * k, count, 4);
    ck_run run;
    for (int i = 0; i < 4; i++) run.v[i] = _mm256_loadu_ps(p + 8 * i);
    return run;
}

INLINE ck_run decode_f16(const char *row, int64_t k, int64_t count) {
    char room[128];
    const __m128i *p = (const __m128i *)whole_run(room, row + 2 * k, count, 2);
    ck_run run;
    for (int i = 0; i < 4; i++) run.v[i] = _mm256_cvtph_ps(_mm_loadu_si128(p + i));
    return run;
}

INLINE __m256 widen_bf16(const void *p) {
    __m256i u = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(u, 16));
}

INLINE ck_run decode_bf16(const char *row, int64_t k, int64_t count) {
    char room[128];
    const char *p = whole_run(room, row + 2 * k, count, 2);
    ck_run run;
    for (int i = 0; i < 4; i++) run.v[i] = widen_bf16(p + 16 * i);
    return run;
}

/* 32 unsigned bytes q to q * scale + offset; the halves may have scales of their own. */
INLINE ck_run scale_bytes(__m256i q, __m256 scale0, __m256 offset0, __m256 scale1, __m256 offset1) {
    __m128i low = _mm256_castsi256_si128(q), high = _mm256_extracti128_si256(q, 1);
    __m256i i0 = _mm256_cvtepu8_epi32(low), i1 = _mm256_cvtepu8_epi32(_mm_srli_si128(low, 8));
    __m256i i2 = _mm256_cvtepu8_epi32(high), i3 = _mm256_cvtepu8_epi32(_mm_srli_si128(high, 8));
    return (ck_run){{_mm256_fmadd_ps(_mm256_cvtepi32_ps(i0), scale0, offset0),
                     _mm256_fmadd_ps(_mm256_cvtepi32_ps(i1), scale0, offset0),
                     _mm256_fmadd_ps(_mm256_cvtepi32_ps(i2), scale1, offset1),
                     _mm256_fmadd_ps(_mm256_cvtepi32_ps(i3), scale1, offset1)}};
}

/* 16 bytes of nibbles to 32 bytes: low ones, then high ones. */
INLINE __m256i spread_nibbles(const uint8_t *q) {
    __m128i both = _mm_loadu_si128((const __m128i *)q);
    __m256i wide = _mm256_set_m128i(_mm_srli_epi16(both, 4), both);
    return _mm256_and_si256(wide, _mm256_set1_epi8(15));
}

INLINE __m256 splat_half(uint16_t h) { return _mm256_set1_ps(half(h)); }

INLINE __m256 splat_first(__m128 pair) { return _mm256_broadcastss_ps(pair); }

INLINE __m256 splat_second(__m128 pair) { return _mm256_broadcastss_ps(_mm_movehdup_ps(pair)); }

INLINE ck_run decode_q4_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_0 *b = (const ck_q4_0 *)row + k / 32;
    __m256 d = splat_half(b->d), offset = _mm256_mul_ps(d, _mm256_set1_ps(-8));
    return scale_bytes(spread_nibbles(b->q), d, offset, d, offset);
}

INLINE ck_run decode_q4_1(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_1 *b = (const ck_q4_1 *)row + k / 32;
    __m128 pair = half_pair((const uint16_t *)b);
    __m256 d = splat_first(pair), m = splat_second(pair);
    return scale_bytes(spread_nibbles(b->q), d, m, d, m);
}

/* Nibbles with 16 added where the bit of `high` is set: byte j looks at bit j & 7 of byte j / 8. */
INLINE __m256i spread_five_bits(const uint8_t *q, uint32_t high) {
    __m256i bytes = _mm256_shuffle_epi8(
        _mm256_set1_epi32((int32_t)high),
        _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0));
    __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
    return _mm256_or_si256(spread_nibbles(q), _mm256_and_si256(set, _mm256_set1_epi8(16)));
}

INLINE ck_run decode_q5_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q5_0 *b = (const ck_q5_0 *)row + k / 32;
    __m256 d = splat_half(b->d), offset = _mm256_mul_ps(d, _mm256_set1_ps(-16));
    return scale_bytes(spread_five_bits(b->q, b->high), d, offset, d, offset);
}

INLINE ck_run decode_q5_1(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q5_1 *b = (const ck_q5_1 *)row + k / 32;
    __m128 pair = half_pair((const uint16_t *)b);
    __m256 d = splat_first(pair), m = splat_second(pair);
    return scale_bytes(spread_five_bits(b->q, b->high), d, m, d, m);
}

INLINE ck_run decode_q8_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q8_0 *b = (const ck_q8_0 *)row + k / 32;
    __m256 d = splat_half(b->d);
    ck_run run;
    for (int i = 0; i < 4; i++) {
        __m256i q = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(b->q + 8 * i)));
        run.v[i] = _mm256_mul_ps(_mm256_cvtepi32_ps(q), d);
    }
    return run;
}

INLINE ck_run decode_q2_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q2_k *b = (const ck_q2_k *)row + k / 256;
    int run = (int)(k / 32 % 8);
    __m128 factors = q2_k_factors(b, run);
    __m128 offsets = _mm_sub_ps(_mm_setzero_ps(), _mm_movehl_ps(factors, factors));
    return scale_bytes(two_bits(b->q, run), splat_first(factors), splat_first(offsets),
                       splat_second(factors), splat_second(offsets));
}

/* Bit `place` of 32 bytes, moved to bit `to`. */
INLINE __m256i one_bit(const uint8_t *high, int place, int to) {
    __m256i bits = _mm256_loadu_si256((const __m256i *)high);
    bits = _mm256_and_si256(_mm256_srl_epi16(bits, _mm_cvtsi32_si128(place)), _mm256_set1_epi8(1));
    return _mm256_slli_epi16(bits, to);
}

INLINE ck_run decode_q3_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q3_k *b = (const ck_q3_k *)row + k / 256;
    int run = (int)(k / 32 % 8);
    float s0, s1;
    q3_k_scales(b, run, &s0, &s1);
    __m256i q = _mm256_or_si256(two_bits(b->q, run), one_bit(b->high, run, 2));
    return scale_bytes(q, _mm256_set1_ps(s0), _mm256_set1_ps(-4 * s0), _mm256_set1_ps(s1),
                       _mm256_set1_ps(-4 * s1));
}

/* Scale and minimum of a Q4_K or Q5_K group, whose block begins with d and dmin. */
INLINE __m128 six_bit_factors(const uint16_t *d, const uint8_t *scales, int group) {
    uint8_t s, m;
    ck_q4_k_scale(scales, group, &s, &m);
    __m128i steps = _mm_cvtsi32_si128(s | m << 8);
    return _mm_mul_ps(half_pair(d), _mm_cvtepi32_ps(_mm_cvtepu8_epi32(steps)));
}

/* The low (group even) or high nibbles of the 32 bytes that two groups share. */
INLINE __m256i group_nibbles(const uint8_t *q, int group) {
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(q + group / 2 * 32));
    bytes = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128((group & 1) * 4));
    return _mm256_and_si256(bytes, _mm256_set1_epi8(15));
}

INLINE ck_run decode_q4_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_k *b = (const ck_q4_k *)row + k / 256;
    int group = (int)(k / 32 % 8);
    __m128 factors = six_bit_factors((const uint16_t *)b, b->scales, group);
    __m256 scale = splat_first(factors);
    __m256 offset = _mm256_sub_ps(_mm256_setzero_ps(), splat_second(factors));
    return scale_bytes(group_nibbles(b->q, group), scale, offset, scale, offset);
}

INLINE ck_run decode_q5_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q5_k *b = (const ck_q5_k *)row + k / 256;
    int group = (int)(k / 32 % 8);
    __m128 factors = six_bit_factors((const uint16_t *)b, b->scales, group);
    __m256 scale = splat_first(factors);
    __m256 offset = _mm256_sub_ps(_mm256_setzero_ps(), splat_second(factors));
    __m256i q = _mm256_or_si256(group_nibbles(b->q, group), one_bit(b->high, group, 4));
    return scale_bytes(q, scale, offset, scale, offset);
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
    float d = half(b->d);
    __m256 s0 = _mm256_set1_ps(d * (float)b->scales[run * 2]);
    __m256 s1 = _mm256_set1_ps(d * (float)b->scales[run * 2 + 1]), middle = _mm256_set1_ps(-32);
    return scale_bytes(_mm256_or_si256(low, _mm256_slli_epi16(high, 4)), s0,
                       _mm256_mul_ps(s0, middle), s1, _mm256_mul_ps(s1, middle));
}

/* 16 bytes of nibbles to their levels times scale. */
INLINE ck_run look_up_levels(const uint8_t *q, __m256 scale) {
    __m128i levels = _mm_loadu_si128((const __m128i *)ck_iq4_levels);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_set_m128i(levels, levels), spread_nibbles(q));
    __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    __m256i i0 = _mm256_cvtepi8_epi32(low), i1 = _mm256_cvtepi8_epi32(_mm_srli_si128(low, 8));
    __m256i i2 = _mm256_cvtepi8_epi32(high), i3 = _mm256_cvtepi8_epi32(_mm_srli_si128(high, 8));
    return (ck_run){{_mm256_mul_ps(_mm256_cvtepi32_ps(i0), scale),
                     _mm256_mul_ps(_mm256_cvtepi32_ps(i1), scale),
                     _mm256_mul_ps(_mm256_cvtepi32_ps(i2), scale),
                     _mm256_mul_ps(_mm256_cvtepi32_ps(i3), scale)}};
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
    return look_up_levels(b->q + group * 16, _mm256_set1_ps(scale));
}

#pragma clang attribute pop
#endif
