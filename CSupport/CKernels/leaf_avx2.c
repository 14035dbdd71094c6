/* AVX2 with FMA, in fp32, for both types of activations (a tile's bf16 rows are widened on the
 * stack first).
 *
 * Panel: up to four strips [k][16] f32, one after another (k rounded up to 32). Register tile: 6
 * x 16, that is 12 accumulators, 2 registers of the strip and one broadcast; each strip passes
 * through the first-level cache while the 6 rows of x stay there. */
#if defined(__x86_64__)
#include "avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

enum { DEPTH = 512, HEIGHT = 6, STRIP = 16 };

typedef ck_run decoder(const char *row, int64_t k, int64_t count);

/* Floats in a strip of k rows. */
INLINE int64_t strip_size(int64_t k) { return (k + 31) / 32 * 32 * STRIP; }

/* ---- Packing ---- */

INLINE void pack_rows(decoder *decode, void *panel, const char *w, size_t row_bytes, int64_t k0,
                      int64_t k, int32_t columns) {
    for (int32_t j = 0; j < (columns + STRIP - 1) / STRIP * STRIP; j += 8) {
        float *strip = (float *)panel + j / STRIP * strip_size(k) + j % STRIP;
        for (int64_t p = 0; p < k; p += 32) {
            ck_run runs[8];
            for (int i = 0; i < 8; i++)
                if (j + i < columns)
                    runs[i] = decode(w + (size_t)(j + i) * row_bytes, k0 + p, k - p);
                else
                    memset(&runs[i], 0, sizeof runs[i]);
            for (int quarter = 0; quarter < 4; quarter++) {
                __m256 r[8];
#pragma clang loop unroll(full)
                for (int i = 0; i < 8; i++) r[i] = runs[i].v[quarter];
                transpose_8x8(r);
                float *to = strip + (p + quarter * 8) * STRIP;
#pragma clang loop unroll(full)
                for (int i = 0; i < 8; i++) _mm256_store_ps(to + i * STRIP, r[i]);
            }
        }
    }
}

INLINE void pack_columns(decoder *decode, void *panel, const char *w, size_t row_bytes, int64_t c0,
                         int64_t k, int32_t columns) {
    for (int32_t j = 0; j < columns; j += 32) {
        float *first = (float *)panel + j / STRIP * strip_size(k);
        float *second = columns - j > STRIP ? first + strip_size(k) : NULL;
        for (int64_t p = 0; p < k; p++) {
            ck_run run = decode(w + (size_t)p * row_bytes, c0 + j, columns - j);
            _mm256_store_ps(first + p * STRIP, run.v[0]);
            _mm256_store_ps(first + p * STRIP + 8, run.v[1]);
            if (!second) continue;
            _mm256_store_ps(second + p * STRIP, run.v[2]);
            _mm256_store_ps(second + p * STRIP + 8, run.v[3]);
        }
    }
}

/* ---- Register tiles ---- */

INLINE void tile(const ck_sweep *s, int64_t token, int32_t column, const int rows) {
    __m256 a[HEIGHT], b[HEIGHT];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        a[i] = load_initial(s, token + i, column);
        b[i] = load_initial(s, token + i, column + 8);
    }
    for (int32_t g = 0; g < s->segments; g++) {
        const ck_segment *segment = &s->segment[g];
        size_t stride = (size_t)segment->x_stride * 4;
        const char *x = (const char *)segment->x + (size_t)token * stride;
        const float *strip = segment->panel;
        strip += column / STRIP * strip_size(segment->k);
        for (int64_t p = 0; p < segment->k; p++, x += 4, strip += STRIP) {
            __m256 w0 = _mm256_load_ps(strip), w1 = _mm256_load_ps(strip + 8);
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                __m256 value = _mm256_broadcast_ss((const float *)(x + (size_t)i * stride));
                a[i] = _mm256_fmadd_ps(w0, value, a[i]);
                b[i] = _mm256_fmadd_ps(w1, value, b[i]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        store_result(s, token + i, column, a[i]);
        store_result(s, token + i, column + 8, b[i]);
    }
}

#define TILE(rows)                                                                                 \
    static void tile_##rows(const ck_sweep *s, int64_t token) {                                    \
        for (int32_t column = 0; column < s->columns; column += STRIP)                             \
            tile(s, token, column, rows);                                                          \
    }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)

static ck_tile *const tiles[] = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};

static void widen_rows(float *to, const uint16_t *x, int64_t stride, int64_t rows, int64_t k) {
    for (int64_t i = 0; i < rows; i++, x += stride, to += k) {
        int64_t p = 0;
        for (; p + 8 <= k; p += 8) _mm256_storeu_ps(to + p, widen_bf16(x + p));
        for (; p < k; p++) to[p] = ck_from_bf16(x[p]);
    }
}

