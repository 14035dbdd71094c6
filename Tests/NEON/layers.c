/* Norms, rotation, gates, cross-entropy, elementwise operations and the optimizer of every tier
 * against the scalar one in float32, on numbers that bf16 holds exactly. The sizes are those of
 * LayersTests.swift and OptimizerTests.swift. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* What an operation leaves: up to three results, each of its own type. */
typedef struct {
    float *values[3];
    int64_t counts[3];
    ck_format types[3];
    int results, intact;
} outcome;

typedef outcome operation(ck_format type, int64_t size);

static void keep(outcome *to, const void *x, ck_format type, int64_t count) {
    to->types[to->results] = type;
    to->counts[to->results] = count;
    to->values[to->results++] = bench_read(x, type, count);
    to->intact = bench_intact();
}

static void free_outcome(outcome o) {
    for (int i = 0; i < o.results; i++) free(o.values[i]);
}

/* Runs it on the oracle in float32, then on every tier, in both types and on one and three threads
 * (whose bits must be equal). */
static void compare(const char *name, operation *run, const int64_t *sizes, int count) {
    int64_t before = comparisons;
    for (int i = 0; i < count; i++) {
        ck_set_isa(CK_ISA_SCALAR);
        outcome expected = run(CK_F32, sizes[i]);
        for (int j = 0; j < 2 * tier_count; j++) {
            ck_format type = j & 1 ? CK_BF16 : CK_F32;
            ck_set_isa(tiers[j / 2]);
            ck_set_threads(1);
            outcome one = run(type, sizes[i]);
            ck_set_threads(3);
            outcome three = run(type, sizes[i]);
            ck_set_threads(2);
            for (int k = 0; k < one.results; k++) {
                double error = relative_error(one.values[k], expected.values[k], one.counts[k], 0);
                double tolerance = one.types[k] == CK_BF16 ? LAYER_BFLOAT16 : LAYER_FLOAT32;
                int same = memcmp(one.values[k], three.values[k], (size_t)one.counts[k] * 4) == 0;
                expect(error <= tolerance && same && one.intact && three.intact,
                       "%s %s, result %d of size %lld, type %d: error %.1e%s%s",
                       tier_name(tiers[j / 2]), name, k, (long long)sizes[i], type, error,
                       same ? "" : ", threads change bits", one.intact ? "" : ", wrote outside");
            }
            free_outcome(one);
            free_outcome(three);
        }
        free_outcome(expected);
    }
    printf("%-14s %lld comparisons\n", name, (long long)(comparisons - before));
}

/* ---- Operations ---- */

typedef void norm_backward_call(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                                   ck_format dy_type, const void *x, ck_format x_type,
                                   const float *w, float epsilon, float factor, int64_t tokens,
                                   int64_t width);

static outcome norm(ck_format type, int64_t width) {
    enum { ROWS = 70 };
    outcome o = {0};
    float *x = random_exact(ROWS * width, 3, 4), *w = random_exact(width, 4, 1);
    bench_clear();
    const void *from = bench_place(type, ROWS * width, x);
    const float *weight = bench_place(CK_F32, width, w);
    void *same = bench_place(type, ROWS * width, NULL);
    void *wide = bench_place(CK_F32, ROWS * width, NULL);
    ck_rms_norm(same, type, 0, from, type, weight, 1e-5f, 1, ROWS, width);
    ck_rms_norm(wide, CK_F32, 0, from, type, weight, 1e-5f, 1, ROWS, width);
    ck_rms_norm(wide, CK_F32, 1, from, type, weight, 1e-5f, -0.25f, ROWS, width);
    keep(&o, same, type, ROWS * width);
    keep(&o, wide, CK_F32, ROWS * width);
    /* From float32 to the type. */
    const void *floats = bench_place(CK_F32, ROWS * width, x);
    void *narrow = bench_place(type, ROWS * width, NULL);
    ck_rms_norm(narrow, type, 0, floats, CK_F32, weight, 1e-5f, 1, ROWS, width);
    keep(&o, narrow, type, ROWS * width);
    free(x);
    free(w);
    return o;
}

