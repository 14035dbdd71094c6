/* Products with a frozen, quantized right-hand side. */
#include "CKernels.h"
#include "oracle.h"

void ck_multiply(void *y, ck_format y_type, int32_t accumulate, const void *x, ck_format x_type,
                 const void *w, ck_format w_format, const void *u, const void *bt, int64_t rank,
                 int64_t tokens, int64_t out, int64_t in) {
    ck_multiply_scalar(y, y_type, accumulate, x, x_type, w, w_format, u, bt, rank, 1, tokens, out, in);
}

void ck_multiply_transposed(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                            ck_format dy_type, const void *w, ck_format w_format, const void *v,
                            const void *a, int64_t rank, int64_t tokens, int64_t out, int64_t in) {
    ck_multiply_transposed_scalar(dx, dx_type, accumulate, dy, dy_type, w, w_format, v, a, rank,
                                  tokens, out, in);
}
