/* AVX-512 with the bf16 dot product (vdpbf16ps: two products a lane, fp32 accumulation); for
 * bf16 activations.
 *
 * Panel: [k/2][lanes][2] bf16, lanes 16, 32 or 64: pairs of neighbours in k, as the instruction
 * wants them. Register tiles: 6 x 64, 12 x 32 and 12 x 16 (24, 24 and 12 accumulators); x is
 * read in place, one broadcast of a pair per row and step. An odd last k is a pair with zero. */
#if defined(__x86_64__)
#include "avx512.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))),        \
    apply_to = function)

enum { DEPTH = 2048, ELEMENT = 2 };

/* ---- Packing ---- */

INLINE __m512i load_pairs(decoder *decode, const char *row, int64_t k, int64_t count) {
    if (decode == decode_bf16) return _mm512_maskz_loadu_epi16(mask_of(count), row + 2 * k);
    ck_run run = decode(row, k, count);
    return (__m512i)_mm512_cvtne2ps_pbh(run.b, run.a);
}

INLINE void pack_rows(decoder *decode, void *panel, const char *w, size_t row_bytes, int64_t k0,
                      int64_t k, int32_t columns) {
    int32_t lanes = ck_panel_lanes(columns);
    for (int32_t j = 0; j < lanes; j += 16) {
        for (int64_t p = 0; p < k; p += 32) {
            __m512i r[16];
#pragma clang loop unroll(full)
            for (int i = 0; i < 16; i++)
                r[i] = j + i < columns
                           ? load_pairs(decode, w + (size_t)(j + i) * row_bytes, k0 + p, k - p)
                           : _mm512_setzero_si512();
            transpose_16x16(r);
            uint32_t *to = (uint32_t *)panel + p / 2 * lanes + j;
#pragma clang loop unroll(full)
            for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * lanes, r[i]);
        }
    }
}

INLINE void pack_columns(decoder *decode, void *panel, const char *w, size_t row_bytes, int64_t c0,
                         int64_t k, int32_t columns) {
    int32_t lanes = ck_panel_lanes(columns);
    __m512i first = _mm512_set_epi32(
        0x2f000f, 0x2e000e, 0x2d000d, 0x2c000c, 0x2b000b, 0x2a000a, 0x290009, 0x280008, 0x270007,
        0x260006, 0x250005, 0x240004, 0x230003, 0x220002, 0x210001, 0x200000);
    __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    uint32_t *to = panel;
    for (int64_t p = 0; p < k; p += 2, to += lanes) {
        const char *row = w + (size_t)p * row_bytes;
        for (int32_t j = 0; j < lanes; j += 32) {
            __m512i even = _mm512_setzero_si512(), odd = even;
            if (j < columns) {
                even = load_pairs(decode, row, c0 + j, columns - j);
                if (p + 1 < k) odd = load_pairs(decode, row + row_bytes, c0 + j, columns - j);
            }
            _mm512_store_si512(to + j, _mm512_permutex2var_epi16(even, first, odd));
            if (lanes > 16)
                _mm512_store_si512(to + j + 16, _mm512_permutex2var_epi16(even, second, odd));
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
        size_t stride = (size_t)segment->x_stride * 2;
        const char *x = (const char *)segment->x + (size_t)token * stride;
        const uint32_t *panel = segment->panel;
        for (int64_t p = 0; p < segment->k / 2; p++, x += 4, panel += 16 * vectors) {
            __m512bh w[4];
#pragma clang loop unroll(full)
            for (int j = 0; j < vectors; j++) w[j] = (__m512bh)_mm512_load_si512(panel + 16 * j);
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                int32_t pair;
                memcpy(&pair, x + (size_t)i * stride, 4);
                __m512bh b = (__m512bh)_mm512_set1_epi32(pair);
#pragma clang loop unroll(full)
                for (int j = 0; j < vectors; j++) c[i][j] = _mm512_dpbf16_ps(c[i][j], w[j], b);
            }
        }
        if (segment->k & 1)
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                uint16_t last;
                memcpy(&last, x + (size_t)i * stride, 2);
                __m512bh b = (__m512bh)_mm512_set1_epi32(last);
#pragma clang loop unroll(full)
                for (int j = 0; j < vectors; j++)
                    c[i][j] = _mm512_dpbf16_ps(
                        c[i][j], (__m512bh)_mm512_load_si512(panel + 16 * j), b);
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

static void sweep(const ck_sweep *s) {
    int64_t height;
    ck_tile *const *tiles = tiles_of(s->columns, &height);
    ck_sweep_tiles(s, tiles, height);
}

/* ---- Table ---- */

/* Products of few tokens run in fp32: ck_leaf_avx512 has the path without panels for both. */
#define LEAF ck_leaf_avx512_bf16
#define READER(id, name) decode_##name
#define WITH_DOT 0
#include "leaf_formats.h"

#pragma clang attribute pop
#endif
