/* Products with a frozen, quantized right-hand side, with panels: the threaded driver over the leaf
 * table.
 *
 * The output is cut into panels of 64 columns. A thread dequantizes a panel of W (at most
 * `depth` values of K, so that it stays in the second-level cache) and sweeps all tokens over
 * it; sums that need several such panels wait in y, or in a fp32 strip of the thread's scratch
 * when y is bf16. The adapter is one more segment of the last sweep. */
#include "product.h"
#include "blocks.h"
#include "pieces.h"
#include "scratch.h"
#include "team.h"

enum {
    STRIP_TOKENS = 2048,  /* tokens swept over one decoded panel; bounds the strip */
    FEW_TOKENS = 48,      /* below: narrower panels instead of shares of tokens */
    SMALL_WORK = 1 << 17, /* multiply-adds that are not worth waking threads */
};

static size_t type_size(ck_format type) { return type == CK_BF16 ? 2 : 4; }

/* ---- With panels ---- */

typedef struct {
    const ck_product *product;
    const ck_leaf *leaf;
    const ck_leaf_format *weights, *activations;
    int32_t width;              /* of a panel: 64, or 32 */
    int64_t steps, rank_steps;  /* of K; of a rank too large to ride in the last of these */
    char *panel, *adapter;      /* packed, in the thread's scratch */
    float *strips;              /* [panels of a group][tokens][64] */
} plan;

static void take_scratch(plan *plan) {
    size_t column_bytes = CK_PANEL_COLUMNS * plan->leaf->element_size;
    size_t panel_bytes = (size_t)plan->leaf->depth * column_bytes;
    size_t adapter_bytes = CK_ADAPTER_DEPTH * column_bytes;
    size_t strip_bytes = STRIP_TOKENS * CK_PANEL_COLUMNS * sizeof(float);
    plan->panel = ck_product_scratch(CK_SCRATCH_PANELS, panel_bytes + adapter_bytes + strip_bytes);
    plan->adapter = plan->panel + panel_bytes;
    plan->strips = (float *)(plan->adapter + adapter_bytes);
}

/* Packs step `step` of the panel at `column`; what x (or u) it is multiplied with, from token
 * `from`. */
static ck_segment pack_step(const plan *plan, int64_t column, int32_t columns, int64_t from,
                            int64_t step) {
    const ck_product *p = plan->product;
    int64_t depth = plan->leaf->depth;
    size_t x_size = type_size(p->x_type), b_bytes = (size_t)p->n * x_size;
    ck_segment segment = {.panel = plan->panel};
    if (step < plan->steps) {
        int64_t k0 = step * depth;
        segment.k = p->k - k0 < depth ? p->k - k0 : depth;
        segment.x = (const char *)p->x + (size_t)(from * p->x_stride + k0) * x_size;
        segment.x_stride = p->x_stride;
        const char *w = (const char *)p->w + (size_t)(p->by_columns ? k0 : column) * p->row_bytes;
        if (p->by_columns)
            plan->weights->pack_columns(plan->panel, w, p->row_bytes, column, segment.k, columns);
        else
            plan->weights->pack_rows(plan->panel, w, p->row_bytes, k0, segment.k, columns);
    } else {
        int64_t r0 = (step - plan->steps) * depth;
        segment.k = p->rank - r0 < depth ? p->rank - r0 : depth;
        segment.x = (const char *)p->u + (size_t)(from * p->rank + r0) * x_size;
        segment.x_stride = p->rank;
        const char *b = (const char *)p->b + (size_t)r0 * b_bytes;
        plan->activations->pack_columns(plan->panel, b, b_bytes, column, segment.k, columns);
    }
    return segment;
}

