/* Products with a quantized right-hand side and the thin products: every format, direction, odd
 * size and element type of every tier against the scalar one; the same bits for every number of
 * threads and whatever the neighbours. The shapes are those of MultiplyTests.swift. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "blocks.h"
#include "leaf.h"

typedef struct {
    int64_t tokens, out, blocks, rank;
    ck_format input, output;
    int32_t accumulate, transposed;
} shape;

typedef struct {
    ck_format format;
    const char *name;
} named_format;

#define NAMED(id, name) {id, #name},
static const named_format formats[] = {CK_ALL_FORMATS(NAMED)};
enum { FORMATS = sizeof formats / sizeof *formats, MOST_SHAPES = 40 };

static shape shapes[MOST_SHAPES];
static int shape_count;

/* Every number of tokens, outputs, blocks and ranks meets several of the others; then several
 * panels of K with sums waiting in a strip, and a rank beyond the adapter's room. */
static void list_shapes(void) {
    static const int64_t tokens[] = {1, 2, 3, 4, 5, 7, 13, 65}, outs[] = {1, 33, 64, 100};
    static const int64_t blocks[] = {1, 3, 5}, ranks[] = {0, 1, 8, 17};
    shape_count = 0;
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 4; j++) {
            ck_format output = (i + j) % 2 == 0 ? CK_F32 : CK_BF16;
            shapes[shape_count++] = (shape){
                .tokens = tokens[i], .out = outs[j], .blocks = blocks[(i + j) % 3],
                .rank = ranks[(i + 2 * j) % 4], .input = (i / 2 + j) % 2 == 0 ? CK_BF16 : CK_F32,
                .output = output, .accumulate = output == CK_F32 && i % 2 == 0};
        }
    shapes[shape_count++] = (shape){9, 700, 5, 8, CK_BF16, CK_BF16, 0, 0};
    shapes[shape_count++] = (shape){50, 66, 5, 300, CK_BF16, CK_BF16, 0, 0};
    shapes[shape_count++] = (shape){50, 66, 5, 300, CK_F32, CK_F32, 1, 0};
}

static int64_t columns_of(const shape *s, ck_format format) {
    int64_t length = ck_codec_of(format)->block_length;
    return length == 1 ? 32 * s->blocks + 13 : length * s->blocks;
}

/* y of the product by the tier in use, for the caller to free. */
static float *product(const shape *s, ck_format format, const void *weights, uint64_t seed,
                      int *intact) {
    int64_t in = columns_of(s, format), t = s->tokens, r = s->rank;
    int64_t k = s->transposed ? s->out : in, n = s->transposed ? in : s->out;
    float *values[] = {random_floats(t * k, seed, 1), random_floats(t * r, seed + 1, 1),
                       random_floats(r * n, seed + 2, 1), random_floats(t * n, seed + 3, 1)};
    bench_clear();
    const void *w = bench_place_bytes(weights, ck_row_bytes(format, in) * (size_t)s->out);
    const void *x = bench_place(s->input, t * k, values[0]);
    const void *u = bench_place(s->input, t * r, values[1]);
    const void *b = bench_place(s->input, r * n, values[2]);
    void *y = bench_place(s->output, t * n, s->accumulate ? values[3] : NULL);
    ck_product_arguments arguments = {
        .y = y, .x = x, .w = w, .u = u, .b = b, .tokens = t, .out = s->out, .in = in, .rank = r,
        .y_type = s->output, .x_type = s->input, .w_format = format, .accumulate = s->accumulate};
    (s->transposed ? ck_multiply_transposed : ck_multiply)(&arguments);
    *intact = bench_intact();
    for (int i = 0; i < 4; i++) free(values[i]);
    return bench_read(y, s->output, t * n);
}

static double tolerance_of(int32_t isa, ck_format format, const shape *s) {
    if (s->output == CK_BF16) return PRODUCT_BFLOAT16_RESULT;
    int dots = isa == CK_ISA_AVX512_BF16 || isa == CK_ISA_NEON_BF16;
    return dots && s->input == CK_BF16 && format != CK_BF16 ? PRODUCT_BFLOAT16_WEIGHTS
                                                            : PRODUCT_FLOAT32;
}

