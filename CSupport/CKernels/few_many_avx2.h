/* Products of few.h for five tokens and more, in 256 bits (after `format` and its decoders in few_avx2.h).
 *
 * 16 rows of a weight lie side by side, four values of each in a lane and eight rows in a register, so that what
 * is decoded once serves all tokens and no sum is taken across lanes. Without a dot product of bytes (AVX-VNNI),
 * as many products are added up in 16 bits as fit: 15 * 127 * 2 * 8 of four-bit weights. */
enum {
    MANY_GROUPS = 12, /* of 64 values that are packed at a time: they stay in the first-level cache */
    MANY_HEIGHT = 4,  /* tokens of a register tile */
};

/* 16 rows: values [group][quad][row][4] and what the 16 values of a part are scaled by. */
typedef struct {
    _Alignas(32) int8_t v[MANY_GROUPS][16][2][32];
    float scale[MANY_GROUPS][4][16], minimum[MANY_GROUPS][4][16];
} strip;

/* Blocks first ..< first + count of `rows` rows; the others of the strip are the last one again. */
INLINE void pack_strip(const format format, strip *strip, const char *w, size_t row_bytes, int64_t rows,
                       int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        int8_t(*quads)[2][32] = &strip->v[i / 2][i % 2 * 8];
        float(*scale)[16] = &strip->scale[i / 2][i % 2 * 2];
        float(*minimum)[16] = &strip->minimum[i / 2][i % 2 * 2];
        for (int half = 0; half < 2; half++) {
            __m256 v[8];
            for (int j = 0; j < 8; j++) {
                int64_t r = half * 8 + j < rows ? half * 8 + j : rows - 1;
                block block = format.decode(w + (size_t)r * row_bytes, 32 * (first + i));
                if (signed_bytes && format.is_signed)
                    block.v = _mm256_xor_si256(block.v, _mm256_set1_epi8((char)0x80));
                v[j] = _mm256_castsi256_ps(block.v);
                scale[0][half * 8 + j] = _mm256_cvtss_f32(block.scale);
                if (format.parts == 2)
                    scale[1][half * 8 + j] = _mm_cvtss_f32(_mm256_extractf128_ps(block.scale, 1));
                if (format.minimum) minimum[0][half * 8 + j] = _mm256_cvtss_f32(block.minimum);
            }
            transpose_8x8(v);
#pragma clang loop unroll(full)
            for (int quad = 0; quad < 8; quad++)
                _mm256_store_si256((__m256i *)quads[quad][half], _mm256_castps_si256(v[quad]));
        }
    }
}

/* c + four products of each lane, of `count` quads. */
INLINE void add_quads(const format format, __m256i c[2][MANY_HEIGHT], const int8_t (*v)[2][32],
                      const int8_t *const q[MANY_HEIGHT], const int count, const int tokens) {
    __m256i pairs[2][MANY_HEIGHT];
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
        __m256i u[2], value[2];
#pragma clang loop unroll(full)
        for (int half = 0; half < 2; half++) {
            value[half] = _mm256_load_si256((const __m256i *)v[j][half]);
            u[half] = !signed_bytes && format.is_signed ? _mm256_abs_epi8(value[half]) : value[half];
        }
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            int32_t four;
            memcpy(&four, q[t] + 4 * j, sizeof four);
            __m256i s = _mm256_set1_epi32(four);
#pragma clang loop unroll(full)
            for (int half = 0; half < 2; half++) {
                if (signed_bytes) {
                    c[half][t] = multiply_bytes(c[half][t], u[half], s);
                    continue;
                }
                __m256i of = format.is_signed ? _mm256_sign_epi8(s, value[half]) : s;
                __m256i pair = _mm256_maddubs_epi16(u[half], of);
                pairs[half][t] = j ? _mm256_add_epi16(pairs[half][t], pair) : pair;
            }
        }
    }
    if (signed_bytes) return;
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (int half = 0; half < 2; half++)
            c[half][t] = _mm256_add_epi32(c[half][t],
                                          _mm256_madd_epi16(pairs[half][t], _mm256_set1_epi16(1)));
}

