/* Small operations between the products that are bound by memory: biases, factors, sums, soft caps,
 * copies of columns. See CKernels.h. No element depends on how the work is cut, and every sum has
 * a fixed order.
 */
#include "layers.h"
#include "share.h"

/* A range's elements; and how many elements are worth calling others. */
enum { BLOCK = 4096, WORTH = 32768 };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static char *at(const void *x, ck_format type, int64_t index) {
    return (char *)x + ck_element_bytes(type) * (size_t)index;
}

/* ---- By rows ---- */

void ck_add_bias(void *y, ck_format type, const float *bias, int64_t tokens, int64_t width) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > WORTH)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++)
        leaf->add_bias(at(y, type, own.from * width), type, bias, width);
}

void ck_scale_rows(void *x, ck_format type, const float *factors, int64_t tokens, int64_t width) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > WORTH)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++)
        leaf->scale(at(x, type, own.from * width), type, factors[own.from], width);
}

/* Key of one row: SplitMix64 of the two. */
static uint64_t row_key(uint64_t key, int64_t row) {
    uint64_t x = key + (uint64_t)row * 0x9E3779B97F4A7C15U;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
    x = (x ^ x >> 27) * 0x94D049BB133111EBU;
    return x ^ x >> 31;
}

void ck_drop(void *y, ck_format y_type, const void *x, ck_format x_type, int32_t accumulate,
             uint64_t key, int64_t first_row, float rate, int64_t tokens, int64_t width) {
    const ck_layer_leaves *leaf = ck_layers();
    const uint32_t threshold = (uint32_t)((double)rate * 4294967296.0);
    const float factor = 1 / (1 - rate);
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > WORTH)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++)
        leaf->drop(at(y, y_type, own.from * width), y_type, at(x, x_type, own.from * width),
                   x_type, accumulate, row_key(key, first_row + own.from), threshold, factor,
                   width);
}

void ck_row_dots(float *dots, const void *a, ck_format a_type, const void *b, ck_format b_type,
                 int64_t tokens, int64_t width) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (tokens * width > WORTH)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++)
        dots[own.from] = leaf->row_dot(at(a, a_type, own.from * width), a_type,
                                       at(b, b_type, own.from * width), b_type, width);
}

void ck_copy_rows(void *to, int64_t to_stride, const void *from, int64_t from_stride,
                  int64_t bytes, int64_t rows) {
#pragma omp parallel num_threads(ck_threads()) if (rows * bytes > 4 * WORTH)
    for (ck_share own = ck_own_share(rows); own.from < own.to; own.from++)
        memcpy((char *)to + own.from * to_stride, (const char *)from + own.from * from_stride,
               (size_t)bytes);
}

/* Shared out by columns: two rows of x may go to the same row of y. */
void ck_scatter_add(float *y, const void *x, ck_format x_type, const int64_t *rows,
                    const float *factors, int64_t count, int64_t width) {
    enum { COLUMNS = 64 };
    const ck_layer_leaves *leaf = ck_layers();
    const int64_t pieces = (width + COLUMNS - 1) / COLUMNS;
#pragma omp parallel num_threads(ck_threads()) if (count * width > WORTH)
    {
        const ck_share own = ck_own_share(pieces);
        const int64_t first = own.from * COLUMNS, end = least(own.to * COLUMNS, width);
        for (int64_t i = 0; i < count && first < end; i++)
            leaf->add(y + rows[i] * width + first, at(x, x_type, i * width + first), x_type,
                      factors[i], end - first);
    }
}

/* ---- By ranges ---- */

void ck_scale(void *x, ck_format type, float factor, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (count > WORTH)
    for (ck_share own = ck_own_share((count + BLOCK - 1) / BLOCK); own.from < own.to; own.from++) {
        const int64_t start = own.from * BLOCK;
        leaf->scale(at(x, type, start), type, factor, least(count - start, BLOCK));
    }
}

void ck_add(float *y, const void *x, ck_format x_type, float factor, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (count > WORTH)
    for (ck_share own = ck_own_share((count + BLOCK - 1) / BLOCK); own.from < own.to; own.from++) {
        const int64_t start = own.from * BLOCK;
        leaf->add(y + start, at(x, x_type, start), x_type, factor, least(count - start, BLOCK));
    }
}

void ck_soft_cap(float *x, float cap, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (count > WORTH)
    for (ck_share own = ck_own_share((count + BLOCK - 1) / BLOCK); own.from < own.to; own.from++) {
        const int64_t start = own.from * BLOCK;
        leaf->soft_cap(x + start, cap, least(count - start, BLOCK));
    }
}

void ck_soft_cap_backward(void *dx, ck_format type, const float *y, float cap, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
#pragma omp parallel num_threads(ck_threads()) if (count > WORTH)
    for (ck_share own = ck_own_share((count + BLOCK - 1) / BLOCK); own.from < own.to; own.from++) {
        const int64_t start = own.from * BLOCK;
        leaf->soft_cap_backward(at(dx, type, start), type, y + start, cap,
                                least(count - start, BLOCK));
    }
}
