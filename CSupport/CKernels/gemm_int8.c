/* Y = X W^T in int8: the threaded driver over the int8 leaves (int8.h has the arithmetic).
 *
 * x is quantized once, by all threads, into scratch of the calling thread. The output is cut into
 * panels of 64 columns, handed out piece by piece (pieces.h). For its tokens of a panel a thread
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
#include "scratch.h"
#include "share.h"
#include "tier.h"

enum {
    CHUNK_TOKENS = 2048,  /* of x are quantized at a time; bounds the scratch and the strip */
    SMALL_WORK = 1 << 17, /* multiply-adds that are not worth waking threads */
    MANY_TOKENS = 512,    /* below them packing twice is cheaper than waiting for each other */
    FEW_PANELS = 4,       /* that are kept at once, if they take no more than: */
    FEW_PANELS_BYTES = 1 << 18,
    PARTS = 4, /* of a panel, by columns, so that all threads pack about as much */
};

typedef struct {
    void *y;
    ck_format y_type;
    int32_t accumulate;
    const void *x;
    ck_format x_type;
    const void *w;
    ck_format w_format;
    size_t row_bytes;
    const void *u, *bt;
    int64_t rank, tokens, out, in;
    int64_t step; /* values of K in a panel */
    ck_int8_rows rows;
    const ck_int8_leaf *leaf;
    ck_int8_pack *pack;
    const ck_leaf *adapter;
    ck_pack_columns *pack_adapter;
} product;

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

static room take_room(const product *p) {
    size_t strip = CHUNK_TOKENS * CK_PANEL_COLUMNS * sizeof(float);
    size_t depth = (size_t)p->leaf->depth;
    size_t scales = depth / CK_INT8_GROUP * CK_PANEL_COLUMNS * sizeof(float);
    size_t values = depth * CK_PANEL_COLUMNS * p->leaf->element_size;
    size_t adapter = CK_ADAPTER_DEPTH * CK_PANEL_COLUMNS * p->adapter->element_size;
    char *at = ck_product_scratch(CK_SCRATCH_PANELS, strip + scales + values + adapter);
    return (room){.strip = (float *)at,
                  .panel = {.scales = (float *)(at + strip), .values = at + strip + scales},
                  .adapter = at + strip + scales + values};
}

/* The adapter's part: adds u . bt to the sums of `sweep`, tokens from `from`, columns from
 * `column`. */
static void add_adapter(const product *p, room room, ck_sweep sweep, int64_t from, int64_t column) {
    size_t size = type_size(p->x_type), b_bytes = (size_t)p->out * size;
    for (int64_t r = 0; r < p->rank; r += CK_ADAPTER_DEPTH) {
        int64_t k = p->rank - r < CK_ADAPTER_DEPTH ? p->rank - r : CK_ADAPTER_DEPTH;
        p->pack_adapter(room.adapter, (const char *)p->bt + (size_t)r * b_bytes, b_bytes, column, k,
                        sweep.columns);
        sweep.segments = 1;
        sweep.segment[0] = (ck_segment){.x = (const char *)p->u + (size_t)(from * p->rank + r) * size,
                                        .panel = room.adapter,
                                        .x_stride = p->rank,
                                        .k = k};
        p->adapter->sweep(&sweep);
        sweep.initial = sweep.y;
        sweep.initial_stride = sweep.y_stride;
    }
}

/* The part of w that the panel at `column` is packed from, values of K from k0. */
static ck_ahead rows_of(const product *p, int64_t column, int64_t k0) {
    if (column >= p->out) return (ck_ahead){0};
    int64_t k = p->in - k0 < p->step ? p->in - k0 : p->step;
    size_t begin = ck_covering_bytes(p->w_format, k0);
    return (ck_ahead){.first = (const char *)p->w + (size_t)column * p->row_bytes + begin,
                      .row_bytes = p->row_bytes,
                      .bytes = ck_covering_bytes(p->w_format, k0 + k) - begin,
                      .rows = p->out - column < CK_PANEL_COLUMNS ? p->out - column
                                                                 : CK_PANEL_COLUMNS};
}

static int32_t columns_of(const product *p, int64_t column) {
    int64_t left = p->out - column;
    return (int32_t)(left < CK_PANEL_COLUMNS ? left : CK_PANEL_COLUMNS);
}