/* The norm that a product of independent numbers has. A few sums may cancel by chance, and the
 * error of the rounded weights in them then looks larger than it is. */
static double usual_norm(const shape *s, ck_format format, const void *w) {
    int64_t in = columns_of(s, format);
    float *values = malloc((size_t)(s->out * in) * 4);
    ck_dequantize(values, w, format, s->out, in);
    double squares = 0; /* of all weights */
    for (int64_t i = 0; i < s->out * in; i++) squares += (double)values[i] * values[i];
    free(values);
    return sqrt((double)s->tokens * squares / 3); /* x is uniform in -1...1 */
}

static void compare_product(const shape *s, const named_format *f, const void *w) {
    int64_t count = s->tokens * (s->transposed ? columns_of(s, f->format) : s->out);
    double norm = usual_norm(s, f->format, w);
    int intact;
    ck_set_isa(CK_ISA_SCALAR);
    shape exact = *s; /* rounded once, not twice */
    exact.output = CK_F32;
    float *expected = product(&exact, f->format, w, 7, &intact);
    for (int i = 0; i < tier_count; i++) {
        ck_set_isa(tiers[i]);
        float *actual = product(s, f->format, w, 7, &intact);
        double error = relative_error(actual, expected, count, norm);
        expect(error <= tolerance_of(tiers[i], f->format, s) && intact,
               "%s %s %s, %lld tokens, %lld x %lld, rank %lld, x %d, y %d: error %.1e%s",
               tier_name(tiers[i]), f->name, s->transposed ? "dx" : "y", (long long)s->tokens,
               (long long)s->out, (long long)columns_of(s, f->format), (long long)s->rank,
               s->input, s->output, error, intact ? "" : ", wrote outside");
        free(actual);
    }
    free(expected);
}

/* From one to three threads, and five tokens among their neighbours (tiles of other heights; fewer
 * tokens take another path). */
static void compare_bits(const named_format *f) {
    static const shape some[] = {{1, 300, 2, 0, CK_F32, CK_F32, 0, 0},
                                 {16, 200, 1, 8, CK_BF16, CK_BF16, 0, 0},
                                 {40, 100, 1, 8, CK_F32, CK_F32, 0, 1},
                                 {70, 130, 2, 0, CK_BF16, CK_F32, 0, 1}};
    for (int i = 0; i < 4 * tier_count; i++) {
        const shape *s = &some[i % 4];
        int64_t in = columns_of(s, f->format), n = s->transposed ? in : s->out;
        void *w = random_weights(f->format, s->out, in, 5);
        ck_set_isa(tiers[i / 4]);
        float *results[3];
        int intact;
        for (int threads = 0; threads < 3; threads++) {
            ck_set_threads(threads + 1);
            results[threads] = product(s, f->format, w, 9, &intact);
        }
        size_t bytes = (size_t)(s->tokens * n) * 4;
        expect(memcmp(results[0], results[1], bytes) == 0 &&
                   memcmp(results[0], results[2], bytes) == 0,
               "%s %s: the number of threads changes bits of shape %d", tier_name(tiers[i / 4]),
               f->name, i % 4);
        for (int threads = 0; threads < 3; threads++) free(results[threads]);
        free(w);
    }
    ck_set_threads(2);
    int64_t in = 96 / ck_codec_of(f->format)->block_length * ck_codec_of(f->format)->block_length;
    if (in == 0) in = 256;
    void *w = random_weights(f->format, 100, in, 6);
    float *x = random_floats(40 * in, 8, 1);
    for (int i = 0; i < 2 * tier_count; i++) {
        ck_set_isa(tiers[i / 2]);
        ck_format type = i % 2 ? CK_BF16 : CK_F32;
        bench_clear();
        const char *from = bench_place(type, 40 * in, x);
        float *all = bench_place(CK_F32, 40 * 100, NULL), *part = bench_place(CK_F32, 500, NULL);
        ck_product_arguments whole = {.y = all, .x = from, .w = w, .tokens = 40, .out = 100,
                                      .in = in, .y_type = CK_F32, .x_type = type,
                                      .w_format = f->format};
        ck_product_arguments five = whole;
        five.y = part;
        five.x = from + 7 * in * (type == CK_BF16 ? 2 : 4);
        five.tokens = 5;
        ck_multiply(&whole);
        ck_multiply(&five);
        expect(memcmp(part, all + 700, 500 * 4) == 0, "%s %s: neighbours change a token's bits",
               tier_name(tiers[i / 2]), f->name);
    }
    free(x);
    free(w);
}

