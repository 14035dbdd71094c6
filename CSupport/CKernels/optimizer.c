/* Updates of trainable parameters: AdamW (Loshchilov and Hutter, arXiv 1711.05101) and gradient
 * descent, over parameters and moments in several precisions.
 *
 *   g = gradient_scale * gradient;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 *   p = p - learning_rate (weight_decay p + (m / correction1) / (sqrt(v / correction2) + epsilon))
 *   without moments:  p = p - learning_rate (weight_decay p + g)
 *
 * All arithmetic is fp32, in pieces that stay in the first cache: a piece is widened, updated and
 * put back in the form it is kept in.
 *
 * Parameters. CK_KEEP_SPLIT keeps p as two halves with bits(p) = (high << 16) + (int16)low, so that
 * high alone is p rounded to the nearest bf16: what the model computes with. Ties go away from zero,
 * since low is at most 32767 but may be -32768: bits ...8000 become high + 1, low = -32768. Joining
 * gives back every bit. CK_KEEP_F32 keeps p, and beside it a copy rounded to bf16 where there is one.
 * CK_KEEP_BF16 keeps bf16 alone: p is rounded up or down at random, in proportion to the distance,
 * so that changes smaller than a step of bf16 are not lost but come true on average.
 *
 * Moments. CK_KEEP_BF16 rounds at random as well (v changes by a thousandth, which the nearest bf16
 * would never show). CK_KEEP_8BIT keeps one byte a moment and one fp32 scale a block of 256, the
 * largest magnitude (Dettmers and others, arXiv 2110.02861). A byte is a small float: with x the
 * share of the scale, the three leading bits of fraction and the exponent of x + 2^-15 (m, with a
 * sign) or x + 2^-31 (v), less those of the offset. So steps are a sixteenth to an eighth of x far
 * above the offset and even below it; zero is exact for m. For v it would make m / sqrt(v) boundless
 * and stands for 2^-35 instead (Li and others, arXiv 2309.01507, on the trouble with zero). Rounding
 * is at random, unlike in Dettmers', since a change of a thousandth is less than any step of 8 bits.
 *
 * Random bits are a function of (key, index of the parameter) alone: no state, so they depend
 * neither on the order nor on the number of threads.
 */
#include "layers.h"
#include "team.h"

enum { BLOCK = 4096, SUMS = 512, PIECE = 1024, PIECES = 8, WORTH = 16384 };
_Static_assert(PIECE % CK_MOMENT_BLOCK == 0, "a piece is whole blocks");

/* Other bits for each use of the same index. */
static const uint64_t FIRST_KEY = 0x9E3779B97F4A7C15, SECOND_KEY = 0xC2B2AE3D27D4EB4F;

/* Values in one form or another. */
typedef struct {
    const float *p;
    const uint16_t *high;
    const int16_t *low;
    uint64_t key;
    int64_t index;
} values;

static void split(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const values *v = context;
    ck_layers()->split((uint16_t *)v->high + from, (int16_t *)v->low + from, v->p + from, to - from);
}

void ck_split(uint16_t *high, int16_t *low, const float *p, int64_t count) {
    values values = {.p = p, .high = high, .low = low};
    ck_team_run(split, &values, count, BLOCK, ck_threads_for(count, WORTH));
}

static void join(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const values *v = context;
    ck_layers()->join((float *)v->p + from, v->high + from, v->low + from, to - from);
}

void ck_join(float *p, const uint16_t *high, const int16_t *low, int64_t count) {
    values values = {.p = p, .high = high, .low = low};
    ck_team_run(join, &values, count, BLOCK, ck_threads_for(count, WORTH));
}

/* Moments start..<start+count as fp32: where they lie, or decoded into `room`. */
static float *widen_moments(float *room, const ck_optimization *o, void *moments,
                            const float *scales, int32_t is_signed, int64_t start, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
    if (o->moments == CK_KEEP_F32) return (float *)moments + start;
    if (o->moments == CK_KEEP_BF16) {
        leaf->widen(room, (const uint16_t *)moments + start, count);
        return room;
    }
    for (int64_t i = 0; i < count; i += CK_MOMENT_BLOCK) {
        const int64_t length = count - i < CK_MOMENT_BLOCK ? count - i : CK_MOMENT_BLOCK;
        leaf->decode_moments(room + i, (const uint8_t *)moments + start + i, is_signed,
                             scales[(start + i) / CK_MOMENT_BLOCK], length);
    }
    return room;
}

