/* SwiGLU: a = silu(gate) * up with silu(g) = g * s, s = 1 / (1 + exp(-g)).
 *
 * Backward: dup = da * g * s, dgate = da * up * s * (1 + g * (1 - s)).
 */
#include "layers.h"
#include "share.h"

enum { BLOCK = 4096 };

void ck_swiglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
    const size_t element = ck_element_bytes(type);
    const int64_t blocks = (count + BLOCK - 1) / BLOCK;
#pragma omp parallel num_threads(ck_threads()) if (blocks > 2)
    for (ck_share own = ck_own_share(blocks); own.from < own.to; own.from++) {
        const int64_t start = own.from * BLOCK;
        const size_t offset = element * (size_t)start;
        const int64_t length = count - start < BLOCK ? count - start : BLOCK;
        leaf->swiglu((char *)a + offset, (const char *)gate + offset, (const char *)up + offset,
                     type, length);
    }
}

void ck_swiglu_backward(void *dgate, void *dup, const void *da, const void *gate, const void *up,
                        ck_format type, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
    const size_t element = ck_element_bytes(type);
    const int64_t blocks = (count + BLOCK - 1) / BLOCK;
#pragma omp parallel num_threads(ck_threads()) if (blocks > 2)
    for (ck_share own = ck_own_share(blocks); own.from < own.to; own.from++) {
        const int64_t start = own.from * BLOCK;
        const size_t offset = element * (size_t)start;
        const int64_t length = count - start < BLOCK ? count - start : BLOCK;
        leaf->swiglu_backward((char *)dgate + offset, (char *)dup + offset,
                              (const char *)da + offset, (const char *)gate + offset,
                              (const char *)up + offset, type, length);
    }
}
