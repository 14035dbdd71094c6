/* int8 products with AVX512-VNNI (vpdpbusd: four products of an unsigned and a signed byte a
 * lane, exact 32-bit sums).
 *
 * The panel holds weights plus 128 as the unsigned operand, [k/4][lanes][4] bytes, lanes 16, 32 or
 * 64; accumulators start at -128 times the sum of the group of x, which takes that away again.
 * Register tiles: 6 x 64, 12 x 32 and 12 x 16 (24, 24 and 12 accumulators); the fp32 sums lie on
 * the stack, touched once a group. */
#if defined(__x86_64__)
#include "avx512.h"
#include "int8.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))),        \
    apply_to = function)

#define CK_WIDTH 16
#include "noise_vector.h"

/* ---- A group of floats to integers ---- */

enum { DEPTH = 2048, ELEMENT = 1, RUNS = CK_INT8_GROUP / 32, PARTS = CK_INT8_GROUP / 64 };

/* The largest magnitude. Compared as integers, so that a NaN is the largest of all and ends up in
 * the scale. */
INLINE float largest(const ck_run runs[RUNS]) {
    __m512i mask = _mm512_set1_epi32(0x7fffffff), most = _mm512_setzero_si512();
#pragma clang loop unroll(full)
    for (int i = 0; i < RUNS; i++) {
        __m512i a = _mm512_and_si512(_mm512_castps_si512(runs[i].a), mask);
        __m512i b = _mm512_and_si512(_mm512_castps_si512(runs[i].b), mask);
        most = _mm512_max_epu32(most, _mm512_max_epu32(a, b));
    }
    return ck_float_of_bits((uint32_t)_mm512_reduce_max_epu32(most));
}

INLINE __m512i whole(__m512 v, __m512 inverse) {
    return _mm512_cvtps_epi32(_mm512_mul_ps(v, inverse));
}

/* As whole, rounded at random and times 2^16: `inverse` is, and `random` is 16 bits. */
INLINE __m512i shaken(__m512 v, __m512 inverse, __m512i random) {
    return _mm512_add_epi32(whole(v, inverse), random);
}

/* 32 integers in 16 bits, by fours of either register. `random`: see shaken; NULL rounds to nearest. */
INLINE __m512i integers(ck_run run, __m512 inverse, const __m512i *random) {
    if (!random) return _mm512_packs_epi32(whole(run.a, inverse), whole(run.b, inverse));
    __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(*random));
    __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(*random, 1));
    return _mm512_packs_epi32(_mm512_srai_epi32(shaken(run.a, inverse, low), 16),
                              _mm512_srai_epi32(shaken(run.b, inverse, high), 16));
}

/* The integers of a group, 64 a register; `scale` gets what they are multiplied with; `random` is NULL or
 * the noise of the group's values. Packing works within 128 bits, so 64 values end up by fours: those of a
 * run's first register, of its second, of the next run's, then again; one permutation puts them in
 * order. */
INLINE void quantize_group(__m512i q[PARTS], const ck_run runs[RUNS], float *scale,
                           const __m512i *random) {
    ck_int8_scale s = ck_int8_scale_of(largest(runs));
    *scale = s.scale;
    __m512 inverse = _mm512_set1_ps(random ? s.inverse * 0x1p16f : s.inverse);
    __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
#pragma clang loop unroll(full)
    for (int i = 0; i < PARTS; i++) {
        __m512i first = integers(runs[2 * i], inverse, random ? &random[2 * i] : NULL);
        __m512i second = integers(runs[2 * i + 1], inverse, random ? &random[2 * i + 1] : NULL);
        q[i] = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(first, second));
    }
}

/* A group from k on, of a row that has `count` from k on. */
INLINE void decode_group(ck_run runs[RUNS], decoder *decode, const char *row, int64_t k,
                         int64_t count) {
#pragma clang loop unroll(full)
    for (int i = 0; i < RUNS; i++) {
        if (count > 32 * i)
            runs[i] = decode(row, k + 32 * i, count - 32 * i);
        else
            runs[i].a = runs[i].b = _mm512_setzero_ps();
    }
}

/* ---- Activations ---- */

/* 128 bf16 values of a row. As quantize_group, but the largest magnitude is looked for among 16-bit
 * patterns (the minimum of their complements has an instruction), and even and odd values are
 * rounded apart, so that putting them side by side again is their packing. */
