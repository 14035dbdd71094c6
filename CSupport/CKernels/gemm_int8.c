/* Y = X W^T and dX = dY W in int8: the threaded driver over the int8 leaves (int8.h has the arithmetic).
 *
 * x is quantized once, by all threads, into scratch of the calling thread. The output is cut into
 * panels of 64 columns, handed out piece by piece (pieces.h, team.h). For its tokens of a panel a thread
 * first sets the sums to y (or zero) plus the adapter's part, which stays in the activations' own
 * type, on the leaf of that type; then packs the panel of W, some values of K at a time, and
 * sweeps. Sums wait in y, or in a strip of fp32 when y is bf16.
 *
 * Where all of W is a few panels (keys and values of a small model), quantizing x is a good share
 * of the work and rows of x that another core has written are slow to read. There the panels are
 * packed first, by all threads, and tokens are handed out: whoever quantizes a row also multiplies
 * it. The arithmetic is the same, so are the bits. */
#include "blocks.h"
#include "pieces.h"
#include "product.h"
#include "scratch.h"
#include "team.h"
#include "tier.h"

enum {
    CHUNK_TOKENS = 2048,  /* of x are quantized at a time; bounds the scratch and the strip */
    SMALL_WORK = 1 << 17, /* multiply-adds that are not worth waking threads */
    MANY_TOKENS = 512,    /* below them packing twice is cheaper than waiting for each other */
    FEW_PANELS = 4,       /* that are kept at once, if they take no more than: */
    FEW_PANELS_BYTES = 1 << 18,
    QUANTIZED = 1 << 15, /* values of a piece */
    PART = 32, /* columns of a panel that are packed together, so that all threads pack about as much */
};

typedef struct {
    ck_product product; /* at most CHUNK_TOKENS of its tokens */
    int64_t step;       /* values of K in a panel */
    ck_int8_rows rows;
    const ck_int8_leaf *leaf;
    ck_int8_pack *pack;
    const uint64_t *key; /* x is rounded at random by it; NULL: to nearest */
    int64_t first_row;   /* number of the product's first token in the draws */
    const ck_leaf *adapter;
    ck_pack_columns *pack_adapter;
} plan;

/* A panel of W, some values of K, and its scales [groups][64]. */
typedef struct {
    void *values;
    float *scales;
} panel;

typedef struct {
    float *strip;
    panel panel;
    void *adapter;
} room;

static size_t type_size(ck_format type) { return type == CK_BF16 ? 2 : 4; }

static room take_room(const plan *plan) {
    size_t strip = CHUNK_TOKENS * CK_PANEL_COLUMNS * sizeof(float);
    size_t depth = (size_t)plan->leaf->depth;
    size_t scales = depth / CK_INT8_GROUP * CK_PANEL_COLUMNS * sizeof(float);
    size_t values = depth * CK_PANEL_COLUMNS * plan->leaf->element_size;
    size_t adapter = CK_ADAPTER_DEPTH * CK_PANEL_COLUMNS * plan->adapter->element_size;
    char *at = ck_product_scratch(CK_SCRATCH_PANELS, strip + scales + values + adapter);
    return (room){.strip = (float *)at,
                  .panel = {.scales = (float *)(at + strip), .values = at + strip + scales},
                  .adapter = at + strip + scales + values};
}

/* The adapter's part: adds u . b to the sums of `sweep`, tokens from `from`, columns from
 * `column`. */
static void add_adapter(const plan *plan, room room, ck_sweep sweep, int64_t from, int64_t column) {
    const ck_product *p = &plan->product;
    size_t size = type_size(p->x_type), b_bytes = (size_t)p->n * size;
    for (int64_t r = 0; r < p->rank; r += CK_ADAPTER_DEPTH) {
        int64_t k = p->rank - r < CK_ADAPTER_DEPTH ? p->rank - r : CK_ADAPTER_DEPTH;
        plan->pack_adapter(room.adapter, (const char *)p->b + (size_t)r * b_bytes, b_bytes, column,
                           k, sweep.columns);
        sweep.segments = 1;
        const char *u = (const char *)p->u + (size_t)(from * p->rank + r) * size;
        sweep.segment[0] = (ck_segment){.x = u,
                                        .panel = room.adapter,
                                        .x_stride = p->rank,
                                        .k = k};
        plan->adapter->sweep(&sweep);
        sweep.initial = sweep.y;
        sweep.initial_stride = sweep.y_stride;
    }
}

