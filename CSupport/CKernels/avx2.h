/* What the AVX2 leaves are made of: decoders (decode_avx2.h), transposition, the sum of a register,
 * and the epilogue of a register tile. The same functions as avx512.h, in 256 bits. */
#ifndef CK_AVX2_H
#define CK_AVX2_H

#include "decode_avx2.h"
#include "leaf.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

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

INLINE float sum_of(__m256 v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
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