/* The rows of w that step `step` of the panel at `column` is packed from. */
static ck_ahead rows_of(const plan *plan, int64_t column, int64_t step) {
    const ck_product *p = plan->product;
    if (step >= plan->steps || column >= p->n) return (ck_ahead){0};
    int64_t k0 = step * plan->leaf->depth;
    int64_t k = p->k - k0 < plan->leaf->depth ? p->k - k0 : plan->leaf->depth;
    int64_t columns = p->n - column < plan->width ? p->n - column : plan->width;
    int64_t first = p->by_columns ? k0 : column, across = p->by_columns ? column : k0;
    size_t begin = ck_covering_bytes(p->w_format, across);
    size_t end = ck_covering_bytes(p->w_format, across + (p->by_columns ? columns : k));
    return (ck_ahead){.first = (const char *)p->w + (size_t)first * p->row_bytes + begin,
                      .row_bytes = p->row_bytes,
                      .bytes = end - begin,
                      .rows = p->by_columns ? k : columns};
}

/* One step of the sum for the panel at `column` and tokens from ..< to. */
static void run_step(const plan *plan, int64_t column, int64_t from, int64_t to, int64_t step,
                     float *strip, ck_ahead ahead) {
    const ck_product *p = plan->product;
    int last = step + 1 == plan->steps + plan->rank_steps;
    int32_t columns = (int32_t)(p->n - column < plan->width ? p->n - column : plan->width);
    char *y = (char *)p->y + (size_t)(from * p->n + column) * type_size(p->y_type);
    ck_sweep sweep = {
        .segment = {pack_step(plan, column, columns, from, step)},
        .segments = 1,
        .x_type = p->x_type,
        .columns = columns,
        .tokens = to - from,
        .scale = last ? p->scale : 1,
        .y = y,
        .y_stride = p->n,
        .y_type = p->y_type,
        .ahead = ahead,
    };
    if (last && p->rank > 0 && plan->rank_steps == 0) {
        size_t x_size = type_size(p->x_type);
        plan->activations->pack_columns(plan->adapter, p->b, (size_t)p->n * x_size, column, p->rank,
                                        columns);
        sweep.segments = 2;
        sweep.segment[1] = (ck_segment){.x = (const char *)p->u + (size_t)(from * p->rank) * x_size,
                                        .panel = plan->adapter,
                                        .x_stride = p->rank,
                                        .k = p->rank};
    }
    if (p->y_type == CK_F32) {
        if (step > 0 || p->accumulate) sweep.initial = (const float *)y;
        sweep.initial_stride = p->n;
    } else {
        if (step > 0) sweep.initial = strip;
        sweep.initial_stride = CK_PANEL_COLUMNS;
        if (!last) {
            sweep.y = strip;
            sweep.y_stride = CK_PANEL_COLUMNS;
            sweep.y_type = CK_F32;
        }
    }
    plan->leaf->sweep(&sweep);
}

/* `panels` neighbouring panels together, step by step: rows of w that one step decodes by
 * columns are still in the cache for the next panel. */
static void run_group(const plan *plan, int64_t panel, int64_t panels, int64_t from, int64_t to) {
    int64_t steps = plan->steps + plan->rank_steps;
    for (int64_t step = 0; step < steps; step++)
        for (int64_t i = 0; i < panels; i++) {
            /* After the last panel of a step comes the next step, after the last step the next
             * group. */
            int64_t next = i + 1 < panels ? i + 1 : step + 1 < steps ? 0 : panels;
            int64_t then = i + 1 < panels ? step : step + 1 < steps ? step + 1 : 0;
            run_step(plan, (panel + i) * plan->width, from, to, step,
                     plan->strips + i * (to - from) * CK_PANEL_COLUMNS,
                     rows_of(plan, (panel + next) * plan->width, then));
        }
}

static void run_piece(const plan *plan, int64_t at, int64_t end) {
    int64_t tokens = plan->product->tokens;
    while (at < end) {
        int64_t panel = at / tokens, from = at % tokens;
        int64_t whole = from == 0 ? end / tokens - panel : 0;
        if (whole > 0 && tokens <= STRIP_TOKENS) {
            int64_t group = STRIP_TOKENS / tokens < whole ? STRIP_TOKENS / tokens : whole;
            run_group(plan, panel, group, 0, tokens);
            at += group * tokens;
        } else {
            int64_t to = end - panel * tokens < tokens ? end - panel * tokens : tokens;
            if (to - from > STRIP_TOKENS) to = from + STRIP_TOKENS;
            run_group(plan, panel, 1, from, to);
            at = panel * tokens + to;
        }
    }
}