static int32_t columns_of(const plan *plan, int64_t column) {
    int64_t left = plan->product.n - column;
    return (int32_t)(left < CK_PANEL_COLUMNS ? left : CK_PANEL_COLUMNS);
}

/* The part of w that the panel at `column` is packed from, values of K from k0. */
static ck_ahead rows_of(const plan *plan, int64_t column, int64_t k0) {
    const ck_product *p = &plan->product;
    if (column >= p->n) return (ck_ahead){0};
    int64_t k = p->k - k0 < plan->step ? p->k - k0 : plan->step, columns = columns_of(plan, column);
    int64_t first = p->by_columns ? k0 : column, across = p->by_columns ? column : k0;
    size_t begin = ck_covering_bytes(p->w_format, across);
    size_t end = ck_covering_bytes(p->w_format, across + (p->by_columns ? columns : k));
    return (ck_ahead){.first = (const char *)p->w + (size_t)first * p->row_bytes + begin,
                      .row_bytes = p->row_bytes,
                      .bytes = end - begin,
                      .rows = p->by_columns ? k : columns};
}

/* The panel at `column`, k values of K from k0; of its columns those from ..< to. */
static void pack(const plan *plan, panel panel, int64_t column, int64_t k0, int64_t k, int32_t from,
                 int32_t to) {
    const ck_product *p = &plan->product;
    int64_t first = p->by_columns ? k0 : column, across = p->by_columns ? column : k0;
    plan->pack(panel.values, panel.scales, (const char *)p->w + (size_t)first * p->row_bytes,
               p->row_bytes, across, k, columns_of(plan, column), from, to);
}

/* Tokens from ..< to of the panel at `column`; `ready` is that panel when it has been packed. */
static void run_panel(const plan *plan, room room, int64_t column, int64_t from, int64_t to,
                      const panel *ready) {
    const ck_product *p = &plan->product;
    int in_strip = p->y_type != CK_F32;
    char *y = (char *)p->y + (size_t)(from * p->n + column) * type_size(p->y_type);
    ck_sweep sums = {.x_type = p->x_type,
                     .y_type = CK_F32,
                     .columns = columns_of(plan, column),
                     .tokens = to - from,
                     .scale = 1,
                     .y = in_strip ? (void *)room.strip : y,
                     .y_stride = in_strip ? CK_PANEL_COLUMNS : p->n};
    if (p->accumulate) {
        sums.initial = (const float *)y;
        sums.initial_stride = p->n;
    }
    if (p->rank > 0) {
        add_adapter(plan, room, sums, from, column);
        sums.initial = sums.y;
        sums.initial_stride = sums.y_stride;
    }
    for (int64_t k0 = 0; k0 < p->k; k0 += plan->step) {
        int64_t k = p->k - k0 < plan->step ? p->k - k0 : plan->step;
        int64_t at = from * plan->rows.groups + k0 / CK_INT8_GROUP;
        if (!ready) {
            sums.ahead = k0 + k < p->k ? rows_of(plan, column, k0 + k)
                                       : rows_of(plan, column + CK_PANEL_COLUMNS, 0);
            pack(plan, room.panel, column, k0, k, 0, CK_PANEL_COLUMNS);
        }
        if (k0 + k == p->k) {
            sums.y = y;
            sums.y_type = p->y_type;
            sums.y_stride = p->n;
        }
        plan->leaf->sweep(&(ck_int8_sweep){
            .to = sums,
            .x = {.values = (char *)plan->rows.values +
                            (size_t)(from * plan->rows.stride + k0) * plan->leaf->element_size,
                  .scales = plan->rows.scales + at,
                  .starts = plan->rows.starts + at,
                  .stride = plan->rows.stride,
                  .groups = plan->rows.groups},
            .panel = ready ? ready->values : room.panel.values,
            .scales = ready ? ready->scales : room.panel.scales,
            .k = k});
        sums.initial = sums.y;
        sums.initial_stride = sums.y_stride;
    }
}

