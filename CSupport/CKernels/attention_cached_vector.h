/* Attention over a chunk of a cache, in vectors of any width (after vector.h): see attend_cached in
 * layers.h. Rows of bf16 or float are widened as they are read; sums are fp32.
 */

/* Of at least one score; NaNs are passed over. */
CK_INLINE float largest_of(const float *scores, int64_t count) {
    vf tops = splat(scores[0]);
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) tops = larger(load(scores + i), tops);
    float top = largest(tops);
    for (; i < count; i++) top = scores[i] > top ? scores[i] : top;
    return top;
}

/* Asks for `bytes` from `at` on, which are read soon. */
CK_INLINE void ask_for(const char *at, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i);
}

/* For `heads` (a constant) query heads at once: a key or value is fetched once for all. */
CK_INLINE void attend(float *o, float *top, float *sum, const void *q, int64_t q_start,
                      const void *keys, const void *values, ck_format type, int heads,
                      int64_t count, const ck_attention_shape *shape) {
    enum { MOST = 4, KEYS = 4, COLUMNS = CK_WIDTH == 8 ? 2 : 4, AHEAD = 16 /* keys */ };
    const int64_t element = type == CK_BF16 ? 2 : 4;
    const int64_t size = shape->size, value_size = shape->value_size;
    const int64_t key_stride = shape->kv_heads * size, stride = shape->kv_heads * value_size;
    const float cap = shape->soft_cap, scale = cap > 0 ? shape->scale / cap : shape->scale;
    float scores[MOST][CK_CACHED_CHUNK];
    /* q is read once for every few keys: widened and scaled here. */
    float queries[MOST * (CK_MOST_SIZE + CK_WIDTH)];
    const int64_t room = (size + CK_WIDTH - 1) / CK_WIDTH * CK_WIDTH;
    for (int head = 0; head < heads; head++)
        for (EACH(i, size))
            store(queries + head * room + i,
                  fetch(q, type, q_start + head * size + i, left) * scale);
    for (int64_t key = 0; key < count; key += KEYS) {
        /* What the last few lack is their last key again. */
        int64_t rows[KEYS];
        for (int n = 0; n < KEYS; n++)
            rows[n] = (key + n < count ? key + n : count - 1) * key_stride;
        /* Rows lie apart, the other heads' between them: a processor does not foresee them. */
        for (int64_t n = 0; n < KEYS && key + n < count; n++) {
            if (key + n + AHEAD < count)
                ask_for((const char *)keys + element * (key + n + AHEAD) * key_stride, element * size);
            ask_for((const char *)values + element * (key + n) * stride, element * value_size);
        }
        vf sums[MOST][KEYS] = {{{0}}};
        for (EACH(i, size)) {
            vf a[KEYS];
            for (int n = 0; n < KEYS; n++) a[n] = fetch(keys, type, rows[n] + i, left);
            for (int head = 0; head < heads; head++) {
                const vf x = load(queries + head * room + i);
                for (int n = 0; n < KEYS; n++) sums[head][n] += x * a[n];
            }
        }
        for (int head = 0; head < heads; head++)
            totals(scores[head] + key, sums[head], count - key < KEYS ? count - key : KEYS);
    }
    for (int head = 0; head < heads && cap > 0; head++)
        for (EACH(i, count)) {
            const vf s = fetch(scores[head], CK_F32, i, left);
            put(scores[head], CK_F32, i, hyperbolic_tangent(s) * cap, left);
        }
    for (int head = 0; head < heads; head++) {
        const float most = largest_of(scores[head], count);
        vf powers = {0};
        for (EACH(i, count)) {
            vf p = exponential(fetch(scores[head], CK_F32, i, left) - most);
            for (int64_t lane = left; lane < CK_WIDTH; lane++) p[lane] = 0;
            powers += p;
            put(scores[head], CK_F32, i, p, left);
        }
        top[head] = most;
        sum[head] = total(powers);
    }
    int64_t i = 0;
    for (; i + COLUMNS * CK_WIDTH <= value_size; i += COLUMNS * CK_WIDTH) {
        vf sums[MOST][COLUMNS] = {{{0}}};
        for (int64_t key = 0; key < count; key++)
            for (int n = 0; n < COLUMNS; n++) {
                const vf v = fetch(values, type, key * stride + i + n * CK_WIDTH, CK_WIDTH);
                for (int head = 0; head < heads; head++) sums[head][n] += scores[head][key] * v;
            }
        for (int head = 0; head < heads; head++)
            for (int n = 0; n < COLUMNS; n++)
                store(o + head * value_size + i + n * CK_WIDTH, sums[head][n]);
    }
    for (; i < value_size; i += CK_WIDTH) {
        vf sums[MOST] = {{0}};
        for (int64_t key = 0; key < count; key++) {
            const vf v = fetch(values, type, key * stride + i, value_size - i);
            for (int head = 0; head < heads; head++) sums[head] += scores[head][key] * v;
        }
        for (int head = 0; head < heads; head++)
            put(o + head * value_size, CK_F32, i, sums[head], value_size - i);
    }
}

CK_INLINE void attend_group(float *o, float *top, float *sum, const void *q, const void *keys,
                            const void *values, ck_format type, int64_t count,
                            const ck_attention_shape *shape) {
    const int64_t group = shape->heads / shape->kv_heads, size = shape->size;
    int64_t head = 0;
    for (; head + 4 <= group; head += 4)
        attend(o + head * shape->value_size, top + head, sum + head, q, head * size, keys, values,
               type, 4, count, shape);
    o += head * shape->value_size;
    top += head;
    sum += head;
    switch (group - head) {
    case 3: attend(o, top, sum, q, head * size, keys, values, type, 3, count, shape); break;
    case 2: attend(o, top, sum, q, head * size, keys, values, type, 2, count, shape); break;
    case 1: attend(o, top, sum, q, head * size, keys, values, type, 1, count, shape); break;
    default: break;
    }
}

static void attend_cached(float *o, float *top, float *sum, const void *q, const void *keys,
                          const void *values, ck_format type, int64_t count,
                          const ck_attention_shape *shape) {
    if (type == CK_F32)
        attend_group(o, top, sum, q, keys, values, CK_F32, count, shape);
    else
        attend_group(o, top, sum, q, keys, values, CK_BF16, count, shape);
}