/* The panel at `column`, k values of K from k0; of its columns those from ..< to. */
static void pack(const product *p, panel panel, int64_t column, int64_t k0, int64_t k, int32_t from,
                 int32_t to) {
    p->pack(panel.values, panel.scales, (const char *)p->w + (size_t)column * p->row_bytes,
            p->row_bytes, k0, k, columns_of(p, column), from, to);
}

/* Tokens from ..< to of the panel at `column`; `ready` is that panel when it has been packed. */
static void run_panel(const product *p, room room, int64_t column, int64_t from, int64_t to,
                      const panel *ready) {
    int in_strip = p->y_type != CK_F32;
    char *y = (char *)p->y + (size_t)(from * p->out + column) * type_size(p->y_type);
    ck_sweep sums = {.x_type = p->x_type,
                     .y_type = CK_F32,
                     .columns = columns_of(p, column),
                     .tokens = to - from,
                     .scale = 1,
                     .y = in_strip ? (void *)room.strip : y,
                     .y_stride = in_strip ? CK_PANEL_COLUMNS : p->out};
    if (p->accumulate) {
        sums.initial = (const float *)y;
        sums.initial_stride = p->out;
    }
    if (p->rank > 0) {
        add_adapter(p, room, sums, from, column);
        sums.initial = sums.y;
        sums.initial_stride = sums.y_stride;
    }
    for (int64_t k0 = 0; k0 < p->in; k0 += p->step) {
        int64_t k = p->in - k0 < p->step ? p->in - k0 : p->step;
        int64_t at = from * p->rows.groups + k0 / CK_INT8_GROUP;
        if (!ready) {
            sums.ahead = k0 + k < p->in ? rows_of(p, column, k0 + k)
                                        : rows_of(p, column + CK_PANEL_COLUMNS, 0);
            pack(p, room.panel, column, k0, k, 0, CK_PANEL_COLUMNS);
        }
        if (k0 + k == p->in) {
            sums.y = y;
            sums.y_type = p->y_type;
            sums.y_stride = p->out;
        }
        p->leaf->sweep(&(ck_int8_sweep){
            .to = sums,
            .x = {.values = (char *)p->rows.values +
                            (size_t)(from * p->rows.stride + k0) * p->leaf->element_size,
                  .scales = p->rows.scales + at,
                  .starts = p->rows.starts + at,
                  .stride = p->rows.stride,
                  .groups = p->rows.groups},
            .panel = ready ? ready->values : room.panel.values,
            .scales = ready ? ready->scales : room.panel.scales,
            .k = k});
        sums.initial = sums.y;
        sums.initial_stride = sums.y_stride;
    }
}