static void sweep_widened(const ck_sweep *s) {
    float rows[HEIGHT * (DEPTH + CK_ADAPTER_DEPTH)];
    int64_t count = (s->tokens + HEIGHT - 1) / HEIGHT;
    for (int64_t i = 0; i < count; i++) {
        int64_t from = s->tokens * i / count, to = s->tokens * (i + 1) / count;
        ck_sweep one = *s;
        float *room = rows;
        for (int32_t g = 0; g < s->segments; g++) {
            const ck_segment *segment = &s->segment[g];
            widen_rows(room, (const uint16_t *)segment->x + from * segment->x_stride,
                       segment->x_stride, to - from, segment->k);
            one.segment[g].x = room;
            one.segment[g].x_stride = segment->k;
            room += (to - from) * segment->k;
        }
        if (s->initial) one.initial = s->initial + from * s->initial_stride;
        one.y = (char *)s->y + (size_t)(from * s->y_stride) * (s->y_type == CK_BF16 ? 2 : 4);
        ck_fetch_ahead(&s->ahead, s->ahead.rows * i / count, s->ahead.rows * (i + 1) / count);
        tiles[to - from - 1](&one, 0);
    }
}

static void sweep(const ck_sweep *s) {
    if (s->x_type == CK_BF16)
        sweep_widened(s);
    else
        ck_sweep_tiles(s, tiles, HEIGHT);
}

/* ---- Few tokens: no panel, every row of w is read once ---- */

INLINE float sum_of(__m256 v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

typedef struct { __m256 a[2][CK_DOT_TOKENS], b[2][CK_DOT_TOKENS]; } sums;

INLINE void add_run(sums *sums, decoder *decode, const float *x, const char *w, size_t row_bytes,
                    int64_t in, int64_t k, int64_t count, const int tokens, const int rows) {
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        ck_run run = decode(w + (size_t)r * row_bytes, k, count);
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            ck_run v = decode_f32((const char *)(x + t * in), k, count);
            sums->a[r][t] = _mm256_fmadd_ps(run.v[0], v.v[0], sums->a[r][t]);
            sums->b[r][t] = _mm256_fmadd_ps(run.v[1], v.v[1], sums->b[r][t]);
            sums->a[r][t] = _mm256_fmadd_ps(run.v[2], v.v[2], sums->a[r][t]);
            sums->b[r][t] = _mm256_fmadd_ps(run.v[3], v.v[3], sums->b[r][t]);
        }
    }
}

INLINE void dot_rows(decoder *decode, float *y, const float *x, const char *w, size_t row_bytes,
                     int64_t in, const int tokens, const int rows) {
    sums sums;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) sums.a[r][t] = sums.b[r][t] = _mm256_setzero_ps();
    const char *ahead = w + 8192; /* far enough for memory to keep up */
    size_t step = row_bytes * 32 / (size_t)in;
    int64_t k = 0;
    for (; k + 32 <= in; k += 32, ahead += step) {
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) __builtin_prefetch(ahead + (size_t)r * row_bytes);
        add_run(&sums, decode, x, w, row_bytes, in, k, 32, tokens, rows);
    }
    if (k < in) add_run(&sums, decode, x, w, row_bytes, in, k, in - k, tokens, rows);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++)
            y[t * CK_DOT_ROWS + r] = sum_of(_mm256_add_ps(sums.a[r][t], sums.b[r][t]));
}

INLINE void dot_block(decoder *decode, float *y, const float *x, const char *w, size_t row_bytes,
                      int64_t rows, int64_t in, const int tokens, const int at_once) {
    int64_t r = 0;
    for (; r + at_once <= rows; r += at_once)
        dot_rows(decode, y + r, x, w + (size_t)r * row_bytes, row_bytes, in, tokens, at_once);
    for (; r < rows; r++)
        dot_rows(decode, y + r, x, w + (size_t)r * row_bytes, row_bytes, in, tokens, 1);
}

INLINE void dot(decoder *decode, float *y, const float *x, const char *w, size_t row_bytes,
                int64_t tokens, int64_t rows, int64_t in) {
    switch (tokens) {
    case 1: dot_block(decode, y, x, w, row_bytes, rows, in, 1, 2); break;
    case 2: dot_block(decode, y, x, w, row_bytes, rows, in, 2, 2); break;
    case 3: dot_block(decode, y, x, w, row_bytes, rows, in, 3, 1); break;
    default: dot_block(decode, y, x, w, row_bytes, rows, in, 4, 1);
    }
}

/* ---- Table ---- */

#define FORMAT(id, name)                                                                           \
    static void pack_rows_##name(void *panel, const char *w, size_t row_bytes, int64_t k0,         \
                                 int64_t k, int32_t columns) {                                     \
        pack_rows(decode_##name, panel, w, row_bytes, k0, k, columns);                             \
    }                                                                                              \
    static void pack_columns_##name(void *panel, const char *w, size_t row_bytes, int64_t c0,      \
                                    int64_t k, int32_t columns) {                                  \
        pack_columns(decode_##name, panel, w, row_bytes, c0, k, columns);                          \
    }                                                                                              \
    static void dot_##name(float *y, const float *x, const char *w, size_t row_bytes,              \
                           int64_t tokens, int64_t rows, int64_t in) {                             \
        dot(decode_##name, y, x, w, row_bytes, tokens, rows, in);                                  \
    }
CK_ALL_FORMATS(FORMAT)

#pragma clang attribute pop

#define ENTRY(id, name) {id, pack_rows_##name, pack_columns_##name, dot_##name},
const ck_leaf ck_leaf_avx2 = {
    .depth = DEPTH,
    .element_size = 4,
    .sweep = sweep,
    .formats = {CK_ALL_FORMATS(ENTRY)},
};
#endif
