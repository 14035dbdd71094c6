/* Attention forward and backward, and over a cache, of every tier against the scalar one in fp32;
 * the same bits for every number of threads. The shapes are those of AttentionTests.swift. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { RESULTS = 5 }; /* o lse dq dk dv */

typedef struct {
    int32_t starts[4];
    int64_t sequences, heads, kv_heads, size, value_size, window; /* value_size 0: as size */
    float cap;
} shape;

static const shape shapes[] = {
    {{0, 1, 3, 66}, 3, 1, 1, 8, 0, 0, 0}, {{0, 64, 64, 129}, 3, 4, 2, 16, 0, 0, 0},
    {{0, 130}, 1, 9, 3, 64, 0, 0, 0}, {{0, 3, 73, 73}, 3, 2, 1, 80, 0, 0, 0},
    {{0, 5, 134}, 2, 1, 1, 48, 0, 0, 0}, {{0, 66}, 1, 2, 2, 128, 0, 0, 0},
    {{0, 7, 72}, 2, 2, 2, 2, 0, 0, 0}, {{0, 400}, 1, 2, 1, 20, 0, 0, 0},
    {{0}, 0, 2, 1, 8, 0, 0, 0}, {{0, 70}, 1, 2, 1, 256, 0, 0, 0},
    {{0, 66}, 1, 2, 1, 1024, 2, 0, 0}, {{0, 3, 69}, 2, 3, 1, 24, 96, 0, 0},
    {{0, 130}, 1, 2, 2, 12, 10, 0, 0}, {{0, 300, 300, 370}, 3, 2, 1, 10, 0, 3, 0},
    {{0, 300, 300, 370}, 3, 2, 1, 10, 0, 2, 0}, {{0, 300, 300, 370}, 3, 2, 1, 10, 0, 63, 0},
    {{0, 300, 300, 370}, 3, 2, 1, 10, 0, 64, 0}, {{0, 300, 300, 370}, 3, 2, 1, 10, 0, 65, 0},
    {{0, 300, 300, 370}, 3, 2, 1, 10, 0, 100, 0}, {{0, 300, 300, 370}, 3, 2, 1, 10, 0, 129, 0},
    {{0, 300, 300, 370}, 3, 2, 1, 10, 0, 1000, 0}, {{0, 5, 145}, 2, 4, 2, 16, 0, 0, 3},
    {{0, 140}, 1, 2, 1, 64, 0, 0, 50}, {{0, 145, 148}, 2, 6, 2, 20, 36, 33, 0.7f},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct {
    float *values[RESULTS];
    int64_t counts[RESULTS];
    int intact;
} results;

static ck_attention_shape geometry(int64_t heads, int64_t kv_heads, int64_t size,
                                   int64_t value_size, int64_t window, float cap) {
    return (ck_attention_shape){.heads = heads, .kv_heads = kv_heads, .size = size,
                                .value_size = value_size ? value_size : size, .window = window,
                                .scale = 1 / sqrtf((float)size), .soft_cap = cap};
}

static results attend(const shape *s, ck_format type) {
    ck_attention_shape g =
        geometry(s->heads, s->kv_heads, s->size, s->value_size, s->window, s->cap);
    int64_t tokens = s->starts[s->sequences], rows = tokens * s->heads;
    int64_t pairs = tokens * s->kv_heads;
    results r = {.counts = {rows * g.value_size, rows, rows * g.size, pairs * g.size,
                            pairs * g.value_size}};
    float *values[] = {random_exact(r.counts[2], 1, 2), random_exact(r.counts[3], 2, 2),
                       random_exact(r.counts[4], 3, 1), random_exact(r.counts[0], 4, 1)};
    bench_clear();
    const void *q = bench_place(type, r.counts[2], values[0]);
    const void *k = bench_place(type, r.counts[3], values[1]);
    const void *v = bench_place(type, r.counts[4], values[2]);
    const void *d = bench_place(type, r.counts[0], values[3]);
    void *to[RESULTS];
    for (int i = 0; i < RESULTS; i++)
        to[i] = bench_place(i == 1 ? CK_F32 : type, r.counts[i], NULL);
    ck_attention(to[0], to[1], q, k, v, type, s->starts, s->sequences, &g);
    ck_attention_backward(to[2], to[3], to[4], d, to[0], to[1], q, k, v, type, s->starts,
                          s->sequences, &g);
    for (int i = 0; i < RESULTS; i++)
        r.values[i] = bench_read(to[i], i == 1 ? CK_F32 : type, r.counts[i]);
    r.intact = bench_intact();
    for (int i = 0; i < 4; i++) free(values[i]);
    return r;
}

static void free_results(results r) {
    for (int i = 0; i < RESULTS; i++) free(r.values[i]);
}

static void compare(const shape *s, ck_format type, int32_t isa, const results *expected) {
    static const char *const names[] = {"o", "lse", "dq", "dk", "dv"};
    results runs[3];
    ck_set_isa(isa);
    for (int i = 0; i < 3; i++) {
        ck_set_threads(i + 1);
        runs[i] = attend(s, type);
    }
    ck_set_threads(2);
    for (int i = 0; i < RESULTS; i++) {
        /* The log-sum-exp is never stored in bf16. */
        double tolerance = i == 1 || type == CK_F32 ? LAYER_FLOAT32 : LAYER_BFLOAT16;
        size_t bytes = (size_t)runs[0].counts[i] * 4;
        const float *actual = runs[0].values[i];
        double error = relative_error(actual, expected->values[i], runs[0].counts[i], 0);
        expect(error <= tolerance && runs[0].intact,
               "%s attention %s of %lld/%lld x %lld, window %lld, type %d: error %.1e%s",
               tier_name(isa), names[i], (long long)s->heads, (long long)s->kv_heads,
               (long long)s->size, (long long)s->window, type, error,
               runs[0].intact ? "" : ", wrote outside");
        expect(memcmp(runs[0].values[i], runs[1].values[i], bytes) == 0 &&
                   memcmp(runs[0].values[i], runs[2].values[i], bytes) == 0,
               "%s attention %s: the number of threads changes bits", tier_name(isa), names[i]);
    }
    for (int i = 0; i < 3; i++) free_results(runs[i]);
}

void test_attention(void) {
    int64_t before = comparisons;
    for (int i = 0; i < SHAPES; i++) {
        ck_set_isa(CK_ISA_SCALAR);
        results expected = attend(&shapes[i], CK_F32);
        for (int j = 0; j < tier_count; j++) {
            compare(&shapes[i], CK_F32, tiers[j], &expected);
            compare(&shapes[i], CK_BF16, tiers[j], &expected);
        }
        free_results(expected);
    }
    printf("attention      %lld comparisons\n", (long long)(comparisons - before));
}

/* ---- Over a cache ---- */

enum { SLOTS = 2, CAPACITY = 310, TOKENS = 8 };

static float *attend_cached(ck_format type, const ck_attention_shape *shape, int *intact) {
    static const int32_t slots[TOKENS] = {0, 0, 0, 0, 0, 0, 1, 1};
    static const int32_t positions[TOKENS] = {0, 1, 63, 255, 256, 299, 0, 19};
    int64_t sizes[] = {shape->size, shape->value_size}, wide = TOKENS * shape->heads;
    float *values[] = {random_exact(wide * sizes[0], 5, 2), NULL, NULL};
    const void *at[2];
    bench_clear();
    const void *q = bench_place(type, wide * sizes[0], values[0]);
    for (int n = 0; n < 2; n++) {
        int64_t row = shape->kv_heads * sizes[n];
        values[n + 1] = random_exact(SLOTS * CAPACITY * row, (uint64_t)(6 + n), n ? 1 : 2);
        /* What lies beyond the positions of a slot is never read. */
        for (int64_t i = 0; i < SLOTS; i++)
            for (int64_t j = (i ? 20 : 300) * row; j < CAPACITY * row; j++)
                values[n + 1][i * CAPACITY * row + j] = NAN;
        at[n] = bench_place(type, SLOTS * CAPACITY * row, values[n + 1]);
    }
    void *o = bench_place(type, wide * sizes[1], NULL);
    ck_attention_cached(o, q, at[0], at[1], type, slots, positions, TOKENS, CAPACITY, shape);
    *intact = bench_intact();
    for (int i = 0; i < 3; i++) free(values[i]);
    return bench_read(o, type, wide * sizes[1]);
}

void test_cached_attention(void) {
    const ck_attention_shape shapes[] = {
        geometry(6, 2, 20, 0, 0, 0),    geometry(9, 3, 64, 0, 0, 0),  geometry(1, 1, 2, 0, 0, 0),
        geometry(7, 1, 80, 0, 0, 0),    geometry(8, 2, 6, 0, 0, 0),   geometry(6, 2, 20, 44, 0, 2),
        geometry(3, 1, 20, 6, 40, 0.5f), geometry(2, 1, 256, 0, 270, 0)};
    int64_t before = comparisons;
    for (int i = 0; i < (int)(sizeof shapes / sizeof *shapes); i++) {
        const ck_attention_shape *shape = &shapes[i];
        int intact;
        ck_set_isa(CK_ISA_SCALAR);
        float *expected = attend_cached(CK_F32, shape, &intact);
        for (int j = 0; j < 4 * tier_count; j++) {
            ck_format type = j & 1 ? CK_BF16 : CK_F32;
            ck_set_isa(tiers[j / 4]);
            ck_set_threads(j & 2 ? 1 : 2);
            float *actual = attend_cached(type, shape, &intact);
            double error =
                relative_error(actual, expected, TOKENS * shape->heads * shape->value_size, 0);
            expect(error <= (type == CK_BF16 ? LAYER_BFLOAT16 : LAYER_FLOAT32) && intact,
                   "%s attention over a cache of %lld/%lld x %lld, window %lld, type %d: %.1e%s",
                   tier_name(tiers[j / 4]), (long long)shape->heads, (long long)shape->kv_heads,
                   (long long)shape->size, (long long)shape->window, type, error,
                   intact ? "" : ", wrote outside");
            free(actual);
        }
        ck_set_threads(2);
        free(expected);
    }
    printf("cached         %lld comparisons\n", (long long)(comparisons - before));
}
