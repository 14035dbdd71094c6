/* Conversion between the two types of activations. */
#include "layers.h"
#include "team.h"

static void convert(void *y, ck_format y_type, const void *x, ck_format x_type, int64_t count) {
    if (x_type == y_type)
        memcpy(y, x, (size_t)count * ck_element_bytes(x_type));
    else if (x_type == CK_BF16)
        ck_layers()->widen(y, x, count);
    else
        ck_layers()->narrow(y, x, count);
}

/* Values of a piece, and how many are worth calling others. */
enum { PIECE = 16384, WORTH = 65536 };

typedef struct {
    void *y;
    const void *x;
    ck_format y_type, x_type;
    const int64_t *rows;
    int64_t width;
} job;

static void convert_range(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    convert((char *)j->y + (size_t)from * ck_element_bytes(j->y_type), j->y_type,
            (const char *)j->x + (size_t)from * ck_element_bytes(j->x_type), j->x_type, to - from);
}

void ck_convert(void *y, ck_format y_type, const void *x, ck_format x_type, int64_t count) {
    job job = {.y = y, .x = x, .y_type = y_type, .x_type = x_type};
    ck_team_run(convert_range, &job, count, PIECE, ck_threads_for(count, WORTH));
}

static void gather_rows(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    const size_t x_bytes = (size_t)j->width * ck_element_bytes(j->x_type);
    const size_t y_bytes = (size_t)j->width * ck_element_bytes(j->y_type);
    for (int64_t i = from; i < to; i++)
        convert((char *)j->y + (size_t)i * y_bytes, j->y_type,
                (const char *)j->x + (size_t)j->rows[i] * x_bytes, j->x_type, j->width);
}

void ck_gather_rows(void *y, ck_format y_type, const void *x, ck_format x_type,
                    const int64_t *rows, int64_t count, int64_t width) {
    job job = {.y = y, .x = x, .y_type = y_type, .x_type = x_type, .rows = rows, .width = width};
    ck_team_run(gather_rows, &job, count, ck_row_grain(width),
                ck_threads_for(count * width, WORTH));
}
