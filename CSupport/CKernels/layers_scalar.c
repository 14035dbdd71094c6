/* The oracle of the row-wise leaves: plain loops, libm, one formula a line. Always built, chosen by
 * SCION_ISA=scalar. The formulas stand in the drivers' files.
 */
#include <math.h>

#include "layers.h"

static float inverse_root(const void *x, ck_format type, float epsilon, int64_t width) {
    double sum = 0;
    for (int64_t i = 0; i < width; i++) {
        const double value = ck_get(x, type, i);
        sum += value * value;
    }
    return (float)(1 / sqrt(sum / (double)width + (double)epsilon));
}

static void add_or_put(void *y, ck_format type, int32_t accumulate, int64_t i, float value) {
    ck_put(y, type, i, accumulate ? ck_get(y, type, i) + value : value);
}

static void rms_norm(void *y, ck_format y_type, int32_t accumulate, const void *x,
                     ck_format x_type, const float *w, float epsilon, float factor,
                     int64_t width) {
    const float r = inverse_root(x, x_type, epsilon, width) * factor;
    for (int64_t i = 0; i < width; i++)
        add_or_put(y, y_type, accumulate, i, ck_get(x, x_type, i) * r * w[i]);
}

static void rms_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                              ck_format dy_type, const void *x, ck_format x_type, const float *w,
                              float epsilon, float factor, int64_t width) {
    const float r = inverse_root(x, x_type, epsilon, width);
    double dot = 0;
    for (int64_t i = 0; i < width; i++)
        dot += (double)ck_get(dy, dy_type, i) * w[i] * ck_get(x, x_type, i);
    const float c = (float)(dot / (double)width * r * r);
    for (int64_t i = 0; i < width; i++) {
        const float g = ck_get(dy, dy_type, i) * w[i];
        add_or_put(dx, dx_type, accumulate, i, r * factor * (g - ck_get(x, x_type, i) * c));
    }
}

/* The mean, and 1 / sqrt(variance + epsilon). */
static double find_moments(double *root, const void *x, ck_format type, float epsilon,
                           int64_t width) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < width; i++) mean += ck_get(x, type, i);
    mean /= (double)width;
    for (int64_t i = 0; i < width; i++)
        variance += (ck_get(x, type, i) - mean) * (ck_get(x, type, i) - mean);
    *root = 1 / sqrt(variance / (double)width + (double)epsilon);
    return mean;
}

static void layer_norm(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w,
                       const float *b, float epsilon, int64_t width) {
    double root, mean = find_moments(&root, x, x_type, epsilon, width);
    for (int64_t i = 0; i < width; i++)
        ck_put(y, y_type, i, (float)((ck_get(x, x_type, i) - mean) * root) * w[i] + b[i]);
}

static void layer_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                                ck_format dy_type, const void *x, ck_format x_type,
                                const float *w, float epsilon, float factor, int64_t width) {
    double root, mean = find_moments(&root, x, x_type, epsilon, width), sum = 0, dot = 0;
    for (int64_t i = 0; i < width; i++) {
        const double g = (double)ck_get(dy, dy_type, i) * w[i];
        sum += g;
        dot += g * (ck_get(x, x_type, i) - mean);
    }
    const double c = dot / (double)width * root * root;
    for (int64_t i = 0; i < width; i++) {
        const double g = (double)ck_get(dy, dy_type, i) * w[i] - sum / (double)width;
        const double change = root * factor * (g - (ck_get(x, x_type, i) - mean) * c);
        add_or_put(dx, dx_type, accumulate, i, (float)change);
    }
}

static void angles(float *cosine, float *sine, const float *frequencies, float position,
                   int64_t pairs) {
    for (int64_t i = 0; i < pairs; i++) {
        const float angle = position * frequencies[i];
        cosine[i] = cosf(angle);
        sine[i] = sinf(angle);
    }
}

static void rotate(void *x, ck_format type, const float *cosine, const float *sine,
                   int32_t interleaved, int64_t heads, int64_t size, int64_t pairs) {
    for (int64_t head = 0; head < heads; head++)
        for (int64_t i = 0; i < pairs; i++) {
            const int64_t first = head * size + (interleaved ? 2 * i : i);
            const int64_t second = first + (interleaved ? 1 : pairs);
            const float a = ck_get(x, type, first), b = ck_get(x, type, second);
            ck_put(x, type, first, a * cosine[i] - b * sine[i]);
            ck_put(x, type, second, a * sine[i] + b * cosine[i]);
        }
}

static void swiglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float g = ck_get(gate, type, i);
        ck_put(a, type, i, g / (1 + expf(-g)) * ck_get(up, type, i));
    }
}

