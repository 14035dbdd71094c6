/* Products of few.h for five tokens and more, in AVX-512 (after `format` and its decoders in few_avx512.c).
 *
 * 16 rows of a weight lie side by side, four values of each in a lane, so that what is decoded once serves all
 * tokens: a step is one vpdpbusd a token, with four values of the token in every lane. */
enum {
    MANY_GROUPS = 16, /* of 64 values that are packed at a time: they stay in the first-level cache */
    MANY_HEIGHT = 8,  /* tokens of a register tile */
};

/* 16 rows: values [group][quad][row][4] and what a part (16 or 32 values of a group) is scaled by. */
typedef struct {
    _Alignas(64) int8_t v[MANY_GROUPS][16][64];
    float scale[MANY_GROUPS][4][16], minimum[MANY_GROUPS][4][16];
} strip;

/* Lane `part` * 16 / parts of a row's scales. */
INLINE void put_parts(float (*to)[16], __m512 lanes, int r, const int parts) {
    to[0][r] = _mm512_cvtss_f32(lanes);
    if (parts == 4) to[1][r] = _mm_cvtss_f32(_mm512_extractf32x4_ps(lanes, 1));
    to[parts / 2][r] = _mm_cvtss_f32(_mm512_extractf32x4_ps(lanes, 2));
    if (parts == 4) to[3][r] = _mm_cvtss_f32(_mm512_extractf32x4_ps(lanes, 3));
}

/* ---- Blocks that hold their 32 values in 16 or 32 bytes after one or two half-precision numbers ---- */

/* 16 bytes of each of 16 rows as they lie in the file: four bytes of all rows in a register. */
INLINE void side_by_side(__m512i quads[4], const char *const *rows, size_t at) {
    __m512i z[4];
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
        z[j] = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(rows[j] + at)));
        z[j] = _mm512_inserti32x4(z[j], _mm_loadu_si128((const __m128i *)(rows[4 + j] + at)), 1);
        z[j] = _mm512_inserti32x4(z[j], _mm_loadu_si128((const __m128i *)(rows[8 + j] + at)), 2);
        z[j] = _mm512_inserti32x4(z[j], _mm_loadu_si128((const __m128i *)(rows[12 + j] + at)), 3);
    }
    __m512i a = _mm512_unpacklo_epi32(z[0], z[1]), b = _mm512_unpackhi_epi32(z[0], z[1]);
    __m512i c = _mm512_unpacklo_epi32(z[2], z[3]), d = _mm512_unpackhi_epi32(z[2], z[3]);
    quads[0] = _mm512_unpacklo_epi64(a, c);
    quads[1] = _mm512_unpackhi_epi64(a, c);
    quads[2] = _mm512_unpacklo_epi64(b, d);
    quads[3] = _mm512_unpackhi_epi64(b, d);
}

/* As pack_strip. Numbers come first, and one by one: that is work for other units than the values'. */
INLINE void pack_plain(const format format, strip *strip, const char *w, size_t row_bytes, int64_t rows,
                       int64_t in, int64_t first, int64_t count) {
    const int nibbles = format.plain == sizeof(ck_q4_0) || format.plain == sizeof(ck_q4_1);
    const size_t size = (size_t)format.plain, numbers = format.minimum ? 4 : 2;
    uint16_t scales[2 * MANY_GROUPS][16], minima[2 * MANY_GROUPS][16];
    const char *row[16];
    int64_t blocks = in / 32 - 2 * first < 2 * count ? in / 32 - 2 * first : 2 * count;
    for (int r = 0; r < 16; r++) {
        row[r] = w + (size_t)(r < rows ? r : rows - 1) * row_bytes + (size_t)first * 2 * size;
        for (int64_t b = 0; b < blocks; b++) {
            const char *block = row[r] + (size_t)b * size;
            memcpy(&scales[b][r], block, 2);
            if (format.minimum) memcpy(&minima[b][r], block + 2, 2);
        }
    }
    for (int64_t b = 0; b < blocks; b++) {
        int8_t(*v)[64] = &strip->v[b / 2][b % 2 * 8];
        size_t at = (size_t)b * size;
        __m512i quads[4];
        side_by_side(quads, row, at + numbers);
#pragma clang loop unroll(full)
        for (int q = 0; q < 4; q++) {
            if (nibbles) {
                __m512i low = _mm512_set1_epi8(15), high = _mm512_srli_epi16(quads[q], 4);
                _mm512_store_si512(v[q], _mm512_and_si512(quads[q], low));
                _mm512_store_si512(v[4 + q], _mm512_and_si512(high, low));
            } else {
                _mm512_store_si512(v[q], _mm512_xor_si512(quads[q], _mm512_set1_epi8((char)0x80)));
            }
        }
        if (!nibbles) {
            side_by_side(quads, row, at + numbers + 16);
#pragma clang loop unroll(full)
            for (int q = 0; q < 4; q++)
                _mm512_store_si512(v[4 + q], _mm512_xor_si512(quads[q], _mm512_set1_epi8((char)0x80)));
        }
        float *scale = strip->scale[b / 2][b % 2], *minimum = strip->minimum[b / 2][b % 2];
        _mm512_store_ps(scale, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)scales[b])));
        if (format.minimum)
            _mm512_store_ps(minimum, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)minima[b])));
    }
    if (blocks < 2 * count) {
        memset(strip->v[blocks / 2][8], 0, 8 * 64);
        memset(strip->scale[blocks / 2][1], 0, 64);
        memset(strip->minimum[blocks / 2][1], 0, 64);
    }
}

