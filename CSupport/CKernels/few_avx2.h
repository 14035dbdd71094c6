/* The products of few.h in 256 bits: one block of 32 at a time. A leaf defines CK_FEW_TARGET (its
 * instruction sets) and FEW_LEAF (its name), includes this, and has in `multiply_bytes` what its
 * processor does best:
 *
 *   multiply_bytes(start, u, s): eight sums of four products of unsigned u and signed s bytes.
 *   signed_bytes: 1 where u may be any byte, so that signed weights become unsigned by an offset of
 *   128; 0 where u must stay below 64 (maddubs saturates at 16 bits) and signs move from w to x. */
#include "avx2.h"
#include "few.h"

enum {
    AT_ONCE = 4, /* rows */
    AT_ONCE_OF_MANY = 2,
    AHEAD = 8192, /* bytes from a row to what is fetched meanwhile: the fastest of those tried */
};

#pragma clang attribute push(__attribute__((target(CK_FEW_TARGET))), apply_to = function)

/* 32 values w = scale * (v - 2^offset) + minimum; lanes as in ck_few_input. */
typedef struct { __m256i v; __m256 scale, minimum; } block;

typedef struct {
    block (*decode)(const char *row, int64_t k);
    int offset;   /* log2; 0: none */
    int minimum;  /* whether there is one */
    int is_signed; /* v is a signed byte */
    int parts;     /* of a block that have a scale of their own */
    int at_once;   /* quads of products with 127 that can be added up in signed 16 bits */
} format;

/* ---- Decoders: values k ..< k + 32 of a row ---- */

INLINE block decode_block_q4_0(const char *row, int64_t k) {
    const ck_q4_0 *b = (const ck_q4_0 *)row + k / 32;
    return (block){spread_nibbles(b->q), splat_half(b->d), _mm256_setzero_ps()};
}

INLINE block decode_block_q4_1(const char *row, int64_t k) {
    const ck_q4_1 *b = (const ck_q4_1 *)row + k / 32;
    __m128 pair = half_pair((const uint16_t *)b);
    return (block){spread_nibbles(b->q), splat_first(pair), splat_second(pair)};
}

INLINE block decode_block_q5_0(const char *row, int64_t k) {
    const ck_q5_0 *b = (const ck_q5_0 *)row + k / 32;
    return (block){spread_five_bits(b->q, b->high), splat_half(b->d), _mm256_setzero_ps()};
}

INLINE block decode_block_q5_1(const char *row, int64_t k) {
    const ck_q5_1 *b = (const ck_q5_1 *)row + k / 32;
    __m128 pair = half_pair((const uint16_t *)b);
    return (block){spread_five_bits(b->q, b->high), splat_first(pair), splat_second(pair)};
}

INLINE block decode_block_q8_0(const char *row, int64_t k) {
    const ck_q8_0 *b = (const ck_q8_0 *)row + k / 32;
    return (block){_mm256_loadu_si256((const __m256i *)b->q), splat_half(b->d),
                   _mm256_setzero_ps()};
}

INLINE block decode_block_q4_k(const char *row, int64_t k) {
    const ck_q4_k *b = (const ck_q4_k *)row + k / 256;
    int group = (int)(k / 32 % 8);
    uint8_t s, m;
    ck_q4_k_scale(b->scales, group, &s, &m);
    __m256i q = _mm256_loadu_si256((const __m256i *)(b->q + group / 2 * 32));
    q = _mm256_srl_epi16(q, _mm_cvtsi32_si128((group & 1) * 4));
    return (block){_mm256_and_si256(q, _mm256_set1_epi8(15)),
                   _mm256_set1_ps(half(b->d) * (float)s),
                   _mm256_set1_ps(-half(b->dmin) * (float)m)};
}

INLINE block decode_block_q6_k(const char *row, int64_t k) {
    const ck_q6_k *b = (const ck_q6_k *)row + k / 256;
    int run = (int)(k / 32 % 8), r = run & 3;
    __m256i low = _mm256_loadu_si256((const __m256i *)(b->low + run / 4 * 64 + (r & 1) * 32));
    __m256i high = _mm256_loadu_si256((const __m256i *)(b->high + run / 4 * 32));
    low = _mm256_and_si256(_mm256_srl_epi16(low, _mm_cvtsi32_si128((r >> 1) * 4)),
                           _mm256_set1_epi8(15));
    high = _mm256_and_si256(_mm256_srl_epi16(high, _mm_cvtsi32_si128(2 * r)), _mm256_set1_epi8(3));
    float d = half(b->d);
    __m256 scale = _mm256_set_m128(_mm_set1_ps(d * (float)b->scales[run * 2 + 1]),
                                   _mm_set1_ps(d * (float)b->scales[run * 2]));
    return (block){_mm256_or_si256(low, _mm256_slli_epi16(high, 4)), scale, _mm256_setzero_ps()};
}

/* ---- Products ---- */