static void swiglu_backward(void *dgate, void *dup, const void *da, const void *gate,
                            const void *up, ck_format type, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float g = ck_get(gate, type, i), u = ck_get(up, type, i), d = ck_get(da, type, i);
        const float s = 1 / (1 + expf(-g));
        ck_put(dgate, type, i, d * u * s * (1 + g * (1 - s)));
        ck_put(dup, type, i, d * g * s);
    }
}

/* The argument of the sigmoid in gelu's tanh form, and its slope. */
static float gelu_argument(float g) { return 1.5957691216057308f * g * (1 + 0.044715f * g * g); }

static float gelu_slope(float g) { return 1.5957691216057308f * (1 + 0.134145f * g * g); }

static void geglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float g = ck_get(gate, type, i);
        ck_put(a, type, i, g / (1 + expf(-gelu_argument(g))) * ck_get(up, type, i));
    }
}

static void geglu_backward(void *dgate, void *dup, const void *da, const void *gate,
                           const void *up, ck_format type, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float g = ck_get(gate, type, i), u = ck_get(up, type, i), d = ck_get(da, type, i);
        const float near = g > 100 ? 100 : g < -100 ? -100 : g; /* the slope is 1 or 0 beyond */
        const float s = 1 / (1 + expf(-gelu_argument(near)));
        ck_put(dgate, type, i, d * u * s * (1 + near * gelu_slope(near) * (1 - s)));
        ck_put(dup, type, i, d * g * s);
    }
}

static void add_bias(void *y, ck_format type, const float *bias, int64_t count) {
    for (int64_t i = 0; i < count; i++) ck_put(y, type, i, ck_get(y, type, i) + bias[i]);
}

static void scale_range(void *x, ck_format type, float factor, int64_t count) {
    for (int64_t i = 0; i < count; i++) ck_put(x, type, i, ck_get(x, type, i) * factor);
}

static void add_range(float *y, const void *x, ck_format x_type, float factor, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] += factor * ck_get(x, x_type, i);
}

static void drop_row(void *y, ck_format y_type, const void *x, ck_format x_type,
                     int32_t accumulate, uint64_t key, uint32_t threshold, float factor,
                     int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float kept = ck_noise(key, i) >= threshold ? ck_get(x, x_type, i) * factor : 0;
        add_or_put(y, y_type, accumulate, i, kept);
    }
}

static void soft_cap(float *x, float cap, int64_t count) {
    for (int64_t i = 0; i < count; i++) x[i] = cap * tanhf(x[i] / cap);
}

static void soft_cap_backward(void *dx, ck_format type, const float *y, float cap,
                              int64_t count) {
    for (int64_t i = 0; i < count; i++)
        ck_put(dx, type, i, ck_get(dx, type, i) * (1 - y[i] / cap * (y[i] / cap)));
}

static float row_dot(const void *a, ck_format a_type, const void *b, ck_format b_type,
                     int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)ck_get(a, a_type, i) * ck_get(b, b_type, i);
    return (float)sum;
}

static float cross_entropy(void *dlogits, ck_format type, const float *logits, int32_t target,
                           float weight, int64_t vocabulary) {
    float top = -INFINITY;
    for (int64_t i = 0; i < vocabulary; i++) top = logits[i] > top ? logits[i] : top;
    double sum = 0;
    for (int64_t i = 0; i < vocabulary; i++) sum += expf(logits[i] - top);
    const float nll = (float)(log(sum) + (double)top - (double)logits[target]);
    if (!dlogits) return nll;
    for (int64_t i = 0; i < vocabulary; i++) {
        const float p = (float)(expf(logits[i] - top) / sum);
        ck_put(dlogits, type, i, weight * (p - (i == target)));
    }
    return nll;
}

static void split(uint16_t *high, int16_t *low, const float *p, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &p[i], 4);
        high[i] = (uint16_t)((bits + 0x8000) >> 16);
        low[i] = (int16_t)(uint16_t)bits;
    }
}

static void join(float *p, const uint16_t *high, const int16_t *low, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = ((uint32_t)high[i] << 16) + (uint32_t)(int32_t)low[i];
        memcpy(&p[i], &bits, 4);
    }
}

static void adamw(float *p, float *m, float *v, const float *gradient, const ck_optimization *o,
                  int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float g = o->gradient_scale * gradient[i];
        m[i] = o->beta1 * m[i] + (1 - o->beta1) * g;
        v[i] = o->beta2 * v[i] + (1 - o->beta2) * g * g;
        const float root = sqrtf(v[i] / o->correction2) + o->epsilon;
        p[i] -= o->learning_rate * (o->weight_decay * p[i] + m[i] / o->correction1 / root);
    }
}