void test_products(void) {
    list_shapes();
    for (int i = 0; i < FORMATS; i++) {
        int64_t before = comparisons;
        for (int j = 0; j < shape_count; j++) {
            void *w = random_weights(formats[i].format, shapes[j].out,
                                     columns_of(&shapes[j], formats[i].format), (uint64_t)j);
            for (int32_t transposed = 0; transposed < 2; transposed++) {
                shapes[j].transposed = transposed;
                compare_product(&shapes[j], &formats[i], w);
            }
            free(w);
        }
        compare_bits(&formats[i]);
        printf("products %-5s %lld comparisons\n", formats[i].name,
               (long long)(comparisons - before));
    }
}

/* ---- Thin and dense products ---- */

typedef struct {
    float *u, *da, *g;
    int intact;
} thin;

static thin thin_products(ck_format type, int64_t tokens, int64_t rank, int64_t k) {
    float *values[] = {random_floats(tokens * k, 21, 1), random_floats(rank * k, 22, 1),
                       random_floats(tokens * rank, 23, 1), random_floats(rank * k, 24, 1)};
    bench_clear();
    const void *x = bench_place(type, tokens * k, values[0]);
    const void *a = bench_place(type, rank * k, values[1]);
    const void *v = bench_place(type, tokens * rank, values[2]);
    void *u = bench_place(type, tokens * rank, NULL);
    float *da = bench_place(CK_F32, rank * k, values[3]);
    float *g = bench_place(CK_F32, rank * k, values[3]);
    ck_project(u, x, a, type, 0.75f, tokens, rank, k);
    ck_project_gradient(da, v, x, type, tokens, rank, k);
    ck_weight_gradient(g, v, x, type, tokens, rank, k);
    for (int i = 0; i < 4; i++) free(values[i]);
    return (thin){bench_read(u, type, tokens * rank), bench_read(da, CK_F32, rank * k),
                  bench_read(g, CK_F32, rank * k), bench_intact()};
}

static void free_thin(thin t) {
    free(t.u);
    free(t.da);
    free(t.g);
}

void test_thin_products(void) {
    static const int64_t ranks[] = {1, 8, 17, 64, 70}, tokens[] = {1, 2, 3, 4, 5, 7, 13, 65, 301};
    int64_t before = comparisons;
    for (int i = 0; i < 5 * 9 * 2; i++) {
        int64_t rank = ranks[i % 5], count = tokens[i / 5 % 9], k = count % 2 ? 77 : 160;
        ck_format type = i / 45 ? CK_BF16 : CK_F32;
        ck_set_isa(CK_ISA_SCALAR);
        thin expected = thin_products(type, count, rank, k);
        for (int j = 0; j < tier_count; j++)
            for (int32_t threads = 1; threads <= 3; threads += 2) {
                ck_set_isa(tiers[j]);
                ck_set_threads(threads);
                thin t = thin_products(type, count, rank, k);
                double u = relative_error(t.u, expected.u, count * rank, 0);
                double da = relative_error(t.da, expected.da, rank * k, 0);
                double g = relative_error(t.g, expected.g, rank * k, 0);
                expect(u <= (type == CK_BF16 ? PRODUCT_BFLOAT16_RESULT : PRODUCT_FLOAT32) &&
                           da <= PRODUCT_FLOAT32 && g <= PRODUCT_FLOAT32 && t.intact,
                       "%s thin products, type %d, %lld tokens, rank %lld: %.1e %.1e %.1e%s",
                       tier_name(tiers[j]), type, (long long)count, (long long)rank, u, da, g,
                       t.intact ? "" : ", wrote outside");
                free_thin(t);
            }
        ck_set_threads(2);
        free_thin(expected);
    }
    printf("thin products  %lld comparisons\n", (long long)(comparisons - before));
}
