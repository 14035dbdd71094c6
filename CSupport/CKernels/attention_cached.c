/* Attention over a key-value cache, for generation: every token sees the positions of its slot up
 * to its own. The context is cut into chunks of CK_CACHED_CHUNK positions (so that one token keeps
 * all threads busy), from the first position of the token's window on; a unit is one chunk of one
 * token and key-value head, for the whole group of query heads. Parts are merged in order: with
 * tops t, sums s, rows o,
 *   o = sum_c exp(t_c - t) o_c / sum_c exp(t_c - t) s_c,   t = max_c t_c.
 */
#include <math.h>

#include "layers.h"
#include "team.h"

enum { SMALL_WORK = 1 << 15 }; /* multiply-adds that are not worth calling others */

typedef struct {
    void *o;
    const char *q, *keys, *values;
    ck_format type;
    const int32_t *slots, *positions;
    ck_attention_shape shape;
    int64_t capacity, kv_heads, group;
    int64_t base, pairs; /* those of this batch: (token, key-value head) */
    int64_t chunks;
    float *parts; /* [pairs, chunks] of [group] tops, [group] sums, [group, value_size] rows */
} job;

static int64_t part_size(const job *job) { return job->group * (job->shape.value_size + 2); }

/* The first position that a token sees, and how many it does. */
static int64_t first_seen(const job *job, int64_t token) {
    return ck_first_seen(job->shape.window, job->positions[token]);
}

static int64_t seen(const job *job, int64_t token) {
    return job->positions[token] + 1 - first_seen(job, token);
}

static void attend(const job *job, int64_t unit) {
    const ck_layer_leaves *leaf = ck_layers();
    const size_t element = ck_element_bytes(job->type);
    const int64_t pair = job->base + unit / job->chunks, chunk = unit % job->chunks;
    const int64_t token = pair / job->kv_heads, kv_head = pair % job->kv_heads;
    const int64_t first = first_seen(job, token) + chunk * CK_CACHED_CHUNK;
    const int64_t left = job->positions[token] + 1 - first;
    if (left <= 0) return;
    float *tops = job->parts + unit * part_size(job);
    const int64_t row =
        (job->slots[token] * job->capacity + first) * job->kv_heads + kv_head;
    leaf->attend_cached(tops + 2 * job->group, tops, tops + job->group,
                        job->q + element * (size_t)(pair * job->group * job->shape.size),
                        job->keys + element * (size_t)(row * job->shape.size),
                        job->values + element * (size_t)(row * job->shape.value_size), job->type,
                        left < CK_CACHED_CHUNK ? left : CK_CACHED_CHUNK, &job->shape);
}

static void merge(const job *job, int64_t unit) {
    const int64_t part = part_size(job), group = job->group, size = job->shape.value_size;
    const int64_t pair = job->base + unit / group, member = unit % group;
    const int64_t used = (seen(job, pair / job->kv_heads) - 1) / CK_CACHED_CHUNK + 1;
    float *first = job->parts + unit / group * job->chunks * part;
    float *row = first + 2 * group + member * size;
    float top = first[member];
    for (int64_t c = 1; c < used; c++) top = fmaxf(top, first[c * part + member]);
    float sum = 0;
    for (int64_t c = 0; c < used; c++) {
        const float *from = first + c * part;
        const float factor = expf(from[member] - top);
        sum += factor * from[group + member];
        for (int64_t i = 0; i < size; i++)
            row[i] = (c ? row[i] : 0) + factor * from[2 * group + member * size + i];
    }
    for (int64_t i = 0; i < size; i++)
        ck_put(job->o, job->type, (pair * group + member) * size + i, row[i] / sum);
}

static void attend_all(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    for (int64_t unit = from; unit < to; unit++) attend(context, unit);
}

static void merge_all(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    for (int64_t unit = from; unit < to; unit++) merge(context, unit);
}

void ck_attention_cached(void *o, const void *q, const void *keys, const void *values,
                         ck_format type, const int32_t *slots, const int32_t *positions,
                         int64_t tokens, int64_t capacity, const ck_attention_shape *shape) {
    const int64_t pairs = tokens * shape->kv_heads;
    job job = {
        .o = o, .q = q, .keys = keys, .values = values, .type = type, .slots = slots,
        .positions = positions, .shape = *shape, .capacity = capacity,
        .kv_heads = shape->kv_heads, .group = shape->heads / shape->kv_heads};
    int64_t most = 1;
    for (int64_t t = 0; t < tokens; t++)
        if (seen(&job, t) > most) most = seen(&job, t);
    job.chunks = (most - 1) / CK_CACHED_CHUNK + 1;
    const int64_t part = part_size(&job);

    /* Batches bound the scratch. */
    int64_t batch = ((int64_t)1 << 20) / (part * job.chunks);
    if (batch < 1) batch = 1;
    if (batch > pairs) batch = pairs;
    if (batch < 1) return;
    job.parts = (float *)ck_layer_scratch(sizeof(float) * (size_t)(batch * job.chunks * part));
    for (job.base = 0; job.base < pairs; job.base += batch) {
        job.pairs = pairs - job.base < batch ? pairs - job.base : batch;
        ck_team_run(attend_all, &job, job.pairs * job.chunks, 1,
                    ck_threads_for(job.pairs * most * job.group * shape->size, SMALL_WORK));
        ck_team_run(merge_all, &job, job.pairs * job.group, job.group,
                    ck_threads_for(job.pairs * job.chunks * job.group * shape->value_size,
                                   SMALL_WORK));
    }
}
