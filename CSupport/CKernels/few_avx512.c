/* AVX-512 with VNNI and VBMI (Ice Lake, Sapphire Rapids, Zen 4): a group of 64 values in one
 * register, both blocks with one permutation of the bytes as they lie in the file, one vpdpbusd.
 *
 * vpdpbusd multiplies unsigned with signed bytes: weights are made unsigned by an offset of a power
 * of two, and the sum starts at minus that offset times the sum of the inputs. Nothing is read past
 * the end of a row. */
#if defined(__x86_64__)
#include "avx512.h"
#include "few.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx2,fma,f16c"))), \
    apply_to = function)

/* 64 values w = scale * (v - 2^offset) + minimum; lanes as in ck_few_input. */
typedef struct { __m512i v; __m512 scale, minimum; } group;

enum { AT_ONCE = 4, AT_ONCE_OF_MANY = 2 }; /* rows: 1, 2 or 4 */

typedef struct {
    group (*decode)(const char *row, int64_t g, int64_t blocks);
    int offset;  /* log2; 0: none */
    int minimum; /* whether there is one */
    int parts;   /* scales of a group: 2 or 4 */
    int plain;   /* bytes of a block that is a scale, perhaps a minimum, and values in order; else 0 */
    int ahead;   /* bytes from a row to what is fetched meanwhile: the fastest of those tried */
    int lines;   /* cache lines fetched a group */
} format;

/* ---- Decoders: group g of a row; only its first block when blocks is 1 ---- */

/* One or two blocks of `size` bytes; from three on 64 bytes may be read. */
INLINE __m512i load_blocks(const char *row, int64_t g, int64_t blocks, const int size) {
    const char *p = row + g * 2 * size;
    if (blocks * size >= 64) return _mm512_loadu_si512(p);
    __mmask64 mask = blocks > 1 ? (1ull << 2 * size) - 1 : (1ull << size) - 1;
    return _mm512_maskz_loadu_epi8(mask, p);
}

/* Bytes at..., 16 of them twice, of two blocks of `size` bytes, to their low and high nibbles in the
 * order of the values. */
INLINE __m512i nibbles(__m512i blocks, const int size, const int at) {
    __m512i count = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    __m512i first = _mm512_inserti64x4(_mm512_set1_epi8((char)at),
                                       _mm256_set1_epi8((char)(size + at)), 1);
    __m512i spread = _mm512_permutexvar_epi8(_mm512_add_epi8(count, first), blocks);
    /* 8 bits from bit 8 i of each quarter with low nibbles, from bit 8 i + 4 of one with high. */
    int64_t low = 0x3830282018100800, high = 0x3c342c241c140c04;
    __m512i bits = _mm512_setr_epi64(low, low, high, high, low, low, high, high);
    __m512i shifted = _mm512_multishift_epi64_epi8(bits, spread);
    return _mm512_and_si512(shifted, _mm512_set1_epi8(15));
}

/* The half-precision number at `at` of each of the two blocks, eight times. */
INLINE __m512 halves(__m512i blocks, const int size, const int at) {
    __m256i index = _mm256_set_m128i(_mm_set1_epi16((short)((size + at) | (size + at + 1) << 8)),
                                     _mm_set1_epi16((short)(at | (at + 1) << 8)));
    __m512i spread = _mm512_permutexvar_epi8(_mm512_castsi256_si512(index), blocks);
    return _mm512_cvtph_ps(_mm512_castsi512_si256(spread));
}

INLINE group decode_group_q4_0(const char *row, int64_t g, int64_t blocks) {
    __m512i b = load_blocks(row, g, blocks, sizeof(ck_q4_0));
    return (group){nibbles(b, sizeof(ck_q4_0), 2), halves(b, sizeof(ck_q4_0), 0),
                   _mm512_setzero_ps()};
}

INLINE group decode_group_q4_1(const char *row, int64_t g, int64_t blocks) {
    __m512i b = load_blocks(row, g, blocks, sizeof(ck_q4_1));
    return (group){nibbles(b, sizeof(ck_q4_1), 4), halves(b, sizeof(ck_q4_1), 0),
                   halves(b, sizeof(ck_q4_1), 2)};
}

/* 16 added to the bytes whose bit is set. */
INLINE __m512i with_fifth_bit(__m512i v, uint32_t first, uint32_t second) {
    __mmask64 bits = (__mmask64)first | (__mmask64)second << 32;
    return _mm512_or_si512(v, _mm512_maskz_set1_epi8(bits, 16));
}

INLINE group decode_group_q5_0(const char *row, int64_t g, int64_t blocks) {
    const ck_q5_0 *p = (const ck_q5_0 *)row + 2 * g;
    __m512i b = load_blocks(row, g, blocks, sizeof(ck_q5_0));
    __m512i v = nibbles(b, sizeof(ck_q5_0), 6);
    return (group){with_fifth_bit(v, p[0].high, blocks > 1 ? p[1].high : 0),
                   halves(b, sizeof(ck_q5_0), 0), _mm512_setzero_ps()};
}

