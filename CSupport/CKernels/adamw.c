/* AdamW (Loshchilov and Hutter, arXiv 1711.05101) on split-fp32 parameters.
 *
 * A parameter p is kept as two halves with bits(p) = (high << 16) + (int16)low, so that high alone
 * is p rounded to the nearest bf16: what the model computes with. Ties go away from zero, since
 * low is at most 32767 but may be -32768: bits ...8000 become high + 1, low = -32768. Joining
 * gives back every bit.
 *
 *   g = gradient_scale * gradient;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 *   p = p - learning_rate (weight_decay p + (m / correction1) / (sqrt(v / correction2) + epsilon))
 */
#include "layers.h"

enum { BLOCK = 4096, SUMS = 512 };

void ck_split(uint16_t *high, int16_t *low, const float *p, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel for schedule(static) num_threads(ck_threads()) if (count > 4 * BLOCK)
    for (int64_t start = 0; start < count; start += BLOCK) {
        const int64_t length = count - start < BLOCK ? count - start : BLOCK;
        leaf->split(high + start, low + start, p + start, length);
    }
}

void ck_join(float *p, const uint16_t *high, const int16_t *low, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel for schedule(static) num_threads(ck_threads()) if (count > 4 * BLOCK)
    for (int64_t start = 0; start < count; start += BLOCK) {
        const int64_t length = count - start < BLOCK ? count - start : BLOCK;
        leaf->join(p + start, high + start, low + start, length);
    }
}

void ck_adamw(uint16_t *high, int16_t *low, float *m, float *v, const float *gradient,
              float gradient_scale, float learning_rate, float beta1, float beta2, float epsilon,
              float weight_decay, float correction1, float correction2, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel for schedule(static) num_threads(ck_threads()) if (count > 2 * BLOCK)
    for (int64_t start = 0; start < count; start += BLOCK) {
        const int64_t length = count - start < BLOCK ? count - start : BLOCK;
        leaf->adamw(high + start, low + start, m + start, v + start, gradient + start,
                    gradient_scale, learning_rate, beta1, beta2, epsilon, weight_decay, correction1,
                    correction2, length);
    }
}

/* Blocks of BLOCK values, SUMS blocks at a time; sums of blocks are added in order. */
double ck_sum_of_squares(const float *x, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
    double total = 0;
    for (int64_t base = 0; base < count; base += (int64_t)BLOCK * SUMS) {
        double sums[SUMS];
        const int64_t left = (count - base + BLOCK - 1) / BLOCK;
        const int64_t blocks = left < SUMS ? left : SUMS;
#pragma omp parallel for schedule(static) num_threads(ck_threads()) if (blocks > 4)
        for (int64_t block = 0; block < blocks; block++) {
            const int64_t start = base + block * BLOCK;
            const int64_t length = count - start < BLOCK ? count - start : BLOCK;
            sums[block] = leaf->sum_of_squares(x + start, length);
        }
        for (int64_t block = 0; block < blocks; block++) total += sums[block];
    }
    return total;
}
