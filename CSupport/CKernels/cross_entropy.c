/* Softmax, negative log-likelihood and its gradient, a row of logits at a time:
 *   nll = log(sum exp(l - max)) + max - l[target],   dl = weight * (softmax(l) - onehot(target)).
 * Three sweeps over a row that stays in the second-level cache: maximum, sum, gradient.
 */
#include "layers.h"

void ck_cross_entropy(float *nll, void *dlogits, ck_format type, const float *logits,
                      const int32_t *targets, const float *weights, int64_t rows,
                      int64_t vocabulary) {
    const ck_layer_leaves *leaf = ck_layers();
    const size_t row_bytes = ck_element_bytes(type) * (size_t)vocabulary;
#pragma omp parallel for schedule(static) num_threads(ck_threads()) if (rows * vocabulary > 16384)
    for (int64_t row = 0; row < rows; row++)
        nll[row] = leaf->cross_entropy(dlogits ? (char *)dlogits + row_bytes * (size_t)row : NULL,
                                       type, logits + row * vocabulary, targets[row], weights[row],
                                       vocabulary);
}
