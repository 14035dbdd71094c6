/* The attention leaves in vectors of any width (after vector.h). CK_ATTENTION names the table.
 *
 * Everything is computed transposed: scores are [keys, queries], so that a vector holds one key's
 * scores for CK_WIDTH queries. Maxima, sums and rescaling of the online softmax then go lane by
 * lane, and the probabilities are at once the right-hand panel of the next product. With K', V'
 * rows and Q the queries:
 *   forward    S^T = K Q^T     O^T += V^T P^T
 *   backward   dP^T = V dO^T   dV += P^T dO   dK += dS^T Q   dQ^T += K^T dS^T
 */
#include "attention_products.h"

/* ---- Prepared key blocks: [rows of K][rows of V, backward][V^T forward, K^T backward] ---- */

static size_t prepared_bytes(const ck_attention_job *job, int32_t backward) {
    const size_t block = sizeof(operand) * (size_t)(CK_TILE * job->size);
    return block * (job->type == OPERAND_TYPE ? 1 : backward ? 3 : 2);
}

typedef struct {
    const operand *k, *v, *turned;
    int64_t stride;
} key_block;

static key_block find_block(const ck_attention_job *job, int32_t backward, ck_sequence sequence,
                            int64_t kv_head, int64_t block) {
    const int64_t token = sequence.first + block * CK_TILE, area = CK_TILE * job->size;
    const operand *prepared = (const operand *)ck_prepared(job, sequence, kv_head, block);
    if (job->type == OPERAND_TYPE)
        return (key_block){
            .k = (const operand *)row_of(job->k, job, token, job->kv_heads, kv_head),
            .v = (const operand *)row_of(job->v, job, token, job->kv_heads, kv_head),
            .turned = prepared,
            .stride = job->kv_heads * job->size};
    return (key_block){.k = prepared,
                       .v = prepared + area,
                       .turned = prepared + (backward ? 2 : 1) * area,
                       .stride = job->size};
}

static void prepare(const ck_attention_job *job, int32_t backward, ck_sequence sequence,
                    int64_t kv_head, int64_t block) {
    const int64_t stride = job->kv_heads * job->size, token = sequence.first + block * CK_TILE;
    const int64_t rows = least(CK_TILE, sequence.length - block * CK_TILE);
    const char *k = row_of(job->k, job, token, job->kv_heads, kv_head);
    const char *v = row_of(job->v, job, token, job->kv_heads, kv_head);
    operand *to = (operand *)ck_prepared(job, sequence, kv_head, block);
    if (job->type != OPERAND_TYPE) {
        widen_rows(to, k, job->type, stride, rows, job->size);
        to += CK_TILE * job->size;
        if (backward) {
            widen_rows(to, v, job->type, stride, rows, job->size);
            to += CK_TILE * job->size;
        }
    }
    turn_rows(to, backward ? k : v, job->type, stride, rows, job->size);
}

/* ---- Probabilities as operands ---- */

/* The lanes of column vector `column` whose query is not before `key` (both counted inside their
 * blocks). */
CK_INLINE vi seen(int64_t column, int64_t key) {
    vi lanes;
    for (int lane = 0; lane < CK_WIDTH; lane++) lanes[lane] = lane;
    return lanes + (int32_t)(column * CK_WIDTH) >= (int32_t)key + (vi){0};
}

/* Rows `key` and, for pairs, `key` + 1 (`second`) of a panel [keys / PAIR][CK_TILE][PAIR] and,
 * unless NULL, of a matrix [keys][CK_TILE]. A single row may be both. */
CK_INLINE void put_probabilities(operand *panel, operand *rows, int64_t key, int64_t column,
                                 vf first, vf second) {
    operand *to = panel + key * CK_TILE + column * CK_WIDTH * PAIR;
#if defined(CK_DOT_BF16) && defined(__x86_64__)
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    const __m512i order = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
        19, 3, 18, 2, 17, 1, 16, 0);
    if (panel) _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, both));
    if (!rows) return;
    rows += key * CK_TILE + column * CK_WIDTH;
    _mm256_storeu_si256((__m256i *)rows, _mm512_castsi512_si256(both));
    _mm256_storeu_si256((__m256i *)(rows + CK_TILE), _mm512_extracti64x4_epi64(both, 1));
