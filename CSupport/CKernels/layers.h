/* The leaf tables behind attention.c, convert.c, norm.c, rope.c, gated.c, elementwise.c,
 * cross_entropy.c and optimizer.c.
 *
 * A leaf is single-threaded and works on one row, one range or one attention tile; the drivers
 * share the work out to OpenMP threads. Every instruction set fills the same tables:
 * layers_scalar.c and attention_scalar.c by plain loops and libm (the oracle), the others from the
 * shared sources layers_vector.h and attention_vector.h. Private to CKernels.
 */
#ifndef SCION_LAYERS_H
#define SCION_LAYERS_H

#include <string.h>

#include "CKernels.h"
#include "noise.h"

/* The largest head. */
enum { CK_MOST_SIZE = 1024, CK_MOST_PAIRS = CK_MOST_SIZE / 2 };
enum { CK_FEEDBACK_ROWS = 16 }; /* of a weight that are rounded together */

/* ---- Row-wise leaves ---- */

/* One row of ck_rms_norm_backward or ck_layer_norm_backward. */
typedef void ck_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                              ck_format dy_type, const void *x, ck_format x_type, const float *w,
                              float epsilon, float factor, int64_t width);

typedef void ck_gated(void *a, const void *gate, const void *up, ck_format type, int64_t count);
typedef void ck_gated_backward(void *dgate, void *dup, const void *da, const void *gate,
                               const void *up, ck_format type, int64_t count);

typedef struct {
    /* One row of ck_rms_norm and ck_layer_norm and of their backwards. */
    void (*rms_norm)(void *y, ck_format y_type, int32_t accumulate, const void *x,
                     ck_format x_type, const float *w, float epsilon, float factor, int64_t width);
    ck_norm_backward *rms_norm_backward;
    void (*layer_norm)(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w,
                       const float *b, float epsilon, int64_t width);
    ck_norm_backward *layer_norm_backward;
    /* cosine, sine [pairs] of position * frequencies[pair] (the angle rounded to fp32). */
    void (*angles)(float *cosine, float *sine, const float *frequencies, float position,
                   int64_t pairs);
    /* One token of ck_rope: x [heads, size]; sine is negated already for the
     * inverse, and the magnitude is in both. */
    void (*rotate)(void *x, ck_format type, const float *cosine, const float *sine,
                   int32_t interleaved, int64_t heads, int64_t size, int64_t pairs);
    ck_gated *swiglu, *geglu;
    ck_gated_backward *swiglu_backward, *geglu_backward;
    /* A row or a range of the functions of elementwise.c. */
    void (*add_bias)(void *y, ck_format type, const float *bias, int64_t count);
    void (*scale)(void *x, ck_format type, float factor, int64_t count);
    void (*add)(float *y, const void *x, ck_format x_type, float factor, int64_t count);
    void (*soft_cap)(float *x, float cap, int64_t count);
    void (*soft_cap_backward)(void *dx, ck_format type, const float *y, float cap, int64_t count);
    /* One row of ck_drop; element i draws ck_noise(key, i). */
    void (*drop)(void *y, ck_format y_type, const void *x, ck_format x_type, int32_t accumulate,
                 uint64_t key, uint32_t threshold, float factor, int64_t count);
    float (*row_dot)(const void *a, ck_format a_type, const void *b, ck_format b_type,
                     int64_t count);
    /* One row of ck_cross_entropy; returns its nll. */
    float (*cross_entropy)(void *dlogits, ck_format type, const float *logits, int32_t target,
                           float weight, int64_t vocabulary);
    /* fp32 to bf16, to nearest even, numbers below 2^-126 too; and back. */
    void (*narrow)(uint16_t *y, const float *x, int64_t count);
    void (*widen)(float *y, const uint16_t *x, int64_t count);
    void (*split)(uint16_t *high, int16_t *low, const float *p, int64_t count);
    void (*join)(float *p, const uint16_t *high, const int16_t *low, int64_t count);
    /* One range of ck_optimize in fp32: AdamW, and gradient descent. */
    void (*adamw)(float *p, float *m, float *v, const float *gradient, const ck_optimization *o,
                  int64_t count);
    void (*descend)(float *p, const float *gradient, const ck_optimization *o, int64_t count);
    /* fp32 to bf16, up or down at random so that the mean is x; element i draws
     * ck_noise(key, index + i). NaN stays NaN. */
    void (*round_randomly)(uint16_t *y, const float *x, uint64_t key, int64_t index, int64_t count);
    /* A block of at most CK_MOMENT_BLOCK moments to 8-bit codes, rounded at random; returns their
     * scale. And back. The codes stand in optimizer.c. */
    float (*encode_moments)(uint8_t *codes, const float *x, int32_t is_signed, uint64_t key,
                            int64_t index, int64_t count);
    void (*decode_moments)(float *x, const uint8_t *codes, int32_t is_signed, float scale,
                           int64_t count);
    double (*sum_of_squares)(const float *x, int64_t count);
    /* `count` positions of one cache slot and key-value head, for its group of query heads.
     * q [group, size]; keys, values point at the first position, rows kv_heads heads apart.
     * Writes for each head top (largest score, scaled and capped), sum (of exp(score - top)) and o
     * [value_size] (not yet divided by it). The window is the caller's affair. */
    void (*attend_cached)(float *o, float *top, float *sum, const void *q, const void *keys,
                          const void *values, ck_format type, int64_t count,
                          const ck_attention_shape *shape);
    /* x [columns, CK_FEEDBACK_ROWS] -= the sum over j < count of e [count, CK_FEEDBACK_ROWS] times u [count, columns], rows of u
     * `stride` apart. */
    void (*spread_errors)(float *x, const float *e, const float *u, int64_t stride, int64_t count,
                          int64_t columns);
} ck_layer_leaves;