INLINE group decode_group_q5_1(const char *row, int64_t g, int64_t blocks) {
    const ck_q5_1 *p = (const ck_q5_1 *)row + 2 * g;
    __m512i b = load_blocks(row, g, blocks, sizeof(ck_q5_1));
    __m512i v = nibbles(b, sizeof(ck_q5_1), 8);
    return (group){with_fifth_bit(v, p[0].high, blocks > 1 ? p[1].high : 0),
                   halves(b, sizeof(ck_q5_1), 0), halves(b, sizeof(ck_q5_1), 2)};
}

INLINE group decode_group_q8_0(const char *row, int64_t g, int64_t blocks) {
    const ck_q8_0 *p = (const ck_q8_0 *)row + 2 * g;
    const ck_q8_0 *next = blocks > 1 ? p + 1 : p; /* what is read twice meets a scale of zero */
    __m512i v = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)p->q));
    v = _mm512_inserti64x4(v, _mm256_loadu_si256((const __m256i *)next->q), 1);
    __m256i d = _mm256_set1_epi16((short)p->d);
    d = _mm256_mask_set1_epi16(d, 0xff00, (short)next->d);
    return (group){_mm512_xor_si512(v, _mm512_set1_epi8((char)0x80)), _mm512_cvtph_ps(d),
                   _mm512_setzero_ps()};
}

/* Eight lanes of each. */
INLINE __m512 pair(float first, float second) {
    return _mm512_insertf32x8(_mm512_set1_ps(first), _mm256_set1_ps(second), 1);
}

INLINE group decode_group_q4_k(const char *row, int64_t g, int64_t blocks) {
    (void)blocks;
    const ck_q4_k *p = (const ck_q4_k *)row + g / 4;
    int j = (int)(g % 4) * 2;
    uint8_t s0, m0, s1, m1;
    ck_q4_k_scale(p->scales, j, &s0, &m0);
    ck_q4_k_scale(p->scales, j + 1, &s1, &m1);
    float d = half(p->d), least = -half(p->dmin);
    __m256i q = _mm256_loadu_si256((const __m256i *)(p->q + j / 2 * 32));
    __m512i v = _mm512_inserti64x4(_mm512_castsi256_si512(q), _mm256_srli_epi16(q, 4), 1);
    return (group){_mm512_and_si512(v, _mm512_set1_epi8(15)),
                   pair(d * (float)s0, d * (float)s1),
                   pair(least * (float)m0, least * (float)m1)};
}

INLINE group decode_group_q6_k(const char *row, int64_t g, int64_t blocks) {
    (void)blocks;
    const ck_q6_k *p = (const ck_q6_k *)row + g / 4;
    int64_t odd = g & 1, side = g >> 1 & 1;
    __m512i low = _mm512_loadu_si512(p->low + side * 64);
    low = _mm512_srl_epi16(low, _mm_cvtsi64_si128(odd * 4));
    low = _mm512_and_si512(low, _mm512_set1_epi8(15));
    __m512i high = _mm512_broadcast_i64x4(
        _mm256_loadu_si256((const __m256i *)(p->high + side * 32)));
    __m512i two = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
    high = _mm512_srlv_epi16(high, _mm512_add_epi16(two, _mm512_set1_epi16((short)(odd * 4))));
    high = _mm512_slli_epi16(_mm512_and_si512(high, _mm512_set1_epi8(3)), 4);
    int32_t steps;
    memcpy(&steps, p->scales + g % 4 * 4, 4);
    __m512i index = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    __m512i s = _mm512_castsi128_si512(_mm_cvtepi8_epi32(_mm_cvtsi32_si128(steps)));
    __m512 scale = _mm512_cvtepi32_ps(_mm512_permutexvar_epi32(index, s));
    return (group){_mm512_or_si512(low, high), _mm512_mul_ps(scale, splat_half(p->d)),
                   _mm512_setzero_ps()};
}

/* ---- Products ---- */

