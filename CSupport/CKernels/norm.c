/* Normalization, a row at a time: root-mean-square, y = x r w with r = 1 / sqrt(mean(x^2) +
 * epsilon), and layer, y = c r w + b with c = x - mean(x) and r = 1 / sqrt(mean(c^2) + epsilon).
 *
 * Backward, with g = dy * w:
 *   root-mean-square   dx += r (g - x r^2 mean(g x))
 *   layer              dx += r (g - mean(g) - c r^2 mean(g c)).
 * Weight and bias are frozen: they have no gradient.
 */
#include "layers.h"
#include "team.h"

enum { WORTH = 32768 }; /* values that are worth calling others */

static const char *row_of(const void *x, ck_format type, int64_t row, int64_t width) {
    return (const char *)x + ck_element_bytes(type) * (size_t)(row * width);
}

typedef struct {
    ck_norm_backward *leaf; /* of a backward */
    void *y;
    const void *x, *dy;
    ck_format y_type, x_type, dy_type;
    int32_t accumulate;
    const float *w, *b;
    float epsilon, factor;
    int64_t width;
} job;

static void run_rms_norm(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    const ck_layer_leaves *leaf = ck_layers();
    for (int64_t row = from; row < to; row++)
        leaf->rms_norm((char *)row_of(j->y, j->y_type, row, j->width), j->y_type, j->accumulate,
                       row_of(j->x, j->x_type, row, j->width), j->x_type, j->w, j->epsilon,
                       j->factor, j->width);
}

static void run_layer_norm(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    const ck_layer_leaves *leaf = ck_layers();
    for (int64_t row = from; row < to; row++)
        leaf->layer_norm((char *)row_of(j->y, j->y_type, row, j->width), j->y_type,
                         row_of(j->x, j->x_type, row, j->width), j->x_type, j->w, j->b,
                         j->epsilon, j->width);
}

static void run_backward(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    for (int64_t row = from; row < to; row++)
        j->leaf((char *)row_of(j->y, j->y_type, row, j->width), j->y_type, j->accumulate,
                row_of(j->dy, j->dy_type, row, j->width), j->dy_type,
                row_of(j->x, j->x_type, row, j->width), j->x_type, j->w, j->epsilon, j->factor,
                j->width);
}

static void run(ck_team_work *work, job job, int64_t tokens) {
    ck_team_run(work, &job, tokens, ck_row_grain(job.width),
                ck_threads_for(tokens * job.width, WORTH));
}

void ck_rms_norm(void *y, ck_format y_type, int32_t accumulate, const void *x, ck_format x_type,
                 const float *w, float epsilon, float factor, int64_t tokens, int64_t width) {
    run(run_rms_norm,
        (job){.y = y, .y_type = y_type, .accumulate = accumulate, .x = x, .x_type = x_type, .w = w,
              .epsilon = epsilon, .factor = factor, .width = width},
        tokens);
}

void ck_layer_norm(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w,
                   const float *b, float epsilon, int64_t tokens, int64_t width) {
    run(run_layer_norm,
        (job){.y = y, .y_type = y_type, .x = x, .x_type = x_type, .w = w, .b = b,
              .epsilon = epsilon, .width = width},
        tokens);
}

static void go_back(ck_norm_backward *leaf, void *dx, ck_format dx_type, int32_t accumulate,
                    const void *dy, ck_format dy_type, const void *x, ck_format x_type,
                    const float *w, float epsilon, float factor, int64_t tokens, int64_t width) {
    run(run_backward,
        (job){.leaf = leaf, .y = dx, .y_type = dx_type, .accumulate = accumulate, .dy = dy,
              .dy_type = dy_type, .x = x, .x_type = x_type, .w = w, .epsilon = epsilon,
              .factor = factor, .width = width},
        tokens);
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
