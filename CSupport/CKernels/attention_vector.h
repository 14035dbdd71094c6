/* The attention leaves in vectors of any width (after vector.h). CK_ATTENTION names the table.
 *
 * Everything is computed transposed: scores are [keys, queries], so that a vector holds one key's
 * scores for CK_WIDTH queries. Maxima, sums and rescaling of the online softmax then go lane by
 * lane, and the probabilities are at once the right-hand panel of the next product. With K', V'
 * rows and Q the queries:
 *   forward    S^T = K Q^T     O^T += V^T P^T
 *   backward   dP^T = V dO^T   dV += P^T dO   dK += dS^T Q   dQ^T += K^T dS^T
 *
 * With a soft cap c the scores become t = tanh(scale S / c) in place, and c is the scale from there
 * on; dS then has the factor 1 - t^2.
 */
#include "attention_products.h"

/* ---- Prepared key blocks: [rows of K][rows of V, backward][V^T forward, K^T backward] ---- */

static size_t prepared_bytes(const ck_attention_job *job, int32_t backward) {
    const size_t size = (size_t)job->size, value_size = (size_t)job->value_size;
    const size_t rows = job->type == OPERAND_TYPE ? 0 : backward ? size + value_size : size;
    return sizeof(operand) * CK_TILE * (rows + (backward ? size : value_size));
}

typedef struct {
    const operand *k, *v, *turned;
    int64_t k_stride, v_stride;
} key_block;

static key_block find_block(const ck_attention_job *job, int32_t backward, ck_sequence sequence,
                            int64_t kv_head, int64_t block) {
    const int64_t token = sequence.first + block * CK_TILE;
    const int64_t size = job->size, value_size = job->value_size, heads = job->kv_heads;
    const operand *prepared = (const operand *)ck_prepared(job, sequence, kv_head, block);
    if (job->type == OPERAND_TYPE)
        return (key_block){
            .k = (const operand *)row_of(job->k, job->type, token, heads, kv_head, size),
            .v = (const operand *)row_of(job->v, job->type, token, heads, kv_head, value_size),
            .turned = prepared,
            .k_stride = heads * size,
            .v_stride = heads * value_size};
    return (key_block){.k = prepared,
                       .v = prepared + CK_TILE * size,
                       .turned = prepared + CK_TILE * (size + (backward ? value_size : 0)),
                       .k_stride = size,
                       .v_stride = value_size};
}

static void prepare(const ck_attention_job *job, int32_t backward, ck_sequence sequence,
                    int64_t kv_head, int64_t block) {
    const int64_t size = job->size, value_size = job->value_size, heads = job->kv_heads;
    const int64_t token = sequence.first + block * CK_TILE;
    const int64_t rows = least(CK_TILE, sequence.length - block * CK_TILE);
    const char *k = row_of(job->k, job->type, token, heads, kv_head, size);
    const char *v = row_of(job->v, job->type, token, heads, kv_head, value_size);
    operand *to = (operand *)ck_prepared(job, sequence, kv_head, block);
    if (job->type != OPERAND_TYPE) {
        widen_rows(to, k, job->type, heads * size, rows, size);
        to += CK_TILE * size;
        if (backward) {
            widen_rows(to, v, job->type, heads * value_size, rows, value_size);
            to += CK_TILE * value_size;
        }
    }
    if (backward)
        turn_rows(to, k, job->type, heads * size, rows, size);
    else
        turn_rows(to, v, job->type, heads * value_size, rows, value_size);
}

/* ---- What a query sees of a tile ---- */

/* Everything; the keys up to it; of those, the keys of its window. */
enum { WHOLE, DIAGONAL, CUT };

/* A tile whose queries begin `ahead` positions after its keys. */
typedef struct {
    int64_t ahead, window;
} tile_view;

/* The first key block that queries of block `block` see. */
static inline int64_t first_block(const ck_attention_job *job, int64_t block) {
    return ck_first_seen(job->window, block * CK_TILE) / CK_TILE;
}

