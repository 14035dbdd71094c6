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

void ck_multiply(const ck_product_arguments *arguments) {
    const ck_leaf *leaf = ck_leaf_for(arguments->x_type);
    if (!leaf) {
        ck_multiply_scalar(arguments, 1);
        return;
    }
    ck_product product = ck_product_of(arguments);
    ck_run_product(&product, leaf);
}

void ck_multiply_int8(const ck_product_arguments *arguments) {
    const ck_int8_leaf *leaf = ck_tier_in_use()->int8;
    if (arguments->tokens <= CK_DOT_TOKENS) {
        ck_multiply(arguments);
    } else if (!leaf) {
        ck_multiply_int8_scalar(arguments);
    } else {
        ck_product product = ck_product_of(arguments);
        ck_run_int8(&product, leaf);
    }
}

void ck_multiply_transposed(const ck_product_arguments *arguments) {
    const ck_leaf *leaf = ck_leaf_for(arguments->x_type);
    if (!leaf) {
        ck_multiply_transposed_scalar(arguments);
        return;
    }
    ck_product product = ck_product_of(arguments);
    product.by_columns = 1;
    product.x_stride = product.k = arguments->out;
    product.n = arguments->in;
    ck_run_product(&product, leaf);
}
