/* The products with a weight, and which way each takes:
 *
 *   the tier `scalar`     the oracle (leaf_scalar.c, leaf_int8_scalar.c)
 *   one to four tokens    without panels (few.c), but for the transposed product
 *   all others            with panels (gemm.c), or with panels of 8-bit integers (gemm_int8.c)
 *
 * The drivers know nothing of each other. */
#include "oracle.h"
#include "product.h"
#include "tier.h"

void ck_run_product(const ck_product *p, const ck_leaf *leaf) {
    if (p->tokens <= CK_DOT_TOKENS && !p->by_columns)
        ck_run_few(p);
    else
        ck_run_panels(p, leaf);
}

void ck_multiply(void *y, ck_format y_type, int32_t accumulate, const void *x, ck_format x_type,
                 const void *w, ck_format w_format, const void *u, const void *bt, int64_t rank,
                 int64_t tokens, int64_t out, int64_t in) {
    const ck_leaf *leaf = ck_leaf_for(x_type);
    if (!leaf) {
        ck_multiply_scalar(y, y_type, accumulate, x, x_type, w, w_format, u, bt, rank, 1, tokens,
                           out, in);
        return;
    }
    ck_product product = {
        .y = y, .y_type = y_type, .accumulate = accumulate, .x = x, .x_type = x_type,
        .x_stride = in, .w = w, .w_format = w_format, .row_bytes = ck_row_bytes(w_format, in),
        .u = u, .b = bt,
        .rank = rank, .tokens = tokens, .n = out, .k = in, .scale = 1};
    ck_run_product(&product, leaf);
}

void ck_multiply_int8(void *y, ck_format y_type, int32_t accumulate, const void *x,
                      ck_format x_type, const void *w, ck_format w_format, const void *u,
                      const void *bt, int64_t rank, int64_t tokens, int64_t out, int64_t in) {
    const ck_int8_leaf *leaf = ck_tier_in_use()->int8;
    if (tokens <= CK_DOT_TOKENS) {
        ck_multiply(y, y_type, accumulate, x, x_type, w, w_format, u, bt, rank, tokens, out, in);
        return;
    }
    if (!leaf) {
        ck_multiply_int8_scalar(y, y_type, accumulate, x, x_type, w, w_format, u, bt, rank, tokens,
                                out, in);
        return;
    }
    ck_product product = {
        .y = y, .y_type = y_type, .accumulate = accumulate, .x = x, .x_type = x_type,
        .x_stride = in, .w = w, .w_format = w_format, .row_bytes = ck_row_bytes(w_format, in),
        .u = u, .b = bt,
        .rank = rank, .tokens = tokens, .n = out, .k = in, .scale = 1};
    ck_run_int8(&product, leaf);
}

void ck_multiply_transposed(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                            ck_format dy_type, const void *w, ck_format w_format, const void *v,
                            const void *a, int64_t rank, int64_t tokens, int64_t out, int64_t in) {
    const ck_leaf *leaf = ck_leaf_for(dy_type);
    if (!leaf) {
        ck_multiply_transposed_scalar(dx, dx_type, accumulate, dy, dy_type, w, w_format, v, a, rank,
                                      tokens, out, in);
        return;
    }
    ck_product product = {
        .y = dx, .y_type = dx_type, .accumulate = accumulate, .x = dy, .x_type = dy_type,
        .x_stride = out, .w = w, .w_format = w_format, .row_bytes = ck_row_bytes(w_format, in),
        .by_columns = 1, .u = v, .b = a, .rank = rank, .tokens = tokens, .n = in, .k = out,
        .scale = 1};
    ck_run_product(&product, leaf);
}