/* Adds the strip's blocks to y [tokens, 16], which begins with them where `first` is 0. */
INLINE void many_tile(const format format, float *y, const ck_few_input *x, const ck_few_sums *sums,
                      const strip *strip, int64_t groups, int64_t first, int64_t count,
                      const int tokens) {
    const int parts = format.parts, quads = 8 / parts;
    const int by_offset = signed_bytes || !format.is_signed;
    const int offset = !by_offset ? 0 : format.is_signed ? 7 : format.offset;
    for (int64_t i = 0; i < count; i++)
#pragma clang loop unroll(full)
        for (int part = 0; part < parts; part++) {
            const int64_t half_group = i % 2, at = 8 * half_group + part * quads;
            const ck_few_input *in = x + (first + i) / 2;
            const ck_few_sums *sum = sums + (first + i) / 2;
            __m256i c[2][MANY_HEIGHT];
            const int8_t *q[MANY_HEIGHT];
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                const int32_t *of = sum[t * groups].total + 2 * half_group;
                int32_t inputs = parts == 2 ? of[part] : of[0] + of[1];
                c[0][t] = c[1][t] =
                    offset ? _mm256_set1_epi32(-(inputs << offset)) : _mm256_setzero_si256();
                q[t] = in[t * groups].q + 4 * at;
            }
            const int8_t(*v)[2][32] = &strip->v[i / 2][at];
            const int step = signed_bytes || format.at_once > quads ? quads : format.at_once;
            for (int quad = 0; quad < quads; quad += step) {
                const int8_t *of[MANY_HEIGHT];
#pragma clang loop unroll(full)
                for (int t = 0; t < tokens; t++) of[t] = q[t] + 4 * quad;
                add_quads(format, c, v + quad, of, step, tokens);
            }
            const float *scale = strip->scale[i / 2][2 * half_group + part];
            const float *minimum = strip->minimum[i / 2][2 * half_group + part];
            const int is_first = first + i == 0 && part == 0;
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
                for (int half = 0; half < 2; half++) {
                    float *to = y + t * CK_DOT_ROWS + 8 * half;
                    __m256 total = is_first ? _mm256_setzero_ps() : _mm256_loadu_ps(to);
                    __m256 factor = _mm256_mul_ps(
                        _mm256_loadu_ps(scale + 8 * half),
                        _mm256_broadcast_ss(&in[t * groups].scale[8 * half_group]));
                    total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(c[half][t]), factor, total);
                    if (format.minimum)
                        total = _mm256_fmadd_ps(
                            _mm256_loadu_ps(minimum + 8 * half),
                            _mm256_broadcast_ss(&sum[t * groups].least[half_group]), total);
                    _mm256_storeu_ps(to, total);
                }
        }
}

INLINE void many(const format format, float *y, const ck_few_input *x, const ck_few_sums *sums,
                 const char *w, size_t row_bytes, int64_t tokens, int64_t rows, int64_t in) {
    strip strip;
    const int64_t groups = ck_few_groups(in), blocks = in / 32;
    const int64_t tiles = (tokens + MANY_HEIGHT - 1) / MANY_HEIGHT, room = 2 * MANY_GROUPS;
    /* The strip that follows is asked for in between, as many bytes each time. */
    const char *ahead = w + 16 * row_bytes, *end = ahead + 16 * row_bytes;
    const size_t step = 16 * row_bytes / (size_t)((blocks + room - 1) / room * tiles) + 1;
    for (int64_t first = 0; first < blocks; first += room) {
        const int64_t count = blocks - first < room ? blocks - first : room;
        pack_strip(format, &strip, w, row_bytes, rows, first, count);
        for (int64_t i = 0; i < tiles; i++) {
            const int64_t t = tokens * i / tiles, height = tokens * (i + 1) / tiles - t;
            float *to = y + t * CK_DOT_ROWS;
            const ck_few_input *input = x + t * groups;
            const ck_few_sums *sum = sums + t * groups;
            for (const char *stop = ahead + step; ahead < stop && ahead < end; ahead += 64)
                __builtin_prefetch(ahead, 0, 2);
            switch (height) {
#define HEIGHT(n)                                                                                  \
    case n: many_tile(format, to, input, sum, &strip, groups, first, count, n); break;
                HEIGHT(1) HEIGHT(2) HEIGHT(3) HEIGHT(4)
#undef HEIGHT
            default: break;
            }
        }
    }
}
