/* The one product behind ck_multiply, ck_multiply_int8, ck_multiply_transposed, ck_project and the
 * gradients, and the drivers that it may run on. */
#ifndef CK_PRODUCT_H
#define CK_PRODUCT_H

#include "int8.h"
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

/* ck_multiply's. */
static inline ck_product ck_product_of(const ck_product_arguments *a) {
    return (ck_product){
        .y = a->y, .y_type = a->y_type, .accumulate = a->accumulate, .x = a->x, .x_type = a->x_type,
        .x_stride = a->in, .w = a->w, .w_format = a->w_format,
        .row_bytes = ck_row_bytes(a->w_format, a->in), .u = a->u, .b = a->b, .rank = a->rank,
        .tokens = a->tokens, .n = a->out, .k = a->in, .scale = 1};
}

/* By the driver that suits the number of tokens; `leaf` is that of x_type (multiply.c). */
void ck_run_product(const ck_product *product, const ck_leaf *leaf);

/* With panels (gemm.c). */
void ck_run_panels(const ck_product *product, const ck_leaf *leaf);

enum { CK_PRODUCTS_MOST = 128 };

/* The same for 1 to CK_PRODUCTS_MOST products of one x_type: their panels are shared out together, so
 * that small products keep all threads busy and no thread waits between them. Each has the bits that
 * it has alone. */
void ck_run_panels_of_all(const ck_product *products, int64_t count, const ck_leaf *leaf);

/* One to four tokens, W transposed (by_columns 0), without panels (few.c). */
void ck_run_few(const ck_product *product);

/* In int8, with panels, x without gaps between its rows and scale 1 (gemm_int8.c). x is rounded to nearest, or, given
 * a key, at random: row t draws by ck_row_key(*key, first_row + t). */
void ck_run_int8(const ck_product *product, const ck_int8_leaf *leaf, const uint64_t *key,
                 int64_t first_row);

#endif