INLINE void quantize_bf16_group(__m512i q[PARTS], const uint16_t *x, float *scale,
                                const __m512i *random) {
    __m512i v[RUNS], mask = _mm512_set1_epi16(0x7fff), most = _mm512_setzero_si512();
#pragma clang loop unroll(full)
    for (int i = 0; i < RUNS; i++) {
        v[i] = _mm512_loadu_si512(x + 32 * i);
        most = _mm512_max_epu16(most, _mm512_and_si512(v[i], mask));
    }
    __m256i half = _mm256_max_epu16(_mm512_castsi512_si256(most), _mm512_extracti64x4_epi64(most, 1));
    __m128i last = _mm_max_epu16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    last = _mm_minpos_epu16(_mm_xor_si128(last, _mm_set1_epi16(-1)));
    uint32_t bits = ~(uint32_t)_mm_cvtsi128_si32(last) << 16;
    ck_int8_scale s = ck_int8_scale_of(ck_float_of_bits(bits));
    *scale = s.scale;
    __m512 inverse = _mm512_set1_ps(random ? s.inverse * 0x1p16f : s.inverse);
    __m512i r[RUNS], order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
#pragma clang loop unroll(full)
    for (int i = 0; i < RUNS; i++) {
        __m512 low = _mm512_castsi512_ps(_mm512_slli_epi32(v[i], 16));
        __m512 high = _mm512_castsi512_ps(
            _mm512_and_si512(v[i], _mm512_set1_epi32((int32_t)0xffff0000)));
        __m512i even, odd; /* where the integers are in the lower, in the upper 16 bits */
        if (random) {
            __m512i bits = _mm512_and_si512(random[i], _mm512_set1_epi32(0xffff));
            even = _mm512_srli_epi32(shaken(low, inverse, bits), 16);
            odd = shaken(high, inverse, _mm512_srli_epi32(random[i], 16));
        } else {
            even = whole(low, inverse);
            odd = _mm512_slli_epi32(whole(high, inverse), 16);
        }
        r[i] = _mm512_mask_mov_epi16(even, 0xaaaaaaaa, odd);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < PARTS; i++)
        q[i] = _mm512_permutexvar_epi64(order, _mm512_packs_epi16(r[2 * i], r[2 * i + 1]));
}

INLINE void store_group(const ck_int8_rows *to, int64_t row, int64_t g, const __m512i q[PARTS]) {
    int8_t *values = (int8_t *)to->values + row * to->stride;
    __m512i sums = _mm512_setzero_si512();
#pragma clang loop unroll(full)
    for (int i = 0; i < PARTS; i++) {
        int64_t at = g * CK_INT8_GROUP + 64 * i;
        if (at < to->stride) _mm512_storeu_si512(values + at, q[i]);
        sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), q[i]);
    }
    to->starts[row * to->groups + g] = -128 * _mm512_reduce_add_epi32(sums);
}

/* The noise of group g's values. */
INLINE void group_noise(__m512i random[RUNS], uint64_t key, int64_t g) {
#pragma clang loop unroll(full)
    for (int i = 0; i < RUNS; i++)
        random[i] = (__m512i)ck_noise_vector(key, g * (CK_INT8_GROUP / 2) + 16 * i);
}

/* `key` NULL: rounds to nearest. */
INLINE void quantize_row(decoder *decode, const ck_int8_rows *to, int64_t row, const void *x,
                         int64_t g, int64_t k, const uint64_t *key) {
    for (; g * CK_INT8_GROUP < k; g++) {
        ck_run runs[RUNS];
        __m512i q[PARTS], random[RUNS];
        if (key) group_noise(random, *key, g);
        decode_group(runs, decode, x, g * CK_INT8_GROUP, k - g * CK_INT8_GROUP);
        quantize_group(q, runs, &to->scales[row * to->groups + g], key ? random : NULL);
        store_group(to, row, g, q);
    }
}