static void keep_moments(const float *room, const ck_optimization *o, void *moments, float *scales,
                         int32_t is_signed, uint64_t key, int64_t start, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
    if (o->moments == CK_KEEP_BF16)
        leaf->round_randomly((uint16_t *)moments + start, room, key, o->index + start, count);
    if (o->moments != CK_KEEP_8BIT) return;
    for (int64_t i = 0; i < count; i += CK_MOMENT_BLOCK) {
        const int64_t length = count - i < CK_MOMENT_BLOCK ? count - i : CK_MOMENT_BLOCK;
        scales[(start + i) / CK_MOMENT_BLOCK] =
            leaf->encode_moments((uint8_t *)moments + start + i, room + i, is_signed, key,
                                 o->index + start + i, length);
    }
}

static void optimize_piece(const ck_optimization *o, int64_t start, int64_t count) {
    const ck_layer_leaves *leaf = ck_layers();
    float values[PIECE], first[PIECE], second[PIECE];
    float *p = o->parameters == CK_KEEP_F32 ? o->master + start : values;
    if (o->parameters == CK_KEEP_SPLIT) leaf->join(p, o->high + start, o->low + start, count);
    if (o->parameters == CK_KEEP_BF16) leaf->widen(p, o->high + start, count);

    if (o->moments == CK_KEEP_NOTHING) {
        leaf->descend(p, o->gradient + start, o, count);
    } else {
        float *m = widen_moments(first, o, o->first, o->first_scales, 1, start, count);
        float *v = widen_moments(second, o, o->second, o->second_scales, 0, start, count);
        leaf->adamw(p, m, v, o->gradient + start, o, count);
        keep_moments(m, o, o->first, o->first_scales, 1, o->key ^ FIRST_KEY, start, count);
        keep_moments(v, o, o->second, o->second_scales, 0, o->key ^ SECOND_KEY, start, count);
    }

    if (o->parameters == CK_KEEP_SPLIT)
        leaf->split(o->high + start, o->low + start, p, count);
    else if (o->parameters == CK_KEEP_BF16)
        leaf->round_randomly(o->high + start, p, o->key, o->index + start, count);
    else if (o->high)
        leaf->narrow(o->high + start, p, count);
}

static void optimize(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    for (int64_t start = from; start < to; start += PIECE)
        optimize_piece(context, start, to - start < PIECE ? to - start : PIECE);
}

void ck_optimize(const ck_optimization *o) {
    ck_team_run(optimize, (void *)o, o->count, PIECES * PIECE, ck_threads_for(o->count, WORTH / 2));
}

static void round_randomly(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const values *v = context;
    ck_layers()->round_randomly((uint16_t *)v->high + from, v->p + from, v->key, v->index + from,
                                to - from);
}

void ck_round_randomly(uint16_t *y, const float *x, uint64_t key, int64_t index, int64_t count) {
    values values = {.p = x, .high = y, .key = key, .index = index};
    ck_team_run(round_randomly, &values, count, BLOCK, ck_threads_for(count, WORTH));
}

void ck_encode_moments(uint8_t *codes, float *scales, const float *x, int32_t is_signed,
                       uint64_t key, int64_t index, int64_t count) {
    const ck_optimization o = {.moments = CK_KEEP_8BIT, .index = index};
    keep_moments(x, &o, codes, scales, is_signed, key, 0, count);
}

void ck_decode_moments(float *x, const uint8_t *codes, const float *scales, int32_t is_signed,
                       int64_t count) {
    const ck_optimization o = {.moments = CK_KEEP_8BIT};
    widen_moments(x, &o, (void *)codes, scales, is_signed, 0, count);
}

typedef struct {
    double *sums;
    const float *x; /* of the first block */
    int64_t count;  /* of all values from there on */
} squares;

static void sum_blocks(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const squares *s = context;
    for (int64_t block = from; block < to; block++) {
        const int64_t start = block * BLOCK, left = s->count - start;
        s->sums[block] = ck_layers()->sum_of_squares(s->x + start, left < BLOCK ? left : BLOCK);
    }
}

/* Blocks of BLOCK values, SUMS blocks at a time; sums of blocks are added in order. */
double ck_sum_of_squares(const float *x, int64_t count) {
    double total = 0;
    for (int64_t base = 0; base < count; base += (int64_t)BLOCK * SUMS) {
        double sums[SUMS];
        const int64_t left = (count - base + BLOCK - 1) / BLOCK;
        const int64_t blocks = left < SUMS ? left : SUMS;
        squares squares = {.sums = sums, .x = x + base, .count = count - base};
        ck_team_run(sum_blocks, &squares, blocks, PIECES, ck_threads_for(blocks, 4));
        for (int64_t block = 0; block < blocks; block++) total += sums[block];
    }
    return total;
}