typedef struct {
    plan plan;
    ck_pieces pieces;
} panels;

static void run_panels(void *context, int64_t piece, int64_t end, int32_t slot) {
    (void)slot;
    const panels *panels = context;
    plan plan = panels->plan;
    take_scratch(&plan);
    for (; piece < end; piece++) {
        int64_t from, to;
        ck_piece_at(&panels->pieces, piece, &from, &to);
        run_piece(&plan, from, to);
    }
}

static plan plan_of(const ck_product *p, const ck_leaf *leaf, int32_t width) {
    plan plan = {.product = p,
                 .leaf = leaf,
                 .weights = ck_leaf_format_of(leaf, p->w_format),
                 .activations = ck_leaf_format_of(leaf, p->x_type),
                 .width = width,
                 .steps = (p->k + leaf->depth - 1) / leaf->depth};
    if (p->rank > CK_ADAPTER_DEPTH) plan.rank_steps = (p->rank + leaf->depth - 1) / leaf->depth;
    return plan;
}

static int64_t work_of(const ck_product *p) { return p->tokens * p->n * (p->k + p->rank); }

void ck_run_panels(const ck_product *p, const ck_leaf *leaf) {
    plan plan =
        plan_of(p, leaf, p->tokens < FEW_TOKENS ? CK_PANEL_COLUMNS / 2 : CK_PANEL_COLUMNS);
    int32_t threads = ck_threads_for(work_of(p), SMALL_WORK);
    panels panels = {.plan = plan,
                     .pieces = ck_pieces_of((p->n + plan.width - 1) / plan.width, p->tokens,
                                            STRIP_TOKENS, plan.width < CK_PANEL_COLUMNS, threads)};
    ck_team_run(run_panels, &panels, panels.pieces.count, 1, threads);
}

/* ---- Many products together ---- */

typedef struct {
    const plan *plans;
    const int64_t *ends; /* of each product's pieces; those of all are numbered in order */
    const ck_pieces *pieces;
} queue;

static void run_queue(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const queue *queue = context;
    plan scratch = {.leaf = queue->plans->leaf};
    take_scratch(&scratch);
    for (int64_t piece = from, i = 0; piece < to; piece++) {
        while (piece >= queue->ends[i]) i++;
        plan plan = queue->plans[i];
        plan.panel = scratch.panel;
        plan.adapter = scratch.adapter;
        plan.strips = scratch.strips;
        int64_t at, end;
        ck_piece_at(&queue->pieces[i], piece - (i > 0 ? queue->ends[i - 1] : 0), &at, &end);
        run_piece(&plan, at, end);
    }
}

void ck_run_panels_of_all(const ck_product *products, int64_t count, const ck_leaf *leaf) {
    plan plans[CK_PRODUCTS_MOST];
    ck_pieces pieces[CK_PRODUCTS_MOST];
    int64_t ends[CK_PRODUCTS_MOST], all = 0, work = 0;
    for (int64_t i = 0; i < count; i++) work += work_of(&products[i]);
    int32_t threads = ck_threads_for(work, SMALL_WORK);
    for (int64_t i = 0; i < count; i++) {
        const ck_product *p = &products[i];
        /* There are enough panels for all threads: they need not be narrow. */
        plans[i] = plan_of(p, leaf, CK_PANEL_COLUMNS);
        pieces[i] = ck_pieces_of((p->n + CK_PANEL_COLUMNS - 1) / CK_PANEL_COLUMNS, p->tokens,
                                 STRIP_TOKENS, 1, threads);
        all += pieces[i].count;
        ends[i] = all;
    }
    queue queue = {.plans = plans, .ends = ends, .pieces = pieces};
    ck_team_run(run_queue, &queue, all, 1, threads);
}