#elif defined(CK_DOT_BF16)
    const uint16x4_t even = vreinterpret_u16_bf16(vcvt_bf16_f32((float32x4_t)first));
    const uint16x4_t odd = vreinterpret_u16_bf16(vcvt_bf16_f32((float32x4_t)second));
    const uint16x4x2_t both = {{even, odd}};
    if (panel) vst2_u16(to, both);
    if (!rows) return;
    rows += key * CK_TILE + column * CK_WIDTH;
    vst1_u16(rows, even);
    vst1_u16(rows + CK_TILE, odd);
#else
    (void)second;
    if (panel) store(to, first);
    if (rows) store(rows + key * CK_TILE + column * CK_WIDTH, first);
#endif
}

/* ---- Forward ---- */

static size_t scratch_bytes(const ck_attention_job *job, int32_t backward, int64_t keys) {
    const size_t size = (size_t)job->size, columns = (size_t)whole(job->size, CK_WIDTH);
    const size_t tile = CK_TILE * CK_TILE;
    if (!backward)
        return sizeof(operand) * (2 * CK_TILE * size + tile) + 4 * (tile + CK_TILE * size);
    return sizeof(operand) * (3 * CK_TILE * size + 2 * CK_TILE * columns + 3 * tile) +
           4 * (2 * tile + 2 * (size_t)keys * columns);
}

/* One step of the online softmax: scores [keys, queries] become the panel of probabilities; top
 * (unscaled maxima), sum and factor (of the rows so far) are updated. `exponent` is scale *
 * log2(e). */
CK_INLINE void soften(operand *panel, float *top, float *sum, float *factor, const float *scores,
                      int64_t keys, float exponent, int diagonal) {
    const vf hidden = splat(-INFINITY);
    for (int64_t column = 0; column < COLUMNS; column++) {
        const float *from = scores + column * CK_WIDTH;
        vf most[4];
        for (int part = 0; part < 4; part++) most[part] = load(top + column * CK_WIDTH);
        const vf before = most[0];
        /* Keys from `some` on are after all queries of this column. */
        const int64_t some = diagonal ? least(keys, (column + 1) * CK_WIDTH) : keys;
        for (int64_t key = 0; key < some; key++) {
            vf s = load(from + key * CK_TILE);
            if (diagonal) s = pick(seen(column, key), s, hidden);
            most[key & 3] = larger(s, most[key & 3]);
        }
        const vf now = larger(larger(most[0], most[1]), larger(most[2], most[3]));
        const vf limit = now * exponent, kept = power2(before * exponent - limit);
        vf sums[2] = {{0}};
        for (int64_t key = some; key < keys; key += PAIR)
            put_probabilities(panel, NULL, key, column, (vf){0}, (vf){0});
        for (int64_t key = 0; key < some; key += PAIR) {
            vf p[2] = {{0}};
            for (int part = 0; part < PAIR && key + part < some; part++) {
                p[part] = power2(load(from + (key + part) * CK_TILE) * exponent - limit);
                if (diagonal) p[part] = pick(seen(column, key + part), p[part], (vf){0});
                sums[part] += p[part];
            }
            put_probabilities(panel, NULL, key, column, p[0], p[1]);
        }
        store(top + column * CK_WIDTH, now);
        store(factor + column * CK_WIDTH, kept);
        store(sum + column * CK_WIDTH, load(sum + column * CK_WIDTH) * kept + (sums[0] + sums[1]));
    }
}

/* Rows of the storage type from a transposed tile [size][CK_TILE] of floats, four at a time. */
static void put_turned(const ck_attention_job *job, void *to, int64_t token, int64_t head,
                       int64_t rows, const float *tile) {
    float strip[4 * CK_MOST_SIZE];
    for (int64_t start = 0; start < rows; start += 4) {
        transpose((word *)strip, job->size, (const word *)tile + start, CK_TILE, job->size,
                  4);
        for (int64_t r = 0; r < 4 && start + r < rows; r++) {
            char *row = (char *)row_of(to, job, token + start + r, job->heads, head);
            int64_t left = job->size;
            for (int64_t i = 0; i < job->size; i += CK_WIDTH, left -= CK_WIDTH)
                put(row, job->type, i, fetch(strip + r * job->size, CK_F32, i, left), left);
        }
    }
}