/* ---- Any blocks ---- */

/* Groups first ..< first + count of `rows` rows; the others of the strip are the last one again. */
INLINE void pack_strip(const format format, strip *strip, const char *w, size_t row_bytes, int64_t rows,
                       int64_t in, int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        int64_t g = first + i, left = in - g * CK_FEW_GROUP;
        int64_t blocks = left >= 2 * CK_FEW_GROUP ? 4 : left >= CK_FEW_GROUP ? 2 : 1;
        __m512i v[16];
        for (int r = 0; r < 16; r++) {
            const char *row = w + (size_t)(r < rows ? r : rows - 1) * row_bytes;
            group group = format.decode(row, g, blocks);
            v[r] = group.v;
            put_parts(strip->scale[i], group.scale, r, format.parts);
            if (format.minimum) put_parts(strip->minimum[i], group.minimum, r, format.parts);
        }
        transpose_16x16(v);
#pragma clang loop unroll(full)
        for (int quad = 0; quad < 16; quad++) _mm512_store_si512(strip->v[i][quad], v[quad]);
    }
}

/* ---- Products ---- */

/* Adds the strip's groups to y [tokens, 16], which begins with them where `first` is 0. */
INLINE void many_tile(const format format, float *y, const ck_few_input *x, const ck_few_sums *sums,
                      const strip *strip, int64_t groups, int64_t first, int64_t count,
                      const int tokens) {
    const int parts = format.parts, quads = 16 / parts;
    __m512 total[MANY_HEIGHT];
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
        total[t] = first ? _mm512_loadu_ps(y + t * CK_DOT_ROWS) : _mm512_setzero_ps();
    for (int64_t i = 0; i < count; i++) {
        const ck_few_input *in = x + first + i;
        const ck_few_sums *sum = sums + first + i;
#pragma clang loop unroll(full)
        for (int part = 0; part < parts; part++) {
            __m512i c[MANY_HEIGHT];
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                const int32_t *of = sum[t * groups].total;
                int32_t inputs = parts == 4 ? of[part] : of[2 * part] + of[2 * part + 1];
                c[t] = format.offset ? _mm512_set1_epi32(-(inputs << format.offset)) : _mm512_setzero_si512();
            }
            for (int quad = part * quads; quad < (part + 1) * quads; quad++) {
                __m512i v = _mm512_load_si512(strip->v[i][quad]);
#pragma clang loop unroll(full)
                for (int t = 0; t < tokens; t++) {
                    int32_t four;
                    memcpy(&four, in[t * groups].q + 4 * quad, sizeof four);
                    c[t] = _mm512_dpbusd_epi32(c[t], v, _mm512_set1_epi32(four));
                }
            }
            __m512 scale = _mm512_load_ps(strip->scale[i][part]), minimum = _mm512_setzero_ps();
            if (format.minimum) minimum = _mm512_load_ps(strip->minimum[i][part]);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(in[t * groups].scale[part * quads]));
                total[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(c[t]), factor, total[t]);
                if (format.minimum)
                    total[t] = _mm512_fmadd_ps(minimum, _mm512_set1_ps(sum[t * groups].least[part]), total[t]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) _mm512_storeu_ps(y + t * CK_DOT_ROWS, total[t]);
}

INLINE void many(const format format, float *y, const ck_few_input *x, const ck_few_sums *sums,
                 const char *w, size_t row_bytes, int64_t tokens, int64_t rows, int64_t in) {
    strip strip;
    int64_t groups = ck_few_groups(in), tiles = (tokens + MANY_HEIGHT - 1) / MANY_HEIGHT;
    /* The strip that follows is asked for in between, as many bytes each time. */
    const char *ahead = w + 16 * row_bytes, *end = ahead + 16 * row_bytes;
    size_t step = 16 * row_bytes / (size_t)((groups + MANY_GROUPS - 1) / MANY_GROUPS * tiles) + 1;
    for (int64_t first = 0; first < groups; first += MANY_GROUPS) {
        int64_t count = groups - first < MANY_GROUPS ? groups - first : MANY_GROUPS;
        if (format.plain)
            pack_plain(format, &strip, w, row_bytes, rows, in, first, count);
        else
            pack_strip(format, &strip, w, row_bytes, rows, in, first, count);
        for (int64_t i = 0; i < tiles; i++) {
            int64_t t = tokens * i / tiles, height = tokens * (i + 1) / tiles - t;
            float *to = y + t * CK_DOT_ROWS;
            const ck_few_input *input = x + t * groups;
            const ck_few_sums *sum = sums + t * groups;
            for (const char *stop = ahead + step; ahead < stop && ahead < end; ahead += 64)
                __builtin_prefetch(ahead, 0, 2);
            switch (height) {
#define HEIGHT(n)                                                                                  \
    case n: many_tile(format, to, input, sum, &strip, groups, first, count, n); break;
                HEIGHT(1) HEIGHT(2) HEIGHT(3) HEIGHT(4) HEIGHT(5) HEIGHT(6) HEIGHT(7) HEIGHT(8)
#undef HEIGHT
            default: break;
            }
        }
    }
}
