/* What the two AVX-512 leaves share: decoders (decode_avx512.h), transposition, and the epilogue of
 * a register tile. */
#ifndef CK_AVX512_H
#define CK_AVX512_H

#include "decode_avx512.h"
#include "leaf.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))),                   \
    apply_to = function)

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
