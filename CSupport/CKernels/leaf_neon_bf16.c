/* NEON with the bf16 matrix product (BFMMLA: 2 x 4 by 4 x 2, sums in fp32), for bf16 activations;
 * ARMv8.6, and Neoverse N2 and V1, Apple M2 and their successors.
 *
 * Panel: up to four strips [k/4][16][4] bf16, one after another (k rounded up to 32): two
 * neighbouring columns are one operand of the instruction. Register tile: 6 x 16, that is 24
 * accumulators of 2 x 2; two rows of x are the other operand, read in place. */
#if defined(__aarch64__)
#include "neon.h"

#pragma clang attribute push(__attribute__((target("bf16"))), apply_to = function)

enum { DEPTH = 512, ELEMENT = 2, HEIGHT = 6, STRIP = 16, QUAD = 4, PAIRS = STRIP / 2, BLOCK = 256 };

/* ---- Packing ---- */

/* 32 values in four registers; bf16 weights as they are. */
typedef struct { uint16x8_t v[4]; } half_run;

INLINE half_run decode_halves(ck_format format, const char *row, int64_t k, int64_t count) {
    half_run halves;
    if (format == CK_BF16) {
        char room[128];
        const char *p = whole_run(room, row + 2 * k, count, 2);
        for (int i = 0; i < 4; i++) halves.v[i] = vreinterpretq_u16_u8(load_bytes(p + 16 * i));
        return halves;
    }
    ck_run run = decode(format, row, k, count);
    for (int i = 0; i < 4; i++) {
        bfloat16x8_t low = vcvtq_low_bf16_f32(run.v[2 * i]);
        halves.v[i] = vreinterpretq_u16_bf16(vcvtq_high_bf16_f32(low, run.v[2 * i + 1]));
    }
    return halves;
}

/* A strip from at most 16 rows of w: four values of a row lie together already. */
INLINE void pack_strip(ck_format format, uint16_t *strip, const char *w, size_t row_bytes,
                       int64_t k0, int64_t k, int64_t columns) {
    for (int64_t j = 0; j < STRIP; j++)
        for (int64_t p = 0; p < k; p += 32) {
            half_run run = {{vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)}};
            if (j < columns)
                run = decode_halves(format, w + (size_t)j * row_bytes, k0 + p, k - p);
            uint16_t *to = strip + p * STRIP + j * QUAD;
            for (int i = 0; i < 4; i++) {
                vst1_u16(to + (2 * i) * STRIP * QUAD, vget_low_u16(run.v[i]));
                vst1_u16(to + (2 * i + 1) * STRIP * QUAD, vget_high_u16(run.v[i]));
            }
        }
}

typedef uint16_t packed;

#include "strips_neon.h"

/* Four rows of at most 32 columns (zero beyond `rows`) into one or two strips. */
INLINE void pack_quad(ck_format format, uint16_t *first, uint16_t *second, const char *w,
                      size_t row_bytes, int64_t c0, int64_t rows, int64_t columns) {
    half_run r[QUAD];
    for (int64_t i = 0; i < QUAD; i++)
        if (i < rows)
            r[i] = decode_halves(format, w + (size_t)i * row_bytes, c0, columns);
        else
            memset(&r[i], 0, sizeof r[i]);
    for (int64_t i = 0; i < 4; i++) {
        uint16x8x4_t turned = {{r[0].v[i], r[1].v[i], r[2].v[i], r[3].v[i]}};
        uint16_t *strip = i < 2 ? first : second;
        if (strip) vst4q_u16(strip + i % 2 * 8 * QUAD, turned);
    }
}

INLINE void pack_columns(ck_format format, uint16_t *panel, const char *w, size_t row_bytes,
                         int64_t c0, int64_t k, int32_t columns) {
    const ck_codec *codec = is_decoded(format) ? NULL : ck_codec_of(format);
    for (int64_t j = 0; j < columns; j += 2 * STRIP) {
        uint16_t *first = panel + j / STRIP * strip_size(k);
        uint16_t *second = columns - j > STRIP ? first + strip_size(k) : NULL;
        for (int64_t p = 0; p < k; p += QUAD) {
            const char *rows = w + (size_t)p * row_bytes;
            int64_t count = least(k - p, QUAD);
            uint16_t *to = first + p * STRIP, *next = second ? second + p * STRIP : NULL;
            if (is_decoded(format)) {
                pack_quad(format, to, next, rows, row_bytes, c0 + j, count, columns - j);
                continue;
            }
            float room[QUAD][BLOCK];
            int64_t skipped = (c0 + j) % codec->block_length;
            size_t at = ck_offset(codec, c0 + j - skipped);
            for (int64_t i = 0; i < count; i++)
                codec->decode(room[i], rows + (size_t)i * row_bytes + at, codec->block_length);
            pack_quad(CK_F32, to, next, (const char *)(room[0] + skipped), sizeof *room, 0, count,
                      32);
        }
    }
}

