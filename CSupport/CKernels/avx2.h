/* What the AVX2 leaf is made of: one decoder per format (32 values to four registers),
 * transposition, and the epilogue of a register tile. The same functions as avx512.h, in 256
 * bits. */
#ifndef CK_AVX2_H
#define CK_AVX2_H

#include "blocks.h"
#include "leaf.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

/* Values 8i ..< 8i + 8 of a run in v[i]. */
typedef struct { __m256 v[4]; } ck_run;

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

/* Through a cleared register: the compiler's own _cvtsh_ss merges into a register that may be in
 * use. */
INLINE float half(uint16_t h) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h))); }

INLINE __m256 splat_half(uint16_t h) { return _mm256_set1_ps(half(h)); }

/* Two neighbouring halves (a scale and a minimum) at once. */
INLINE __m128 half_pair(const uint16_t *pair) {
    return _mm_cvtph_ps(_mm_loadu_si32(pair));
}

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

INLINE ck_run decode_q4_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_k *b = (const ck_q4_k *)row + k / 256;
    int group = (int)(k / 32 % 8);
    uint8_t s, m;
    ck_q4_k_scale(b->scales, group, &s, &m);
    __m128i steps = _mm_cvtsi32_si128(s | m << 8);
    __m128 factors = _mm_cvtepi32_ps(_mm_cvtepu8_epi32(steps));
    __m128 pair = _mm_mul_ps(half_pair((const uint16_t *)b), factors);
    __m256 scale = splat_first(pair);
    __m256 offset = _mm256_sub_ps(_mm256_setzero_ps(), splat_second(pair));
    __m256i q = _mm256_loadu_si256((const __m256i *)(b->q + group / 2 * 32));
    q = _mm256_srl_epi16(q, _mm_cvtsi32_si128((group & 1) * 4));
    return scale_bytes(_mm256_and_si256(q, _mm256_set1_epi8(15)), scale, offset, scale, offset);
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

/* ---- Transposition of 8 rows of 8 floats ---- */

INLINE void transpose_8x8(__m256 r[8]) {
    __m256 t[8];
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i += 4) { /* r[i + c]: column c of each 128-bit lane, rows i...i+3 */
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma clang loop unroll(full)
    for (int c = 0; c < 4; c++) {
        __m256 top = r[c], bottom = r[c + 4];
        r[c] = _mm256_permute2f128_ps(top, bottom, 0x20);
        r[c + 4] = _mm256_permute2f128_ps(top, bottom, 0x31);
    }
}

/* ---- Epilogue: 8 values at columns `column`... of a row; those past `columns` do not exist
 * ---- */

INLINE __m256i lane_mask(int32_t left) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(left), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE __m256 load_initial(const ck_sweep *s, int64_t token, int32_t column) {
    if (!s->initial) return _mm256_setzero_ps();
    const float *p = s->initial + token * s->initial_stride + column;
    if (s->columns - column >= 8) return _mm256_loadu_ps(p);
    return _mm256_maskload_ps(p, lane_mask(s->columns - column));
}

/* To nearest even, NaN stays NaN. */
INLINE __m128i narrow_bf16(__m256 value) {
    __m256i u = _mm256_castps_si256(value);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256 nan = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    rounded = _mm256_blendv_epi8(rounded, _mm256_set1_epi32(0x7fc00000), _mm256_castps_si256(nan));
    rounded = _mm256_srli_epi32(rounded, 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
}

INLINE void store_result(const ck_sweep *s, int64_t token, int32_t column, __m256 value) {
    int32_t left = s->columns - column;
    int64_t at = token * s->y_stride + column;
    value = _mm256_mul_ps(value, _mm256_set1_ps(s->scale));
    if (left <= 0) return;
    if (s->y_type == CK_F32) {
        float *p = (float *)s->y + at;
        if (left >= 8)
            _mm256_storeu_ps(p, value);
        else
            _mm256_maskstore_ps(p, lane_mask(left), value);
        return;
    }
    uint16_t *p = (uint16_t *)s->y + at, room[8];
    if (left >= 8) {
        _mm_storeu_si128((__m128i *)p, narrow_bf16(value));
    } else {
        _mm_storeu_si128((__m128i *)room, narrow_bf16(value));
        memcpy(p, room, (size_t)left * 2);
    }
}

#pragma clang attribute pop
#endif