static void descend(float *p, const float *gradient, const ck_optimization *o, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        p[i] -= o->learning_rate * (o->weight_decay * p[i] + o->gradient_scale * gradient[i]);
}

static void round_randomly(uint16_t *y, const float *x, uint64_t key, int64_t index,
                           int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        if (x[i] != x[i])
            y[i] = ck_round_bf16(x[i]);
        else
            y[i] = (uint16_t)((bits + (ck_noise(key, index + i) & 0xFFFF)) >> 16);
    }
}

static float encode_moments(uint8_t *codes, const float *x, int32_t is_signed, uint64_t key,
                            int64_t index, int64_t count) {
    const float offset = is_signed ? CK_SIGNED_OFFSET : CK_UNSIGNED_OFFSET;
    const uint32_t base = is_signed ? CK_SIGNED_BASE : CK_UNSIGNED_BASE;
    float scale = 0;
    for (int64_t i = 0; i < count; i++) scale = fabsf(x[i]) > scale ? fabsf(x[i]) : scale;
    for (int64_t i = 0; i < count; i++) {
        const float share = scale > 0 ? fabsf(x[i]) / scale : 0;
        float shifted = share + offset;
        if (shifted > 1) shifted = 1;
        uint32_t bits;
        memcpy(&bits, &shifted, 4);
        const uint32_t code = ((bits + (ck_noise(key, index + i) >> 12)) >> 20) - base;
        codes[i] = (uint8_t)(is_signed && x[i] < 0 ? code | 0x80 : code);
    }
    return scale;
}

static void decode_moments(float *x, const uint8_t *codes, int32_t is_signed, float scale,
                           int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const uint32_t code = is_signed ? codes[i] & 0x7F : codes[i];
        const uint32_t bits = (code + (is_signed ? CK_SIGNED_BASE : CK_UNSIGNED_BASE)) << 20;
        float shifted;
        memcpy(&shifted, &bits, 4);
        float share = shifted - (is_signed ? CK_SIGNED_OFFSET : CK_UNSIGNED_OFFSET);
        if (!is_signed && share < CK_UNSIGNED_LEAST) share = CK_UNSIGNED_LEAST;
        x[i] = is_signed && codes[i] & 0x80 ? -share * scale : share * scale;
    }
}

static double sum_of_squares(const float *x, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)x[i] * x[i];
    return sum;
}

static void attend_cached(float *o, float *top, float *sum, const void *q, const void *keys,
                          const void *values, ck_format type, int64_t count,
                          const ck_attention_shape *shape) {
    const int64_t size = shape->size, value_size = shape->value_size, kv_heads = shape->kv_heads;
    const float cap = shape->soft_cap;
    for (int64_t head = 0; head < shape->heads / kv_heads; head++) {
        float scores[CK_CACHED_CHUNK];
        top[head] = -INFINITY;
        for (int64_t key = 0; key < count; key++) {
            float dot = 0;
            for (int64_t i = 0; i < size; i++)
                dot += ck_get(q, type, head * size + i) * ck_get(keys, type, key * kv_heads * size + i);
            scores[key] = dot * shape->scale;
            if (cap > 0) scores[key] = cap * tanhf(scores[key] / cap);
            if (scores[key] > top[head]) top[head] = scores[key];
        }
        sum[head] = 0;
        memset(o + head * value_size, 0, sizeof(float) * (size_t)value_size);
        for (int64_t key = 0; key < count; key++) {
            const float p = expf(scores[key] - top[head]);
            sum[head] += p;
            for (int64_t i = 0; i < value_size; i++)
                o[head * value_size + i] +=
                    p * ck_get(values, type, key * kv_heads * value_size + i);
        }
    }
}

static void narrow(uint16_t *y, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = ck_round_bf16(x[i]);
}

static void widen(float *y, const uint16_t *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = ck_get(x, CK_BF16, i);
}

static void spread_errors(float *x, const float *e, const float *u, int64_t stride, int64_t count,
                          int64_t columns) {
    for (int64_t k = 0; k < columns; k++)
        for (int64_t r = 0; r < CK_FEEDBACK_ROWS; r++)
            for (int64_t j = 0; j < count; j++)
                x[k * CK_FEEDBACK_ROWS + r] -= e[j * CK_FEEDBACK_ROWS + r] * u[j * stride + k];
}

const ck_layer_leaves ck_layers_scalar = {
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
    .narrow = narrow,
    .widen = widen,
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