static void forward(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                    char *scratch) {
    const int64_t size = job->size, kv_head = head / (job->heads / job->kv_heads);
    const int64_t token = sequence.first + block * CK_TILE;
    const int64_t queries = least(CK_TILE, sequence.length - block * CK_TILE);
    const float exponent = job->scale * 1.44269504088896341f;
    float *scores = (float *)scratch, *output = scores + CK_TILE * CK_TILE;
    operand *query = (operand *)(output + CK_TILE * size);
    operand *rows_of = query + CK_TILE * size, *panel = rows_of + CK_TILE * size;
    float top[CK_TILE], sum[CK_TILE], factor[CK_TILE];
    for (int64_t i = 0; i < CK_TILE; i++) top[i] = -INFINITY, sum[i] = 0;
    pack_across(query, rows_of, row_of(job->q, job, token, job->heads, head), job->type,
                job->heads * size, queries, size);
    for (int64_t j = 0; j <= block; j++) {
        const key_block keys = find_block(job, 0, sequence, kv_head, j);
        const int64_t count = least(CK_TILE, sequence.length - j * CK_TILE);
        multiply_scores(scores, keys.k, keys.stride, query, count, size, j == block);
        if (j < block)
            soften(panel, top, sum, factor, scores, CK_TILE, exponent, 0);
        else
            soften(panel, top, sum, factor, scores, count, exponent, 1);
        multiply_queries(output, keys.turned, panel, size, count, j ? ADD : SET,
                         j ? factor : NULL, j == block);
    }
    for (int64_t i = 0; i < queries; i++) {
        const int64_t index = (token + i) * job->heads + head;
        job->lse_out[index] = top[i] * job->scale + logf(sum[i]);
    }
    for (int64_t column = 0; column < COLUMNS; column++)
        store(factor + column * CK_WIDTH, 1.0f / load(sum + column * CK_WIDTH));
    for (int64_t i = 0; i < size; i++)
        for (int64_t column = 0; column < COLUMNS; column++) {
            float *at = output + i * CK_TILE + column * CK_WIDTH;
            store(at, load(at) * load(factor + column * CK_WIDTH));
        }
    put_turned(job, job->o, token, head, queries, output);
}

/* ---- Backward ---- */

/* Scores and dP [keys, queries] become P and dS (rows) and, for pairs, dS as a panel. */
CK_INLINE void differentiate(operand *p_rows, operand *ds_rows, operand *ds_panel,
                             const float *scores, const float *dp, const float *lse,
                             const float *mean, int64_t keys, float scale, int diagonal) {
    const float exponent = scale * 1.44269504088896341f;
    for (int64_t key = 0; key < keys; key += PAIR)
        for (int64_t column = 0; column < COLUMNS; column++) {
            const vf limit = load(lse + column * CK_WIDTH), d = load(mean + column * CK_WIDTH);
            vf p[2] = {{0}}, ds[2] = {{0}};
            for (int part = 0; part < PAIR && key + part < keys; part++) {
                const int64_t at = (key + part) * CK_TILE + column * CK_WIDTH;
                p[part] = power2(load(scores + at) * exponent - limit);
                if (diagonal) p[part] = pick(seen(column, key + part), p[part], (vf){0});
                ds[part] = (load(dp + at) * scale - d) * p[part];
            }
            put_probabilities(NULL, p_rows, key, column, p[0], p[1]);
            put_probabilities(ds_panel, PAIR > 1 ? ds_rows : NULL, key, column, ds[0], ds[1]);
        }
}

/* For each query of a block: lse * log2(e) and (do.o) * scale; beyond the queries +inf and 0. */
static void find_means(float *lse, float *mean, const ck_attention_job *job, int64_t token,
                       int64_t head, int64_t queries) {
    for (int64_t i = 0; i < CK_TILE; i++) {
        lse[i] = INFINITY;
        mean[i] = 0;
        if (i >= queries) continue;
        const char *o = row_of(job->o_in, job, token + i, job->heads, head);
        const char *d = row_of(job->dout, job, token + i, job->heads, head);
        vf sum = {0};
        int64_t left = job->size;
        for (int64_t n = 0; n < job->size; n += CK_WIDTH, left -= CK_WIDTH)
            sum += fetch(o, job->type, n, left) * fetch(d, job->type, n, left);
        mean[i] = total(sum) * job->scale;
        lse[i] = job->lse[(token + i) * job->heads + head] * 1.44269504088896341f;
    }
}

