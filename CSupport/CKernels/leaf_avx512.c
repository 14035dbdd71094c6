/* AVX-512 in fp32: F32 activations on every AVX-512 processor, and bf16 ones where the bf16 dot
 * product is missing (a tile's rows of x are widened on the stack first). Products of one to
 * four tokens, too.
 *
 * Panel: [k][lanes] f32, lanes 16, 32 or 64. Register tiles: 6 x 64, 12 x 32 and 12 x 16. */
#if defined(__x86_64__)
#include "avx512.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))),                   \
    apply_to = function)

enum { DEPTH = 512 };

/* ---- Packing ---- */

typedef ck_run decoder(const char *row, int64_t k, int64_t count);

INLINE void store_transposed(__m512i r[16], float *to, int32_t lanes) {
    transpose_16x16(r);
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * lanes, r[i]);
}

INLINE void pack_rows(decoder *decode, void *panel, const char *w, size_t row_bytes, int64_t k0,
                      int64_t k, int32_t columns) {
    int32_t lanes = ck_panel_lanes(columns);
    for (int32_t j = 0; j < lanes; j += 16) {
        for (int64_t p = 0; p < k; p += 32) {
            __m512i a[16], b[16];
#pragma clang loop unroll(full)
            for (int i = 0; i < 16; i++) {
                ck_run run = {_mm512_setzero_ps(), _mm512_setzero_ps()};
                if (j + i < columns) run = decode(w + (size_t)(j + i) * row_bytes, k0 + p, k - p);
                a[i] = _mm512_castps_si512(run.a);
                b[i] = _mm512_castps_si512(run.b);
            }
            float *to = (float *)panel + p * lanes + j;
            store_transposed(a, to, lanes);
            store_transposed(b, to + 16 * lanes, lanes);
        }
    }
}

INLINE void pack_columns(decoder *decode, void *panel, const char *w, size_t row_bytes, int64_t c0,
                         int64_t k, int32_t columns) {
    int32_t lanes = ck_panel_lanes(columns);
    float *to = panel;
    for (int64_t p = 0; p < k; p++, to += lanes) {
        const char *row = w + (size_t)p * row_bytes;
        for (int32_t j = 0; j < lanes; j += 32) {
            ck_run run = {_mm512_setzero_ps(), _mm512_setzero_ps()};
            if (j < columns) run = decode(row, c0 + j, columns - j);
            _mm512_store_ps(to + j, run.a);
            if (lanes > 16) _mm512_store_ps(to + j + 16, run.b);
        }
    }
}

/* ---- Register tiles ---- */

INLINE void tile(const ck_sweep *s, int64_t token, const int rows, const int vectors) {
    __m512 c[12][4];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) c[i][j] = load_initial(s, token + i, j);
    for (int32_t g = 0; g < s->segments; g++) {
        const ck_segment *segment = &s->segment[g];
        size_t stride = (size_t)segment->x_stride * 4;
        const char *x = (const char *)segment->x + (size_t)token * stride;
        const float *panel = segment->panel;
        for (int64_t p = 0; p < segment->k; p++, x += 4, panel += 16 * vectors) {
            __m512 w[4];
#pragma clang loop unroll(full)
            for (int j = 0; j < vectors; j++) w[j] = _mm512_load_ps(panel + 16 * j);
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                __m512 b = _mm512_set1_ps(*(const float *)(x + (size_t)i * stride));
#pragma clang loop unroll(full)
                for (int j = 0; j < vectors; j++) c[i][j] = _mm512_fmadd_ps(w[j], b, c[i][j]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) store_result(s, token + i, j, c[i][j]);
}

#define TILE(rows, vectors)                                                                        \
    static void tile_##rows##x##vectors(const ck_sweep *s, int64_t token) {                        \
        tile(s, token, rows, vectors);                                                             \
    }
#define TILES_UP_TO_6(v) TILE(1, v) TILE(2, v) TILE(3, v) TILE(4, v) TILE(5, v) TILE(6, v)
#define TILES_UP_TO_12(v)                                                                          \
    TILES_UP_TO_6(v) TILE(7, v) TILE(8, v) TILE(9, v) TILE(10, v) TILE(11, v) TILE(12, v)
