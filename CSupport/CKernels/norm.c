/* Normalization, a row at a time: root-mean-square, y = x r w with r = 1 / sqrt(mean(x^2) +
 * epsilon), and layer, y = c r w + b with c = x - mean(x) and r = 1 / sqrt(mean(c^2) + epsilon).
 *
 * Backward, with g = dy * w:
 *   root-mean-square   dx += r (g - x r^2 mean(g x))
 *   layer              dx += r (g - mean(g) - c r^2 mean(g c)).
 * Weight and bias are frozen: they have no gradient.
 */
#include "layers.h"
#include "share.h"

static const char *row_of(const void *x, ck_format type, int64_t row, int64_t width) {
    return (const char *)x + ck_element_bytes(type) * (size_t)(row * width);
}

void ck_rms_norm(void *y, ck_format y_type, int32_t accumulate, const void *x, ck_format x_type,
                 const float *w, float epsilon, float factor, int64_t tokens, int64_t width) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > 32768)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++)
        leaf->rms_norm((char *)row_of(y, y_type, own.from, width), y_type, accumulate,
                       row_of(x, x_type, own.from, width), x_type, w, epsilon, factor, width);
}

void ck_layer_norm(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w,
                   const float *b, float epsilon, int64_t tokens, int64_t width) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > 32768)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++)
        leaf->layer_norm((char *)row_of(y, y_type, own.from, width), y_type,
                         row_of(x, x_type, own.from, width), x_type, w, b, epsilon, width);
}

static void go_back(ck_norm_backward *leaf, void *dx, ck_format dx_type, int32_t accumulate,
                    const void *dy, ck_format dy_type, const void *x, ck_format x_type,
                    const float *w, float epsilon, float factor, int64_t tokens, int64_t width) {
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > 32768)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++)
        leaf((char *)row_of(dx, dx_type, own.from, width), dx_type, accumulate,
             row_of(dy, dy_type, own.from, width), dy_type, row_of(x, x_type, own.from, width),
             x_type, w, epsilon, factor, width);
}

void ck_rms_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                          ck_format dy_type, const void *x, ck_format x_type, const float *w,
                          float epsilon, float factor, int64_t tokens, int64_t width) {
    go_back(ck_layers()->rms_norm_backward, dx, dx_type, accumulate, dy, dy_type, x, x_type, w,
            epsilon, factor, tokens, width);
}

void ck_layer_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                            ck_format dy_type, const void *x, ck_format x_type, const float *w,
                            float epsilon, float factor, int64_t tokens, int64_t width) {
    go_back(ck_layers()->layer_norm_backward, dx, dx_type, accumulate, dy, dy_type, x, x_type, w,
            epsilon, factor, tokens, width);
}
