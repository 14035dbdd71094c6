/* What the two 256-bit int8 leaves share: quantizing, packing and the register tile. Include
 * inside the leaf's `#pragma clang attribute push`, after avx2.h, int8.h and
 *
 *   LEAF      the table's name; DEPTH, its `depth`
 *   ELEMENT   bytes of a quantized value, 1 or 2
 *   BIAS      what the panel adds to a weight
 *   dot       __m256i (sums, panel, x): 4 / ELEMENT products a lane, added to the sums
 *
 * Panel: up to four strips [k * ELEMENT / 4][16][4 / ELEMENT], one after another (k rounded up to
 * 64). Register tile: 6 x 16, that is 12 accumulators, 2 registers of the strip and one
 * broadcast; the fp32 sums lie on the stack, touched once a group. */
enum {
    HEIGHT = 6,
    STRIP = 16,
    RUNS = CK_INT8_GROUP / 32,
    PARTS = CK_INT8_GROUP * ELEMENT / 32, /* registers of a group of one row */
};

#define CK_WIDTH 8
#include "noise_vector.h"

/* ---- A group of floats to integers ---- */

/* The largest magnitude. Compared as integers, so that a NaN is the largest of all and ends up in
 * the scale. */
INLINE float largest(const ck_run runs[RUNS]) {
    __m256i mask = _mm256_set1_epi32(0x7fffffff), most = _mm256_setzero_si256();
#pragma clang loop unroll(full)
    for (int i = 0; i < 4 * RUNS; i++)
        most = _mm256_max_epu32(
            most, _mm256_and_si256(_mm256_castps_si256(runs[i / 4].v[i % 4]), mask));
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
    return ck_float_of_bits((uint32_t)_mm_cvtsi128_si32(m));
}

INLINE __m256i scaled(__m256 v, __m256 inverse) {
    return _mm256_cvtps_epi32(_mm256_mul_ps(v, inverse));
}

/* As scaled, rounded at random: `inverse` is times 2^16, `random` is 16 bits a value. */
INLINE __m256i shaken(__m256 v, __m256 inverse, __m128i random) {
    return _mm256_srai_epi32(_mm256_add_epi32(scaled(v, inverse), _mm256_cvtepu16_epi32(random)),
                             16);
}

/* 16 integers in 16 bits, by fours of either register. `random`: NULL rounds to nearest. */
INLINE __m256i integers(__m256 a, __m256 b, __m256 inverse, const __m256i *random) {
    if (!random) return _mm256_packs_epi32(scaled(a, inverse), scaled(b, inverse));
    __m256i q = _mm256_packs_epi32(shaken(a, inverse, _mm256_castsi256_si128(*random)),
                                   shaken(b, inverse, _mm256_extracti128_si256(*random, 1)));
    return ELEMENT == 1 ? q : _mm256_min_epi16(q, _mm256_set1_epi16(127));
}

/* The integers of a group, in order; `scale` gets what they are multiplied with; `random` is NULL or the
 * noise of the group's values [2 * RUNS]. */
INLINE void quantize_group(__m256i q[PARTS], const ck_run runs[RUNS], float *scale,
                           const __m256i *random) {
    ck_int8_scale s = ck_int8_scale_of(largest(runs));
    *scale = s.scale;
    __m256 inverse = _mm256_set1_ps(random ? s.inverse * 0x1p16f : s.inverse);
#pragma clang loop unroll(full)
    for (int i = 0; i < RUNS; i++) {
        const __m256 *v = runs[i].v;
        __m256i a = integers(v[0], v[1], inverse, random ? &random[2 * i] : NULL);
        __m256i b = integers(v[2], v[3], inverse, random ? &random[2 * i + 1] : NULL);
        if (ELEMENT == 1) {
            q[i] = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b),
                                               _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        } else {
            q[2 * i] = _mm256_permute4x64_epi64(a, 0xd8);
            q[2 * i + 1] = _mm256_permute4x64_epi64(b, 0xd8);
        }
    }
}

/* A group from k on, of a row that has `count` from k on. */
INLINE void decode_group(ck_run runs[RUNS], decoder *decode, const char *row, int64_t k,
                         int64_t count) {
    for (int i = 0; i < RUNS; i++) {
        if (count > 32 * i)
            runs[i] = decode(row, k + 32 * i, count - 32 * i);
        else
            memset(&runs[i], 0, sizeof runs[i]);
    }
}

/* ---- Activations ---- */

