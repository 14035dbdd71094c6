/* The attention leaves in vectors of any width (after vector.h). CK_ATTENTION names the table.
 *
 * Everything is computed transposed: scores are [keys, queries], so that a vector holds one key's
 * scores for CK_WIDTH queries. Maxima, sums and rescaling of the online softmax then go lane by
 * lane, and the probabilities are at once the right-hand panel of the next product. With K', V'
 * rows and Q the queries:
 *   forward    S^T = K Q^T     O^T += V^T P^T
 *   backward   dP^T = V dO^T   dV += P^T dO   dK += dS^T Q   dQ^T += K^T dS^T
 * Left operands are rows (one broadcast a step), right operands panels [K / PAIR][columns][PAIR].
 *
 * Operands are bf16 in pairs for the dot product of AVX512-BF16 (CK_DOT_BF16), else float: blocks
 * of bf16 storage are then widened when they are prepared or packed. Sums are always fp32.
 */
#if defined(CK_DOT_BF16)
typedef uint16_t operand;
enum { PAIR = 2 };
#define OPERAND_TYPE CK_BF16
#else
typedef float operand;
enum { PAIR = 1 };
#define OPERAND_TYPE CK_F32
#endif

/* Register tile: ROWS x VECTORS accumulators. */
enum { ROWS = 6, VECTORS = CK_WIDTH == 8 ? 2 : 4, COLUMNS = CK_TILE / CK_WIDTH };

/* ---- Products ---- */

enum { SET, ADD };

CK_INLINE vf multiply_add(vf sum, const operand *a, vf b) {
#if defined(CK_DOT_BF16)
    int32_t pair;
    memcpy(&pair, a, sizeof pair);
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)b);
#else
    return *a * b + sum;
#endif
}

CK_INLINE vf load_operands(const operand *b) {
    vf v;
    memcpy(&v, b, sizeof v);
    return v;
}

CK_INLINE void register_tile(float *c, int64_t ldc, const operand *a, int64_t lda,
                             const operand *b, int64_t ldb, int64_t depth, int mode,
                             const float *factor, int rows, int vectors) {
    vf sum[ROWS][VECTORS];
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) {
            sum[r][n] = (vf){0};
            if (mode != SET) sum[r][n] = load(c + r * ldc + n * CK_WIDTH);
            if (factor) sum[r][n] *= load(factor + n * CK_WIDTH);
        }
    for (int64_t k = 0; k < depth; k += PAIR, b += ldb) {
        vf panel[VECTORS];
        for (int n = 0; n < vectors; n++) panel[n] = load_operands(b + n * CK_WIDTH * PAIR);
        for (int r = 0; r < rows; r++)
            for (int n = 0; n < vectors; n++)
                sum[r][n] = multiply_add(sum[r][n], a + r * lda + k, panel[n]);
    }
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) store(c + r * ldc + n * CK_WIDTH, sum[r][n]);
}

CK_INLINE void column_tile(float *c, int64_t ldc, const operand *a, int64_t lda, const operand *b,
                           int64_t ldb, int64_t rows, int64_t depth, int mode, const float *factor,
                           int vectors) {
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
        register_tile(c + r * ldc, ldc, a + r * lda, lda, b, ldb, depth, mode, factor, ROWS,
                      vectors);
    c += r * ldc;
    a += r * lda;
    switch (rows - r) {
    case 5: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 5, vectors); break;
    case 4: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 4, vectors); break;
    case 3: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 3, vectors); break;
    case 2: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 2, vectors); break;
    case 1: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 1, vectors); break;
    default: break;
    }
}

/* c [rows, columns] = a [rows, depth] . b, or (ADD) c * factor + that; factor [columns] or NULL
 * for 1. columns is a multiple of CK_WIDTH, depth one of PAIR; a step of the panel is ldb long. */
static void product(float *c, int64_t ldc, const operand *a, int64_t lda, const operand *b,
                    int64_t ldb, int64_t rows, int64_t columns, int64_t depth, int mode,
                    const float *factor) {
    int64_t n = 0;
    for (; n + VECTORS * CK_WIDTH <= columns; n += VECTORS * CK_WIDTH)
        column_tile(c + n, ldc, a, lda, b + n * PAIR, ldb, rows, depth, mode,
                    factor ? factor + n : NULL, VECTORS);
    for (; VECTORS > 2 && n + 2 * CK_WIDTH <= columns; n += 2 * CK_WIDTH)
        column_tile(c + n, ldc, a, lda, b + n * PAIR, ldb, rows, depth, mode,
                    factor ? factor + n : NULL, 2);
    for (; n < columns; n += CK_WIDTH)
        column_tile(c + n, ldc, a, lda, b + n * PAIR, ldb, rows, depth, mode,
                    factor ? factor + n : NULL, 1);
}