INLINE void quantize_by(const ck_int8_rows *to, int64_t row, const void *x, ck_format x_type,
                        int64_t k, const uint64_t *key) {
    if (x_type != CK_BF16) {
        quantize_row(decode_f32, to, row, x, 0, k, key);
        return;
    }
    int64_t whole_groups = k / CK_INT8_GROUP;
    for (int64_t g = 0; g < whole_groups; g++) {
        __m512i q[PARTS], random[RUNS];
        if (key) group_noise(random, *key, g);
        quantize_bf16_group(q, (const uint16_t *)x + g * CK_INT8_GROUP,
                            &to->scales[row * to->groups + g], key ? random : NULL);
        store_group(to, row, g, q);
    }
    quantize_row(decode_bf16, to, row, x, whole_groups, k, key);
}

static void quantize(const ck_int8_rows *to, int64_t row, const void *x, ck_format x_type,
                     int64_t k) {
    quantize_by(to, row, x, x_type, k, NULL);
}

static void quantize_randomly(const ck_int8_rows *to, int64_t row, const void *x, ck_format x_type,
                              int64_t k, uint64_t key) {
    quantize_by(to, row, x, x_type, k, &key);
}

/* ---- Packing ---- */

INLINE void pack_rows(decoder *decode, void *panel, float *scales, const char *w, size_t row_bytes,
                      int64_t k0, int64_t k, int32_t columns, int32_t from, int32_t to_column) {
    int32_t lanes = ck_panel_lanes(columns), end = to_column < lanes ? to_column : lanes;
    for (int32_t j = from; j < end; j += 16) {
        for (int64_t p = 0; p < k; p += CK_INT8_GROUP) {
            float *scale = scales + p / CK_INT8_GROUP * CK_PANEL_COLUMNS + j;
            __m512i r[PARTS][16];
            for (int i = 0; i < 16; i++) {
                ck_run runs[RUNS];
                __m512i q[PARTS];
                decode_group(runs, decode, w + (size_t)(j + i) * row_bytes, k0 + p,
                             j + i < columns ? k - p : 0);
                quantize_group(q, runs, &scale[i], NULL);
#pragma clang loop unroll(full)
                for (int part = 0; part < PARTS; part++)
                    r[part][i] = _mm512_xor_si512(q[part], _mm512_set1_epi8((char)0x80));
            }
#pragma clang loop unroll(full)
            for (int part = 0; part < PARTS; part++) {
                if (64 * part >= k - p) break;
                transpose_16x16(r[part]);
                uint32_t *to = (uint32_t *)panel + (p + 64 * part) / 4 * lanes + j;
#pragma clang loop unroll(full)
                for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * lanes, r[part][i]);
            }
        }
    }
}

/* Scales of 16 columns from the bits of their largest magnitudes; returns the inverses
 * (ck_int8_scale_of). */
INLINE __m512 column_scales(float *scales, __m512i most) {
    __m512 value = _mm512_castsi512_ps(most);
    __mmask16 some = _mm512_cmp_ps_mask(value, _mm512_set1_ps(0x1p-100f), _CMP_NLT_UQ);
    _mm512_store_ps(scales, _mm512_maskz_mul_ps(some, value, _mm512_set1_ps(1 / 127.0f)));
    return _mm512_maskz_div_ps(some, _mm512_set1_ps(127), value);
}

/* Four neighbouring rows of 16 columns as the panel has them: [16][4]. */
INLINE __m512i quads(const __m512 *rows, int64_t stride, __m512 inverse) {
    __m512i q[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) q[i] = whole(rows[i * stride], inverse);
    __m512i even = _mm512_mask_mov_epi16(q[0], 0xaaaaaaaa, _mm512_slli_epi32(q[2], 16));
    __m512i odd = _mm512_mask_mov_epi16(q[1], 0xaaaaaaaa, _mm512_slli_epi32(q[3], 16));
    __m512i all = _mm512_mask_mov_epi8(even, 0xaaaaaaaaaaaaaaaa, _mm512_slli_epi16(odd, 8));
    return _mm512_xor_si512(all, _mm512_set1_epi8((char)0x80));
}