static inline tile_view view_of(const ck_attention_job *job, int64_t block, int64_t key_block) {
    return (tile_view){(block - key_block) * CK_TILE, job->window};
}

static inline int is_cut(tile_view view) {
    return view.window && view.ahead + CK_TILE > view.window;
}

/* The lanes of column vector `column` whose query sees `key` (both counted inside their blocks). */
CK_INLINE vi seen(int64_t column, int64_t key, int kind, tile_view view) {
    vi lanes;
    for (int lane = 0; lane < CK_WIDTH; lane++) lanes[lane] = lane;
    if (kind == DIAGONAL) return lanes + (int32_t)(column * CK_WIDTH) >= (int32_t)key + (vi){0};
    const vi distance = lanes + (int32_t)(column * CK_WIDTH + view.ahead - key);
    return (distance >= (vi){0}) & (distance < (int32_t)view.window + (vi){0});
}

/* Turns scores [keys, queries] into the tanh of factor times them, but for the diagonal's
 * quarter. */
static void cap_scores(float *scores, int64_t keys, float factor, int diagonal) {
    for (int64_t key = 0; key < keys; key++)
        for (int64_t i = diagonal && key >= HALF ? HALF : 0; i < CK_TILE; i += CK_WIDTH) {
            float *at = scores + key * CK_TILE + i;
            store(at, hyperbolic_tangent(load(at) * factor));
        }
}

/* ---- Probabilities as operands ---- */

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
    const size_t size = (size_t)job->size, value_size = (size_t)job->value_size;
    const size_t columns = (size_t)(whole(job->size, CK_WIDTH) + whole(job->value_size, CK_WIDTH));
    const size_t larger_size = size > value_size ? size : value_size;
    const size_t tile = CK_TILE * CK_TILE;
    if (!backward)
        return sizeof(operand) * (2 * CK_TILE * size + tile) + 4 * (tile + CK_TILE * value_size);
    return sizeof(operand) * (CK_TILE * (size + value_size + larger_size + columns) + 3 * tile) +
           4 * (2 * tile + (size_t)keys * columns);
}

/* One step of the online softmax: scores [keys, queries] become the panel of probabilities; top
 * (unscaled maxima), sum and factor (of the rows so far) are updated. `exponent` is scale *
 * log2(e). Where the first tile of a query is CUT to nothing, its top is a large negative
 * number. */
