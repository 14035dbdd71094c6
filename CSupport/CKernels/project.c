/* Thin and dense products between activations, as products of multiply.c: `a` and `x`
 * are right-hand sides in the formats F32 or BF16. A gradient sums over tokens: its left side,
 * d^T, is transposed into the caller's scratch, 1024 rows at a time, and its sums go straight to
 * the fp32 gradient. */
#include "oracle.h"
#include "product.h"
#include "scratch.h"
#include "team.h"
#include "tier.h"

enum { GRADIENT_ROWS = 1024, GRADIENT_TOKENS = 2048, SQUARE = 64, WORTH = 32768 };

void ck_project(void *u, const void *x, const void *a, ck_format type, float scale, int64_t tokens,
                int64_t rank, int64_t k) {
    const ck_leaf *leaf = ck_leaf_for(type);
    if (!leaf) {
        ck_product_arguments plain = {.y = u, .x = x, .w = a, .tokens = tokens, .out = rank,
                                      .in = k, .y_type = type, .x_type = type, .w_format = type};
        ck_multiply_scalar(&plain, scale);
        return;
    }
    ck_product product = {
        .y = u, .y_type = type, .x = x, .x_type = type, .x_stride = k, .w = a, .w_format = type,
        .row_bytes = ck_row_bytes(type, k), .tokens = tokens, .n = rank, .k = k, .scale = scale};
    ck_run_product(&product, leaf);
}

/* to [m, tokens] = the first m columns of d [tokens, d_stride], in squares that stay in the first-level
 * cache. */
static void transpose_floats(float *to, const float *d, int64_t tokens, int64_t m, int64_t d_stride) {
    for (int64_t t = 0; t < tokens; t += SQUARE) {
        int64_t end = tokens - t < SQUARE ? tokens : t + SQUARE;
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = t; j < end; j++) to[i * tokens + j] = d[j * d_stride + i];
    }
}

typedef uint16_t eight __attribute__((vector_size(16), aligned(2)));

/* Eight by eight values in registers: rows i and i + 4 side by side, three times. */
static void transpose_eight(uint16_t *to, const uint16_t *d, int64_t to_stride, int64_t d_stride) {
    eight a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = *(const eight *)(d + i * d_stride);
#define INTERLEAVE(to, from)                                                                       \
    for (int i = 0; i < 4; i++) {                                                                  \
        to[2 * i] = __builtin_shufflevector(from[i], from[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);       \
        to[2 * i + 1] = __builtin_shufflevector(from[i], from[i + 4], 4, 12, 5, 13, 6, 14, 7, 15); \
    }
    INTERLEAVE(b, a)
    INTERLEAVE(a, b)
    INTERLEAVE(b, a)
    for (int i = 0; i < 8; i++) *(eight *)(to + i * to_stride) = b[i];
}

static void transpose_halves(uint16_t *to, const uint16_t *d, int64_t tokens, int64_t m,
                             int64_t d_stride) {
    int64_t whole_tokens = tokens / 8 * 8, whole = m / 8 * 8;
    for (int64_t t = 0; t < whole_tokens; t += SQUARE) {
        int64_t end = whole_tokens - t < SQUARE ? whole_tokens : t + SQUARE;
        for (int64_t i = 0; i < whole; i += 8)
            for (int64_t j = t; j < end; j += 8)
                transpose_eight(to + i * tokens + j, d + j * d_stride + i, tokens, d_stride);
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = i < whole ? whole_tokens : 0; j < tokens; j++)
            to[i * tokens + j] = d[j * d_stride + i];
}

typedef struct {
    char *to;
    const char *d;
    ck_format type;
    int64_t tokens, rows, d_stride;
} transposition;

/* Rows of `to`, SQUARE at a time. */
static void transpose(void *context, int64_t first, int64_t end, int32_t slot) {
    (void)slot;
    const transposition *t = context;
    size_t size = t->type == CK_BF16 ? 2 : 4;
    for (int64_t i = first * SQUARE; i < t->rows && i < end * SQUARE; i += SQUARE) {
        int64_t count = t->rows - i < SQUARE ? t->rows - i : SQUARE;
        char *to = t->to + (size_t)(i * t->tokens) * size;
        const char *d = t->d + (size_t)i * size;
        if (t->type == CK_BF16)
            transpose_halves((uint16_t *)to, (const uint16_t *)d, t->tokens, count, t->d_stride);
        else
            transpose_floats((float *)to, (const float *)d, t->tokens, count, t->d_stride);
    }
}

void ck_weight_gradient(float *g, const void *d, const void *x, ck_format type, int64_t tokens,
                        int64_t m, int64_t n) {
    const ck_leaf *leaf = ck_leaf_for(type);
    if (!leaf) {
        ck_weight_gradient_scalar(g, d, x, type, tokens, m, n);
        return;
    }
    size_t size = type == CK_BF16 ? 2 : 4;
    for (int64_t t = 0; t < tokens; t += GRADIENT_TOKENS) {
        int64_t height = tokens - t < GRADIENT_TOKENS ? tokens - t : GRADIENT_TOKENS;
        for (int64_t row = 0; row < m; row += GRADIENT_ROWS) {
            int64_t rows = m - row < GRADIENT_ROWS ? m - row : GRADIENT_ROWS;
            char *left = ck_product_scratch(CK_SCRATCH_INPUT, (size_t)(rows * height) * size);
            transposition job = {.to = left, .d = (const char *)d + (size_t)(t * m + row) * size,
                                 .type = type, .tokens = height, .rows = rows, .d_stride = m};
            ck_team_run(transpose, &job, (rows + SQUARE - 1) / SQUARE, 1,
                        ck_threads_for(rows * height, WORTH));
            ck_product product = {
                .y = g + row * n, .y_type = CK_F32, .accumulate = 1, .x = left, .x_type = type,
                .x_stride = height, .w = (const char *)x + (size_t)(t * n) * size, .w_format = type,
                .row_bytes = (size_t)n * size, .by_columns = 1, .tokens = rows, .n = n, .k = height,
                .scale = 1};
            ck_run_product(&product, leaf);
        }
    }
}

void ck_project_gradient(float *da, const void *u, const void *x, ck_format type, int64_t tokens,
                         int64_t rank, int64_t k) {
    ck_weight_gradient(da, u, x, type, tokens, rank, k);
}
