/* What the NEON leaves are made of: one decoder per format (32 values to eight registers), the
 * transposition of four rows, and the epilogue of a register tile. The same functions as avx2.h,
 * in 128 bits.
 *
 * A format without a decoder here is decoded block by block with its scalar codec into a buffer,
 * and taken from there as F32 (is_decoded; the packers of the leaves). */
#ifndef CK_NEON_H
#define CK_NEON_H

#include "blocks.h"
#include "leaf.h"
#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline, unused))

/* Values 4i ..< 4i + 4 of a run in v[i]. */
typedef struct { float32x4_t v[8]; } ck_run;

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

/* Rows need no alignment: loads go by bytes. */
INLINE uint8x16_t load_bytes(const void *p) { return vld1q_u8(p); }

INLINE ck_run decode_f32(const char *row, int64_t k, int64_t count) {
    char room[128];
    const char *p = whole_run(room, row + 4 * k, count, 4);
    ck_run run;
    for (int i = 0; i < 8; i++) run.v[i] = vreinterpretq_f32_u8(load_bytes(p + 16 * i));
    return run;
}

INLINE ck_run decode_f16(const char *row, int64_t k, int64_t count) {
    char room[128];
    const char *p = whole_run(room, row + 2 * k, count, 2);
    ck_run run;
    for (int i = 0; i < 4; i++) {
        float16x8_t half = vreinterpretq_f16_u8(load_bytes(p + 16 * i));
        run.v[2 * i] = vcvt_f32_f16(vget_low_f16(half));
        run.v[2 * i + 1] = vcvt_high_f32_f16(half);
    }
    return run;
}

INLINE float32x4_t widen_bf16(uint16x4_t h) { return vreinterpretq_f32_u32(vshll_n_u16(h, 16)); }

INLINE ck_run decode_bf16(const char *row, int64_t k, int64_t count) {
    char room[128];
    const char *p = whole_run(room, row + 2 * k, count, 2);
    ck_run run;
    for (int i = 0; i < 4; i++) {
        uint16x8_t h = vreinterpretq_u16_u8(load_bytes(p + 16 * i));
        run.v[2 * i] = widen_bf16(vget_low_u16(h));
        run.v[2 * i + 1] = widen_bf16(vget_high_u16(h));
    }
    return run;
}

/* 16 signed bytes q to q * scale. */
INLINE void scale_signed(float32x4_t to[4], int8x16_t q, float32x4_t scale) {
    int16x8_t low = vmovl_s8(vget_low_s8(q)), high = vmovl_high_s8(q);
    to[0] = vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), scale);
    to[1] = vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(low)), scale);
    to[2] = vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), scale);
    to[3] = vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(high)), scale);
}

/* 16 unsigned bytes q to q * scale + offset. */
INLINE void scale_unsigned(float32x4_t to[4], uint8x16_t q, float32x4_t scale, float32x4_t offset) {
    uint16x8_t low = vmovl_u8(vget_low_u8(q)), high = vmovl_high_u8(q);
    to[0] = vfmaq_f32(offset, vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), scale);
    to[1] = vfmaq_f32(offset, vcvtq_f32_u32(vmovl_high_u16(low)), scale);
    to[2] = vfmaq_f32(offset, vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), scale);
    to[3] = vfmaq_f32(offset, vcvtq_f32_u32(vmovl_high_u16(high)), scale);
}

/* The half in all four lanes. */
INLINE float32x4_t splat_half(uint16_t h) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h)));
}

INLINE uint8x16_t low_nibbles(uint8x16_t q) { return vandq_u8(q, vdupq_n_u8(15)); }

INLINE uint8x16_t high_nibbles(uint8x16_t q) { return vshrq_n_u8(q, 4); }

INLINE ck_run decode_q4_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_0 *b = (const ck_q4_0 *)row + k / 32;
    float32x4_t d = splat_half(b->d);
    uint8x16_t q = load_bytes(b->q), middle = vdupq_n_u8(8);
    ck_run run;
    scale_signed(run.v, vreinterpretq_s8_u8(vsubq_u8(low_nibbles(q), middle)), d);
    scale_signed(run.v + 4, vreinterpretq_s8_u8(vsubq_u8(high_nibbles(q), middle)), d);
    return run;
}