INLINE void add_group(__m512 sums[AT_ONCE][CK_DOT_TOKENS], const format format, const ck_few_input *x,
                      int64_t groups, const char *w, size_t row_bytes, int64_t g, int64_t blocks,
                      const int tokens, const int rows) {
    int64_t step = (int64_t)row_bytes / groups;
    group group[AT_ONCE];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        group[r] = format.decode(w + (size_t)r * row_bytes, g, blocks);
        const char *ahead = w + (size_t)r * row_bytes + g * step + format.ahead;
        __builtin_prefetch(ahead);
        if (format.lines > 1) __builtin_prefetch(ahead + 64);
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        const ck_few_input *in = x + t * groups + g;
        __m512i q = _mm512_load_si512(in->q), total = _mm512_load_si512(in->sums);
        __m512 scale = _mm512_load_ps(in->scale);
        __m512i start = _mm512_setzero_si512();
        if (format.offset)
            start = _mm512_sub_epi32(start, _mm512_slli_epi32(total, (unsigned)format.offset));
        __m512 least = _mm512_setzero_ps();
        if (format.minimum) least = _mm512_mul_ps(_mm512_cvtepi32_ps(total), scale);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            __m512 product = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(start, group[r].v, q));
            __m512 factor = _mm512_mul_ps(group[r].scale, scale);
            sums[r][t] = _mm512_fmadd_ps(product, factor, sums[r][t]);
            if (format.minimum)
                sums[r][t] = _mm512_fmadd_ps(group[r].minimum, least, sums[r][t]);
        }
    }
}

/* The totals of four registers, side by side. */
INLINE __m128 four_totals(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512 all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

INLINE void dot_rows(const format format, float *y, const ck_few_input *x, const char *w,
                     size_t row_bytes, int64_t in, const int tokens, const int rows) {
    __m512 sums[AT_ONCE][CK_DOT_TOKENS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) sums[r][t] = _mm512_setzero_ps();
    int64_t groups = ck_few_groups(in), g = 0;
    for (; (g + 2) * CK_FEW_GROUP <= in; g++)
        add_group(sums, format, x, groups, w, row_bytes, g, 4, tokens, rows);
    for (; (g + 1) * CK_FEW_GROUP <= in; g++)
        add_group(sums, format, x, groups, w, row_bytes, g, 2, tokens, rows);
    if (g < groups) add_group(sums, format, x, groups, w, row_bytes, g, 1, tokens, rows);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r += 4) {
            __m512 none = _mm512_setzero_ps();
            __m512 b = rows > 1 ? sums[r + 1][t] : none, c = rows > 2 ? sums[r + 2][t] : none;
            __m512 d = rows > 2 ? sums[r + 3][t] : none;
            __m128 totals = four_totals(sums[r][t], b, c, d);
            float *to = y + t * CK_DOT_ROWS + r;
            if (rows >= 4)
                _mm_storeu_ps(to, totals);
            else if (rows == 2)
                _mm_storel_pi((__m64 *)to, totals);
            else
                _mm_store_ss(to, totals);
        }
}

typedef format reader;
typedef ck_few_input input;

#include "dot_blocks.h"
#include "few_many_avx512.h"

/* ---- Inputs ---- */

static void prepare(ck_few_input *to, const void *x, ck_format type, int64_t in) {
    for (int64_t k = 0; k < in; k += 32) {
        ck_few_input *group = &to[k / 64];
        int64_t half = k % 64 / 32;
        ck_run run = type == CK_BF16 ? decode_bf16(x, k, 32) : decode_f32(x, k, 32);
        __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
        __m512i a = _mm512_and_si512(_mm512_castps_si512(run.a), magnitude);
        __m512i b = _mm512_and_si512(_mm512_castps_si512(run.b), magnitude);
        float most = ck_float_of_bits(_mm512_reduce_max_epu32(_mm512_max_epu32(a, b)));
        ck_few_scale scale = ck_few_scale_of(most);
        __m512 factor = _mm512_set1_ps(scale.inverse);
        __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(run.a, factor));
        __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(run.b, factor));
        __m256i q = _mm256_set_m128i(_mm512_cvtsepi32_epi8(high), _mm512_cvtsepi32_epi8(low));
        _mm256_store_si256((__m256i *)(group->q + 32 * half), q);
        _mm256_store_si256((__m256i *)(group->sums + 8 * half),
                           _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), q));
        _mm256_store_ps(group->scale + 8 * half, _mm256_set1_ps(scale.scale));
    }
    ck_few_end(to, in);
}

static const format format_q4_0 = {decode_group_q4_0, 3, 0, 2, sizeof(ck_q4_0), 12288, 1};
static const format format_q4_1 = {decode_group_q4_1, 0, 1, 2, sizeof(ck_q4_1), 12288, 1};
static const format format_q5_0 = {decode_group_q5_0, 4, 0, 2, 0, 12288, 1};
static const format format_q5_1 = {decode_group_q5_1, 0, 1, 2, 0, 12288, 1};
static const format format_q8_0 = {decode_group_q8_0, 7, 0, 2, sizeof(ck_q8_0), 8192, 2};
static const format format_q4_k = {decode_group_q4_k, 0, 1, 2, 0, 12288, 1};
static const format format_q6_k = {decode_group_q6_k, 5, 0, 4, 0, 12288, 1};

/* ---- Table ---- */

#define FEW_LEAF ck_few_avx512
#define READER(name) format_##name
#define WITH_MANY 1
#include "few_formats.h"

#pragma clang attribute pop
#endif
