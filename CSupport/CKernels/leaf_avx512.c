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

enum { DEPTH = 512, ELEMENT = 4, LANES = 16 };

/* ---- Packing ---- */

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

typedef ck_tile tile_function;

#include "tiles_avx512.h"

INLINE void widen_lanes(float *to, const uint16_t *x) {
    _mm512_storeu_ps(to, widen_bf16(_mm256_loadu_si256((const __m256i *)x)));
}

#include "leaf_widened.h"

static void sweep(const ck_sweep *s) {
    int64_t height;
    ck_tile *const *tiles = tiles_of(s->columns, &height);
    if (s->x_type == CK_BF16)
        sweep_widened(s, tiles, height);
    else
        ck_sweep_tiles(s, tiles, height);
}

/* ---- Few tokens: no panel, every row of w is read once ---- */

enum { AT_ONCE = 2, AT_ONCE_OF_MANY = 2 };

typedef __m512 vector;
typedef struct { vector a[AT_ONCE][CK_DOT_TOKENS], b[AT_ONCE][CK_DOT_TOKENS]; } sums;

INLINE void add_run(sums *sums, decoder *decode, const float *x, const char *w, size_t row_bytes,
                    int64_t in, int64_t k, int64_t count, const int tokens, const int rows) {
    ck_run run[AT_ONCE];
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

INLINE vector zero(void) { return _mm512_setzero_ps(); }

INLINE float sum_of(vector v) { return _mm512_reduce_add_ps(v); }

typedef decoder *reader;
typedef float input;

#include "leaf_dot.h"
#include "dot_blocks.h"

/* ---- Table ---- */

#define LEAF ck_leaf_avx512
#define READER(id, name) decode_##name
#define WITH_DOT 1
#include "leaf_formats.h"

#pragma clang attribute pop
#endif