INLINE int32_t sum_of_lanes(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/* `key` NULL: rounds to nearest. */
INLINE void quantize_row(decoder *decode, const ck_int8_rows *to, int64_t row, const void *x,
                         int64_t k, const uint64_t *key) {
    char *values = (char *)to->values + row * to->stride * ELEMENT;
    for (int64_t g = 0; g * CK_INT8_GROUP < k; g++) {
        ck_run runs[RUNS];
        __m256i q[PARTS], random[2 * RUNS], sums = _mm256_setzero_si256();
        if (key)
            for (int i = 0; i < 2 * RUNS; i++)
                random[i] = (__m256i)ck_noise_vector(*key, g * (CK_INT8_GROUP / 2) + 8 * i);
        decode_group(runs, decode, x, g * CK_INT8_GROUP, k - g * CK_INT8_GROUP);
        quantize_group(q, runs, &to->scales[row * to->groups + g], key ? random : NULL);
        for (int i = 0; i < PARTS; i++) {
            int64_t at = g * CK_INT8_GROUP * ELEMENT + 32 * i;
            if (at < to->stride * ELEMENT) _mm256_storeu_si256((__m256i *)(values + at), q[i]);
            if (BIAS) sums = dot(sums, _mm256_set1_epi8(1), q[i]);
        }
        to->starts[row * to->groups + g] = -BIAS * sum_of_lanes(sums);
    }
}

static void quantize(const ck_int8_rows *to, int64_t row, const void *x, ck_format x_type,
                     int64_t k) {
    if (x_type == CK_BF16)
        quantize_row(decode_bf16, to, row, x, k, NULL);
    else
        quantize_row(decode_f32, to, row, x, k, NULL);
}

static void quantize_randomly(const ck_int8_rows *to, int64_t row, const void *x, ck_format x_type,
                              int64_t k, uint64_t key) {
    if (x_type == CK_BF16)
        quantize_row(decode_bf16, to, row, x, k, &key);
    else
        quantize_row(decode_f32, to, row, x, k, &key);
}

/* ---- Packing ---- */

/* 32-bit lanes in a strip of k values. */
INLINE int64_t strip_size(int64_t k) { return (k + 63) / 64 * 64 * ELEMENT / 4 * STRIP; }

INLINE void pack_rows(decoder *decode, void *panel, float *scales, const char *w, size_t row_bytes,
                      int64_t k0, int64_t k, int32_t columns, int32_t from, int32_t to_column) {
    int32_t end = (columns + STRIP - 1) / STRIP * STRIP;
    if (to_column < end) end = to_column;
    for (int32_t j = from; j < end; j += 8) {
        int32_t *strip = (int32_t *)panel + j / STRIP * strip_size(k) + j % STRIP;
        for (int64_t p = 0; p < k; p += CK_INT8_GROUP) {
            float *scale = scales + p / CK_INT8_GROUP * CK_PANEL_COLUMNS + j;
            __m256i q[8][PARTS];
            for (int i = 0; i < 8; i++) {
                ck_run runs[RUNS];
                decode_group(runs, decode, w + (size_t)(j + i) * row_bytes, k0 + p,
                             j + i < columns ? k - p : 0);
                quantize_group(q[i], runs, &scale[i], NULL);
                for (int part = 0; part < PARTS; part++)
                    q[i][part] = _mm256_xor_si256(q[i][part], _mm256_set1_epi8((char)BIAS));
            }
            for (int part = 0; part < PARTS && 32 * part < (k - p) * ELEMENT; part++) {
                __m256 r[8];
#pragma clang loop unroll(full)
                for (int i = 0; i < 8; i++) r[i] = _mm256_castsi256_ps(q[i][part]);
                transpose_8x8(r);
                int32_t *to = strip + (p * ELEMENT / 4 + part * 8) * STRIP;
#pragma clang loop unroll(full)
                for (int i = 0; i < 8; i++)
                    _mm256_store_si256((__m256i *)(to + i * STRIP), _mm256_castps_si256(r[i]));
            }
        }
    }
}

/* Scales of 8 columns from the bits of their largest magnitudes; returns the inverses
 * (ck_int8_scale_of). */
INLINE __m256 column_scales(float *scales, __m256i most) {
    __m256 value = _mm256_castsi256_ps(most);
    __m256 some = _mm256_cmp_ps(value, _mm256_set1_ps(0x1p-100f), _CMP_NLT_UQ);
    _mm256_store_ps(scales, _mm256_and_ps(some, _mm256_mul_ps(value, _mm256_set1_ps(1 / 127.0f))));
    return _mm256_and_ps(some, _mm256_div_ps(_mm256_set1_ps(127), value));
}

/* 4 / ELEMENT neighbouring rows of 8 columns as the panel has them. */
INLINE __m256i interleaved(const __m256 *rows, int64_t stride, __m256 inverse) {
    __m256i q[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4 / ELEMENT; i++) q[i] = scaled(rows[i * stride], inverse);
    if (ELEMENT == 2) return _mm256_blend_epi16(q[0], _mm256_slli_epi32(q[1], 16), 0xaa);
    __m256i even = _mm256_blend_epi16(q[0], _mm256_slli_epi32(q[2], 16), 0xaa);
    __m256i odd = _mm256_blend_epi16(q[1], _mm256_slli_epi32(q[3], 16), 0xaa);
    __m256i low = _mm256_and_si256(even, _mm256_set1_epi16(0xff));
    __m256i all = _mm256_or_si256(low, _mm256_slli_epi16(odd, 8));
    return _mm256_xor_si256(all, _mm256_set1_epi8((char)BIAS));
}

INLINE void pack_columns(decoder *decode, void *panel, float *scales, const char *w,
                         size_t row_bytes, int64_t c0, int64_t k, int32_t columns, int32_t from,
                         int32_t to_column) {
    const int together = 4 / ELEMENT; /* rows of K */
    int32_t end = (columns + STRIP - 1) / STRIP * STRIP;
    if (to_column < end) end = to_column;
    __m256 v[CK_INT8_GROUP][4]; /* a group of rows, 32 columns */
    for (int32_t j = from; j < end; j += 32)
        for (int64_t p = 0; p < k; p += CK_INT8_GROUP) {
            int64_t rows = k - p < CK_INT8_GROUP ? k - p : CK_INT8_GROUP, i = 0;
            __m256i mask = _mm256_set1_epi32(0x7fffffff), most[4];
            for (int part = 0; part < 4; part++) most[part] = _mm256_setzero_si256();
            for (; i < rows; i++) {
                ck_run run = decode(w + (size_t)(p + i) * row_bytes, c0 + j, columns - j);
#pragma clang loop unroll(full)
                for (int part = 0; part < 4; part++) {
                    v[i][part] = run.v[part];
                    most[part] = _mm256_max_epu32(
                        most[part], _mm256_and_si256(_mm256_castps_si256(run.v[part]), mask));
                }
            }
            for (; i % together; i++)
                for (int part = 0; part < 4; part++) v[i][part] = _mm256_setzero_ps();
            for (int part = 0; part < 4 && j + 8 * part < end; part++) {
                int32_t column = j + 8 * part;
                float *scale = scales + p / CK_INT8_GROUP * CK_PANEL_COLUMNS + column;
                __m256 inverse = column_scales(scale, most[part]);
                int32_t *to = (int32_t *)panel + column / STRIP * strip_size(k) + column % STRIP +
                              p / together * STRIP;
                for (i = 0; i < rows; i += together, to += STRIP)
                    _mm256_store_si256((__m256i *)to, interleaved(&v[i][part], 4, inverse));
            }
        }
}

/* ---- Register tiles ---- */

/* `f` has room for the tile's sums. It is the caller's, so that the compiler keeps it in aligned
 * memory and all registers serve the inner loop. */
INLINE void tile(const ck_int8_sweep *s, int64_t token, int32_t column, __m256 *f,
                 const int rows) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        f[2 * i] = load_initial(&s->to, token + i, column);
        f[2 * i + 1] = load_initial(&s->to, token + i, column + 8);
    }
    int64_t stride = s->x.stride * ELEMENT;
    const char *x = (const char *)s->x.values + token * stride;
    const float *x_scales = s->x.scales + token * s->x.groups;
    const int32_t *starts = s->x.starts + token * s->x.groups;
    const int32_t *strip = (const int32_t *)s->panel + column / STRIP * strip_size(s->k);
    const float *scales = s->scales + column;
    for (int64_t g = 0; g * CK_INT8_GROUP < s->k; g++, scales += CK_PANEL_COLUMNS) {
        __m256i a[HEIGHT], b[HEIGHT];
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++)
            a[i] = b[i] = _mm256_set1_epi32(BIAS ? starts[i * s->x.groups + g] : 0);
        int64_t left = s->k - g * CK_INT8_GROUP;
        int64_t steps = ((left < CK_INT8_GROUP ? left : CK_INT8_GROUP) * ELEMENT + 3) / 4;
        for (int64_t p = 0; p < steps; p++, x += 4, strip += STRIP) {
            __m256i w0 = _mm256_load_si256((const __m256i *)strip);
            __m256i w1 = _mm256_load_si256((const __m256i *)(strip + 8));
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                int32_t lane;
                memcpy(&lane, x + i * stride, 4);
                __m256i value = _mm256_set1_epi32(lane);
                a[i] = dot(a[i], w0, value);
                b[i] = dot(b[i], w1, value);
            }
        }
        __m256 scale0 = _mm256_load_ps(scales), scale1 = _mm256_load_ps(scales + 8);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            __m256 x_scale = _mm256_set1_ps(x_scales[i * s->x.groups + g]);
            f[2 * i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(a[i]), _mm256_mul_ps(scale0, x_scale),
                                      f[2 * i]);
            f[2 * i + 1] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(b[i]), _mm256_mul_ps(scale1, x_scale),
                                      f[2 * i + 1]);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        store_result(&s->to, token + i, column, f[2 * i]);
        store_result(&s->to, token + i, column + 8, f[2 * i + 1]);
    }
}

#define TILE(rows)                                                                                 \
    static void tile_##rows(const ck_int8_sweep *s, int64_t token, float *sums) {                  \
        for (int32_t column = 0; column < s->to.columns; column += STRIP)                          \
            tile(s, token, column, (__m256 *)sums, rows);                                          \
    }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)

static void sweep(const ck_int8_sweep *s) {
    static ck_int8_tile *const tiles[] = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};
    ck_int8_sweep_tiles(s, tiles, HEIGHT);
}

#include "int8_formats.h"