TILES_UP_TO_6(4)
TILES_UP_TO_12(2)
TILES_UP_TO_12(1)

#define NAMES_UP_TO_6(v) tile_1x##v, tile_2x##v, tile_3x##v, tile_4x##v, tile_5x##v, tile_6x##v
#define NAMES_UP_TO_12(v)                                                                          \
    NAMES_UP_TO_6(v), tile_7x##v, tile_8x##v, tile_9x##v, tile_10x##v, tile_11x##v, tile_12x##v

static ck_tile *const wide[] = {NAMES_UP_TO_6(4)};
static ck_tile *const middle[] = {NAMES_UP_TO_12(2)};
static ck_tile *const narrow[] = {NAMES_UP_TO_12(1)};

static void widen_rows(float *to, const uint16_t *x, int64_t stride, int64_t rows, int64_t k) {
    for (int64_t i = 0; i < rows; i++, x += stride, to += k) {
        int64_t p = 0;
        for (; p + 16 <= k; p += 16)
            _mm512_storeu_ps(to + p, widen_bf16(_mm256_loadu_si256((const __m256i *)(x + p))));
        for (; p < k; p++) to[p] = ck_from_bf16(x[p]);
    }
}

static void sweep_widened(const ck_sweep *s, ck_tile *const *tiles, int64_t height) {
    float rows[12 * (DEPTH + CK_ADAPTER_DEPTH)];
    int64_t count = (s->tokens + height - 1) / height;
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
    int32_t lanes = ck_panel_lanes(s->columns);
    ck_tile *const *tiles = lanes == 16 ? narrow : lanes == 32 ? middle : wide;
    int64_t height = lanes == 64 ? 6 : 12;
    if (s->x_type == CK_BF16)
        sweep_widened(s, tiles, height);
    else
        ck_sweep_tiles(s, tiles, height);
}

/* ---- Few tokens: no panel, every row of w is read once ---- */

typedef struct { __m512 a[2][CK_DOT_TOKENS], b[2][CK_DOT_TOKENS]; } sums;

INLINE void add_run(sums *sums, decoder *decode, const float *x, const char *w, size_t row_bytes,
                    int64_t in, int64_t k, int64_t count, const int tokens, const int rows) {
    ck_run run[2];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) run[r] = decode(w + (size_t)r * row_bytes, k, count);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        ck_run v = decode_f32((const char *)(x + t * in), k, count);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            sums->a[r][t] = _mm512_fmadd_ps(run[r].a, v.a, sums->a[r][t]);
            sums->b[r][t] = _mm512_fmadd_ps(run[r].b, v.b, sums->b[r][t]);
        }
    }
}

INLINE void dot_rows(decoder *decode, float *y, const float *x, const char *w, size_t row_bytes,
                     int64_t in, const int tokens, const int rows) {
    sums sums;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) sums.a[r][t] = sums.b[r][t] = _mm512_setzero_ps();
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
            y[t * CK_DOT_ROWS + r] =
                _mm512_reduce_add_ps(_mm512_add_ps(sums.a[r][t], sums.b[r][t]));
}

INLINE void dot_block(decoder *decode, float *y, const float *x, const char *w, size_t row_bytes,
                      int64_t rows, int64_t in, const int tokens) {
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2)
        dot_rows(decode, y + r, x, w + (size_t)r * row_bytes, row_bytes, in, tokens, 2);
    if (r < rows) dot_rows(decode, y + r, x, w + (size_t)r * row_bytes, row_bytes, in, tokens, 1);
}

INLINE void dot(decoder *decode, float *y, const float *x, const char *w, size_t row_bytes,
                int64_t tokens, int64_t rows, int64_t in) {
    switch (tokens) {
    case 1: dot_block(decode, y, x, w, row_bytes, rows, in, 1); break;
    case 2: dot_block(decode, y, x, w, row_bytes, rows, in, 2); break;
    case 3: dot_block(decode, y, x, w, row_bytes, rows, in, 3); break;
    default: dot_block(decode, y, x, w, row_bytes, rows, in, 4);
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
const ck_leaf ck_leaf_avx512 = {
    .depth = DEPTH,
    .element_size = 4,
    .sweep = sweep,
    .formats = {CK_ALL_FORMATS(ENTRY)},
};
#endif