/* ---- Register tiles ---- */

/* Rows 0 and 1 (or 0 and nothing) of x as the left operand; `count` (1...4) values of each. */
INLINE bfloat16x8_t load_rows(const char *x, size_t stride, int both, int64_t count) {
    uint16x4_t zero = vdup_n_u16(0);
    if (count >= QUAD) {
        uint16x4_t top = vreinterpret_u16_u8(vld1_u8((const uint8_t *)x)), bottom = zero;
        if (both) bottom = vreinterpret_u16_u8(vld1_u8((const uint8_t *)x + stride));
        return vreinterpretq_bf16_u16(vcombine_u16(top, bottom));
    }
    uint16_t room[2][QUAD] = {{0}};
    memcpy(room[0], x, (size_t)count * 2);
    if (both) memcpy(room[1], x + stride, (size_t)count * 2);
    return vreinterpretq_bf16_u16(vld1q_u16(room[0]));
}

/* Two rows of the tile, from and to accumulators of 2 x 2. */
INLINE void interleave(float32x4_t c[PAIRS], const float32x4_t top[4],
                       const float32x4_t bottom[4]) {
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
        float64x2_t a = vreinterpretq_f64_f32(top[j]), b = vreinterpretq_f64_f32(bottom[j]);
        c[2 * j] = vreinterpretq_f32_f64(vzip1q_f64(a, b));
        c[2 * j + 1] = vreinterpretq_f32_f64(vzip2q_f64(a, b));
    }
}

INLINE void separate(float32x4_t top[4], float32x4_t bottom[4], const float32x4_t c[PAIRS]) {
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
        float64x2_t a = vreinterpretq_f64_f32(c[2 * j]);
        float64x2_t b = vreinterpretq_f64_f32(c[2 * j + 1]);
        top[j] = vreinterpretq_f32_f64(vzip1q_f64(a, b));
        bottom[j] = vreinterpretq_f32_f64(vzip2q_f64(a, b));
    }
}

INLINE void multiply_quad(float32x4_t c[HEIGHT / 2][PAIRS], const char *x, size_t stride,
                          const uint16_t *strip, const int rows, int64_t count) {
    bfloat16x8_t in[HEIGHT / 2];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i += 2)
        in[i / 2] = load_rows(x + (size_t)i * stride, stride, i + 1 < rows, count);
#pragma clang loop unroll(full)
    for (int j = 0; j < PAIRS; j++) {
        bfloat16x8_t w = vreinterpretq_bf16_u16(vld1q_u16(strip + j * 2 * QUAD));
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i += 2) c[i / 2][j] = vbfmmlaq_f32(c[i / 2][j], in[i / 2], w);
    }
}

INLINE void tile(const ck_sweep *s, int64_t token, int32_t column, const int rows) {
    float32x4_t c[HEIGHT / 2][PAIRS], top[4], bottom[4] = {0};
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i += 2) {
        load_initial(top, s, token + i, column);
        if (i + 1 < rows) load_initial(bottom, s, token + i + 1, column);
        interleave(c[i / 2], top, bottom);
    }
    for (int32_t g = 0; g < s->segments; g++) {
        const ck_segment *segment = &s->segment[g];
        size_t stride = (size_t)segment->x_stride * 2;
        const char *x = (const char *)segment->x + (size_t)token * stride;
        const uint16_t *strip = segment->panel;
        strip += column / STRIP * strip_size(segment->k);
        int64_t left = segment->k;
        for (; left >= QUAD; left -= QUAD, x += 2 * QUAD, strip += QUAD * STRIP)
            multiply_quad(c, x, stride, strip, rows, QUAD);
        if (left > 0) multiply_quad(c, x, stride, strip, rows, left);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i += 2) {
        separate(top, bottom, c[i / 2]);
        store_result(top, s, token + i, column);
        if (i + 1 < rows) store_result(bottom, s, token + i + 1, column);
    }
}

#define TILE(rows)                                                                                 \
    static void tile_##rows(const ck_sweep *s, int64_t token) {                                    \
        for (int32_t column = 0; column < s->columns; column += STRIP)                             \
            tile(s, token, column, rows);                                                          \
    }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)

static void sweep(const ck_sweep *s) {
    static ck_tile *const tiles[] = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};
    ck_sweep_tiles(s, tiles, HEIGHT);
}

/* ---- Table ---- */

/* Products of few tokens run in fp32: ck_leaf_neon has the path without panels for both. */
#define LEAF ck_leaf_neon_bf16
#define READER(id, name) id
#define WITH_DOT 0
#include "leaf_formats.h"

#pragma clang attribute pop
#endif