static outcome centred_norm(ck_format type, int64_t width) {
    enum { ROWS = 70 };
    outcome o = {0};
    float *x = random_exact(ROWS * width, 31, 4), *w = random_exact(width, 32, 1);
    float *b = random_exact(width, 33, 1);
    bench_clear();
    const float *weight = bench_place(CK_F32, width, w), *bias = bench_place(CK_F32, width, b);
    const void *from = bench_place(type, ROWS * width, x);
    const void *floats = bench_place(CK_F32, ROWS * width, x);
    void *same = bench_place(type, ROWS * width, NULL);
    void *wide = bench_place(CK_F32, ROWS * width, NULL);
    void *narrow = bench_place(type, ROWS * width, NULL);
    ck_layer_norm(same, type, from, type, weight, bias, 1e-5f, ROWS, width);
    ck_layer_norm(wide, CK_F32, from, type, weight, bias, 1e-5f, ROWS, width);
    ck_layer_norm(narrow, type, floats, CK_F32, weight, bias, 1e-5f, ROWS, width);
    keep(&o, same, type, ROWS * width);
    keep(&o, wide, CK_F32, ROWS * width);
    keep(&o, narrow, type, ROWS * width);
    free(x);
    free(w);
    free(b);
    return o;
}

/* Added to float32; written in the type, from a gradient in the type, in place; the same of x in
 * float32. A row of one value has no gradient but rounding, so widths begin with two. */
static outcome backward_of(norm_backward_call *call, ck_format type, int64_t width) {
    enum { ROWS = 70 };
    outcome o = {0};
    float *x = random_exact(ROWS * width, 5, 4), *w = random_exact(width, 6, 1);
    float *dy = random_exact(ROWS * width, 7, 1), *before = random_exact(ROWS * width, 9, 1);
    bench_clear();
    float *dx = bench_place(CK_F32, ROWS * width, before);
    const float *weight = bench_place(CK_F32, width, w);
    const void *floats = bench_place(CK_F32, ROWS * width, x);
    const void *from = bench_place(type, ROWS * width, x);
    void *same = bench_place(type, ROWS * width, dy);
    void *third = bench_place(type, ROWS * width, NULL);
    call(dx, CK_F32, 1, bench_place(CK_F32, ROWS * width, dy), CK_F32, from, type, weight, 1e-5f, 1,
         ROWS, width);
    call(third, type, 0, same, type, floats, CK_F32, weight, 1e-5f, 0.5f, ROWS, width);
    call(same, type, 0, same, type, from, type, weight, 1e-5f, 2, ROWS, width);
    keep(&o, dx, CK_F32, ROWS * width);
    keep(&o, same, type, ROWS * width);
    keep(&o, third, type, ROWS * width);
    free(x);
    free(w);
    free(dy);
    free(before);
    return o;
}

static outcome norm_backward(ck_format type, int64_t width) {
    return backward_of(ck_rms_norm_backward, type, width);
}

static outcome centred_norm_backward(ck_format type, int64_t width) {
    return backward_of(ck_layer_norm_backward, type, width);
}

static outcome rotation(ck_format type, int64_t size) {
    enum { TOKENS = 6, HEADS = 9 };
    static const int32_t positions[TOKENS] = {0, 1, 2, 77, 8191, 131071};
    int64_t count = TOKENS * HEADS * size;
    float frequencies[512], *values = random_exact(count, 11, 1);
    for (int64_t i = 0; i < size / 2; i++)
        frequencies[i] = powf(10000, -2 * (float)i / (float)size);
    outcome o = {0};
    bench_clear();
    const float *f = bench_place(CK_F32, size / 2, frequencies);
    for (int32_t interleaved = 0; interleaved < 2; interleaved++) {
        void *x = bench_place(type, count, values);
        ck_rope(x, type, positions, f, size / 2, 1, interleaved, 0, TOKENS, HEADS, size);
        keep(&o, x, type, count);
        if (interleaved) continue;
        ck_rope(x, type, positions, f, size / 2, 1, interleaved, 1, TOKENS, HEADS, size);
        keep(&o, x, type, count);
    }
    free(values);
    return o;
}