INLINE void add_block(__m256 sums[AT_ONCE][CK_DOT_TOKENS], const format format,
                      const ck_few_input *x, int64_t in_values, const char *w, size_t row_bytes,
                      int64_t k, const int tokens, const int rows) {
    int64_t groups = ck_few_groups(in_values);
    block block[AT_ONCE];
    const int64_t step = (int64_t)row_bytes * 32 / in_values;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        const char *row = w + (size_t)r * row_bytes;
        block[r] = format.decode(row, k);
        __builtin_prefetch(row + k / 32 * step + AHEAD);
    }
    const int by_offset = signed_bytes || !format.is_signed;
    const int offset = format.is_signed ? 7 : format.offset;
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        const ck_few_input *in = x + t * groups + k / 64;
        int64_t half = k % 64 / 32;
        __m256i q = _mm256_load_si256((const __m256i *)(in->q + 32 * half));
        __m256i total = _mm256_load_si256((const __m256i *)(in->sums + 8 * half));
        __m256 scale = _mm256_load_ps(in->scale + 8 * half);
        __m256i start = _mm256_setzero_si256();
        if (by_offset && offset) start = _mm256_sub_epi32(start, _mm256_slli_epi32(total, offset));
        __m256 least = _mm256_setzero_ps();
        if (format.minimum) least = _mm256_mul_ps(_mm256_cvtepi32_ps(total), scale);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            __m256i v = block[r].v, s = q;
            if (!by_offset) {
                s = _mm256_sign_epi8(q, v);
                v = _mm256_abs_epi8(v);
            } else if (format.is_signed) {
                v = _mm256_xor_si256(v, _mm256_set1_epi8((char)0x80));
            }
            __m256 product = _mm256_cvtepi32_ps(multiply_bytes(start, v, s));
            __m256 factor = _mm256_mul_ps(block[r].scale, scale);
            sums[r][t] = _mm256_fmadd_ps(product, factor, sums[r][t]);
            if (format.minimum)
                sums[r][t] = _mm256_fmadd_ps(block[r].minimum, least, sums[r][t]);
        }
    }
}

INLINE void dot_rows(const format format, float *y, const ck_few_input *x, const char *w,
                     size_t row_bytes, int64_t in, const int tokens, const int rows) {
    __m256 sums[AT_ONCE][CK_DOT_TOKENS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) sums[r][t] = _mm256_setzero_ps();
    for (int64_t k = 0; k < in; k += 32)
        add_block(sums, format, x, in, w, row_bytes, k, tokens, rows);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) y[t * CK_DOT_ROWS + r] = sum_of(sums[r][t]);
}

typedef format reader;
typedef ck_few_input input;

#include "dot_blocks.h"
#include "few_many_avx2.h"

/* ---- Inputs ---- */

INLINE __m256i larger_bits(__m256i a, __m256i b) { return _mm256_max_epu32(a, b); }

static void prepare(ck_few_input *to, const void *x, ck_format type, int64_t in) {
    for (int64_t k = 0; k < in; k += 32) {
        ck_few_input *group = &to[k / 64];
        int64_t half = k % 64 / 32;
        ck_run run = type == CK_BF16 ? decode_bf16(x, k, 32) : decode_f32(x, k, 32);
        __m256i top = _mm256_setzero_si256();
        for (int i = 0; i < 4; i++)
            top = larger_bits(top, _mm256_and_si256(_mm256_castps_si256(run.v[i]),
                                                    _mm256_set1_epi32(0x7fffffff)));
        top = larger_bits(top, _mm256_permute2x128_si256(top, top, 1));
        top = larger_bits(top, _mm256_shuffle_epi32(top, 0x4e));
        top = larger_bits(top, _mm256_shuffle_epi32(top, 0xb1));
        float most = ck_float_of_bits((uint32_t)_mm256_extract_epi32(top, 0));
        ck_few_scale scale = ck_few_scale_of(most);
        __m256i v[4];
        for (int i = 0; i < 4; i++)
            v[i] = _mm256_cvtps_epi32(_mm256_mul_ps(run.v[i], _mm256_set1_ps(scale.inverse)));
        __m256i q = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]),
                                       _mm256_packs_epi32(v[2], v[3]));
        q = _mm256_permutevar8x32_epi32(q, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_store_si256((__m256i *)(group->q + 32 * half), q);
        _mm256_store_si256(
            (__m256i *)(group->sums + 8 * half),
            multiply_bytes(_mm256_setzero_si256(), _mm256_set1_epi8(1), q));
        _mm256_store_ps(group->scale + 8 * half, _mm256_set1_ps(scale.scale));
    }
    ck_few_end(to, in);
}

static const format format_q4_0 = {decode_block_q4_0, 3, 0, 0, 1, 8};
static const format format_q4_1 = {decode_block_q4_1, 0, 1, 0, 1, 8};
static const format format_q5_0 = {decode_block_q5_0, 4, 0, 0, 1, 4};
static const format format_q5_1 = {decode_block_q5_1, 0, 1, 0, 1, 4};
static const format format_q8_0 = {decode_block_q8_0, 0, 0, 1, 1, 1};
static const format format_q4_k = {decode_block_q4_k, 0, 1, 0, 1, 8};
static const format format_q6_k = {decode_block_q6_k, 5, 0, 0, 2, 2};

/* ---- Table ---- */

#define READER(name) format_##name
#define WITH_MANY 1
#include "few_formats.h"

#pragma clang attribute pop
