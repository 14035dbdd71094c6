/* The oracle: the products written down plainly, with the scalar codecs and fp32 sums, for every
 * format. It is the tier `scalar`, and what every other tier is tested against. Arguments as in
 * CKernels.h; `scale` multiplies the products (not a y that is accumulated to). */
#ifndef CK_ORACLE_H
#define CK_ORACLE_H

#include "CKernels.h"

void ck_multiply_scalar(void *y, ck_format y_type, int32_t accumulate, const void *x,
                        ck_format x_type, const void *w, ck_format w_format, const void *u,
                        const void *bt, int64_t rank, float scale, int64_t tokens, int64_t out,
                        int64_t in);
void ck_multiply_transposed_scalar(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                                   ck_format dy_type, const void *w, ck_format w_format,
                                   const void *v, const void *a, int64_t rank, int64_t tokens,
                                   int64_t out, int64_t in);
void ck_weight_gradient_scalar(float *g, const void *d, const void *x, ck_format type,
                               int64_t tokens, int64_t m, int64_t n);

#endif
