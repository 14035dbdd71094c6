/* What the agreement tests are made of: memory full of NaN in which matrices lie between borders,
 * seeded numbers, random weights in every format, and the count of disagreements. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#include "CKernels.h"

/* How far a tier may be from the scalar oracle, as in the Swift tests: in the norm of a whole
 * result, of products (MultiplyTests.swift) and of the rest (Bench.swift). */
#define PRODUCT_FLOAT32 3e-6
#define PRODUCT_BFLOAT16_WEIGHTS 3.5e-3
#define PRODUCT_BFLOAT16_RESULT 5e-3
#define LAYER_FLOAT32 2e-6
#define LAYER_BFLOAT16 8e-3

/* ---- Memory ---- */

/* Takes back all matrices and fills their memory with 0xFF: NaN in every type. */
void bench_clear(void);
/* `count` values of CK_F32 or CK_BF16 between borders; NaN where `values` is NULL. */
void *bench_place(ck_format type, int64_t count, const float *values);
/* `bytes` copied between borders, aligned to 2 bytes only. */
void *bench_place_bytes(const void *bytes, size_t count);
/* Whether all borders are as they were. */
int bench_intact(void);
/* Those `count` values as floats, for the caller to free. */
float *bench_read(const void *x, ck_format type, int64_t count);

/* ---- Numbers ---- */

/* Uniform in -scale ..< scale, for the caller to free; those of `exact` are bf16 numbers. */
float *random_floats(int64_t count, uint64_t seed, float scale);
float *random_exact(int64_t count, uint64_t seed, float scale);
/* Rows of random blocks with weights of about one, for the caller to free. */
void *random_weights(ck_format format, int64_t rows, int64_t columns, uint64_t seed);

/* |a - b| / max(|b|, norm); infinite where a value of `a` is not finite. */
double relative_error(const float *a, const float *b, int64_t count, double norm);

/* ---- Verdicts ---- */

/* Counts one comparison, and prints it unless it holds. */
void expect(int holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern int64_t comparisons, disagreements;

/* The tiers under test: all available ones but the oracle. */
extern int32_t tiers[8], tier_count;
const char *tier_name(int32_t isa);

/* ---- The tests ---- */

void test_products(void);
void test_thin_products(void);
void test_attention(void);
void test_cached_attention(void);
void test_layers(void);
void test_optimizer(void);

#endif
