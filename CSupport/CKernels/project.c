/* Thin and dense products between activations. */
#include "CKernels.h"
#include "oracle.h"
#include <stddef.h>

void ck_project(void *u, const void *x, const void *a, ck_format type, float scale, int64_t tokens,
                int64_t rank, int64_t k) {
    ck_multiply_scalar(u, type, 0, x, type, a, type, NULL, NULL, 0, scale, tokens, rank, k);
}

void ck_project_gradient(float *da, const void *u, const void *x, ck_format type, int64_t tokens,
                         int64_t rank, int64_t k) {
    ck_weight_gradient_scalar(da, u, x, type, tokens, rank, k);
}

void ck_weight_gradient(float *g, const void *d, const void *x, ck_format type, int64_t tokens,
                        int64_t m, int64_t n) {
    ck_weight_gradient_scalar(g, d, x, type, tokens, m, n);
}