/* Tiles on the diagonal (query block = key block) with more than HALF keys leave out the quarter in
 * which the second half of the keys meets the first half of the queries: it is masked anyway. */
enum { HALF = CK_TILE / 2 };

/* scores [keys, queries] = a [keys, size] . b; the diagonal's quarter is left as it was. */
static void multiply_scores(float *scores, const operand *a, int64_t lda, const operand *b,
                            int64_t keys, int64_t size, int diagonal) {
    const int split = diagonal && keys > HALF;
    product(scores, CK_TILE, a, lda, b, CK_TILE * PAIR, split ? HALF : keys, CK_TILE, size, SET,
            NULL);
    if (split)
        product(scores + HALF * CK_TILE + HALF, CK_TILE, a + HALF * lda, lda, b + HALF * PAIR,
                CK_TILE * PAIR, keys - HALF, HALF, size, SET, NULL);
}

/* c [size, queries] (+)= a [size, keys] . b. */
static void multiply_queries(float *c, const operand *a, const operand *b, int64_t size,
                             int64_t keys, int mode, const float *factor, int diagonal) {
    const int64_t ld = CK_TILE * PAIR, depth = (keys + PAIR - 1) / PAIR * PAIR;
    if (!diagonal || keys <= HALF) {
        product(c, CK_TILE, a, CK_TILE, b, ld, size, CK_TILE, depth, mode, factor);
        return;
    }
    product(c, CK_TILE, a, CK_TILE, b, ld, size, HALF, HALF, mode, factor);
    product(c + HALF, CK_TILE, a, CK_TILE, b + HALF * PAIR, ld, size, HALF, depth, mode,
            factor ? factor + HALF : NULL);
}

/* c [keys, columns] += a [keys, queries] . b, `depth` queries. */
static void multiply_keys(float *c, const operand *a, const operand *b, int64_t keys,
                          int64_t columns, int64_t depth, int diagonal) {
    const int64_t ld = columns * PAIR;
    const int split = diagonal && keys > HALF;
    product(c, columns, a, CK_TILE, b, ld, split ? HALF : keys, columns, depth, ADD, NULL);
    if (split)
        product(c + HALF * columns, columns, a + HALF * CK_TILE + HALF, CK_TILE, b + HALF * columns,
                ld, keys - HALF, columns, depth - HALF, ADD, NULL);
}

/* ---- Packing ---- */

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t whole(int64_t count, int64_t unit) {
    return (count + unit - 1) / unit * unit;
}

static inline const char *row_of(const void *x, const ck_attention_job *job, int64_t token,
                                 int64_t heads, int64_t head) {
    return (const char *)x +
           ck_element_bytes(job->type) * (size_t)((token * heads + head) * job->size);
}

/* to [columns][ld] = from [rows][columns]^T in units of 32 bits, by blocks of 4 x 4. */
static void transpose(uint32_t *to, int64_t ld, const uint32_t *from, int64_t from_ld,
                      int64_t rows, int64_t columns) {
    typedef uint32_t v4 __attribute__((vector_size(16)));
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        int64_t i = 0;
        for (; i + 4 <= columns; i += 4) {
            v4 a, b, c, d;
            memcpy(&a, from + r * from_ld + i, 16);
            memcpy(&b, from + (r + 1) * from_ld + i, 16);
            memcpy(&c, from + (r + 2) * from_ld + i, 16);
            memcpy(&d, from + (r + 3) * from_ld + i, 16);
            const v4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
            const v4 ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            const v4 cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
            const v4 cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
            a = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
            b = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
            c = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
            d = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
            memcpy(to + i * ld + r, &a, 16);
            memcpy(to + (i + 1) * ld + r, &b, 16);
            memcpy(to + (i + 2) * ld + r, &c, 16);
            memcpy(to + (i + 3) * ld + r, &d, 16);
        }
        for (; i < columns; i++)
            for (int64_t part = 0; part < 4; part++)
                to[i * ld + r + part] = from[(r + part) * from_ld + i];
    }
    for (; r < rows; r++)
        for (int64_t i = 0; i < columns; i++) to[i * ld + r] = from[r * from_ld + i];
}

