/* AVX2 with FMA, in fp32, for both types of activations (a tile's bf16 rows are widened on the
 * stack first).
 *
 * Panel: up to four strips [k][16] f32, one after another (k rounded up to 32). Register tile: 6
 * x 16, that is 12 accumulators, 2 registers of the strip and one broadcast; each strip passes
 * through the first-level cache while the 6 rows of x stay there. */
#if defined(__x86_64__)
#include "avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

enum { DEPTH = 512, ELEMENT = 4, MOST_HEIGHT = 6, STRIP = 16, LANES = 8 };

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
    __m256 a[MOST_HEIGHT], b[MOST_HEIGHT];
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

INLINE void widen_lanes(float *to, const uint16_t *x) { _mm256_storeu_ps(to, widen_bf16(x)); }

#include "leaf_widened.h"

static void sweep(const ck_sweep *s) {
    if (s->x_type == CK_BF16)
        sweep_widened(s, tiles, MOST_HEIGHT);
    else
        ck_sweep_tiles(s, tiles, MOST_HEIGHT);
}

/* ---- Few tokens: no panel, every row of w is read once ---- */

enum { AT_ONCE = 2, AT_ONCE_OF_MANY = 1 };

typedef __m256 vector;
typedef struct { vector a[AT_ONCE][CK_DOT_TOKENS], b[AT_ONCE][CK_DOT_TOKENS]; } sums;

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

INLINE vector zero(void) { return _mm256_setzero_ps(); }

typedef decoder *reader;
typedef float input;

#include "leaf_dot.h"
#include "dot_blocks.h"

/* ---- Table ---- */

#define LEAF ck_leaf_avx2
#define READER(id, name) decode_##name
#define WITH_DOT 1
#include "leaf_formats.h"

#pragma clang attribute pop
#endif
