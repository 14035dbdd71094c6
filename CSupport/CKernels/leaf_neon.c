/* NEON, in fp32, for both types of activations; every 64-bit ARM has it.
 *
 * Panel: up to four strips [k][16] f32, one after another (k rounded up to 32). Register tile: 6
 * x 16, that is 24 accumulators; four values of K of each of the 6 rows of x stay in 6 registers
 * (bf16 is widened on the way), of which the multiplication takes one lane, and two are left for
 * the strip. A strip (16 KB) and the rows of x fit the smallest first-level cache, 32 KB. */
#if defined(__aarch64__)
#include "neon.h"

enum { DEPTH = 256, ELEMENT = 4, HEIGHT = 6, STRIP = 16, VECTORS = STRIP / 4, BLOCK = 256 };

/* ---- Packing ---- */

/* A strip from at most 16 rows of w. */
INLINE void pack_strip(ck_format format, float *strip, const char *w, size_t row_bytes, int64_t k0,
                       int64_t k, int64_t columns) {
    for (int64_t j = 0; j < STRIP; j += 4) {
        const char *rows = w + (size_t)j * row_bytes;
        for (int64_t p = 0; p < k; p += 32) {
            ck_run runs[4];
            for (int64_t i = 0; i < 4; i++)
                if (j + i < columns)
                    runs[i] = decode(format, rows + (size_t)i * row_bytes, k0 + p, k - p);
                else
                    memset(&runs[i], 0, sizeof runs[i]);
            for (int64_t part = 0; part < 8; part++) {
                float32x4_t r[4] = {runs[0].v[part], runs[1].v[part], runs[2].v[part],
                                    runs[3].v[part]};
                transpose_4x4(r);
                float *to = strip + (p + 4 * part) * STRIP + j;
                for (int64_t i = 0; i < 4; i++) vst1q_f32(to + i * STRIP, r[i]);
            }
        }
    }
}

typedef float packed;

#include "strips_neon.h"

/* Two neighbouring strips from 32 columns of w, or one from 16. */
INLINE void pack_pair(ck_format format, float *first, float *second, const char *w,
                      size_t row_bytes, int64_t c0, int64_t k, int64_t columns) {
    for (int64_t p = 0; p < k; p++) {
        ck_run run = decode(format, w + (size_t)p * row_bytes, c0, columns);
        for (int i = 0; i < VECTORS; i++) vst1q_f32(first + p * STRIP + 4 * i, run.v[i]);
        if (!second) continue;
        for (int i = 0; i < VECTORS; i++)
            vst1q_f32(second + p * STRIP + 4 * i, run.v[VECTORS + i]);
    }
}

INLINE void pack_columns(ck_format format, float *panel, const char *w, size_t row_bytes,
                         int64_t c0, int64_t k, int32_t columns) {
    const ck_codec *codec = is_decoded(format) ? NULL : ck_codec_of(format);
    for (int64_t j = 0; j < columns; j += 2 * STRIP) {
        float *first = panel + j / STRIP * strip_size(k);
        float *second = columns - j > STRIP ? first + strip_size(k) : NULL;
        if (is_decoded(format)) {
            pack_pair(format, first, second, w, row_bytes, c0 + j, k, columns - j);
            continue;
        }
        int64_t c = c0 + j, skipped = c % codec->block_length;
        for (int64_t p = 0; p < k; p++) {
            float room[BLOCK];
            const char *row = w + (size_t)p * row_bytes + ck_offset(codec, c - skipped);
            codec->decode(room, row, codec->block_length);
            pack_pair(CK_F32, first + p * STRIP, second ? second + p * STRIP : NULL,
                      (const char *)(room + skipped), 0, 0, 1, 32);
        }
    }
}

/* ---- Register tiles ---- */

/* `count` (1...4) values of x; the rest is zero. */
INLINE float32x4_t load_inputs(const char *x, ck_format type, int64_t count) {
    if (type == CK_BF16) {
        uint16_t room[4] = {0};
        if (count >= 4) return widen_bf16(vreinterpret_u16_u8(vld1_u8((const uint8_t *)x)));
        memcpy(room, x, (size_t)count * 2);
        return widen_bf16(vld1_u16(room));
    }
    float room[4] = {0};
    if (count >= 4) return vreinterpretq_f32_u8(load_bytes(x));
    memcpy(room, x, (size_t)count * 4);
    return vld1q_f32(room);
}

/* One row of the strip, lane `lane` of each row's inputs. */
#define STEP(lane)                                                                                 \
    _Pragma("clang loop unroll(full)") for (int j = 0; j < VECTORS; j++) {                         \
        float32x4_t w = vld1q_f32(strip + lane * STRIP + 4 * j);                                   \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++)                          \
            c[i][j] = vfmaq_laneq_f32(c[i][j], w, in[i], lane);                                    \
    }