INLINE void pack_columns(decoder *decode, void *panel, float *scales, const char *w,
                         size_t row_bytes, int64_t c0, int64_t k, int32_t columns, int32_t from,
                         int32_t to_column) {
    int32_t lanes = ck_panel_lanes(columns), end = to_column < lanes ? to_column : lanes;
    __m512 v[CK_INT8_GROUP][2]; /* a group of rows, 32 columns */
    for (int32_t j = from; j < end; j += 32)
        for (int64_t p = 0; p < k; p += CK_INT8_GROUP) {
            int64_t rows = k - p < CK_INT8_GROUP ? k - p : CK_INT8_GROUP, i = 0;
            __m512i mask = _mm512_set1_epi32(0x7fffffff);
            __m512i most[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
            for (; i < rows; i++) {
                ck_run run = decode(w + (size_t)(p + i) * row_bytes, c0 + j, columns - j);
                v[i][0] = run.a;
                v[i][1] = run.b;
#pragma clang loop unroll(full)
                for (int h = 0; h < 2; h++)
                    most[h] = _mm512_max_epu32(
                        most[h], _mm512_and_si512(_mm512_castps_si512(v[i][h]), mask));
            }
            for (; i < (rows + 3) / 4 * 4; i++) v[i][0] = v[i][1] = _mm512_setzero_ps();
            for (int h = 0; h < 2 && j + 16 * h < lanes; h++) {
                int32_t column = j + 16 * h;
                float *scale = scales + p / CK_INT8_GROUP * CK_PANEL_COLUMNS + column;
                __m512 inverse = column_scales(scale, most[h]);
                uint32_t *to = (uint32_t *)panel + p / 4 * lanes + column;
                for (i = 0; i < rows; i += 4, to += lanes)
                    _mm512_store_si512(to, quads(&v[i][h], 2, inverse));
            }
        }
}

/* ---- Register tiles ---- */

/* `f` has room for the tile's sums. It is the caller's, so that the compiler keeps it in aligned
 * memory and all registers serve the inner loop. */
INLINE void tile(const ck_int8_sweep *s, int64_t token, __m512 *f, const int rows,
                 const int vectors) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++)
            f[i * vectors + j] = load_initial(&s->to, token + i, j);
    int64_t stride = s->x.stride;
    const int8_t *x = (const int8_t *)s->x.values + token * stride;
    const float *x_scales = s->x.scales + token * s->x.groups;
    const int32_t *starts = s->x.starts + token * s->x.groups;
    const char *panel = s->panel;
    const float *scales = s->scales;
    for (int64_t g = 0; g * CK_INT8_GROUP < s->k; g++, scales += CK_PANEL_COLUMNS) {
        __m512i c[12][4];
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
            for (int j = 0; j < vectors; j++)
                c[i][j] = _mm512_set1_epi32(starts[i * s->x.groups + g]);
        int64_t left = s->k - g * CK_INT8_GROUP;
        int64_t steps = left < CK_INT8_GROUP ? (left + 3) / 4 : CK_INT8_GROUP / 4;
        for (int64_t p = 0; p < steps; p++, x += 4, panel += 64 * vectors) {
            __m512i w[4];
#pragma clang loop unroll(full)
            for (int j = 0; j < vectors; j++) w[j] = _mm512_load_si512(panel + 64 * j);
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                int32_t four;
                memcpy(&four, x + i * stride, 4);
                __m512i b = _mm512_set1_epi32(four);
#pragma clang loop unroll(full)
                for (int j = 0; j < vectors; j++) c[i][j] = _mm512_dpbusd_epi32(c[i][j], w[j], b);
            }
        }
        __m512 scale[4];
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) scale[j] = _mm512_load_ps(scales + 16 * j);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            __m512 x_scale = _mm512_set1_ps(x_scales[i * s->x.groups + g]);
#pragma clang loop unroll(full)
            for (int j = 0; j < vectors; j++) {
                __m512 factor = _mm512_mul_ps(scale[j], x_scale);
                __m512 *sum = &f[i * vectors + j];
                *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(c[i][j]), factor, *sum);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++)
            store_result(&s->to, token + i, j, f[i * vectors + j]);
}

#define TILE(rows, vectors)                                                                        \
    static void tile_##rows##x##vectors(const ck_int8_sweep *s, int64_t token, float *sums) {      \
        tile(s, token, (__m512 *)sums, rows, vectors);                                             \
    }

typedef ck_int8_tile tile_function;

#include "tiles_avx512.h"

static void sweep(const ck_int8_sweep *s) {
    int64_t height;
    ck_int8_tile *const *tiles = tiles_of(s->to.columns, &height);
    ck_int8_sweep_tiles(s, tiles, height);
}

/* ---- Table ---- */

#define LEAF ck_int8_leaf_avx512vnni
#include "int8_formats.h"

#pragma clang attribute pop
#endif