/* The table of ck_isa(). */
const ck_layer_leaves *ck_layers(void);

/* ---- Attention leaves ---- */

enum { CK_TILE = 64, CK_CACHED_CHUNK = 256 };

/* What one call of ck_attention or ck_attention_backward works on: the arguments of CKernels.h. */
typedef struct {
    void *o, *dq, *dk, *dv;
    float *lse_out;
    const void *o_in, *dout, *q, *k, *v;
    const float *lse;
    ck_format type;
    int64_t heads, kv_heads, size, value_size, window;
    float scale, soft_cap;
    /* One key block of one key-value head, prepared, every prepared_bytes; see ck_prepared. */
    char *prepared;
    size_t prepared_bytes;
} ck_attention_job;

/* One sequence: rows first..<first+length, in blocks of CK_TILE; `block` is the number of blocks
 * of the sequences before it. */
typedef struct {
    int64_t first, length, blocks, block;
} ck_sequence;

/* The backward of key blocks key_first..<key_end of one key-value head, for all queries that see
 * them: those of blocks key_first..<query_end. The gradient of the group's queries goes to `tiles`:
 * [group][query_end - key_first][size][CK_TILE] f32. */
typedef struct {
    ck_sequence sequence;
    int64_t kv_head, key_first, key_end, query_end, work, tile;
    float *tiles;
} ck_backward_unit;

/* The first key that a query sees, both counted in their sequence; a window of 0 is none. */
static inline int64_t ck_first_seen(int64_t window, int64_t query) {
    return window && query >= window ? query - window + 1 : 0;
}

/* The end of the query blocks that see keys of block `block`, in a sequence of `blocks`. */
static inline int64_t ck_seen_until(int64_t window, int64_t block, int64_t blocks) {
    if (!window) return blocks;
    const int64_t end = ((block + 1) * CK_TILE + window - 2) / CK_TILE + 1;
    return end < blocks ? end : blocks;
}

static inline char *ck_prepared(const ck_attention_job *job, ck_sequence sequence, int64_t kv_head,
                                int64_t block) {
    const int64_t index = (sequence.block + block) * job->kv_heads + kv_head;
    return job->prepared + (size_t)index * job->prepared_bytes;
}

typedef struct {
    /* Bytes of one prepared key block, and of a thread's scratch (`keys`: most keys of a unit). */
    size_t (*prepared_bytes)(const ck_attention_job *job, int32_t backward);
    size_t (*scratch_bytes)(const ck_attention_job *job, int32_t backward, int64_t keys);
    /* Key block `block` in the layouts that the products want. */
    void (*prepare)(const ck_attention_job *job, int32_t backward, ck_sequence sequence,
                    int64_t kv_head, int64_t block);
    /* o and lse of query block `block` of one head. */
    void (*forward)(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                    char *scratch);
    /* dk, dv of the unit's keys, its part of dq to its tiles. */
    void (*backward)(const ck_attention_job *job, const ck_backward_unit *unit, char *scratch);
    /* dq of query block `block` of one head: the sum of `count` tiles, in order, in the first. */
    void (*gather)(const ck_attention_job *job, ck_sequence sequence, int64_t head, int64_t block,
                   float *const *tiles, int64_t count);
} ck_attention_leaves;

/* The table of ck_isa() for storage of `type`. */
const ck_attention_leaves *ck_attention_table(ck_format type);

/* `bytes` of memory (64-byte aligned) that belongs to the calling thread, kept for its next call
 * and freed with the thread. Contents are undefined; a later call may move it. */
char *ck_layer_scratch(size_t bytes);

/* ---- The tables of the instruction sets ---- */

extern const ck_layer_leaves ck_layers_scalar;
extern const ck_attention_leaves ck_attention_scalar;
#if defined(__x86_64__)
extern const ck_layer_leaves ck_layers_avx2, ck_layers_avx512, ck_layers_avx512_bf16;
extern const ck_attention_leaves ck_attention_avx2, ck_attention_avx512, ck_attention_avx512_bf16;
#elif defined(__aarch64__)
extern const ck_layer_leaves ck_layers_neon, ck_layers_neon_bf16;
extern const ck_attention_leaves ck_attention_neon, ck_attention_neon_bf16;
#endif

/* ---- Elements ---- */

static inline size_t ck_element_bytes(ck_format type) { return type == CK_BF16 ? 2 : 4; }

static inline float ck_get(const void *x, ck_format type, int64_t index) {
    if (type == CK_F32) return ((const float *)x)[index];
    const uint32_t bits = (uint32_t)((const uint16_t *)x)[index] << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/* Rounds to nearest, ties to even; NaN stays NaN. */
static inline uint16_t ck_round_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* The 8-bit codes of moments (optimizer.c): their offsets, the code of the offset, the least share
 * of an unsigned one. */
#define CK_SIGNED_OFFSET 0x1p-15f
#define CK_UNSIGNED_OFFSET 0x1p-31f
#define CK_UNSIGNED_LEAST 0x1p-35f
enum { CK_SIGNED_BASE = (127 - 15) << 3, CK_UNSIGNED_BASE = (127 - 31) << 3 };

static inline void ck_put(void *x, ck_format type, int64_t index, float value) {
    if (type == CK_F32)
        ((float *)x)[index] = value;
    else
        ((uint16_t *)x)[index] = ck_round_bf16(value);
}

#endif
