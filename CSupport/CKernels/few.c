/* Products of a few tokens: no panels, every row of a weight is read once, where it lies.
 *
 * The pieces are tiles of rows. A thread takes them one after another in the file (team.c), so that
 * what a leaf fetches ahead is what it needs next. */
#include "blocks.h"
#include "oracle.h"
#include "product.h"
#include "scratch.h"
#include "team.h"
#include "tier.h"

enum {
    SMALL_WORK = 1 << 17, /* multiply-adds that are not worth waking threads */
    TILE_BYTES = 1 << 13, /* of a weight, about */
    MOST_WEIGHTS = 4,
    AHEAD_BYTES = 1 << 17, /* of the next call's weights, read by a thread that has nothing to do */
};

static size_t type_size(ck_format type) { return type == CK_BF16 ? 2 : 4; }

/* What a call works on: one product a weight, all of the same x. */
typedef struct {
    const ck_product *products;
    int64_t count;
    const float *x;            /* widened; NULL when no product needs it */
    const ck_few_input *input; /* rounded; NULL when no product needs it */
    const ck_few_sums *sums;   /* of `input`, for more than CK_DOT_TOKENS tokens */
    const float *u[MOST_WEIGHTS];
    ck_dot *dot[MOST_WEIGHTS];         /* one of these for each */
    const ck_few_format *few[MOST_WEIGHTS]; /* is not NULL */
    int64_t tile_rows[MOST_WEIGHTS], tile_end[MOST_WEIGHTS];
    int64_t tiles;
} job;

static const float *widen(float *room, const void *x, ck_format type, int64_t count) {
    if (type == CK_F32) return x;
    ck_decode_bf16(room, x, count);
    return room;
}

/* At most 16 rows from `o` on, times some tokens from `first` on: at most CK_DOT_TOKENS unless there is a `many`. */
static void run_rows(const job *job, int64_t i, int64_t o, int64_t rows, int64_t first,
                     int64_t tokens) {
    const ck_product *p = &job->products[i];
    float sums[CK_FEW_TOKENS * CK_DOT_ROWS], b[CK_DOT_ROWS];
    const char *w = (const char *)p->w + (size_t)o * p->row_bytes;
    const ck_few_format *few = job->few[i];
    int64_t groups = ck_few_groups(p->k);
    if (few && tokens > CK_DOT_TOKENS)
        few->many(sums, job->input + first * groups, job->sums + first * groups, w, p->row_bytes, tokens,
                  rows, p->k);
    else if (few)
        few->dot(sums, job->input + first * groups, w, p->row_bytes, tokens, rows, p->k);
    else
        job->dot[i](sums, job->x + first * p->k, w, p->row_bytes, tokens, rows, p->k);
    for (int64_t r = 0; r < p->rank; r++) {
        const char *at = (const char *)p->b + (size_t)(r * p->n + o) * type_size(p->x_type);
        const float *row = widen(b, at, p->x_type, rows);
        for (int64_t t = 0; t < tokens; t++)
            for (int64_t j = 0; j < rows; j++)
                sums[t * CK_DOT_ROWS + j] += job->u[i][(first + t) * p->rank + r] * row[j];
    }
    for (int64_t t = 0; t < tokens; t++) {
        float *sum = sums + t * CK_DOT_ROWS;
        if (p->scale != 1)
            for (int64_t j = 0; j < rows; j++) sum[j] *= p->scale;
        if (p->y_type == CK_BF16) {
            ck_encode_bf16((uint16_t *)p->y + (first + t) * p->n + o, sum, rows);
        } else {
            float *y = (float *)p->y + (first + t) * p->n + o;
            for (int64_t j = 0; j < rows; j++) y[j] = sum[j] + (p->accumulate ? y[j] : 0);
        }
    }
}

static void run_tile(const job *job, int64_t tile) {
    int64_t i = 0;
    while (tile >= job->tile_end[i]) i++;
    if (i > 0) tile -= job->tile_end[i - 1];
    int64_t n = job->products[i].n, height = job->tile_rows[i];
    int64_t end = (tile + 1) * height < n ? (tile + 1) * height : n;
    int64_t tokens = job->products[i].tokens;
    int64_t most = job->few[i] && job->few[i]->many ? CK_FEW_TOKENS : CK_DOT_TOKENS;
    for (int64_t t = 0; t < tokens; t += most)
        for (int64_t o = tile * height; o < end; o += CK_DOT_ROWS)
            run_rows(job, i, o, end - o < CK_DOT_ROWS ? end - o : CK_DOT_ROWS, t,
                     tokens - t < most ? tokens - t : most);
}

static void run_tiles(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    for (int64_t tile = from; tile < to; tile++) run_tile(context, tile);
}

/* Where the share of each thread begins in the weights of the call that follows. */
static void look_ahead(ck_team_ahead *ahead, const ck_few_next *next, int64_t count) {
    size_t all = 0;
    int64_t threads = ck_threads() < CK_TEAM_MOST ? ck_threads() : CK_TEAM_MOST;
    for (int64_t i = 0; i < count; i++) all += next[i].bytes;
    for (int64_t thread = 0; thread < threads; thread++) {
        size_t begin = all / (size_t)threads * (size_t)thread;
        int64_t i = 0;
        while (begin > next[i].bytes) begin -= next[i++].bytes;
        size_t left = next[i].bytes - begin;
        ahead[thread].from = (const char *)next[i].w + begin;
        ahead[thread].bytes = left < AHEAD_BYTES ? left : AHEAD_BYTES;
    }
}

