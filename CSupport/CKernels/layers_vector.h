/* The row-wise leaves in vectors of any width, for the leaf files of the instruction sets (after
 * vector.h). CK_LAYERS names the table. The formulas stand in the drivers' files; the oracle is
 * layers_scalar.c.
 *
 * Each leaf is written once for both element types: the body is inlined with a constant type.
 */

#define EACH(i, count) \
    int64_t i = 0, left = (count); \
    left > 0; \
    i += CK_WIDTH, left -= CK_WIDTH

#include "noise_vector.h"
#include "attention_cached_vector.h"
#include "elementwise_vector.h"
#include "feedback_vector.h"
#include "gated_vector.h"
#include "norm_vector.h"

/* ---- Rotary embedding ---- */

/* Sine and cosine in fp64 (reduction by pi/2, Taylor to 1e-11), so that both are the fp32 values
 * next to the exact ones, as libm's are. */
static void angles(float *cosine, float *sine, const float *frequencies, float position,
                   int64_t pairs) {
    for (EACH(i, pairs)) {
        const vf product = fetch(frequencies, CK_F32, i, left) * position;
        const vd x = __builtin_convertvector(product, vd);
        const vd shifted = x * 0.63661977236758134308 + 6755399441055744.0;
        const vd n = shifted - 6755399441055744.0;
        const vl quadrant = (vl)shifted;
        const vd high = x - n * 1.57079632673412561417;
        const vd r = high - n * 6.07710050650619224932e-11, z = r * r;
        vd s = z * (-1.0 / 39916800) + 1.0 / 362880;
        s = s * z + -1.0 / 5040;
        s = s * z + 1.0 / 120;
        s = s * z + -1.0 / 6;
        s = s * (z * r) + r;
        vd c = z * (1.0 / 479001600) + -1.0 / 3628800;
        c = c * z + 1.0 / 40320;
        c = c * z + -1.0 / 720;
        c = c * z + 1.0 / 24;
        c = c * z + -0.5;
        c = c * z + 1.0;
        const vl odd = -(quadrant & 1);
        const vl in_sine = (odd & (vl)c) | (~odd & (vl)s);
        const vl in_cosine = (odd & (vl)s) | (~odd & (vl)c);
        const vl sine_sign = quadrant << 62, cosine_sign = (quadrant + 1) << 62;
        const vl top = (vl){0} + INT64_MIN;
        const vd exact_sine = (vd)(in_sine ^ (sine_sign & top));
        const vd exact_cosine = (vd)(in_cosine ^ (cosine_sign & top));
        put(sine, CK_F32, i, __builtin_convertvector(exact_sine, vf), left);
        put(cosine, CK_F32, i, __builtin_convertvector(exact_cosine, vf), left);
    }
}

CK_INLINE void rotate_halves(void *x, ck_format type, const float *cosine, const float *sine,
                             int64_t heads, int64_t size, int64_t pairs) {
    for (int64_t head = 0; head < heads; head++)
        for (EACH(i, pairs)) {
            const vf a = fetch(x, type, head * size + i, left);
            const vf b = fetch(x, type, head * size + pairs + i, left);
            const vf c = fetch(cosine, CK_F32, i, left), s = fetch(sine, CK_F32, i, left);
            put(x, type, head * size + i, a * c - b * s, left);
            put(x, type, head * size + pairs + i, a * s + b * c, left);
        }
}

/* With c2 = (c0, c0, c1, c1, ...), s2 = (-s0, s0, -s1, s1, ...): y = x * c2 + (x with neighbours
 * exchanged) * s2. */
CK_INLINE void rotate_neighbours(void *x, ck_format type, const float *c2, const float *s2,
                                 int64_t heads, int64_t size, int64_t pairs) {
    typedef uint64_t pair_vector CK_VECTOR(4);
    for (int64_t head = 0; head < heads; head++)
        for (EACH(i, 2 * pairs)) {
            const vf a = fetch(x, type, head * size + i, left);
            const pair_vector bits = (pair_vector)a;
            const vf b = (vf)(bits << 32 | bits >> 32);
            put(x, type, head * size + i,
                a * fetch(c2, CK_F32, i, left) + b * fetch(s2, CK_F32, i, left), left);
        }
}

