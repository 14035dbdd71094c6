/* The oracle of the attention leaves: a query row at a time with all its scores, no online softmax.
 *
 *   s = scale q.k,  p = exp(s - lse),  o = sum p v
 *   dv += p do,  dp = do.v,  ds = p (dp - do.o) scale,  dq += ds k,  dk += ds q
 * With a soft cap c, s = c tanh(scale q.k / c), and ds has the factor 1 - (s / c)^2.
 */
#include <math.h>

#include "layers.h"

static size_t prepared_bytes(const ck_attention_job *job, int32_t backward) {
    (void)job, (void)backward;
    return 0;
}

static size_t scratch_bytes(const ck_attention_job *job, int32_t backward, int64_t keys) {
    return sizeof(float) * (size_t)(backward ? keys * (job->size + job->value_size)
                                              : keys + job->value_size);
}

static void prepare(const ck_attention_job *job, int32_t backward, ck_sequence sequence,
                    int64_t kv_head, int64_t block) {
    (void)job, (void)backward, (void)sequence, (void)kv_head, (void)block;
}

static float dot(const void *x, int64_t x_start, const void *y, int64_t y_start, ck_format type,
                 int64_t size) {
    float sum = 0;
    for (int64_t i = 0; i < size; i++)
        sum += ck_get(x, type, x_start + i) * ck_get(y, type, y_start + i);
    return sum;
}

/* Where head `head` of `heads` starts in the row of a token. */
static int64_t start_of(int64_t token, int64_t heads, int64_t head, int64_t size) {
    return (token * heads + head) * size;
}

static float score(const ck_attention_job *job, int64_t q_start, int64_t k_start) {
    const float s = dot(job->q, q_start, job->k, k_start, job->type, job->size) * job->scale;
    return job->soft_cap > 0 ? job->soft_cap * tanhf(s / job->soft_cap) : s;
}

static void forward(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                    char *scratch) {
    const int64_t size = job->size, value_size = job->value_size, kv_heads = job->kv_heads;
    const int64_t kv_head = head / (job->heads / job->kv_heads);
    const int64_t begin = block * CK_TILE;
    const int64_t end = begin + CK_TILE < sequence.length ? begin + CK_TILE : sequence.length;
    float *row = (float *)scratch, *scores = row + value_size;
    for (int64_t query = begin; query < end; query++) {
        const int64_t token = sequence.first + query, first = ck_first_seen(job->window, query);
        const int64_t q_start = start_of(token, job->heads, head, size);
        const int64_t o_start = start_of(token, job->heads, head, value_size);
        float top = -INFINITY, sum = 0;
        for (int64_t key = first; key <= query; key++) {
            scores[key] =
                score(job, q_start, start_of(sequence.first + key, kv_heads, kv_head, size));
            if (scores[key] > top) top = scores[key];
        }
        memset(row, 0, sizeof(float) * (size_t)value_size);
        for (int64_t key = first; key <= query; key++) {
            const int64_t v_start = start_of(sequence.first + key, kv_heads, kv_head, value_size);
            const float p = expf(scores[key] - top);
            sum += p;
            for (int64_t i = 0; i < value_size; i++)
                row[i] += p * ck_get(job->v, job->type, v_start + i);
        }
        for (int64_t i = 0; i < value_size; i++)
            ck_put(job->o, job->type, o_start + i, row[i] / sum);
        job->lse_out[token * job->heads + head] = top + logf(sum);
    }
}

static void backward(const ck_attention_job *job, const ck_backward_unit *unit, char *scratch) {
    const ck_sequence sequence = unit->sequence;
    const int64_t size = job->size, value_size = job->value_size;
    const int64_t group = job->heads / job->kv_heads;
    const int64_t begin = unit->key_first * CK_TILE;
    const int64_t stop = unit->key_end * CK_TILE;
    const int64_t end = stop < sequence.length ? stop : sequence.length, keys = end - begin;
    const int64_t blocks = unit->query_end - unit->key_first;
    const int64_t last = unit->query_end * CK_TILE;
    float *dk = (float *)scratch, *dv = dk + keys * size;
    memset(dk, 0, sizeof(float) * (size_t)(keys * (size + value_size)));
    memset(unit->tiles, 0, sizeof(float) * (size_t)(group * blocks * size * CK_TILE));
    for (int64_t member = 0; member < group; member++) {
        const int64_t head = unit->kv_head * group + member;
        for (int64_t query = begin; query < sequence.length && query < last; query++) {
            const int64_t token = sequence.first + query, seen = ck_first_seen(job->window, query);
            const int64_t q_start = start_of(token, job->heads, head, size);
            const int64_t o_start = start_of(token, job->heads, head, value_size);
            const int64_t block = member * blocks + query / CK_TILE - unit->key_first;
            float *dq = unit->tiles + block * size * CK_TILE + query % CK_TILE;
            const float lse = job->lse[token * job->heads + head];
            const float mean = dot(job->dout, o_start, job->o_in, o_start, job->type, value_size);
            for (int64_t key = begin > seen ? begin : seen; key < end && key <= query; key++) {
                const int64_t row = (sequence.first + key) * job->kv_heads + unit->kv_head;
                const int64_t start = row * size, v_start = row * value_size;
                const float s = score(job, q_start, start);
                const float p = expf(s - lse);
                const float dp = dot(job->dout, o_start, job->v, v_start, job->type, value_size);
                float ds = p * (dp - mean) * job->scale;
                if (job->soft_cap > 0) ds *= 1 - s / job->soft_cap * (s / job->soft_cap);
                for (int64_t i = 0; i < value_size; i++)
                    dv[(key - begin) * value_size + i] +=
                        p * ck_get(job->dout, job->type, o_start + i);
                for (int64_t i = 0; i < size; i++) {
                    dk[(key - begin) * size + i] += ds * ck_get(job->q, job->type, q_start + i);
                    dq[i * CK_TILE] += ds * ck_get(job->k, job->type, start + i);
                }
            }
        }
    }
    for (int64_t key = 0; key < keys; key++) {
        const int64_t row = (sequence.first + begin + key) * job->kv_heads + unit->kv_head;
        for (int64_t i = 0; i < size; i++)
            ck_put(job->dk, job->type, row * size + i, dk[key * size + i]);
        for (int64_t i = 0; i < value_size; i++)
            ck_put(job->dv, job->type, row * value_size + i, dv[key * value_size + i]);
    }
}

static void gather(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                   float *const *tiles, int64_t count) {
    const int64_t begin = block * CK_TILE, left = sequence.length - begin;
    for (int64_t query = 0; query < (left < CK_TILE ? left : CK_TILE); query++)
        for (int64_t i = 0; i < job->size; i++) {
            const int64_t row = (sequence.first + begin + query) * job->heads + head;
            float sum = 0;
            for (int64_t part = 0; part < count; part++) sum += tiles[part][i * CK_TILE + query];
            ck_put(job->dq, job->type, row * job->size + i, sum);
        }
}

const ck_attention_leaves ck_attention_scalar = {
    .prepared_bytes = prepared_bytes,
    .scratch_bytes = scratch_bytes,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .gather = gather,
};