INLINE ck_run decode_q4_1(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_1 *b = (const ck_q4_1 *)row + k / 32;
    float32x4_t d = splat_half(b->d), m = splat_half(b->m);
    uint8x16_t q = load_bytes(b->q);
    ck_run run;
    scale_unsigned(run.v, low_nibbles(q), d, m);
    scale_unsigned(run.v + 4, high_nibbles(q), d, m);
    return run;
}

/* 16 bytes that are 16 where the bit of `bits` is set: byte j looks at bit j. */
INLINE uint8x16_t fifth_bits(uint32_t bits) {
    uint8x16_t bytes = vcombine_u8(vdup_n_u8((uint8_t)bits), vdup_n_u8((uint8_t)(bits >> 8)));
    uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    return vandq_u8(vtstq_u8(bytes, bit), vdupq_n_u8(16));
}

INLINE ck_run decode_q5_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q5_0 *b = (const ck_q5_0 *)row + k / 32;
    float32x4_t d = splat_half(b->d);
    uint8x16_t q = load_bytes(b->q), middle = vdupq_n_u8(16);
    uint8x16_t low = vorrq_u8(low_nibbles(q), fifth_bits(b->high));
    uint8x16_t high = vorrq_u8(high_nibbles(q), fifth_bits(b->high >> 16));
    ck_run run;
    scale_signed(run.v, vreinterpretq_s8_u8(vsubq_u8(low, middle)), d);
    scale_signed(run.v + 4, vreinterpretq_s8_u8(vsubq_u8(high, middle)), d);
    return run;
}

INLINE ck_run decode_q5_1(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q5_1 *b = (const ck_q5_1 *)row + k / 32;
    float32x4_t d = splat_half(b->d), m = splat_half(b->m);
    uint8x16_t q = load_bytes(b->q);
    ck_run run;
    scale_unsigned(run.v, vorrq_u8(low_nibbles(q), fifth_bits(b->high)), d, m);
    scale_unsigned(run.v + 4, vorrq_u8(high_nibbles(q), fifth_bits(b->high >> 16)), d, m);
    return run;
}

INLINE ck_run decode_q8_0(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q8_0 *b = (const ck_q8_0 *)row + k / 32;
    float32x4_t d = splat_half(b->d);
    ck_run run;
    scale_signed(run.v, vreinterpretq_s8_u8(load_bytes(b->q)), d);
    scale_signed(run.v + 4, vreinterpretq_s8_u8(load_bytes(b->q + 16)), d);
    return run;
}

INLINE ck_run decode_q4_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q4_k *b = (const ck_q4_k *)row + k / 256;
    int group = (int)(k / 32 % 8);
    uint8_t s, m;
    ck_q4_k_scale(b->scales, group, &s, &m);
    float32x4_t scale = vmulq_n_f32(splat_half(b->d), (float)s);
    float32x4_t offset = vmulq_n_f32(splat_half(b->dmin), -(float)m);
    int8x16_t right = vdupq_n_s8((int8_t)(-4 * (group & 1)));
    const uint8_t *q = b->q + group / 2 * 32;
    ck_run run;
    scale_unsigned(run.v, low_nibbles(vshlq_u8(load_bytes(q), right)), scale, offset);
    scale_unsigned(run.v + 4, low_nibbles(vshlq_u8(load_bytes(q + 16), right)), scale, offset);
    return run;
}

