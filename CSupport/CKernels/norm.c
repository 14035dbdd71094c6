/* Root-mean-square normalization, y = x / sqrt(mean(x^2) + epsilon) * w, a row at a time.
 *
 * Backward, with r = 1 / sqrt(mean(x^2) + epsilon) and g = dy * w:
 *   dx += r * (g - x * r^2 * mean(g * x)).
 * The weight is frozen: it has no gradient.
 */
#include "layers.h"
#include "share.h"

void ck_rms_norm(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w,
                 float epsilon, int64_t tokens, int64_t width) {
    const ck_layer_leaves *leaf = ck_layers();
    const size_t y_row = ck_element_bytes(y_type) * (size_t)width;
    const size_t x_row = ck_element_bytes(x_type) * (size_t)width;
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > 32768)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++) {
        const int64_t t = own.from;
        leaf->rms_norm((char *)y + y_row * (size_t)t, y_type, (const char *)x + x_row * (size_t)t,
                       x_type, w, epsilon, width);
    }
}

void ck_rms_norm_backward(float *dx, const float *dy, const void *x, ck_format x_type,
                          const float *w, float epsilon, int64_t tokens, int64_t width) {
    const ck_layer_leaves *leaf = ck_layers();
    const size_t x_row = ck_element_bytes(x_type) * (size_t)width;
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > 32768)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++) {
        const int64_t t = own.from;
        leaf->rms_norm_backward(dx + t * width, dy + t * width, (const char *)x + x_row * (size_t)t,
                                x_type, w, epsilon, width);
    }
}