static void rotate(void *x, ck_format type, const float *cosine, const float *sine,
                   int32_t interleaved, int64_t heads, int64_t size, int64_t pairs) {
    if (!interleaved) {
        if (type == CK_F32)
            rotate_halves(x, CK_F32, cosine, sine, heads, size, pairs);
        else
            rotate_halves(x, CK_BF16, cosine, sine, heads, size, pairs);
        return;
    }
    float c2[2 * CK_MOST_PAIRS], s2[2 * CK_MOST_PAIRS];
    for (int64_t i = 0; i < pairs; i++) {
        c2[2 * i] = c2[2 * i + 1] = cosine[i];
        s2[2 * i] = -sine[i];
        s2[2 * i + 1] = sine[i];
    }
    if (type == CK_F32)
        rotate_neighbours(x, CK_F32, c2, s2, heads, size, pairs);
    else
        rotate_neighbours(x, CK_BF16, c2, s2, heads, size, pairs);
}

/* ---- Cross-entropy ---- */

CK_INLINE void softmax_gradient(void *dlogits, ck_format type, const float *logits, float top,
                                float factor, int64_t count) {
    int64_t i = 0;
    for (; i + 2 * CK_WIDTH <= count; i += 2 * CK_WIDTH) {
        const vf a = exponential(load(logits + i) - top) * factor;
        const vf b = exponential(load(logits + i + CK_WIDTH) - top) * factor;
        put(dlogits, type, i, a, CK_WIDTH);
        put(dlogits, type, i + CK_WIDTH, b, CK_WIDTH);
    }
    for (; i < count; i += CK_WIDTH) {
        const vf a = exponential(fetch(logits, CK_F32, i, count - i) - top) * factor;
        put(dlogits, type, i, a, count - i);
    }
}

static float cross_entropy(void *dlogits, ck_format type, const float *logits, int32_t target,
                           float weight, int64_t vocabulary) {
    enum { PARTS = 4, STEP = PARTS * CK_WIDTH };
    vf tops[PARTS], sums[PARTS] = {{0}};
    for (int part = 0; part < PARTS; part++) tops[part] = splat(logits[0]);
    int64_t i = 0;
    for (; i + STEP <= vocabulary; i += STEP)
        for (int part = 0; part < PARTS; part++)
            tops[part] = larger(load(logits + i + part * CK_WIDTH), tops[part]);
    float top = largest(larger(larger(tops[0], tops[1]), larger(tops[2], tops[3])));
    for (; i < vocabulary; i++) top = logits[i] > top ? logits[i] : top;

    for (i = 0; i + STEP <= vocabulary; i += STEP)
        for (int part = 0; part < PARTS; part++)
            sums[part] += exponential(load(logits + i + part * CK_WIDTH) - top);
    float sum = total((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; i < vocabulary; i += CK_WIDTH) {
        const vf values = exponential(fetch(logits, CK_F32, i, vocabulary - i) - top);
        for (int64_t lane = 0; lane < CK_WIDTH && i + lane < vocabulary; lane++)
            sum += values[lane];
    }

    const float at_target = logits[target];
    const float nll = logf(sum) + (top - at_target);
    if (!dlogits) return nll;
    const float factor = weight / sum;
    if (type == CK_F32)
        softmax_gradient(dlogits, CK_F32, logits, top, factor, vocabulary);
    else
        softmax_gradient(dlogits, CK_BF16, logits, top, factor, vocabulary);
    const vf exact = exponential(splat(at_target - top)) * factor - weight;
    ck_put(dlogits, type, target, exact[0]);
    return nll;
}

#include "optimizer_vector.h"

/* ---- Conversion ---- */

static void narrow_range(uint16_t *y, const float *x, int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) {
        /* Not the instruction for it, which takes small numbers for zero. */
        const vh h = __builtin_convertvector(round_bf16(load(x + i)), vh);
        memcpy(y + i, &h, sizeof h);
    }
    for (; i < count; i++) y[i] = ck_round_bf16(x[i]);
}

static void widen_range(float *y, const uint16_t *x, int64_t count) {
    for (EACH(i, count)) put(y, CK_F32, i, fetch(x, CK_BF16, i, left), left);
}

const ck_layer_leaves CK_LAYERS = {
    .rms_norm = rms_norm,
    .rms_norm_backward = rms_norm_backward,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .angles = angles,
    .rotate = rotate,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .geglu = geglu,
    .geglu_backward = geglu_backward,
    .add_bias = add_bias,
    .scale = scale_range,
    .add = add_range,
    .drop = drop_row,
    .soft_cap = soft_cap,
    .soft_cap_backward = soft_cap_backward,
    .row_dot = row_dot,
    .cross_entropy = cross_entropy,
    .narrow = narrow_range,
    .widen = widen_range,
    .split = split,
    .join = join,
    .adamw = adamw,
    .descend = descend,
    .round_randomly = round_randomly,
    .encode_moments = encode_moments,
    .decode_moments = decode_moments,
    .sum_of_squares = sum_of_squares,
    .attend_cached = attend_cached,
    .spread_errors = spread_errors,
};
