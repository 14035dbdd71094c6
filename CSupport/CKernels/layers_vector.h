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

#include "attention_cached_vector.h"

/* ---- Root-mean-square normalization ---- */

CK_INLINE float inverse_root(const void *x, ck_format type, float epsilon, int64_t width) {
    vf sum[4] = {{0}};
    int64_t i = 0;
    for (; i + 4 * CK_WIDTH <= width; i += 4 * CK_WIDTH)
        for (int part = 0; part < 4; part++) {
            const vf value = fetch(x, type, i + part * CK_WIDTH, CK_WIDTH);
            sum[part] += value * value;
        }
    for (; i < width; i += CK_WIDTH) {
        const vf value = fetch(x, type, i, width - i);
        sum[0] += value * value;
    }
    const float mean = total((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)width;
    return 1 / __builtin_sqrtf(mean + epsilon);
}

CK_INLINE void norm_row(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w,
                        float epsilon, int64_t width) {
    const float r = inverse_root(x, x_type, epsilon, width);
    for (EACH(i, width))
        put(y, y_type, i, fetch(x, x_type, i, left) * r * fetch(w, CK_F32, i, left), left);
}

static void rms_norm(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w,
                     float epsilon, int64_t width) {
    if (x_type == CK_F32) {
        if (y_type == CK_F32)
            norm_row(y, CK_F32, x, CK_F32, w, epsilon, width);
        else
            norm_row(y, CK_BF16, x, CK_F32, w, epsilon, width);
    } else if (y_type == CK_F32)
        norm_row(y, CK_F32, x, CK_BF16, w, epsilon, width);
    else
        norm_row(y, CK_BF16, x, CK_BF16, w, epsilon, width);
}

CK_INLINE void norm_row_backward(float *dx, const float *dy, const void *x, ck_format x_type,
                                 const float *w, float epsilon, int64_t width) {
    const float r = inverse_root(x, x_type, epsilon, width);
    vf sum = {0};
    for (EACH(i, width))
        sum += fetch(dy, CK_F32, i, left) * fetch(w, CK_F32, i, left) * fetch(x, x_type, i, left);
    const float c = total(sum) / (float)width * r * r;
    for (EACH(i, width)) {
        const vf g = fetch(dy, CK_F32, i, left) * fetch(w, CK_F32, i, left);
        const vf value = fetch(x, x_type, i, left);
        put(dx, CK_F32, i, fetch(dx, CK_F32, i, left) + r * (g - value * c), left);
    }
}

static void rms_norm_backward(float *dx, const float *dy, const void *x, ck_format x_type,
                              const float *w, float epsilon, int64_t width) {
    if (x_type == CK_F32)
        norm_row_backward(dx, dy, x, CK_F32, w, epsilon, width);
    else
        norm_row_backward(dx, dy, x, CK_BF16, w, epsilon, width);
}

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
                             int64_t heads, int64_t size) {
    const int64_t pairs = size / 2;
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
                                 int64_t heads, int64_t size) {
    typedef uint64_t pair_vector CK_VECTOR(4);
    for (int64_t head = 0; head < heads; head++)
        for (EACH(i, size)) {
            const vf a = fetch(x, type, head * size + i, left);
            const pair_vector bits = (pair_vector)a;
            const vf b = (vf)(bits << 32 | bits >> 32);
            put(x, type, head * size + i,
                a * fetch(c2, CK_F32, i, left) + b * fetch(s2, CK_F32, i, left), left);
        }
}

static void rotate(void *x, ck_format type, const float *cosine, const float *sine,
                   int32_t interleaved, int64_t heads, int64_t size) {
    if (!interleaved) {
        if (type == CK_F32)
            rotate_halves(x, CK_F32, cosine, sine, heads, size);
        else
            rotate_halves(x, CK_BF16, cosine, sine, heads, size);
        return;
    }
    float c2[2 * CK_MOST_PAIRS], s2[2 * CK_MOST_PAIRS];
    for (int64_t i = 0; i < size / 2; i++) {
        c2[2 * i] = c2[2 * i + 1] = cosine[i];
        s2[2 * i] = -sine[i];
        s2[2 * i + 1] = sine[i];
    }
    if (type == CK_F32)
        rotate_neighbours(x, CK_F32, c2, s2, heads, size);
    else
        rotate_neighbours(x, CK_BF16, c2, s2, heads, size);
}

/* ---- SwiGLU: gates below -100 count as -100, where the result is 0 all the same ---- */

CK_INLINE void swiglu_at(void *a, const void *gate, const void *up, ck_format type, int64_t i,
                         int64_t left) {
    const vf g = larger(splat(-100), fetch(gate, type, i, left));
    put(a, type, i, g / (exponential(-g) + 1.0f) * fetch(up, type, i, left), left);
}

CK_INLINE void swiglu_range(void *a, const void *gate, const void *up, ck_format type,
                            int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) swiglu_at(a, gate, up, type, i, CK_WIDTH);
    if (i < count) swiglu_at(a, gate, up, type, i, count - i);
}

static void swiglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    if (type == CK_F32)
        swiglu_range(a, gate, up, CK_F32, count);
    else
        swiglu_range(a, gate, up, CK_BF16, count);
}

CK_INLINE void swiglu_at_backward(void *dgate, void *dup, const void *da, const void *gate,
                                  const void *up, ck_format type, int64_t i, int64_t left) {
    const vf g = larger(splat(-100), fetch(gate, type, i, left));
    const vf u = fetch(up, type, i, left), d = fetch(da, type, i, left);
    const vf s = 1.0f / (exponential(-g) + 1.0f);
    put(dgate, type, i, d * u * s * (g * (1.0f - s) + 1.0f), left);
    put(dup, type, i, d * g * s, left);
}

CK_INLINE void swiglu_range_backward(void *dgate, void *dup, const void *da, const void *gate,
                                     const void *up, ck_format type, int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH)
        swiglu_at_backward(dgate, dup, da, gate, up, type, i, CK_WIDTH);
    if (i < count) swiglu_at_backward(dgate, dup, da, gate, up, type, i, count - i);
}

static void swiglu_backward(void *dgate, void *dup, const void *da, const void *gate,
                            const void *up, ck_format type, int64_t count) {
    if (type == CK_F32)
        swiglu_range_backward(dgate, dup, da, gate, up, CK_F32, count);
    else
        swiglu_range_backward(dgate, dup, da, gate, up, CK_BF16, count);
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
    .angles = angles,
    .rotate = rotate,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
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
};