/* A quarter of each head, or one pair, with a magnitude. */
static outcome partial_rotation(ck_format type, int64_t size) {
    enum { TOKENS = 6, HEADS = 9 };
    static const int32_t positions[TOKENS] = {0, 1, 2, 77, 8191, 131071};
    int64_t count = TOKENS * HEADS * size, pairs = size > 8 ? size / 8 : 1;
    float frequencies[512], *values = random_exact(count, 34, 1);
    for (int64_t i = 0; i < pairs; i++) frequencies[i] = 1 / (float)(i + 1);
    outcome o = {0};
    bench_clear();
    const float *f = bench_place(CK_F32, pairs, frequencies);
    for (int32_t i = 0; i < 3; i++) {
        void *x = bench_place(type, count, values);
        ck_rope(x, type, positions, f, pairs, 1.25f, i & 1, i >> 1, TOKENS, HEADS, size);
        keep(&o, x, type, count);
    }
    free(values);
    return o;
}

typedef void forward_gate(void *, const void *, const void *, ck_format, int64_t);
typedef void backward_gate(void *, void *, const void *, const void *, const void *, ck_format,
                           int64_t);

static outcome gate(forward_gate *forward, backward_gate *backward, ck_format type,
                    int64_t count) {
    float *g = random_exact(count, 13, 12), *u = random_exact(count, 14, 1);
    float *d = random_exact(count, 15, 1);
    if (count > 20) g[2] = 100, g[3] = -100, g[4] = 0, g[5] = -0.0f, g[6] = -3e38f;
    outcome o = {0};
    bench_clear();
    const void *in[] = {bench_place(type, count, g), bench_place(type, count, u),
                        bench_place(type, count, d)};
    void *a = bench_place(type, count, NULL), *dg = bench_place(type, count, NULL);
    void *du = bench_place(type, count, NULL);
    forward(a, in[0], in[1], type, count);
    backward(dg, du, in[2], in[0], in[1], type, count);
    keep(&o, a, type, count);
    keep(&o, dg, type, count);
    keep(&o, du, type, count);
    free(g);
    free(u);
    free(d);
    return o;
}

static outcome silu_gate(ck_format type, int64_t count) {
    return gate(ck_swiglu, ck_swiglu_backward, type, count);
}

static outcome gelu_gate(ck_format type, int64_t count) {
    return gate(ck_geglu, ck_geglu_backward, type, count);
}

/* In place, one after another, on a matrix of 40 rows. */
static outcome small_steps(ck_format type, int64_t width) {
    enum { ROWS = 40 };
    float *x = random_exact(ROWS * width, 35, 2), *y = random_exact(ROWS * width, 36, 2);
    float *bias = random_exact(width, 37, 1), factors[ROWS], dots[ROWS];
    int64_t rows[ROWS];
    for (int64_t i = 0; i < ROWS; i++) {
        factors[i] = (float)(i - 20) / 16;
        rows[i] = i * i % ROWS;
    }
    outcome o = {0};
    bench_clear();
    void *a = bench_place(type, ROWS * width, x);
    float *sum = bench_place(CK_F32, ROWS * width, y);
    ck_row_dots(dots, a, type, sum, CK_F32, ROWS, width);
    ck_add(sum, a, type, 0.75f, ROWS * width);
    ck_scatter_add(sum, a, type, rows, factors, ROWS, width);
    ck_add_bias(a, type, bench_place(CK_F32, width, bias), ROWS, width);
    ck_scale_rows(a, type, factors, ROWS, width);
    ck_scale(a, type, 1.5f, ROWS * width);
    keep(&o, a, type, ROWS * width);
    keep(&o, sum, CK_F32, ROWS * width);
    keep(&o, dots, CK_F32, ROWS);
    free(x);
    free(y);
    free(bias);
    return o;
}