/* Rows of the storage type, widened to operands: to [rows][size]. */
static void widen_rows(operand *to, const char *from, ck_format type, int64_t stride, int64_t rows,
                       int64_t size) {
    const size_t step = ck_element_bytes(type) * (size_t)stride;
    for (int64_t r = 0; r < rows; r++, from += step, to += size) {
        if (type == OPERAND_TYPE) {
            memcpy(to, from, sizeof(operand) * (size_t)size);
            continue;
        }
        int64_t left = size;
        for (int64_t i = 0; i < size; i += CK_WIDTH, left -= CK_WIDTH)
            put(to, OPERAND_TYPE, i, fetch(from, type, i, left), left);
    }
}

/* Panel [size / PAIR][CK_TILE][PAIR] of the rows' transpose: columns are rows of `from`, zero
 * beyond. `rows_of` [CK_TILE][size] is scratch. */
static void pack_across(operand *panel, operand *rows_of, const char *from, ck_format type,
                        int64_t stride, int64_t rows, int64_t size) {
    const operand *source = (const operand *)from;
    if (type != OPERAND_TYPE) {
        widen_rows(rows_of, from, type, stride, rows, size);
        source = rows_of;
        stride = size;
    }
    if (rows < CK_TILE) memset(panel, 0, sizeof(operand) * (size_t)(CK_TILE * size));
    transpose((uint32_t *)panel, CK_TILE, (const uint32_t *)source, stride / PAIR, rows,
              size / PAIR);
}

/* Panel [CK_TILE / PAIR][columns][PAIR] of the rows themselves, zero beyond rows and size. */
static void pack_along(operand *panel, const char *from, ck_format type, int64_t stride,
                       int64_t rows, int64_t size) {
    const int64_t columns = whole(size, CK_WIDTH);
    const size_t step = ck_element_bytes(type) * (size_t)stride;
    for (int64_t r = 0; r < whole(rows, PAIR); r += PAIR, panel += columns * PAIR)
        for (int64_t i = 0; i < columns; i += CK_WIDTH) {
            const char *row = from + step * (size_t)r;
            vu bits = (vu)fetch(row, type, i, size - i);
#if defined(CK_DOT_BF16)
            bits >>= 16;
            if (r + 1 < rows) bits |= (vu)fetch(row + step, type, i, size - i);
#endif
            memcpy(panel + i * PAIR, &bits, sizeof bits);
        }
}

/* to [size][CK_TILE] operands = rows^T, zero beyond rows. */
static void turn_rows(operand *to, const char *from, ck_format type, int64_t stride, int64_t rows,
                      int64_t size) {
    if (rows < CK_TILE) memset(to, 0, sizeof(operand) * (size_t)(CK_TILE * size));
#if defined(CK_DOT_BF16)
    (void)type;
    const uint16_t *source = (const uint16_t *)from;
    for (int64_t i = 0; i < size; i += 2)
        for (int64_t r = 0; r < rows; r++) {
            uint32_t pair;
            memcpy(&pair, source + r * stride + i, sizeof pair);
            to[i * CK_TILE + r] = (uint16_t)pair;
            to[(i + 1) * CK_TILE + r] = (uint16_t)(pair >> 16);
        }
#else
    const size_t step = ck_element_bytes(type) * (size_t)stride;
    if (type == CK_F32) {
        transpose((uint32_t *)to, CK_TILE, (const uint32_t *)from, stride, rows, size);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < size; i++)
            to[i * CK_TILE + r] = ck_get(from + step * (size_t)r, type, i);
#endif
}

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
#if defined(CK_DOT_BF16)
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    const __m512i order = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
        19, 3, 18, 2, 17, 1, 16, 0);
    if (panel) _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, both));
    if (!rows) return;
    rows += key * CK_TILE + column * CK_WIDTH;
    _mm256_storeu_si256((__m256i *)rows, _mm512_castsi512_si256(both));
    _mm256_storeu_si256((__m256i *)(rows + CK_TILE), _mm512_extracti64x4_epi64(both, 1));
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
        transpose((uint32_t *)strip, job->size, (const uint32_t *)tile + start, CK_TILE, job->size,
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