INLINE ck_run decode_q6_k(const char *row, int64_t k, int64_t count) {
    (void)count;
    const ck_q6_k *b = (const ck_q6_k *)row + k / 256;
    int part = (int)(k / 32 % 8), r = part & 3;
    const uint8_t *low = b->low + part / 4 * 64 + (r & 1) * 32, *high = b->high + part / 4 * 32;
    int8x16_t low_right = vdupq_n_s8((int8_t)(-4 * (r >> 1)));
    int8x16_t high_right = vdupq_n_s8((int8_t)(-2 * r));
    float32x4_t d = splat_half(b->d);
    ck_run run;
    for (int i = 0; i < 2; i++) {
        uint8x16_t q = low_nibbles(vshlq_u8(load_bytes(low + 16 * i), low_right));
        uint8x16_t top = vshlq_u8(load_bytes(high + 16 * i), high_right);
        q = vorrq_u8(q, vshlq_n_u8(vandq_u8(top, vdupq_n_u8(3)), 4));
        scale_signed(run.v + 4 * i, vreinterpretq_s8_u8(vsubq_u8(q, vdupq_n_u8(32))),
                     vmulq_n_f32(d, (float)b->scales[part * 2 + i]));
    }
    return run;
}

/* 1 for a format that `decode` knows; both fold away, since leaves pass a constant. */
INLINE int is_decoded(ck_format format) {
    switch (format) {
    case CK_F32: case CK_F16: case CK_BF16: case CK_Q4_0: case CK_Q4_1: case CK_Q5_0:
    case CK_Q5_1: case CK_Q8_0: case CK_Q4_K: case CK_Q6_K: return 1;
    default: return 0;
    }
}

INLINE ck_run decode(ck_format format, const char *row, int64_t k, int64_t count) {
    switch (format) {
    case CK_F16: return decode_f16(row, k, count);
    case CK_BF16: return decode_bf16(row, k, count);
    case CK_Q4_0: return decode_q4_0(row, k, count);
    case CK_Q4_1: return decode_q4_1(row, k, count);
    case CK_Q5_0: return decode_q5_0(row, k, count);
    case CK_Q5_1: return decode_q5_1(row, k, count);
    case CK_Q8_0: return decode_q8_0(row, k, count);
    case CK_Q4_K: return decode_q4_k(row, k, count);
    case CK_Q6_K: return decode_q6_k(row, k, count);
    default: return decode_f32(row, k, count);
    }
}

/* ---- Transposition of 4 rows of 4 floats ---- */

INLINE void transpose_4x4(float32x4_t r[4]) {
    float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1]));
    float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
    float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3]));
    float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
    r[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
    r[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
    r[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
    r[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}

/* ---- Epilogue: 16 values at columns `column`... of a row; past `columns` there are none ---- */

INLINE void load_initial(float32x4_t v[4], const ck_sweep *s, int64_t token, int32_t column) {
    int32_t left = s->columns - column;
    float room[16] = {0};
    const float *p = room;
    if (s->initial) p = s->initial + token * s->initial_stride + column;
    if (s->initial && left < 16) p = memcpy(room, p, (size_t)left * 4);
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) v[j] = vld1q_f32(p + 4 * j);
}

/* To nearest even, NaN stays NaN. */
INLINE uint16x4_t narrow_bf16(float32x4_t value) {
    uint32x4_t u = vreinterpretq_u32_f32(value), one = vdupq_n_u32(1);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(u, 16), one);
    uint32x4_t rounded = vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    rounded = vbslq_u32(vceqq_f32(value, value), rounded, vdupq_n_u32(0x7fc00000));
    return vshrn_n_u32(rounded, 16);
}

INLINE void store_result(const float32x4_t v[4], const ck_sweep *s, int64_t token,
                         int32_t column) {
    int32_t left = s->columns - column;
    int64_t at = token * s->y_stride + column;
    if (s->y_type == CK_F32) {
        float *y = (float *)s->y + at, room[16], *p = left < 16 ? room : y;
#pragma clang loop unroll(full)
        for (int j = 0; j < 4; j++) vst1q_f32(p + 4 * j, vmulq_n_f32(v[j], s->scale));
        if (left < 16) memcpy(y, room, (size_t)left * 4);
        return;
    }
    uint16_t *y = (uint16_t *)s->y + at, room[16], *p = left < 16 ? room : y;
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) vst1_u16(p + 4 * j, narrow_bf16(vmulq_n_f32(v[j], s->scale)));
    if (left < 16) memcpy(y, room, (size_t)left * 2);
}

#endif
