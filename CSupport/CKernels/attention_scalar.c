/* The oracle of the attention leaves: a query row at a time with all its scores, no online softmax.
 *
 *   s = scale q.k,  p = exp(s - lse),  o = sum p v
 *   dv += p do,  dp = do.v,  ds = p (dp - do.o) scale,  dq += ds k,  dk += ds q
 */
#include <math.h>

#include "layers.h"

static size_t prepared_bytes(const ck_attention_job *job, int32_t backward) {
    (void)job, (void)backward;
    return 0;
}

static size_t scratch_bytes(const ck_attention_job *job, int32_t backward, int64_t keys) {
    return sizeof(float) * (size_t)(backward ? 2 * keys * job->size : keys + job->size);
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

static void forward(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                    char *scratch) {
    const int64_t size = job->size, kv_head = head / (job->heads / job->kv_heads);
    const int64_t begin = block * CK_TILE;
    const int64_t end = begin + CK_TILE < sequence.length ? begin + CK_TILE : sequence.length;
    float *row = (float *)scratch, *scores = row + size;
    for (int64_t query = begin; query < end; query++) {
        const int64_t token = sequence.first + query;
        const int64_t q_start = (token * job->heads + head) * size;
        float top = -INFINITY, sum = 0;
        for (int64_t key = 0; key <= query; key++) {
            const int64_t k_start = ((sequence.first + key) * job->kv_heads + kv_head) * size;
            scores[key] = dot(job->q, q_start, job->k, k_start, job->type, size) * job->scale;
            if (scores[key] > top) top = scores[key];
        }
        memset(row, 0, sizeof(float) * (size_t)size);
        for (int64_t key = 0; key <= query; key++) {
            const int64_t v_start = ((sequence.first + key) * job->kv_heads + kv_head) * size;
            const float p = expf(scores[key] - top);
            sum += p;
            for (int64_t i = 0; i < size; i++) row[i] += p * ck_get(job->v, job->type, v_start + i);
        }
        for (int64_t i = 0; i < size; i++) ck_put(job->o, job->type, q_start + i, row[i] / sum);
        job->lse_out[token * job->heads + head] = top + logf(sum);
    }
}

static void backward(const ck_attention_job *job, const ck_backward_unit *unit, char *scratch) {
    const ck_sequence sequence = unit->sequence;
    const int64_t size = job->size, group = job->heads / job->kv_heads;
    const int64_t begin = unit->key_first * CK_TILE;
    const int64_t stop = unit->key_end * CK_TILE;
    const int64_t end = stop < sequence.length ? stop : sequence.length, keys = end - begin;
    const int64_t blocks = sequence.blocks - unit->key_first;
    float *dk = (float *)scratch, *dv = dk + keys * size;
    memset(dk, 0, sizeof(float) * (size_t)(2 * keys * size));
    memset(unit->tiles, 0, sizeof(float) * (size_t)(group * blocks * size * CK_TILE));
    for (int64_t member = 0; member < group; member++) {
        const int64_t head = unit->kv_head * group + member;
        for (int64_t query = begin; query < sequence.length; query++) {
            const int64_t token = sequence.first + query;
            const int64_t q_start = (token * job->heads + head) * size;
            const int64_t block = member * blocks + query / CK_TILE - unit->key_first;
            float *dq = unit->tiles + block * size * CK_TILE + query % CK_TILE;
            const float lse = job->lse[token * job->heads + head];
            const float mean = dot(job->dout, q_start, job->o_in, q_start, job->type, size);
            for (int64_t key = begin; key < end && key <= query; key++) {
                const int64_t row = (sequence.first + key) * job->kv_heads + unit->kv_head;
                const int64_t start = row * size;
                const float s = dot(job->q, q_start, job->k, start, job->type, size) * job->scale;
                const float p = expf(s - lse);
                const float dp = dot(job->dout, q_start, job->v, start, job->type, size);
                const float ds = p * (dp - mean) * job->scale;
                for (int64_t i = 0; i < size; i++) {
                    dv[(key - begin) * size + i] += p * ck_get(job->dout, job->type, q_start + i);
                    dk[(key - begin) * size + i] += ds * ck_get(job->q, job->type, q_start + i);
                    dq[i * CK_TILE] += ds * ck_get(job->k, job->type, start + i);
                }
            }
        }
    }
    for (int64_t key = 0; key < keys; key++)
        for (int64_t i = 0; i < size; i++) {
            const int64_t row = (sequence.first + begin + key) * job->kv_heads + unit->kv_head;
            ck_put(job->dk, job->type, row * size + i, dk[key * size + i]);
            ck_put(job->dv, job->type, row * size + i, dv[key * size + i]);
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