INLINE void tile(const ck_sweep *s, int64_t token, int32_t column, const int rows,
                 const ck_format type) {
    float32x4_t c[HEIGHT][VECTORS], in[HEIGHT];
    size_t size = type == CK_BF16 ? 2 : 4;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) load_initial(c[i], s, token + i, column);
    for (int32_t g = 0; g < s->segments; g++) {
        const ck_segment *segment = &s->segment[g];
        size_t stride = (size_t)segment->x_stride * size;
        const char *x = (const char *)segment->x + (size_t)token * stride;
        const float *strip = segment->panel;
        strip += column / STRIP * strip_size(segment->k);
        int64_t left = segment->k;
        for (; left >= 4; left -= 4, x += 4 * size, strip += 4 * STRIP) {
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) in[i] = load_inputs(x + (size_t)i * stride, type, 4);
            STEP(0)
            STEP(1)
            STEP(2)
            STEP(3)
        }
        if (left == 0) continue;
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) in[i] = load_inputs(x + (size_t)i * stride, type, left);
        STEP(0)
        if (left > 1) STEP(1)
        if (left > 2) STEP(2)
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) store_result(c[i], s, token + i, column);
}

#define TILE(rows)                                                                                 \
    static void tile_##rows(const ck_sweep *s, int64_t token) {                                    \
        for (int32_t column = 0; column < s->columns; column += STRIP)                             \
            tile(s, token, column, rows, CK_F32);                                                  \
    }                                                                                              \
    static void tile_##rows##_bf16(const ck_sweep *s, int64_t token) {                             \
        for (int32_t column = 0; column < s->columns; column += STRIP)                             \
            tile(s, token, column, rows, CK_BF16);                                                 \
    }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)

static void sweep(const ck_sweep *s) {
    static ck_tile *const tiles[] = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};
    static ck_tile *const halves[] = {tile_1_bf16, tile_2_bf16, tile_3_bf16,
                                      tile_4_bf16, tile_5_bf16, tile_6_bf16};
    ck_sweep_tiles(s, s->x_type == CK_BF16 ? halves : tiles, HEIGHT);
}

/* ---- Few tokens: no panel, every row of w is read once ---- */

/* y [tokens, rows] += x [tokens, count] (rows `in` apart) times `rows` rows of w from value k0 on,
 * transposed. */
INLINE void dot_rows(ck_format format, float *y, const float *x, const char *w, size_t row_bytes,
                     int64_t in, int64_t k0, int64_t count, const int tokens, const int rows) {
    float32x4_t a[4][CK_DOT_TOKENS], b[4][CK_DOT_TOKENS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) a[r][t] = b[r][t] = vdupq_n_f32(0);
    for (int64_t k = 0; k < count; k += 32) {
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            ck_run run = decode(format, w + (size_t)r * row_bytes, k0 + k, count - k);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                ck_run v = decode_f32((const char *)(x + t * in), k, count - k);
#pragma clang loop unroll(full)
                for (int i = 0; i < 8; i += 2) {
                    a[r][t] = vfmaq_f32(a[r][t], run.v[i], v.v[i]);
                    b[r][t] = vfmaq_f32(b[r][t], run.v[i + 1], v.v[i + 1]);
                }
            }
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++)
            y[t * CK_DOT_ROWS + r] += vaddvq_f32(vaddq_f32(a[r][t], b[r][t]));
}

INLINE void dot_block(ck_format format, float *y, const float *x, const char *w, size_t row_bytes,
                      int64_t rows, int64_t in, const int tokens, const int at_once) {
    const ck_codec *codec = is_decoded(format) ? NULL : ck_codec_of(format);
    int64_t r = 0;
    if (!is_decoded(format)) {
        for (; r < rows; r++)
            for (int64_t k = 0; k < in; k += BLOCK) {
                float room[BLOCK];
                int64_t n = least(in - k, BLOCK);
                codec->decode(room, w + (size_t)r * row_bytes + ck_offset(codec, k), n);
                dot_rows(CK_F32, y + r, x + k, (const char *)room, 0, in, 0, n, tokens, 1);
            }
        return;
    }
    for (; r + at_once <= rows; r += at_once)
        dot_rows(format, y + r, x, w + (size_t)r * row_bytes, row_bytes, in, 0, in, tokens,
                 at_once);
    for (; r < rows; r++)
        dot_rows(format, y + r, x, w + (size_t)r * row_bytes, row_bytes, in, 0, in, tokens, 1);
}

INLINE void dot(ck_format format, float *y, const float *x, const char *w, size_t row_bytes,
                int64_t tokens, int64_t rows, int64_t in) {
    memset(y, 0, sizeof(float) * (size_t)(tokens * CK_DOT_ROWS));
    switch (tokens) {
    case 1: dot_block(format, y, x, w, row_bytes, rows, in, 1, 4); break;
    case 2: dot_block(format, y, x, w, row_bytes, rows, in, 2, 2); break;
    case 3: dot_block(format, y, x, w, row_bytes, rows, in, 3, 1); break;
    default: dot_block(format, y, x, w, row_bytes, rows, in, 4, 1);
    }
}

/* ---- Table ---- */

#define LEAF ck_leaf_neon
#define READER(id, name) id
#define WITH_DOT 1
#include "leaf_formats.h"
#endif