static outcome caps(ck_format type, int64_t count) {
    float *x = random_exact(count, 38, 90), *d = random_exact(count, 39, 1);
    for (int64_t i = 0; i < count; i += 3) x[i] *= 1e-3f;
    outcome o = {0};
    bench_clear();
    float *y = bench_place(CK_F32, count, x);
    void *dx = bench_place(type, count, d);
    ck_soft_cap(y, 30, count);
    ck_soft_cap_backward(dx, type, y, 30, count);
    keep(&o, y, CK_F32, count);
    keep(&o, dx, type, count);
    free(x);
    free(d);
    return o;
}

static outcome loss(ck_format type, int64_t vocabulary) {
    enum { ROWS = 8 };
    float *x = random_exact(ROWS * vocabulary, 17, 15), weights[ROWS];
    int32_t targets[ROWS];
    for (int32_t i = 0; i < ROWS; i++) {
        targets[i] = (int32_t)((vocabulary - 1) * i / (ROWS - 1));
        weights[i] = (float)(ROWS - i) / ROWS;
    }
    outcome o = {0};
    bench_clear();
    float *logits = bench_place(CK_F32, ROWS * vocabulary, x);
    float *nll = bench_place(CK_F32, ROWS, NULL);
    void *d = bench_place(type, ROWS * vocabulary, NULL);
    ck_cross_entropy(nll, d, type, logits, targets, weights, ROWS, vocabulary);
    /* A vocabulary of one has a loss of 0, which has no relative error. */
    if (vocabulary > 1) keep(&o, nll, CK_F32, ROWS);
    if (vocabulary > 1) keep(&o, d, type, ROWS * vocabulary);
    ck_cross_entropy(nll, logits, CK_F32, logits, targets, weights, ROWS, vocabulary);
    if (vocabulary > 1) keep(&o, logits, CK_F32, ROWS * vocabulary);
    o.intact = bench_intact();
    free(x);
    return o;
}

static outcome optimize(ck_format type, int64_t count) {
    (void)type;
    float *start = random_exact(count, 21, 1), *zeros = calloc((size_t)count, 4);
    outcome o = {0};
    bench_clear();
    float *p = bench_place(CK_F32, count, start), *m = bench_place(CK_F32, count, zeros);
    float *v = bench_place(CK_F32, count, zeros);
    uint16_t *high = bench_place(CK_BF16, count, NULL);
    int16_t *low = bench_place(CK_BF16, count, NULL);
    ck_split(high, low, p, count);
    ck_optimization update = {.parameters = CK_KEEP_SPLIT, .moments = CK_KEEP_F32, .high = high,
                              .low = low, .first = m, .second = v, .gradient_scale = 0.5f,
                              .learning_rate = 1e-2f, .beta1 = 0.9f, .beta2 = 0.999f,
                              .epsilon = 1e-8f, .weight_decay = 0.1f, .count = count};
    for (int step = 1; step <= 20; step++) {
        float *g = random_exact(count, (uint64_t)(100 + step), 1);
        update.gradient = bench_place(CK_F32, count, g);
        update.correction1 = 1 - powf(0.9f, (float)step);
        update.correction2 = 1 - powf(0.999f, (float)step);
        ck_optimize(&update);
        free(g);
    }
    ck_join(p, high, low, count);
    keep(&o, p, CK_F32, count);
    keep(&o, m, CK_F32, count);
    keep(&o, v, CK_F32, count);
    free(start);
    free(zeros);
    return o;
}

