/* Attention over a key-value cache, for generation: every token sees the positions of its slot up
 * to its own. The context is cut into chunks of CK_CACHED_CHUNK positions (so that one token keeps
 * all threads busy); a unit is one chunk of one token and key-value head, for the whole group of
 * query heads. Parts are merged in order: with tops t, sums s, rows o,
 *   o = sum_c exp(t_c - t) o_c / sum_c exp(t_c - t) s_c,   t = max_c t_c.
 */
#include <math.h>

#include "layers.h"

void ck_attention_cached(void *o, const void *q, const void *keys, const void *values,
                         ck_format type, const int32_t *slots, const int32_t *positions,
                         int64_t tokens, int64_t capacity, int64_t heads, int64_t kv_heads,
                         int64_t size, float scale) {
    const ck_layer_leaves *leaf = ck_layers();
    const int64_t group = heads / kv_heads, stride = kv_heads * size;
    const size_t element = ck_element_bytes(type);
    int64_t last = 0;
    for (int64_t t = 0; t < tokens; t++)
        if (positions[t] > last) last = positions[t];
    const int64_t chunks = last / CK_CACHED_CHUNK + 1, pairs = tokens * kv_heads;

    /* A part is [group] tops, [group] sums, [group, size] rows. Batches bound the scratch. */
    const int64_t part = group * (size + 2);
    int64_t batch = ((int64_t)1 << 20) / (part * chunks);
    if (batch < 1) batch = 1;
    if (batch > pairs) batch = pairs;
    if (batch < 1) return;
    float *parts = (float *)ck_layer_scratch(sizeof(float) * (size_t)(batch * chunks * part));

    for (int64_t base = 0; base < pairs; base += batch) {
        const int64_t here = pairs - base < batch ? pairs - base : batch;
        /* Some 10 microseconds: waking and joining threads twice costs a few. */
        const int32_t parallel = here * (last + 1) * group * size > 262144;
#pragma omp parallel num_threads(ck_threads()) if (parallel)
        {
#pragma omp for schedule(static, 1)
            for (int64_t unit = 0; unit < here * chunks; unit++) {
                const int64_t pair = base + unit / chunks, chunk = unit % chunks;
                const int64_t token = pair / kv_heads, kv_head = pair % kv_heads;
                const int64_t first = chunk * CK_CACHED_CHUNK;
                const int64_t left = positions[token] + 1 - first;
                if (left <= 0) continue;
                float *tops = parts + unit * part;
                const int64_t row = (slots[token] * capacity + first) * kv_heads + kv_head;
                const size_t start = element * (size_t)(row * size);
                const size_t q_start = element * (size_t)(pair * group * size);
                leaf->attend_cached(
                    tops + 2 * group, tops, tops + group, (const char *)q + q_start,
                    (const char *)keys + start, (const char *)values + start, type, group,
                    left < CK_CACHED_CHUNK ? left : CK_CACHED_CHUNK, stride, size, scale);
            }
#pragma omp for schedule(static)
            for (int64_t unit = 0; unit < here * group; unit++) {
                const int64_t pair = base + unit / group, member = unit % group;
                const int64_t used = positions[pair / kv_heads] / CK_CACHED_CHUNK + 1;
                float *first = parts + unit / group * chunks * part;
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
                    ck_put(o, type, (pair * group + member) * size + i, row[i] / sum);
            }
        }
    }
}