static void run_pieces(const product *p, ck_pieces *pieces) {
    room room = take_room(p);
    int64_t at, end;
    while (ck_take_piece(pieces, &at, &end))
        while (at < end) {
            int64_t panel = at / p->tokens, next = (panel + 1) * p->tokens;
            int64_t stop = next < end ? next : end, start = panel * p->tokens;
            run_panel(p, room, panel * CK_PANEL_COLUMNS, at - start, stop - start, NULL);
            at = stop;
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

static void quantize(const product *p, int64_t from, int64_t to) {
    size_t bytes = (size_t)p->in * type_size(p->x_type);
    for (int64_t t = from; t < to; t++)
        p->leaf->quantize(&p->rows, t, (const char *)p->x + (size_t)t * bytes, p->x_type, p->in);
}

/* Bytes of a whole panel of w, scales included. */
static size_t panel_bytes(const product *p) {
    return CK_PANEL_COLUMNS * ((size_t)row_stride(p->in) * p->leaf->element_size +
                               (size_t)row_groups(p->in) * sizeof(float));
}

/* The product with all of w packed at `memory`; run by each of `threads`. */
static void run_tokens(const product *p, char *memory, int64_t threads, _Atomic int64_t *next) {
    room room = take_room(p);
    panel panels[FEW_PANELS];
    int64_t count = (p->out + CK_PANEL_COLUMNS - 1) / CK_PANEL_COLUMNS;
    for (int64_t i = 0; i < count; i++, memory += panel_bytes(p))
        panels[i] = (panel){.scales = (float *)memory,
                            .values = memory + (size_t)row_groups(p->in) * CK_PANEL_COLUMNS * 4};
    for (ck_share own = ck_own_share(count * PARTS); own.from < own.to; own.from++) {
        int64_t i = own.from;
        int32_t from = (int32_t)(i % PARTS) * CK_PANEL_COLUMNS / PARTS;
        pack(p, panels[i / PARTS], i / PARTS * CK_PANEL_COLUMNS, 0, p->in, from,
             from + CK_PANEL_COLUMNS / PARTS);
    }
#pragma omp barrier
    int64_t share = (p->tokens / (4 * threads) + CK_PIECE_TOKENS) / CK_PIECE_TOKENS * CK_PIECE_TOKENS;
    for (;;) {
        int64_t from = atomic_fetch_add_explicit(next, share, memory_order_relaxed);
        if (from >= p->tokens) return;
        int64_t to = from + share < p->tokens ? from + share : p->tokens;
        quantize(p, from, to);
        for (int64_t i = 0; i < count; i++)
            run_panel(p, room, i * CK_PANEL_COLUMNS, from, to, &panels[i]);
    }
}

/* At most CHUNK_TOKENS tokens. */
static void run_chunk(product p) {
    int64_t panels = (p.out + CK_PANEL_COLUMNS - 1) / CK_PANEL_COLUMNS;
    size_t all = (size_t)panels * panel_bytes(&p);
    int few = panels <= FEW_PANELS && all <= FEW_PANELS_BYTES && p.step >= p.in &&
              p.tokens >= MANY_TOKENS;
    size_t rows = rows_bytes(p.leaf, p.tokens, p.in);
    char *memory = ck_product_scratch(CK_SCRATCH_INPUT, rows + (few ? FEW_PANELS_BYTES + 64 : 0));
    float *scales = (float *)(memory + value_bytes(p.leaf, p.tokens, p.in));
    p.rows = (ck_int8_rows){.values = memory,
                            .scales = scales,
                            .starts = (int32_t *)(scales + p.tokens * row_groups(p.in)),
                            .stride = row_stride(p.in),
                            .groups = row_groups(p.in)};
    int32_t threads = p.tokens * p.out * p.in > SMALL_WORK ? ck_threads() : 1;
    if (few) {
        char *packed = memory + (rows + 63) / 64 * 64;
        _Atomic int64_t next = 0;
#pragma omp parallel num_threads(threads) if (threads > 1)
        run_tokens(&p, packed, threads, &next);
        return;
    }
    ck_pieces pieces = {.panels = panels, .tokens = p.tokens, .threads = threads};
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        ck_share own = ck_own_share(p.tokens);
        quantize(&p, own.from, own.to);
#pragma omp barrier
        run_pieces(&p, &pieces);
    }
}

void ck_multiply_int8(void *y, ck_format y_type, int32_t accumulate, const void *x,
                      ck_format x_type, const void *w, ck_format w_format, const void *u,
                      const void *bt, int64_t rank, int64_t tokens, int64_t out, int64_t in) {
    if (tokens <= CK_DOT_TOKENS) {
        ck_multiply(y, y_type, accumulate, x, x_type, w, w_format, u, bt, rank, tokens, out, in);
        return;
    }
    const ck_int8_leaf *leaf = ck_tier_in_use()->int8;
    if (!leaf) {
        ck_multiply_int8_scalar(y, y_type, accumulate, x, x_type, w, w_format, u, bt, rank, tokens,
                                out, in);
        return;
    }
    product p = {.y = y, .y_type = y_type, .accumulate = accumulate, .x = x, .x_type = x_type,
                 .w = w, .w_format = w_format, .row_bytes = ck_row_bytes(w_format, in), .u = u, .bt = bt, .rank = rank,
                 .out = out, .in = in, .leaf = leaf, .adapter = ck_leaf_for(x_type)};
    int64_t steps = (in + leaf->depth - 1) / leaf->depth;
    p.step = ((in + steps - 1) / steps + 255) / 256 * 256;
    for (int i = 0; i < CK_FORMATS; i++) {
        if (leaf->formats[i].format == w_format) p.pack = leaf->formats[i].pack;
        if (p.adapter->formats[i].format == x_type)
            p.pack_adapter = p.adapter->formats[i].pack_columns;
    }
    for (int64_t t = 0; t < tokens; t += CHUNK_TOKENS) {
        p.tokens = tokens - t < CHUNK_TOKENS ? tokens - t : CHUNK_TOKENS;
        p.x = (const char *)x + (size_t)(t * in) * type_size(x_type);
        p.u = (const char *)u + (size_t)(t * rank) * type_size(x_type);
        p.y = (char *)y + (size_t)(t * out) * type_size(y_type);
        run_chunk(p);
    }
}
