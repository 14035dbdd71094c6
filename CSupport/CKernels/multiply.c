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

static ck_product transposed_of(const ck_product_arguments *arguments) {
    ck_product product = ck_product_of(arguments);
    product.by_columns = 1;
    product.x_stride = product.k = arguments->out;
    product.n = arguments->in;
    return product;
}

/* Products that take panels are gathered, all others run at once. */
static void multiply_all(const ck_product_arguments *arguments, int64_t count, int transposed) {
    ck_product products[CK_PRODUCTS_MOST];
    int64_t gathered = 0;
    const ck_leaf *leaf = count > 0 ? ck_leaf_for(arguments->x_type) : NULL;
    for (int64_t i = 0; i < count; i++) {
        if (!leaf || (arguments[i].tokens <= CK_DOT_TOKENS && !transposed)) {
            if (transposed)
                ck_multiply_transposed(&arguments[i]);
            else
                ck_multiply(&arguments[i]);
            continue;
        }
        products[gathered++] =
            transposed ? transposed_of(&arguments[i]) : ck_product_of(&arguments[i]);
        if (gathered == CK_PRODUCTS_MOST) {
            ck_run_panels_of_all(products, gathered, leaf);
            gathered = 0;
        }
    }
    if (gathered > 0) ck_run_panels_of_all(products, gathered, leaf);
}

void ck_multiply_all(const ck_product_arguments *products, int64_t count) {
    multiply_all(products, count, 0);
}

void ck_multiply_transposed_all(const ck_product_arguments *products, int64_t count) {
    multiply_all(products, count, 1);
}

void ck_multiply_int8(const ck_product_arguments *arguments) {
    const ck_int8_leaf *leaf = ck_tier_in_use()->int8;
    if (arguments->tokens <= CK_DOT_TOKENS) {
        ck_multiply(arguments);
    } else if (!leaf) {
        ck_multiply_int8_scalar(arguments, 0, NULL, 0);
    } else {
        ck_product product = ck_product_of(arguments);
        ck_run_int8(&product, leaf, NULL, 0);
    }
}

void ck_multiply_transposed_int8(const ck_product_arguments *arguments, uint64_t key,
                                 int64_t first_row) {
    const ck_int8_leaf *leaf = ck_tier_in_use()->int8;
    if (arguments->tokens <= CK_DOT_TOKENS) {
        ck_multiply_transposed(arguments);
    } else if (!leaf) {
        ck_multiply_int8_scalar(arguments, 1, &key, first_row);
    } else {
        ck_product product = transposed_of(arguments);
        ck_run_int8(&product, leaf, &key, first_row);
    }
}

void ck_multiply_transposed(const ck_product_arguments *arguments) {
    const ck_leaf *leaf = ck_leaf_for(arguments->x_type);
    if (!leaf) {
        ck_multiply_transposed_scalar(arguments);
        return;
    }
    ck_product product = transposed_of(arguments);
    ck_run_product(&product, leaf);
}