static void run(job *job, const ck_few_next *next, int64_t next_count) {
    int64_t work = 0;
    for (int64_t i = 0; i < job->count; i++) {
        const ck_product *p = &job->products[i];
        int64_t height = (int64_t)(TILE_BYTES / (p->row_bytes * CK_DOT_ROWS)) * CK_DOT_ROWS;
        job->tile_rows[i] = height > CK_DOT_ROWS ? height : CK_DOT_ROWS;
        job->tiles += (p->n + job->tile_rows[i] - 1) / job->tile_rows[i];
        job->tile_end[i] = job->tiles;
        work += p->n * (p->k + p->rank);
    }
    ck_team_ahead ahead[CK_TEAM_MOST] = {0};
    if (next_count > 0) look_ahead(ahead, next, next_count);
    ck_team_run_ahead(run_tiles, job, job->tiles, 1, ck_threads_for(work, SMALL_WORK),
                      next_count > 0 ? ahead : NULL);
}

/* ---- In fp32 ---- */

void ck_run_few(const ck_product *p) {
    int64_t x_count = p->tokens * p->k, u_count = p->tokens * p->rank;
    float *room = ck_product_scratch(CK_SCRATCH_INPUT, (size_t)(x_count + u_count) * sizeof(float));
    job job = {.products = p, .count = 1};
    job.x = widen(room, p->x, p->x_type, x_count);
    job.u[0] = widen(room + x_count, p->u, p->x_type, u_count);
    job.dot[0] = ck_leaf_format_of(ck_leaf_for(CK_F32), p->w_format)->dot;
    run(&job, NULL, 0);
}

/* ---- In 8-bit integers ---- */

static const ck_few_format *few_of(const ck_few_leaf *leaf, ck_format format) {
    for (int i = 0; leaf && i < CK_FEW_FORMATS; i++)
        if (leaf->formats[i].format == format) return &leaf->formats[i];
    return NULL;
}

static ck_few_sums sums_of(const ck_few_input *input) {
    ck_few_sums sums;
    for (int i = 0; i < 4; i++) {
        const int32_t *of = input->sums + 4 * i;
        sums.total[i] = of[0] + of[1] + of[2] + of[3];
    }
    for (int i = 0; i < 2; i++)
        sums.least[i] = input->scale[8 * i] * (float)(sums.total[2 * i] + sums.total[2 * i + 1]);
    return sums;
}

/* Whether panels (gemm.c) are the faster way. The oracle has none. */
static int wants_panels(const ck_few_format *few, const ck_leaf *leaf, int64_t tokens) {
    return leaf && !few && tokens > CK_DOT_TOKENS;
}

/* At most MOST_WEIGHTS of them. */
static void multiply_few(const ck_product_arguments *all, int64_t count, const ck_few_next *next,
                         int64_t next_count) {
    const ck_few_leaf *few = ck_tier_in_use()->few;
    const ck_leaf *leaf = ck_leaf_for(CK_F32);
    const void *x = all->x;
    ck_format x_type = all->x_type;
    int64_t tokens = all->tokens, in = all->in, groups = ck_few_groups(in), u_count = 0;
    ck_product products[MOST_WEIGHTS];
    job job = {.products = products};
    int wide = 0, rounded = 0;
    for (int64_t i = 0; i < count; i++) {
        const ck_few_format *format = few_of(few, all[i].w_format);
        if (wants_panels(format, leaf, tokens) || (!format && !leaf)) {
            ck_multiply(&all[i]);
            continue;
        }
        job.few[job.count] = format;
        if (format)
            rounded = 1;
        else
            wide = 1, job.dot[job.count] = ck_leaf_format_of(leaf, all[i].w_format)->dot;
        products[job.count++] = ck_product_of(&all[i]);
        u_count += tokens * all[i].rank;
    }
    if (job.count == 0) return;
    int64_t inputs = rounded ? tokens * groups : 0;
    size_t input_bytes = (size_t)inputs * (sizeof(ck_few_input) + sizeof(ck_few_sums));
    int64_t x_count = wide ? tokens * in : 0;
    char *scratch = ck_product_scratch(CK_SCRATCH_INPUT,
                                       input_bytes + (size_t)(x_count + u_count) * sizeof(float));
    float *room = (float *)(scratch + input_bytes);
    ck_few_input *input = (ck_few_input *)scratch;
    ck_few_sums *sums = (ck_few_sums *)(input + inputs);
    job.input = input;
    job.sums = sums;
    for (int64_t t = 0; rounded && t < tokens; t++)
        few->prepare(input + t * groups, (const char *)x + (size_t)(t * in) * type_size(x_type), x_type, in);
    for (int64_t i = 0; i < inputs && tokens > CK_DOT_TOKENS; i++) sums[i] = sums_of(&input[i]);
    if (wide) job.x = widen(room, x, x_type, x_count);
    room += x_count;
    for (int64_t i = 0; i < job.count; i++) {
        job.u[i] = widen(room, products[i].u, x_type, tokens * products[i].rank);
        room += tokens * products[i].rank;
    }
    run(&job, next, next_count);
}

void ck_multiply_few(const ck_product_arguments *products, int64_t count, const ck_few_next *next,
                     int64_t next_count) {
    for (int64_t i = 0; i < count; i += MOST_WEIGHTS)
        multiply_few(products + i, count - i < MOST_WEIGHTS ? count - i : MOST_WEIGHTS, next,
                     next_count);
}
