/* Gated activations, a = f(gate) * up, a range at a time.
 *
 * SwiGLU: f(g) = g s with s = 1 / (1 + exp(-g)). GeGLU: f(g) = g s with s = 1 / (1 + exp(-v)),
 * v = 2 sqrt(2/pi) (g + 0.044715 g^3), which is gelu's tanh form, since 1 + tanh(v/2) = 2 s.
 * Backward, with v = g and v' = 1 for SwiGLU: dup = da g s, dgate = da up s (1 + g (1 - s) v').
 */
#include "layers.h"
#include "share.h"

enum { BLOCK = 4096 };

static void go_forward(ck_gated *leaf, void *a, const void *gate, const void *up, ck_format type,
                       int64_t count) {
    const size_t element = ck_element_bytes(type);
    const int64_t blocks = (count + BLOCK - 1) / BLOCK;
#pragma omp parallel num_threads(ck_threads()) if (blocks > 2)
    for (ck_share own = ck_own_share(blocks); own.from < own.to; own.from++) {
        const int64_t start = own.from * BLOCK;
        const size_t offset = element * (size_t)start;
        const int64_t length = count - start < BLOCK ? count - start : BLOCK;
        leaf((char *)a + offset, (const char *)gate + offset, (const char *)up + offset, type,
             length);
    }
}

static void go_back(ck_gated_backward *leaf, void *dgate, void *dup, const void *da,
                    const void *gate, const void *up, ck_format type, int64_t count) {
    const size_t element = ck_element_bytes(type);
    const int64_t blocks = (count + BLOCK - 1) / BLOCK;
#pragma omp parallel num_threads(ck_threads()) if (blocks > 2)
    for (ck_share own = ck_own_share(blocks); own.from < own.to; own.from++) {
        const int64_t start = own.from * BLOCK;
        const size_t offset = element * (size_t)start;
        const int64_t length = count - start < BLOCK ? count - start : BLOCK;
        leaf((char *)dgate + offset, (char *)dup + offset, (const char *)da + offset,
             (const char *)gate + offset, (const char *)up + offset, type, length);
    }
}

void ck_swiglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    go_forward(ck_layers()->swiglu, a, gate, up, type, count);
}

void ck_swiglu_backward(void *dgate, void *dup, const void *da, const void *gate, const void *up,
                        ck_format type, int64_t count) {
    go_back(ck_layers()->swiglu_backward, dgate, dup, da, gate, up, type, count);
}

void ck_geglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    go_forward(ck_layers()->geglu, a, gate, up, type, count);
}

void ck_geglu_backward(void *dgate, void *dup, const void *da, const void *gate, const void *up,
                       ck_format type, int64_t count) {
    go_back(ck_layers()->geglu_backward, dgate, dup, da, gate, up, type, count);
}