static void compare_squares(void) {
    static const int64_t counts[] = {0, 1, 17, 4096, 50001};
    for (int i = 0; i < 5 * tier_count; i++) {
        float *x = random_exact(counts[i % 5], 23, 1);
        double sums[4], exact;
        ck_set_isa(CK_ISA_SCALAR);
        exact = ck_sum_of_squares(x, counts[i % 5]);
        ck_set_isa(tiers[i / 5]);
        for (int32_t threads = 1; threads <= 3; threads++) {
            ck_set_threads(threads);
            sums[threads] = ck_sum_of_squares(x, counts[i % 5]);
        }
        ck_set_threads(2);
        expect(fabs(sums[1] - exact) <= 1e-12 * exact && sums[1] == sums[2] && sums[1] == sums[3],
               "%s sum of %lld squares: %.17g, not %.17g", tier_name(tiers[i / 5]),
               (long long)counts[i % 5], sums[1], exact);
        free(x);
    }
}

/* ---- Rounding with error feedback ---- */

/* What is lost on a tier is what the oracle loses, and the bytes are the same for every number of threads. */
static void compare_feedback(void) {
    enum { ROWS = 35, COLUMNS = 256, STRIPS = 3 };
    static const ck_format kinds[] = {CK_Q4_0, CK_Q4_1, CK_Q5_0, CK_Q5_1, CK_Q8_0, CK_Q4_K, CK_Q5_K, CK_Q6_K};
    float *t = random_floats(ROWS * COLUMNS, 41, 0.5f), *u = random_floats(COLUMNS * COLUMNS, 42, 0.05f);
    for (int j = 0; j < COLUMNS; j++) {
        for (int k = 0; k < j; k++) u[j * COLUMNS + k] = 0;
        u[j * (COLUMNS + 1)] = 1 + 0.01f * (float)(j % 7);
    }
    for (int f = 0; f < 8; f++) {
        const size_t bytes = ROWS * ck_row_bytes(kinds[f], COLUMNS);
        char *w[4];
        double errors[STRIPS], exact = 0;
        for (int i = 0; i < 4; i++) w[i] = malloc(bytes);
        ck_set_isa(CK_ISA_SCALAR);
        ck_quantize_with_feedback(w[0], errors, t, u, NULL, kinds[f], ROWS, COLUMNS);
        for (int i = 0; i < STRIPS; i++) exact += errors[i];
        for (int i = 0; i < tier_count; i++) {
            double error = 0;
            ck_set_isa(tiers[i]);
            for (int32_t threads = 1; threads <= 3; threads++) {
                ck_set_threads(threads);
                ck_quantize_with_feedback(w[threads], errors, t, u, NULL, kinds[f], ROWS, COLUMNS);
            }
            ck_set_threads(2);
            for (int j = 0; j < STRIPS; j++) error += errors[j];
            /* A sum in another order can tip a rounding, and all that follows. */
            expect(fabs(error - exact) <= 0.05 * exact && memcmp(w[1], w[2], bytes) == 0 &&
                       memcmp(w[1], w[3], bytes) == 0,
                   "%s rounding with feedback to format %d: %g, not %g", tier_name(tiers[i]), (int)kinds[f],
                   error, exact);
        }
        for (int i = 0; i < 4; i++) free(w[i]);
    }
    free(t);
    free(u);
}

/* ---- Bits and extremes ---- */

/* Numbers of every sign and exponent, ties, subnormals, infinities, NaN: to bf16 and back. */
static void compare_conversions(void) {
    enum { VALUES = 10003 };
    static const uint32_t special[] = {0,          0x80000000, 1,          0x007F8000, 0x00018000,
                                       0x3F808000, 0x3F818000, 0x7F7FFFFF, 0x7F800000, 0xFF800000,
                                       0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0x3F807FFF};
    uint32_t bits[VALUES], seed = 5;
    for (int i = 0; i < VALUES; i++) bits[i] = seed = seed * 1664525 + 1013904223;
    memcpy(bits, special, sizeof special);
    for (int i = 0; i < tier_count; i++) {
        const int32_t isas[] = {CK_ISA_SCALAR, tiers[i]};
        uint16_t *narrow[2];
        float *wide[2];
        bench_clear();
        const float *x = bench_place_bytes(bits, sizeof bits);
        for (int j = 0; j < 2; j++) {
            ck_set_isa(isas[j]);
            narrow[j] = bench_place(CK_BF16, VALUES, NULL);
            wide[j] = bench_place(CK_F32, VALUES, NULL);
            ck_convert(narrow[j], CK_BF16, x, CK_F32, VALUES);
            ck_convert(wide[j], CK_F32, narrow[j], CK_BF16, VALUES);
        }
        expect(memcmp(narrow[0], narrow[1], VALUES * 2) == 0 &&
                   memcmp(wide[0], wide[1], VALUES * 4) == 0 && bench_intact(),
               "%s conversion to bf16 and back: other bits", tier_name(tiers[i]));
    }
}

