/* Attention over a key-value cache, for generation: every token sees the positions of its slot up
 * to its own. The context is cut into chunks of CK_CACHED_CHUNK positions (so that one token keeps
 * all threads busy); a unit is one chunk of one token and key-value head, for the whole group of
 * query heads. Parts are merged in order: with tops t, sums s, rows o,
 *   o = sum_c exp(t_c - t) o_c / sum_c exp(t_c - t) s_c,   t = max_c t_c.
 */
#include <math.h>
#include <stdatomic.h>

#include "layers.h"
#include "team.h"

enum { SMALL_WORK = 1 << 15 }; /* multiply-adds that are not worth calling others */

typedef struct {
    void *o;
    const char *q, *keys, *values;
    ck_format type;
    const int32_t *slots, *positions;
    int64_t capacity, kv_heads, group, size;
    float scale;
    int64_t base, pairs; /* those of this batch: (token, key-value head) */
    int64_t chunks;
    float *parts; /* [pairs, chunks] of [group] tops, [group] sums, [group, size] rows */
    atomic_llong next;
} job;

static int64_t part_size(const job *job) { return job->group * (job->size + 2); }

static int64_t take(job *job) {
    return atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
}

static void attend(const job *job, int64_t unit) {
    const ck_layer_leaves *leaf = ck_layers();
    const size_t element = ck_element_bytes(job->type);
    const int64_t pair = job->base + unit / job->chunks, chunk = unit % job->chunks;
    const int64_t token = pair / job->kv_heads, kv_head = pair % job->kv_heads;
    const int64_t first = chunk * CK_CACHED_CHUNK;
    const int64_t left = job->positions[token] + 1 - first;
    if (left <= 0) return;
    float *tops = job->parts + unit * part_size(job);
    const int64_t row =
        (job->slots[token] * job->capacity + first) * job->kv_heads + kv_head;
    const size_t start = element * (size_t)(row * job->size);
    leaf->attend_cached(tops + 2 * job->group, tops, tops + job->group,
                        job->q + element * (size_t)(pair * job->group * job->size),
                        job->keys + start, job->values + start, job->type, job->group,
                        left < CK_CACHED_CHUNK ? left : CK_CACHED_CHUNK,
                        job->kv_heads * job->size, job->size, job->scale);
}

static void merge(const job *job, int64_t unit) {
    const int64_t part = part_size(job), group = job->group, size = job->size;
    const int64_t pair = job->base + unit / group, member = unit % group;
    const int64_t used = job->positions[pair / job->kv_heads] / CK_CACHED_CHUNK + 1;
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

static void attend_all(void *context, int64_t thread, int64_t threads) {
    (void)thread, (void)threads;
    job *job = context;
    const int64_t units = job->pairs * job->chunks;
    for (int64_t unit = take(job); unit < units; unit = take(job)) attend(job, unit);
}

static void merge_all(void *context, int64_t thread, int64_t threads) {
    (void)thread, (void)threads;
    job *job = context;
    const int64_t units = job->pairs * job->group;
    for (int64_t unit = take(job); unit < units; unit = take(job)) merge(job, unit);
}

static void run(job *job, ck_team_work *work, int64_t multiply_adds) {
    atomic_init(&job->next, 0);
    if (multiply_adds > SMALL_WORK)
        ck_team_run(work, job, NULL);
    else
        work(job, 0, 1);
}

void ck_attention_cached(void *o, const void *q, const void *keys, const void *values,
                         ck_format type, const int32_t *slots, const int32_t *positions,
                         int64_t tokens, int64_t capacity, int64_t heads, int64_t kv_heads,
                         int64_t size, float scale) {
    int64_t last = 0;
    for (int64_t t = 0; t < tokens; t++)
        if (positions[t] > last) last = positions[t];
    const int64_t pairs = tokens * kv_heads;
    job job = {
        .o = o, .q = q, .keys = keys, .values = values, .type = type, .slots = slots,
        .positions = positions, .capacity = capacity, .kv_heads = kv_heads,
        .group = heads / kv_heads, .size = size, .scale = scale,
        .chunks = last / CK_CACHED_CHUNK + 1};
    const int64_t part = part_size(&job);

    /* Batches bound the scratch. */
    int64_t batch = ((int64_t)1 << 20) / (part * job.chunks);
    if (batch < 1) batch = 1;
    if (batch > pairs) batch = pairs;
    if (batch < 1) return;
    job.parts = (float *)ck_layer_scratch(sizeof(float) * (size_t)(batch * job.chunks * part));
    for (job.base = 0; job.base < pairs; job.base += batch) {
        job.pairs = pairs - job.base < batch ? pairs - job.base : batch;
        run(&job, attend_all, job.pairs * (last + 1) * job.group * size);
        run(&job, merge_all, job.pairs * job.chunks * job.group * size);
    }
}
