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
    int64_t sequences, heads, kv_heads, size;
} shape;

static const shape shapes[] = {
    {{0, 1, 3, 66}, 3, 1, 1, 8},   {{0, 64, 64, 129}, 3, 4, 2, 16}, {{0, 130}, 1, 9, 3, 64},
    {{0, 3, 73, 73}, 3, 2, 1, 80}, {{0, 5, 134}, 2, 1, 1, 48},      {{0, 66}, 1, 2, 2, 128},
    {{0, 7, 72}, 2, 2, 2, 2},      {{0, 400}, 1, 2, 1, 20},         {{0}, 0, 2, 1, 8},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct {
    float *values[RESULTS];
    int64_t counts[RESULTS];
    int intact;
} results;

static results attend(const shape *s, ck_format type) {
    int64_t tokens = s->starts[s->sequences], wide = tokens * s->heads * s->size;
    int64_t narrow = tokens * s->kv_heads * s->size;
    float *values[] = {random_exact(wide, 1, 2), random_exact(narrow, 2, 2),
                       random_exact(narrow, 3, 1), random_exact(wide, 4, 1)};
    float scale = 1 / sqrtf((float)s->size);
    results r = {.counts = {wide, tokens * s->heads, wide, narrow, narrow}};
    bench_clear();
    const void *q = bench_place(type, wide, values[0]), *k = bench_place(type, narrow, values[1]);
    const void *v = bench_place(type, narrow, values[2]), *d = bench_place(type, wide, values[3]);
    void *to[RESULTS];
    for (int i = 0; i < RESULTS; i++)
        to[i] = bench_place(i == 1 ? CK_F32 : type, r.counts[i], NULL);
    ck_attention(to[0], to[1], q, k, v, type, s->starts, s->sequences, s->heads, s->kv_heads,
                 s->size, scale);
    ck_attention_backward(to[2], to[3], to[4], d, to[0], to[1], q, k, v, type, s->starts,
                          s->sequences, s->heads, s->kv_heads, s->size, scale);
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
               "%s attention %s of %lld/%lld x %lld, type %d: error %.1e%s", tier_name(isa),
               names[i], (long long)s->heads, (long long)s->kv_heads, (long long)s->size, type,
               error, runs[0].intact ? "" : ", wrote outside");
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

static float *attend_cached(ck_format type, int64_t heads, int64_t kv_heads, int64_t size,
                            int *intact) {
    static const int32_t slots[TOKENS] = {0, 0, 0, 0, 0, 0, 1, 1};
    static const int32_t positions[TOKENS] = {0, 1, 63, 255, 256, 299, 0, 19};
    int64_t cached = SLOTS * CAPACITY * kv_heads * size, wide = TOKENS * heads * size;
    float *values[] = {random_exact(wide, 5, 2), random_exact(cached, 6, 2),
                       random_exact(cached, 7, 1)};
    /* What lies beyond the positions of a slot is never read. */
    for (int64_t i = 0; i < SLOTS; i++)
        for (int64_t j = (i ? 20 : 300) * kv_heads * size; j < CAPACITY * kv_heads * size; j++)
            values[1][i * CAPACITY * kv_heads * size + j] = NAN,
            values[2][i * CAPACITY * kv_heads * size + j] = NAN;
    bench_clear();
    const void *q = bench_place(type, wide, values[0]), *k = bench_place(type, cached, values[1]);
    const void *v = bench_place(type, cached, values[2]);
    void *o = bench_place(type, wide, NULL);
    ck_attention_cached(o, q, k, v, type, slots, positions, TOKENS, CAPACITY, heads, kv_heads, size,
                        1 / sqrtf((float)size));
    *intact = bench_intact();
    for (int i = 0; i < 3; i++) free(values[i]);
    return bench_read(o, type, wide);
}

void test_cached_attention(void) {
    static const int64_t geometry[][3] = {{6, 2, 20}, {9, 3, 64}, {1, 1, 2}, {7, 1, 80}, {8, 2, 6}};
    int64_t before = comparisons;
    for (int i = 0; i < 5; i++) {
        int64_t heads = geometry[i][0], kv_heads = geometry[i][1], size = geometry[i][2];
        int intact;
        ck_set_isa(CK_ISA_SCALAR);
        float *expected = attend_cached(CK_F32, heads, kv_heads, size, &intact);
        for (int j = 0; j < 4 * tier_count; j++) {
            ck_format type = j & 1 ? CK_BF16 : CK_F32;
            ck_set_isa(tiers[j / 4]);
            ck_set_threads(j & 2 ? 1 : 2);
            float *actual = attend_cached(type, heads, kv_heads, size, &intact);
            double error = relative_error(actual, expected, TOKENS * heads * size, 0);
            expect(error <= (type == CK_BF16 ? LAYER_BFLOAT16 : LAYER_FLOAT32) && intact,
                   "%s attention over a cache of %lld/%lld x %lld, type %d: error %.1e%s",
                   tier_name(tiers[j / 4]), (long long)heads, (long long)kv_heads, (long long)size,
                   type, error, intact ? "" : ", wrote outside");
            free(actual);
        }
        ck_set_threads(2);
        free(expected);
    }
    printf("cached         %lld comparisons\n", (long long)(comparisons - before));
}