CK_INLINE void soften(operand *panel, float *top, float *sum, float *factor, const float *scores,
                      int64_t keys, float exponent, int kind, tile_view view) {
    const vf hidden = splat(-INFINITY);
    for (int64_t column = 0; column < COLUMNS; column++) {
        const float *from = scores + column * CK_WIDTH;
        vf most[4];
        for (int part = 0; part < 4; part++) most[part] = load(top + column * CK_WIDTH);
        const vf before = most[0];
        /* Keys from `some` on are after all queries of this column, those before `first` have left
         * the windows of all. */
        int64_t some = keys, first = 0;
        if (kind == DIAGONAL) some = least(keys, (column + 1) * CK_WIDTH);
        if (kind == CUT) {
            some = least(keys, (column + 1) * CK_WIDTH + view.ahead);
            first = column * CK_WIDTH + view.ahead - view.window + 1;
            first = first < 0 ? 0 : least(first, some) / PAIR * PAIR;
            for (int64_t key = 0; key < first; key += PAIR)
                put_probabilities(panel, NULL, key, column, (vf){0}, (vf){0});
        }
        for (int64_t key = first; key < some; key++) {
            vf s = load(from + key * CK_TILE);
            if (kind != WHOLE) s = pick(seen(column, key, kind, view), s, hidden);
            most[key & 3] = larger(s, most[key & 3]);
        }
        vf now = larger(larger(most[0], most[1]), larger(most[2], most[3]));
        if (kind == CUT) now = larger(now, splat(-1e30f));
        const vf limit = now * exponent, kept = power2(before * exponent - limit);
        vf sums[2] = {{0}};
        for (int64_t key = some; key < keys; key += PAIR)
            put_probabilities(panel, NULL, key, column, (vf){0}, (vf){0});
        for (int64_t key = first; key < some; key += PAIR) {
            vf p[2] = {{0}};
            for (int part = 0; part < PAIR && key + part < some; part++) {
                p[part] = power2(load(from + (key + part) * CK_TILE) * exponent - limit);
                if (kind != WHOLE)
                    p[part] = pick(seen(column, key + part, kind, view), p[part], (vf){0});
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
                       int64_t size, int64_t rows, const float *tile) {
    float strip[4 * CK_MOST_SIZE];
    for (int64_t start = 0; start < rows; start += 4) {
        transpose((word *)strip, size, (const word *)tile + start, CK_TILE, size, 4);
        for (int64_t r = 0; r < 4 && start + r < rows; r++) {
            const int64_t at = token + start + r;
            char *row = (char *)row_of(to, job->type, at, job->heads, head, size);
            int64_t left = size;
            for (int64_t i = 0; i < size; i += CK_WIDTH, left -= CK_WIDTH)
                put(row, job->type, i, fetch(strip + r * size, CK_F32, i, left), left);
        }
    }
}

static void forward(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                    char *scratch) {
    const int64_t size = job->size, value_size = job->value_size;
    const int64_t kv_head = head / (job->heads / job->kv_heads), first = first_block(job, block);
    const int64_t token = sequence.first + block * CK_TILE;
    const int64_t queries = least(CK_TILE, sequence.length - block * CK_TILE);
    const float scale = job->soft_cap > 0 ? job->soft_cap : job->scale;
    const float exponent = scale * 1.44269504088896341f;
    float *scores = (float *)scratch, *output = scores + CK_TILE * CK_TILE;
    operand *query = (operand *)(output + CK_TILE * value_size);
    operand *rows_of = query + CK_TILE * size, *panel = rows_of + CK_TILE * size;
    float top[CK_TILE], sum[CK_TILE], factor[CK_TILE];
    for (int64_t i = 0; i < CK_TILE; i++) top[i] = -INFINITY, sum[i] = 0;
    pack_across(query, rows_of, row_of(job->q, job->type, token, job->heads, head, size),
                job->type, job->heads * size, queries, size);
    for (int64_t j = first; j <= block; j++) {
        const key_block keys = find_block(job, 0, sequence, kv_head, j);
        const tile_view view = view_of(job, block, j);
        const int64_t count = least(CK_TILE, sequence.length - j * CK_TILE);
        multiply_scores(scores, keys.k, keys.k_stride, query, count, size, j == block);
        if (job->soft_cap > 0)
            cap_scores(scores, count, job->scale / job->soft_cap, j == block);
        if (is_cut(view))
            soften(panel, top, sum, factor, scores, count, exponent, CUT, view);
        else if (j < block)
            soften(panel, top, sum, factor, scores, CK_TILE, exponent, WHOLE, view);
        else
            soften(panel, top, sum, factor, scores, count, exponent, DIAGONAL, view);
        multiply_queries(output, keys.turned, panel, value_size, count, j > first ? ADD : SET,
                         j > first ? factor : NULL, j == block);
    }
    for (int64_t i = 0; i < queries; i++) {
        const int64_t index = (token + i) * job->heads + head;
        job->lse_out[index] = top[i] * scale + logf(sum[i]);
    }
    for (int64_t column = 0; column < COLUMNS; column++)
        store(factor + column * CK_WIDTH, 1.0f / load(sum + column * CK_WIDTH));
    for (int64_t i = 0; i < value_size; i++)
        for (int64_t column = 0; column < COLUMNS; column++) {
            float *at = output + i * CK_TILE + column * CK_WIDTH;
            store(at, load(at) * load(factor + column * CK_WIDTH));
        }
    put_turned(job, job->o, token, head, value_size, queries, output);
}

/* ---- Backward ---- */

/* Scores and dP [keys, queries] become P and dS (rows) and, for pairs, dS as a panel. If `capped`
 * scores are tanh values, and `cap` scales them; dS has the `scale` of the products either way. */
CK_INLINE void differentiate(operand *p_rows, operand *ds_rows, operand *ds_panel,
                             const float *scores, const float *dp, const float *lse,
                             const float *mean, int64_t keys, float scale, int kind,
                             tile_view view, int capped, float cap) {
    const float exponent = (capped ? cap : scale) * 1.44269504088896341f;
    for (int64_t key = 0; key < keys; key += PAIR)
        for (int64_t column = 0; column < COLUMNS; column++) {
            const vf limit = load(lse + column * CK_WIDTH), d = load(mean + column * CK_WIDTH);
            vf p[2] = {{0}}, ds[2] = {{0}};
            for (int part = 0; part < PAIR && key + part < keys; part++) {
                const int64_t at = (key + part) * CK_TILE + column * CK_WIDTH;
                const vf s = load(scores + at);
                p[part] = power2(s * exponent - limit);
                if (kind != WHOLE)
                    p[part] = pick(seen(column, key + part, kind, view), p[part], (vf){0});
                ds[part] = (load(dp + at) * scale - d) * p[part];
                if (capped) ds[part] *= 1.0f - s * s;
            }
            put_probabilities(NULL, p_rows, key, column, p[0], p[1]);
            put_probabilities(ds_panel, PAIR > 1 ? ds_rows : NULL, key, column, ds[0], ds[1]);
        }
}

/* differentiate, with the constants of the tile at hand. */
CK_INLINE void differentiate_tile(operand *p_rows, operand *ds_rows, operand *ds_panel,
                                  const float *scores, const float *dp, const float *lse,
                                  const float *mean, int64_t keys, const ck_attention_job *job,
                                  int diagonal, tile_view view, int capped) {
    const float scale = job->scale, cap = job->soft_cap;
    if (is_cut(view))
        differentiate(p_rows, ds_rows, ds_panel, scores, dp, lse, mean, keys, scale, CUT, view,
                      capped, cap);
    else if (!diagonal)
        differentiate(p_rows, ds_rows, ds_panel, scores, dp, lse, mean, CK_TILE, scale, WHOLE,
                      view, capped, cap);
    else
        differentiate(p_rows, ds_rows, ds_panel, scores, dp, lse, mean, keys, scale, DIAGONAL,
                      view, capped, cap);
}

/* For each query of a block: lse * log2(e) and (do.o) * scale; beyond the queries +inf and 0. */
static void find_means(float *lse, float *mean, const ck_attention_job *job, int64_t token,
                       int64_t head, int64_t queries) {
    for (int64_t i = 0; i < CK_TILE; i++) {
        lse[i] = INFINITY;
        mean[i] = 0;
        if (i >= queries) continue;
        const int64_t size = job->value_size;
        const char *o = row_of(job->o_in, job->type, token + i, job->heads, head, size);
        const char *d = row_of(job->dout, job->type, token + i, job->heads, head, size);
        vf sum = {0};
        int64_t left = size;
        for (int64_t n = 0; n < size; n += CK_WIDTH, left -= CK_WIDTH)
            sum += fetch(o, job->type, n, left) * fetch(d, job->type, n, left);
        mean[i] = total(sum) * job->scale;
        lse[i] = job->lse[(token + i) * job->heads + head] * 1.44269504088896341f;
    }
}

/* One row of dk or dv, from floats with room for a whole last vector. */
static void put_row(void *to, const ck_attention_job *job, int64_t token, int64_t kv_head,
                    int64_t size, const float *from) {
    char *row = (char *)row_of(to, job->type, token, job->kv_heads, kv_head, size);
    int64_t left = size;
    for (int64_t i = 0; i < size; i += CK_WIDTH, left -= CK_WIDTH)
        put(row, job->type, i, load(from + i), left);
}

static void backward(const ck_attention_job *job, const ck_backward_unit *unit, char *scratch) {
    const ck_sequence sequence = unit->sequence;
    const int64_t size = job->size, value_size = job->value_size, heads = job->heads;
    const int64_t columns = whole(size, CK_WIDTH), value_columns = whole(value_size, CK_WIDTH);
    const int64_t group = job->heads / job->kv_heads, first = unit->key_first;
    const int64_t tile = CK_TILE * CK_TILE;
    const int64_t held = (unit->key_end - first) * CK_TILE;
    float *scores = (float *)scratch, *dp = scores + tile, *dk = dp + tile;
    float *dv = dk + held * columns;
    operand *q_across = (operand *)(dv + held * value_columns);
    operand *d_across = q_across + CK_TILE * size, *rows_of = d_across + CK_TILE * value_size;
    operand *q_along = rows_of + CK_TILE * (size > value_size ? size : value_size);
    operand *d_along = q_along + CK_TILE * columns, *p_rows = d_along + CK_TILE * value_columns;
    operand *ds_rows = p_rows + tile, *ds_panel = PAIR > 1 ? ds_rows + tile : ds_rows;
    float lse[CK_TILE], mean[CK_TILE];
    memset(dk, 0, sizeof(float) * (size_t)(held * (columns + value_columns)));

    float *dq = unit->tiles;
    for (int64_t head = unit->kv_head * group; head < (unit->kv_head + 1) * group; head++)
        for (int64_t i = first; i < unit->query_end; i++, dq += size * CK_TILE) {
            const int64_t token = sequence.first + i * CK_TILE;
            const int64_t queries = least(CK_TILE, sequence.length - i * CK_TILE);
            const int64_t seen_from = first_block(job, i);
            const int64_t from = first > seen_from ? first : seen_from;
            const char *q = row_of(job->q, job->type, token, heads, head, size);
            const char *d = row_of(job->dout, job->type, token, heads, head, value_size);
            pack_across(q_across, rows_of, q, job->type, heads * size, queries, size);
            pack_across(d_across, rows_of, d, job->type, heads * value_size, queries, value_size);
            pack_along(q_along, q, job->type, heads * size, queries, size);
            pack_along(d_along, d, job->type, heads * value_size, queries, value_size);
            find_means(lse, mean, job, token, head, queries);
            for (int64_t j = from; j <= i && j < unit->key_end; j++) {
                const key_block keys = find_block(job, 1, sequence, unit->kv_head, j);
                const int64_t count = least(CK_TILE, sequence.length - j * CK_TILE);
                const tile_view view = view_of(job, i, j);
                const int64_t at = (j - first) * CK_TILE, depth = whole(queries, PAIR);
                multiply_scores(scores, keys.k, keys.k_stride, q_across, count, size, j == i);
                multiply_scores(dp, keys.v, keys.v_stride, d_across, count, value_size, j == i);
                if (job->soft_cap > 0) {
                    cap_scores(scores, count, job->scale / job->soft_cap, j == i);
                    differentiate_tile(p_rows, ds_rows, ds_panel, scores, dp, lse, mean, count,
                                       job, j == i, view, 1);
                } else {
                    differentiate_tile(p_rows, ds_rows, ds_panel, scores, dp, lse, mean, count,
                                       job, j == i, view, 0);
                }
                multiply_keys(dv + at * value_columns, p_rows, d_along, count, value_columns, depth,
                              j == i);
                multiply_keys(dk + at * columns, ds_rows, q_along, count, columns, depth, j == i);
                multiply_queries(dq, keys.turned, ds_panel, size, count, j > from ? ADD : SET,
                                 NULL, j == i);
            }
        }

    const int64_t end = least(unit->key_end * CK_TILE, sequence.length);
    for (int64_t key = first * CK_TILE; key < end; key++) {
        const int64_t token = sequence.first + key, at = key - first * CK_TILE;
        put_row(job->dk, job, token, unit->kv_head, size, dk + at * columns);
        put_row(job->dv, job, token, unit->kv_head, value_size, dv + at * value_columns);
    }
}

static void gather(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                   float *const *tiles, int64_t count) {
    float *sum = tiles[0];
    for (int64_t part = 1; part < count; part++)
        for (int64_t i = 0; i < job->size * CK_TILE; i += CK_WIDTH)
            store(sum + i, load(sum + i) + load(tiles[part] + i));
    put_turned(job, job->dq, sequence.first + block * CK_TILE, head, job->size,
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
