/* Causal grouped-query attention (FlashAttention: Dao et al., arXiv 2205.14135 and 2307.08691):
 * the plan of the work and its distribution over threads. The arithmetic of a tile is in the
 * leaves.
 *
 * Forward: a unit is one block of CK_TILE queries of one head; it goes over its key blocks in
 * order. Backward: a unit is a range of key blocks of one key-value head. It accumulates dk and dv
 * over the group's heads and their query blocks in order, and leaves its part of dq as float
 * tiles, which a last sweep adds in the order of the ranges. The number of ranges follows from the
 * shape alone, so results do not depend on the number of threads. Units are taken longest first. Tiles that lie wholly outside a window are left out of both.
 *
 * Scratch of the backward: about (1 ... 3) * tokens * heads * size floats for the tiles.
 */
#include "layers.h"
#include "team.h"

#include <stdlib.h>

/* Enough backward units to balance a dozen threads; at most MOST_RANGES of a sequence and head. */
enum { ENOUGH_UNITS = 24, MOST_RANGES = 4 };

static size_t rounded(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Fills `sequences`; returns all their blocks, and the most blocks of one. */
static int64_t list_sequences(ck_sequence *list, int64_t *most, const int32_t *starts,
                              int64_t sequences) {
    int64_t total = 0;
    *most = 0;
    for (int64_t s = 0; s < sequences; s++) {
        const int64_t length = starts[s + 1] - starts[s];
        const int64_t blocks = (length + CK_TILE - 1) / CK_TILE;
        list[s] = (ck_sequence){starts[s], length, blocks, total};
        total += blocks;
        if (blocks > *most) *most = blocks;
    }
    return total;
}

static ck_attention_job start_job(ck_format type, const ck_attention_shape *shape) {
    return (ck_attention_job){.type = type, .heads = shape->heads, .kv_heads = shape->kv_heads,
                              .size = shape->size, .value_size = shape->value_size,
                              .window = shape->window, .scale = shape->scale,
                              .soft_cap = shape->soft_cap};
}

/* What the pieces of a call share. */
typedef struct {
    const ck_attention_leaves *leaf;
    ck_attention_job job;
    int32_t backward, threads;
    const ck_sequence *list;
    int64_t sequences, total; /* of `total` blocks */
    char *locals;             /* [threads] of local_bytes */
    size_t local_bytes;
    const struct forward_unit *units;      /* of a forward */
    const ck_backward_unit *ranges;        /* of a backward, */
    ck_backward_unit *const *order;        /* longest first; */
    const int32_t *begin;                  /* [sequences * kv_heads + 1]: the first range of each */
} work;

/* Pieces of one item; those that are short, several at a time. */
enum { SHORT = 8 };

static int32_t threads_of(const work *work, int64_t units) { return units > 1 ? work->threads : 1; }

static void prepare_range(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const work *work = context;
    const int64_t kv_heads = work->job.kv_heads;
    for (int64_t index = from; index < to; index++) {
        const int64_t block = index / kv_heads;
        int64_t s = work->sequences - 1;
        while (work->list[s].block > block) s--;
        work->leaf->prepare(&work->job, work->backward, work->list[s], index % kv_heads,
                            block - work->list[s].block);
    }
}

static void prepare_blocks(work *work) {
    if (work->job.prepared_bytes)
        ck_team_run(prepare_range, work, work->total * work->job.kv_heads, SHORT,
                    threads_of(work, work->total));
}

/* ---- Forward ---- */

typedef struct forward_unit {
    int32_t sequence, head, block;
} forward_unit;

static void attend(void *context, int64_t from, int64_t to, int32_t slot) {
    const work *work = context;
    for (int64_t i = from; i < to; i++) {
        const forward_unit unit = work->units[i];
        work->leaf->forward(&work->job, work->list[unit.sequence], unit.head, unit.block,
                            work->locals + work->local_bytes * (size_t)slot);
    }
}

void ck_attention(void *o, float *lse, const void *q, const void *k, const void *v, ck_format type,
                  const int32_t *starts, int64_t sequences, const ck_attention_shape *shape) {
    const ck_attention_leaves *leaf = ck_attention_table(type);
    const int64_t heads = shape->heads, kv_heads = shape->kv_heads;
    ck_attention_job job = start_job(type, shape);
    job.o = o, job.lse_out = lse, job.q = q, job.k = k, job.v = v;
    int64_t total = 0, most = 0;
    for (int64_t s = 0; s < sequences; s++)
        total += (starts[s + 1] - starts[s] + CK_TILE - 1) / CK_TILE;
    if (!total) return;

    int64_t longest = 0;
    for (int64_t s = 0; s < sequences; s++)
        if (starts[s + 1] - starts[s] > longest) longest = starts[s + 1] - starts[s];
    job.prepared_bytes = rounded(leaf->prepared_bytes(&job, 0));
    const int32_t threads = ck_threads();
    const size_t list_bytes = rounded(sizeof(ck_sequence) * (size_t)sequences);
    const size_t units_bytes = rounded(sizeof(forward_unit) * (size_t)(total * heads));
    const size_t prepared = job.prepared_bytes * (size_t)(total * kv_heads);
    const size_t local = rounded(leaf->scratch_bytes(&job, 0, longest));
    char *scratch = ck_layer_scratch(list_bytes + units_bytes + prepared + local * (size_t)threads);
    ck_sequence *list = (ck_sequence *)scratch;
    forward_unit *units = (forward_unit *)(scratch + list_bytes);
    job.prepared = scratch + list_bytes + units_bytes;
    char *locals = job.prepared + prepared;
    list_sequences(list, &most, starts, sequences);

    int64_t count = 0;
    for (int64_t block = most - 1; block >= 0; block--)
        for (int64_t s = 0; s < sequences; s++)
            for (int64_t head = 0; block < list[s].blocks && head < heads; head++)
                units[count++] = (forward_unit){(int32_t)s, (int32_t)head, (int32_t)block};

    work work = {.leaf = leaf, .job = job, .threads = threads, .list = list,
                 .sequences = sequences, .total = total, .locals = locals, .local_bytes = local,
                 .units = units};
    prepare_blocks(&work);
    ck_team_run(attend, &work, count, 1, threads);
}

/* ---- Backward ---- */

/* Ranges of key blocks of about equal work: that of a block is the query blocks that see it. */
static int64_t list_ranges(ck_backward_unit *units, ck_sequence sequence, int64_t window,
                           int64_t kv_head, int64_t ranges) {
    const int64_t blocks = sequence.blocks;
    int64_t count = 0, first = 0, done = 0, since = 0, all = 0;
    for (int64_t block = 0; block < blocks; block++)
        all += ck_seen_until(window, block, blocks) - block;
    for (int64_t block = 0; block < blocks; block++) {
        const int64_t end = ck_seen_until(window, block, blocks);
        done += end - block;
        since += end - block;
        if (done * ranges >= all * (count + 1) || block == blocks - 1) {
            units[count++] = (ck_backward_unit){.sequence = sequence, .kv_head = kv_head,
                                                .key_first = first, .key_end = block + 1,
                                                .query_end = end, .work = since};
            first = block + 1;
            since = 0;
        }
    }
    return count;
}

static int longest_first(const void *a, const void *b) {
    const ck_backward_unit *x = *(ck_backward_unit *const *)a, *y = *(ck_backward_unit *const *)b;
    if (x->work != y->work) return x->work > y->work ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void go_back(void *context, int64_t from, int64_t to, int32_t slot) {
    const work *work = context;
    for (int64_t i = from; i < to; i++)
        work->leaf->backward(&work->job, work->order[i],
                             work->locals + work->local_bytes * (size_t)slot);
}

/* Sums the tiles of dq of heads and query blocks. */
static void gather_tiles(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const work *work = context;
    const ck_attention_job *job = &work->job;
    const ck_sequence *list = work->list;
    const ck_backward_unit *units = work->ranges;
    const int32_t *begin = work->begin;
    const int64_t group = job->heads / job->kv_heads;
    for (int64_t index = from; index < to; index++) {
        int64_t s = work->sequences - 1;
        while (list[s].block > index / job->heads) s--;
        const int64_t block = index / job->heads - list[s].block, head = index % job->heads;
        const int64_t pair = s * job->kv_heads + head / group;
        float *tiles[MOST_RANGES];
        int64_t count = 0;
        for (int64_t u = begin[pair]; u < begin[pair + 1] && units[u].key_first <= block; u++) {
            if (block >= units[u].query_end) continue;
            const int64_t blocks = units[u].query_end - units[u].key_first;
            tiles[count++] = units[u].tiles + (head % group * blocks + block - units[u].key_first) *
                                                  job->size * CK_TILE;
        }
        work->leaf->gather(job, list[s], head, block, tiles, count);
    }
}

void ck_attention_backward(void *dq, void *dk, void *dv, const void *dout, const void *o,
                           const float *lse, const void *q, const void *k, const void *v,
                           ck_format type, const int32_t *starts, int64_t sequences,
                           const ck_attention_shape *shape) {
    const ck_attention_leaves *leaf = ck_attention_table(type);
    const int64_t kv_heads = shape->kv_heads;
    ck_attention_job job = start_job(type, shape);
    job.dq = dq, job.dk = dk, job.dv = dv, job.dout = dout, job.o_in = o, job.lse = lse;
    job.q = q, job.k = k, job.v = v;
    const int64_t pairs = sequences * kv_heads, group = shape->heads / kv_heads;
    const int64_t ranges =
        pairs ? least((ENOUGH_UNITS + pairs - 1) / pairs, MOST_RANGES) : 1;
    job.prepared_bytes = rounded(leaf->prepared_bytes(&job, 1));

    /* The plan first: sequences, units, tiles. It decides how much scratch the call takes. */
    const size_t list_bytes = rounded(sizeof(ck_sequence) * (size_t)sequences);
    const size_t unit_bytes = rounded(sizeof(ck_backward_unit) * (size_t)(pairs * ranges));
    const size_t order_bytes = rounded(sizeof(void *) * (size_t)(pairs * ranges));
    const size_t begin_bytes = rounded(sizeof(int32_t) * (size_t)(pairs + 1));
    char *plan = malloc(list_bytes + unit_bytes + order_bytes + begin_bytes + 64);
    if (!plan) abort();
    ck_sequence *list = (ck_sequence *)plan;
    ck_backward_unit *units = (ck_backward_unit *)(plan + list_bytes);
    ck_backward_unit **order = (ck_backward_unit **)(plan + list_bytes + unit_bytes);
    int32_t *begin = (int32_t *)(plan + list_bytes + unit_bytes + order_bytes);
    int64_t most = 0, count = 0, tiles = 0, keys = 0;
    const int64_t total = list_sequences(list, &most, starts, sequences);
    for (int64_t pair = 0; pair < pairs; pair++) {
        begin[pair] = (int32_t)count;
        count += list_ranges(units + count, list[pair / kv_heads], shape->window, pair % kv_heads,
                             ranges);
    }
    begin[pairs] = (int32_t)count;
    for (int64_t u = 0; u < count; u++) {
        units[u].tile = tiles;
        tiles += group * (units[u].query_end - units[u].key_first);
        const int64_t own = (units[u].key_end - units[u].key_first) * CK_TILE;
        if (own > keys) keys = own;
        order[u] = &units[u];
    }
    qsort(order, (size_t)count, sizeof *order, longest_first);

    const int32_t threads = ck_threads();
    const size_t tile_bytes = sizeof(float) * (size_t)(shape->size * CK_TILE);
    const size_t prepared = job.prepared_bytes * (size_t)(total * kv_heads);
    const size_t local = rounded(leaf->scratch_bytes(&job, 1, keys));
    const size_t tiles_end = prepared + tile_bytes * (size_t)tiles;
    char *scratch = ck_layer_scratch(tiles_end + local * (size_t)threads);
    job.prepared = scratch;
    char *locals = scratch + tiles_end;
    for (int64_t u = 0; u < count; u++)
        units[u].tiles = (float *)(scratch + prepared + tile_bytes * (size_t)units[u].tile);

    work work = {.leaf = leaf, .job = job, .backward = 1, .threads = threads, .list = list,
                 .sequences = sequences, .total = total, .locals = locals, .local_bytes = local,
                 .ranges = units, .order = order, .begin = begin};
    prepare_blocks(&work);
    ck_team_run(go_back, &work, count, 1, threads);
    ck_team_run(gather_tiles, &work, total * shape->heads, SHORT, threads_of(&work, total));
    free(plan);
}

/* ---- Scratch, before it is taken ---- */

size_t ck_attention_scratch_bytes(ck_format type, const int32_t *starts, int64_t sequences,
                                  const ck_attention_shape *shape) {
    const ck_attention_leaves *leaf = ck_attention_table(type);
    const ck_attention_job job = start_job(type, shape);
    const int64_t heads = shape->heads, kv_heads = shape->kv_heads;
    const int64_t pairs = sequences * kv_heads, group = heads / kv_heads;
    const int64_t ranges =
        pairs ? least((ENOUGH_UNITS + pairs - 1) / pairs, MOST_RANGES) : 1;
    int64_t total = 0, longest = 0, tiles = 0, keys = 0;
    for (int64_t s = 0; s < sequences; s++) {
        const ck_sequence sequence = {.length = starts[s + 1] - starts[s],
                                      .blocks = (starts[s + 1] - starts[s] + CK_TILE - 1) / CK_TILE};
        ck_backward_unit units[MOST_RANGES];
        const int64_t count = list_ranges(units, sequence, shape->window, 0, ranges);
        for (int64_t u = 0; u < count; u++) {
            const int64_t own = (units[u].key_end - units[u].key_first) * CK_TILE;
            tiles += kv_heads * group * (units[u].query_end - units[u].key_first);
            if (own > keys) keys = own;
        }
        total += sequence.blocks;
        if (sequence.length > longest) longest = sequence.length;
    }
    const size_t threads = (size_t)ck_threads();
    const size_t forward = rounded(sizeof(ck_sequence) * (size_t)sequences) +
                           rounded(sizeof(forward_unit) * (size_t)(total * heads)) +
                           rounded(leaf->prepared_bytes(&job, 0)) * (size_t)(total * kv_heads) +
                           rounded(leaf->scratch_bytes(&job, 0, longest)) * threads;
    const size_t backward = rounded(leaf->prepared_bytes(&job, 1)) * (size_t)(total * kv_heads) +
                            sizeof(float) * (size_t)(shape->size * CK_TILE * tiles) +
                            rounded(leaf->scratch_bytes(&job, 1, keys)) * threads;
    return forward > backward ? forward : backward;
}
