/* The oracle: the products written down plainly, with the scalar codecs and fp32 sums, for every
 * format. It is the tier `scalar`, and what every other tier is tested against. Arguments as in
 * CKernels.h; `scale` multiplies the products (not a y that is accumulated to). */
#ifndef CK_ORACLE_H
#define CK_ORACLE_H

#include "CKernels.h"

void ck_multiply_scalar(const ck_product_arguments *product, float scale);
void ck_multiply_transposed_scalar(const ck_product_arguments *product);
/* ck_multiply_int8, or transposed; x is rounded to nearest, or by *key (leaf_int8_scalar.c). */
void ck_multiply_int8_scalar(const ck_product_arguments *product, int32_t transposed,
                             const uint64_t *key, int64_t first_row);
void ck_weight_gradient_scalar(float *g, const void *d, const void *x, ck_format type,
                               int64_t tokens, int64_t m, int64_t n);

#endif