static void backward(const ck_attention_job *job, const ck_backward_unit *unit, char *scratch) {
    const ck_sequence sequence = unit->sequence;
    const int64_t size = job->size, columns = whole(size, CK_WIDTH), stride = job->heads * size;
    const int64_t group = job->heads / job->kv_heads, first = unit->key_first;
    const int64_t tile = CK_TILE * CK_TILE;
    const int64_t held = (unit->key_end - first) * CK_TILE * columns;
    float *scores = (float *)scratch, *dp = scores + tile, *dk = dp + tile, *dv = dk + held;
    operand *q_across = (operand *)(dv + held), *d_across = q_across + CK_TILE * size;
    operand *rows_of = d_across + CK_TILE * size, *q_along = rows_of + CK_TILE * size;
    operand *d_along = q_along + CK_TILE * columns, *p_rows = d_along + CK_TILE * columns;
    operand *ds_rows = p_rows + tile, *ds_panel = PAIR > 1 ? ds_rows + tile : ds_rows;
    float lse[CK_TILE], mean[CK_TILE];
    memset(dk, 0, sizeof(float) * (size_t)(2 * held));

    float *dq = unit->tiles;
    for (int64_t head = unit->kv_head * group; head < (unit->kv_head + 1) * group; head++)
        for (int64_t i = first; i < sequence.blocks; i++, dq += size * CK_TILE) {
            const int64_t token = sequence.first + i * CK_TILE;
            const int64_t queries = least(CK_TILE, sequence.length - i * CK_TILE);
            const char *q = row_of(job->q, job, token, job->heads, head);
            const char *d = row_of(job->dout, job, token, job->heads, head);
            pack_across(q_across, rows_of, q, job->type, stride, queries, size);
            pack_across(d_across, rows_of, d, job->type, stride, queries, size);
            pack_along(q_along, q, job->type, stride, queries, size);
            pack_along(d_along, d, job->type, stride, queries, size);
            find_means(lse, mean, job, token, head, queries);
            for (int64_t j = first; j <= i && j < unit->key_end; j++) {
                const key_block keys = find_block(job, 1, sequence, unit->kv_head, j);
                const int64_t count = least(CK_TILE, sequence.length - j * CK_TILE);
                const int64_t at = (j - first) * CK_TILE * columns, depth = whole(queries, PAIR);
                multiply_scores(scores, keys.k, keys.stride, q_across, count, size, j == i);
                multiply_scores(dp, keys.v, keys.stride, d_across, count, size, j == i);
                if (j < i)
                    differentiate(p_rows, ds_rows, ds_panel, scores, dp, lse, mean, CK_TILE,
                                  job->scale, 0);
                else
                    differentiate(p_rows, ds_rows, ds_panel, scores, dp, lse, mean, count,
                                  job->scale, 1);
                multiply_keys(dv + at, p_rows, d_along, count, columns, depth, j == i);
                multiply_keys(dk + at, ds_rows, q_along, count, columns, depth, j == i);
                multiply_queries(dq, keys.turned, ds_panel, size, count, j > first ? ADD : SET,
                                 NULL, j == i);
            }
        }

    const int64_t end = least(unit->key_end * CK_TILE, sequence.length);
    for (int64_t key = first * CK_TILE; key < end; key++) {
        const int64_t token = sequence.first + key, at = (key - first * CK_TILE) * columns;
        char *dk_row = (char *)row_of(job->dk, job, token, job->kv_heads, unit->kv_head);
        char *dv_row = (char *)row_of(job->dv, job, token, job->kv_heads, unit->kv_head);
        int64_t left = size;
        for (int64_t i = 0; i < size; i += CK_WIDTH, left -= CK_WIDTH) {
            put(dk_row, job->type, i, load(dk + at + i), left);
            put(dv_row, job->type, i, load(dv + at + i), left);
        }
    }
}

static void gather(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                   float *const *tiles, int64_t count) {
    float *sum = tiles[0];
    for (int64_t part = 1; part < count; part++)
        for (int64_t i = 0; i < job->size * CK_TILE; i += CK_WIDTH)
            store(sum + i, load(sum + i) + load(tiles[part] + i));
    put_turned(job, job->dq, sequence.first + block * CK_TILE, head,
               least(CK_TILE, sequence.length - block * CK_TILE), sum);
}

const ck_attention_leaves CK_ATTENTION = {
    .prepared_bytes = prepared_bytes,
    .scratch_bytes = scratch_bytes,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .gather = gather,
};