/* What the pieces of a call share. */
typedef struct {
    const plan *plan;
    ck_pieces pieces;
    panel panels[FEW_PANELS]; /* all of w, where it is packed first */
    int64_t count;            /* of them */
} job;

static void run_panels(void *context, int64_t piece, int64_t last, int32_t slot) {
    (void)slot;
    const job *job = context;
    const ck_product *p = &job->plan->product;
    room room = take_room(job->plan);
    for (; piece < last; piece++) {
        int64_t at, end;
        ck_piece_at(&job->pieces, piece, &at, &end);
        while (at < end) {
            int64_t panel = at / p->tokens, next = (panel + 1) * p->tokens;
            int64_t stop = next < end ? next : end, start = panel * p->tokens;
            run_panel(job->plan, room, panel * CK_PANEL_COLUMNS, at - start, stop - start, NULL);
            at = stop;
        }
    }
}

/* Room for `tokens` quantized rows of x: values, then scales, then starts. */
static int64_t row_stride(int64_t in) { return (in + 63) / 64 * 64; }

static int64_t row_groups(int64_t in) { return (in + CK_INT8_GROUP - 1) / CK_INT8_GROUP; }

static size_t value_bytes(const ck_int8_leaf *leaf, int64_t tokens, int64_t in) {
    return (size_t)(tokens * row_stride(in)) * leaf->element_size;
}

static size_t rows_bytes(const ck_int8_leaf *leaf, int64_t tokens, int64_t in) {
    return value_bytes(leaf, tokens, in) +
           (size_t)(tokens * row_groups(in)) * (sizeof(float) + sizeof(int32_t));
}

size_t ck_int8_scratch_bytes(int64_t tokens, int64_t in) {
    const ck_int8_leaf *leaf = ck_tier_in_use()->int8;
    if (!leaf) return 0;
    return rows_bytes(leaf, tokens < CHUNK_TOKENS ? tokens : CHUNK_TOKENS, in) + FEW_PANELS_BYTES + 64;
}

static void quantize(const plan *plan, int64_t from, int64_t to) {
    const ck_product *p = &plan->product;
    size_t bytes = (size_t)p->k * type_size(p->x_type);
    for (int64_t t = from; t < to; t++) {
        const char *x = (const char *)p->x + (size_t)t * bytes;
        if (plan->key)
            plan->leaf->quantize_randomly(&plan->rows, t, x, p->x_type, p->k,
                                          ck_row_key(*plan->key, plan->first_row + t));
        else
            plan->leaf->quantize(&plan->rows, t, x, p->x_type, p->k);
    }
}

static void quantize_tokens(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    quantize(((const job *)context)->plan, from, to);
}

/* Bytes of a whole panel of w, scales included. */
static size_t panel_bytes(const plan *plan) {
    const ck_product *p = &plan->product;
    return CK_PANEL_COLUMNS * ((size_t)row_stride(p->k) * plan->leaf->element_size +
                               (size_t)row_groups(p->k) * sizeof(float));
}

static void pack_parts(void *context, int64_t part, int64_t end, int32_t slot) {
    (void)slot;
    const job *job = context;
    for (; part < end; part++) {
        int64_t panel = part * PART / CK_PANEL_COLUMNS;
        int32_t from = (int32_t)(part * PART % CK_PANEL_COLUMNS);
        pack(job->plan, job->panels[panel], panel * CK_PANEL_COLUMNS, 0, job->plan->product.k, from,
             from + PART);
    }
}