/* A NaN is not hidden, large logits do not overflow. */
static void compare_extremes(void) {
    enum { VALUES = 100 };
    static const float logits[6] = {1e4f, -1e4f, 0, -3e38f, 88, -3e38f};
    static const float gradient[6] = {1, -1, 0, 0, 0, 0};
    float *x = random_exact(VALUES, 18, 1), y[VALUES], nll[2], d[6];
    const int32_t target = 3, targets[2] = {1, 1};
    const float weights[2] = {1, 1};
    x[50] = NAN;
    for (int i = 0; i < tier_count; i++) {
        const char *name = tier_name(tiers[i]);
        ck_set_isa(tiers[i]);
        ck_cross_entropy(nll, NULL, CK_F32, x, &target, weights, 1, VALUES);
        expect(isnan(nll[0]), "%s cross-entropy hides a NaN", name);
        ck_swiglu(y, x, x, CK_F32, VALUES);
        expect(isnan(y[50]) && !isnan(y[49]), "%s swiglu hides a NaN", name);
        ck_geglu(y, x, x, CK_F32, VALUES);
        expect(isnan(y[50]) && !isnan(y[49]), "%s geglu hides a NaN", name);
        ck_rms_norm(y, CK_F32, 0, x, CK_F32, x, 1e-5f, 1, 1, VALUES);
        expect(isnan(y[0]), "%s norm hides a NaN", name);
        memcpy(y, x, sizeof y);
        ck_soft_cap(y, 1, VALUES);
        expect(isnan(y[50]) && !isnan(y[49]), "%s soft cap hides a NaN", name);
        ck_cross_entropy(nll, d, CK_F32, logits, targets, weights, 2, 3);
        expect(nll[0] == 2e4f && nll[1] == 0, "%s large logits: %g %g", name, nll[0], nll[1]);
        for (int j = 0; j < 6; j++)
            expect(fabsf(d[j] - gradient[j]) < 1e-6f, "%s large logits: gradient %g", name, d[j]);
    }
    free(x);
}

/* ---- Tests ---- */

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

void test_layers(void) {
    static const int64_t widths[] = {1, 15, 16, 77, 576}, sizes[] = {2, 8, 10, 64, 80, 128};
    static const int64_t counts[] = {1, 15, 64, 1001, 20000}, words[] = {1, 5, 64, 1000, 4099};
    compare("norm", norm, widths, COUNT(widths));
    compare("norm backward", norm_backward, widths + 1, COUNT(widths) - 1);
    compare("layer norm", centred_norm, widths + 1, COUNT(widths) - 1);
    compare("its backward", centred_norm_backward, widths + 1, COUNT(widths) - 1);
    compare("rotation", rotation, sizes, COUNT(sizes));
    compare("partial", partial_rotation, sizes, COUNT(sizes));
    compare("swiglu", silu_gate, counts, COUNT(counts));
    compare("geglu", gelu_gate, counts, COUNT(counts));
    compare("elementwise", small_steps, widths, COUNT(widths));
    compare("soft cap", caps, counts, COUNT(counts));
    compare("cross-entropy", loss, words, COUNT(words));
    compare_conversions();
    compare_extremes();
}

void test_optimizer(void) {
    static const int64_t counts[] = {1, 15, 16, 33, 10007};
    compare("adamw", optimize, counts, COUNT(counts));
    compare_squares();
    compare_feedback();
}
