/* Small operations between the products that are bound by memory: biases, factors, sums, soft caps,
 * copies of columns. See CKernels.h. No element depends on how the work is cut, and every sum has
 * a fixed order.
 */
#include "layers.h"
#include "team.h"

/* Values of a piece, of which scatter_add takes columns; and how many are worth calling others. */
enum { PIECE = 16384, COLUMNS = 64, WORTH = 32768 };

typedef struct {
    void *y;
    const void *x;
    ck_format y_type, x_type;
    const float *factors;
    const int64_t *rows;
    float factor;
    int64_t width, count, y_stride, x_stride;
} job;

static char *at(const void *x, ck_format type, int64_t index) {
    return (char *)x + ck_element_bytes(type) * (size_t)index;
}

/* ---- By rows ---- */

static void run_rows(ck_team_work *work, job job, int64_t rows, int64_t width, int64_t worth) {
    ck_team_run(work, &job, rows, ck_row_grain(width), ck_threads_for(rows * width, worth));
}

static void add_bias(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    for (int64_t row = from; row < to; row++)
        ck_layers()->add_bias(at(j->y, j->y_type, row * j->width), j->y_type, j->factors, j->width);
}

void ck_add_bias(void *y, ck_format type, const float *bias, int64_t tokens, int64_t width) {
    run_rows(add_bias, (job){.y = y, .y_type = type, .factors = bias, .width = width}, tokens,
             width, WORTH);
}

static void scale_rows(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    for (int64_t row = from; row < to; row++)
        ck_layers()->scale(at(j->y, j->y_type, row * j->width), j->y_type, j->factors[row],
                           j->width);
}

void ck_scale_rows(void *x, ck_format type, const float *factors, int64_t tokens, int64_t width) {
    run_rows(scale_rows, (job){.y = x, .y_type = type, .factors = factors, .width = width}, tokens,
             width, WORTH);
}

typedef struct {
    void *y;
    const void *x;
    ck_format y_type, x_type;
    int32_t accumulate;
    uint32_t threshold;
    uint64_t key;
    float factor;
    int64_t first_row, width;
} drops;

static void drop_rows(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const drops *d = context;
    for (int64_t row = from; row < to; row++)
        ck_layers()->drop(at(d->y, d->y_type, row * d->width), d->y_type,
                          at(d->x, d->x_type, row * d->width), d->x_type, d->accumulate,
                          ck_row_key(d->key, d->first_row + row), d->threshold, d->factor, d->width);
}

void ck_drop(void *y, ck_format y_type, const void *x, ck_format x_type, int32_t accumulate,
             uint64_t key, int64_t first_row, float rate, int64_t tokens, int64_t width) {
    drops drops = {.y = y, .x = x, .y_type = y_type, .x_type = x_type, .accumulate = accumulate,
                   .threshold = (uint32_t)((double)rate * 4294967296.0), .key = key,
                   .factor = 1 / (1 - rate), .first_row = first_row, .width = width};
    ck_team_run(drop_rows, &drops, tokens, ck_row_grain(width),
                ck_threads_for(tokens * width, WORTH));
}

typedef struct {
    float *dots;
    const void *a, *b;
    ck_format a_type, b_type;
    int64_t width;
} dots;

static void take_row_dots(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const dots *d = context;
    for (int64_t row = from; row < to; row++)
        d->dots[row] = ck_layers()->row_dot(at(d->a, d->a_type, row * d->width), d->a_type,
                                            at(d->b, d->b_type, row * d->width), d->b_type,
                                            d->width);
}

void ck_row_dots(float *to, const void *a, ck_format a_type, const void *b, ck_format b_type,
                 int64_t tokens, int64_t width) {
    dots dots = {.dots = to, .a = a, .b = b, .a_type = a_type, .b_type = b_type, .width = width};
    ck_team_run(take_row_dots, &dots, tokens, ck_row_grain(width),
                ck_threads_for(tokens * width, WORTH));
}

static void copy_rows(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    for (int64_t row = from; row < to; row++)
        memcpy((char *)j->y + row * j->y_stride, (const char *)j->x + row * j->x_stride,
               (size_t)j->width);
}

void ck_copy_rows(void *to, int64_t to_stride, const void *from, int64_t from_stride,
                  int64_t bytes, int64_t rows) {
    run_rows(copy_rows,
             (job){.y = to, .y_stride = to_stride, .x = from, .x_stride = from_stride,
                   .width = bytes},
             rows, bytes, 4 * WORTH);
}

/* By columns: two rows of x may go to the same row of y. */
static void scatter_columns(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    const int64_t first = from * COLUMNS;
    const int64_t end = to * COLUMNS < j->width ? to * COLUMNS : j->width;
    for (int64_t i = 0; i < j->count; i++)
        ck_layers()->add((float *)j->y + j->rows[i] * j->width + first,
                         at(j->x, j->x_type, i * j->width + first), j->x_type, j->factors[i],
                         end - first);
}

void ck_scatter_add(float *y, const void *x, ck_format x_type, const int64_t *rows,
                    const float *factors, int64_t count, int64_t width) {
    job job = {.y = y, .x = x, .x_type = x_type, .rows = rows, .factors = factors, .count = count,
               .width = width};
    const int64_t strips = (width + COLUMNS - 1) / COLUMNS;
    int64_t grain = PIECE / COLUMNS / (count > 0 ? count : 1) + 1;
    /* Long runs of columns, as long as there are pieces for all. */
    const int32_t threads = ck_threads_for(count * width, WORTH);
    if (grain < strips / (4 * threads)) grain = strips / (4 * threads);
    ck_team_run(scatter_columns, &job, strips, grain, threads);
}

/* ---- By ranges ---- */

static void run_ranges(ck_team_work *work, job job, int64_t count) {
    ck_team_run(work, &job, count, PIECE, ck_threads_for(count, WORTH));
}

static void scale(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    ck_layers()->scale(at(j->y, j->y_type, from), j->y_type, j->factor, to - from);
}

void ck_scale(void *x, ck_format type, float factor, int64_t count) {
    run_ranges(scale, (job){.y = x, .y_type = type, .factor = factor}, count);
}

static void add(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    ck_layers()->add((float *)j->y + from, at(j->x, j->x_type, from), j->x_type, j->factor,
                     to - from);
}

void ck_add(float *y, const void *x, ck_format x_type, float factor, int64_t count) {
    run_ranges(add, (job){.y = y, .x = x, .x_type = x_type, .factor = factor}, count);
}

static void soft_cap(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    ck_layers()->soft_cap((float *)j->y + from, j->factor, to - from);
}

void ck_soft_cap(float *x, float cap, int64_t count) {
    run_ranges(soft_cap, (job){.y = x, .factor = cap}, count);
}

static void soft_cap_backward(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    ck_layers()->soft_cap_backward(at(j->y, j->y_type, from), j->y_type, (const float *)j->x + from,
                                   j->factor, to - from);
}

void ck_soft_cap_backward(void *dx, ck_format type, const float *y, float cap, int64_t count) {
    run_ranges(soft_cap_backward, (job){.y = dx, .y_type = type, .x = y, .factor = cap}, count);
}