/* Quantizes tokens and multiplies them with all of w. */
static void run_tokens(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *job = context;
    room room = take_room(job->plan);
    quantize(job->plan, from, to);
    for (int64_t i = 0; i < job->count; i++)
        run_panel(job->plan, room, i * CK_PANEL_COLUMNS, from, to, &job->panels[i]);
}

static void run_chunk(plan plan) {
    const ck_product *p = &plan.product;
    int64_t panels = (p->n + CK_PANEL_COLUMNS - 1) / CK_PANEL_COLUMNS;
    size_t all = (size_t)panels * panel_bytes(&plan);
    int few = panels <= FEW_PANELS && all <= FEW_PANELS_BYTES && plan.step >= p->k &&
              p->tokens >= MANY_TOKENS;
    size_t rows = rows_bytes(plan.leaf, p->tokens, p->k);
    char *memory = ck_product_scratch(CK_SCRATCH_INPUT, rows + (few ? FEW_PANELS_BYTES + 64 : 0));
    float *scales = (float *)(memory + value_bytes(plan.leaf, p->tokens, p->k));
    plan.rows = (ck_int8_rows){.values = memory,
                               .scales = scales,
                               .starts = (int32_t *)(scales + p->tokens * row_groups(p->k)),
                               .stride = row_stride(p->k),
                               .groups = row_groups(p->k)};
    int32_t threads = ck_threads_for(p->tokens * p->n * p->k, SMALL_WORK);
    job job = {.plan = &plan, .count = panels};
    if (few) {
        char *packed = memory + (rows + 63) / 64 * 64;
        for (int64_t i = 0; i < panels; i++, packed += panel_bytes(&plan))
            job.panels[i] = (panel){
                .scales = (float *)packed,
                .values = packed + (size_t)row_groups(p->k) * CK_PANEL_COLUMNS * sizeof(float)};
        int64_t share = p->tokens / (8 * threads) / CK_PIECE_TOKENS * CK_PIECE_TOKENS;
        ck_team_run(pack_parts, &job, (p->n + PART - 1) / PART, 1, threads);
        ck_team_run(run_tokens, &job, p->tokens, share > CK_PIECE_TOKENS ? share : CK_PIECE_TOKENS,
                    threads);
        return;
    }
    int64_t quantized = QUANTIZED / p->k + 1, part = (p->tokens + 2 * threads - 1) / (2 * threads);
    if (quantized > part) quantized = part;
    ck_team_run(quantize_tokens, &job, p->tokens, quantized, threads);
    job.pieces = ck_pieces_of(panels, p->tokens, CHUNK_TOKENS, 0, threads);
    ck_team_run(run_panels, &job, job.pieces.count, 1, threads);
}

void ck_run_int8(const ck_product *p, const ck_int8_leaf *leaf, const uint64_t *key,
                 int64_t first_row) {
    plan plan = {.product = *p, .leaf = leaf, .key = key, .adapter = ck_leaf_for(p->x_type)};
    plan.pack_adapter = ck_leaf_format_of(plan.adapter, p->x_type)->pack_columns;
    for (int i = 0; i < CK_FORMATS; i++)
        if (leaf->formats[i].format == p->w_format)
            plan.pack =
                p->by_columns ? leaf->formats[i].pack_columns : leaf->formats[i].pack_rows;
    int64_t steps = (p->k + leaf->depth - 1) / leaf->depth;
    plan.step = ((p->k + steps - 1) / steps + 255) / 256 * 256;
    for (int64_t t = 0; t < p->tokens; t += CHUNK_TOKENS) {
        plan.product.tokens = p->tokens - t < CHUNK_TOKENS ? p->tokens - t : CHUNK_TOKENS;
        plan.product.x = (const char *)p->x + (size_t)(t * p->k) * type_size(p->x_type);
        plan.product.u = (const char *)p->u + (size_t)(t * p->rank) * type_size(p->x_type);
        plan.product.y = (char *)p->y + (size_t)(t * p->n) * type_size(p->y_type);
        plan.first_row = first_row + t;
        run_chunk(plan);
    }
}
