/* The one product behind ck_multiply, ck_multiply_transposed, ck_project and the gradients
 * (gemm.c). */
#ifndef CK_PRODUCT_H
#define CK_PRODUCT_H

#include "leaf.h"

/* y [tokens, N] = scale * (accumulate ? y : 0 + x [tokens, K] . W + u [tokens, rank] . b [rank,
 * N]) W [K, N] is w itself when by_columns (w has K rows of N values), else w transposed (N rows
 * of K values). */
typedef struct {
    void *y;
    ck_format y_type;
    int32_t accumulate;
    const void *x;
    ck_format x_type;
    int64_t x_stride;
    const void *w;
    ck_format w_format;
    size_t row_bytes; /* of w */
    int32_t by_columns;
    const void *u, *b;
    int64_t rank, tokens, n, k;
    float scale;
} ck_product;

/* With panels, on `leaf`. */
void ck_run_product(const ck_product *product, const ck_leaf *leaf);

/* One to four tokens, W transposed (by_columns 0), without panels (few.c). */
void ck_run_few(const ck_product *product);

#endif
