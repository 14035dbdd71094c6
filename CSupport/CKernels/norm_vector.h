/* The leaves of norm.c in vectors of any width (after vector.h). */

/* ---- Root-mean-square ---- */

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

CK_INLINE void norm_row(void *y, ck_format y_type, int accumulate, const void *x, ck_format x_type,
                        const float *w, float epsilon, float factor, int64_t width) {
    const float r = inverse_root(x, x_type, epsilon, width) * factor;
    for (EACH(i, width)) {
        const vf value = fetch(x, x_type, i, left) * r * fetch(w, CK_F32, i, left);
        put(y, y_type, i, accumulate ? fetch(y, CK_F32, i, left) + value : value, left);
    }
}

static void rms_norm(void *y, ck_format y_type, int32_t accumulate, const void *x,
                     ck_format x_type, const float *w, float epsilon, float factor,
                     int64_t width) {
    if (x_type == CK_F32) {
        if (accumulate)
            norm_row(y, CK_F32, 1, x, CK_F32, w, epsilon, factor, width);
        else if (y_type == CK_F32)
            norm_row(y, CK_F32, 0, x, CK_F32, w, epsilon, factor, width);
        else
            norm_row(y, CK_BF16, 0, x, CK_F32, w, epsilon, factor, width);
    } else if (accumulate)
        norm_row(y, CK_F32, 1, x, CK_BF16, w, epsilon, factor, width);
    else if (y_type == CK_F32)
        norm_row(y, CK_F32, 0, x, CK_BF16, w, epsilon, factor, width);
    else
        norm_row(y, CK_BF16, 0, x, CK_BF16, w, epsilon, factor, width);
}

CK_INLINE void norm_row_backward(void *dx, ck_format dx_type, int accumulate, const void *dy,
                                 ck_format dy_type, const void *x, ck_format x_type,
                                 const float *w, float epsilon, float factor, int64_t width) {
    const float r = inverse_root(x, x_type, epsilon, width);
    vf sum = {0};
    for (EACH(i, width))
        sum += fetch(dy, dy_type, i, left) * fetch(w, CK_F32, i, left) * fetch(x, x_type, i, left);
    const float c = total(sum) / (float)width * r * r, scale = r * factor;
    for (EACH(i, width)) {
        const vf g = fetch(dy, dy_type, i, left) * fetch(w, CK_F32, i, left);
        const vf value = fetch(x, x_type, i, left);
        if (accumulate)
            put(dx, CK_F32, i, fetch(dx, CK_F32, i, left) + scale * (g - value * c), left);
        else
            put(dx, dx_type, i, scale * (g - value * c), left);
    }
}

/* Calls `row` with constant types; dx is float32 where it is added to. */
#define CK_NORM_BACKWARD(row, dy_type, x_type)                                                     \
    if (accumulate)                                                                                \
        row(dx, CK_F32, 1, dy, dy_type, x, x_type, w, epsilon, factor, width);                     \
    else if (dx_type == CK_F32)                                                                    \
        row(dx, CK_F32, 0, dy, dy_type, x, x_type, w, epsilon, factor, width);                     \
    else                                                                                           \
        row(dx, CK_BF16, 0, dy, dy_type, x, x_type, w, epsilon, factor, width)

static void rms_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                              ck_format dy_type, const void *x, ck_format x_type, const float *w,
                              float epsilon, float factor, int64_t width) {
    if (dy_type == CK_F32 && x_type == CK_F32) {
        CK_NORM_BACKWARD(norm_row_backward, CK_F32, CK_F32);
    } else if (dy_type == CK_F32) {
        CK_NORM_BACKWARD(norm_row_backward, CK_F32, CK_BF16);
    } else if (x_type == CK_F32) {
        CK_NORM_BACKWARD(norm_row_backward, CK_BF16, CK_F32);
    } else {
        CK_NORM_BACKWARD(norm_row_backward, CK_BF16, CK_BF16);
    }
}

/* ---- Layer ---- */

/* The mean, and 1 / sqrt(variance + epsilon): two sweeps, so that a large mean takes nothing away
 * from a small variance. */
typedef struct {
    float mean, root;
} row_moments;

CK_INLINE vf lanes_below(vf v, int64_t count) {
    for (int64_t lane = count; lane < CK_WIDTH; lane++) v[lane] = 0;
    return v;
}

CK_INLINE row_moments find_moments(const void *x, ck_format type, float epsilon, int64_t width) {
    vf sums = {0}, squares = {0};
    for (EACH(i, width)) sums += fetch(x, type, i, left);
    const float mean = total(sums) / (float)width;
    for (EACH(i, width)) {
        const vf centred = lanes_below(fetch(x, type, i, left) - mean, left);
        squares += centred * centred;
    }
    const float variance = total(squares) / (float)width;
    return (row_moments){mean, 1 / __builtin_sqrtf(variance + epsilon)};
}

CK_INLINE void layer_row(void *y, ck_format y_type, const void *x, ck_format x_type,
                         const float *w, const float *b, float epsilon, int64_t width) {
    const row_moments m = find_moments(x, x_type, epsilon, width);
    for (EACH(i, width)) {
        const vf normed = (fetch(x, x_type, i, left) - m.mean) * m.root;
        put(y, y_type, i, normed * fetch(w, CK_F32, i, left) + fetch(b, CK_F32, i, left), left);
    }
}

static void layer_norm(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w,
                       const float *b, float epsilon, int64_t width) {
    if (x_type == CK_F32) {
        if (y_type == CK_F32)
            layer_row(y, CK_F32, x, CK_F32, w, b, epsilon, width);
        else
            layer_row(y, CK_BF16, x, CK_F32, w, b, epsilon, width);
    } else if (y_type == CK_F32)
        layer_row(y, CK_F32, x, CK_BF16, w, b, epsilon, width);
    else
        layer_row(y, CK_BF16, x, CK_BF16, w, b, epsilon, width);
}

CK_INLINE void layer_row_backward(void *dx, ck_format dx_type, int accumulate, const void *dy,
                                  ck_format dy_type, const void *x, ck_format x_type,
                                  const float *w, float epsilon, float factor, int64_t width) {
    const row_moments m = find_moments(x, x_type, epsilon, width);
    vf sums = {0}, dots = {0};
    for (EACH(i, width)) {
        const vf g = fetch(dy, dy_type, i, left) * fetch(w, CK_F32, i, left);
        sums += g;
        dots += g * (fetch(x, x_type, i, left) - m.mean);
    }
    const float mean = total(sums) / (float)width;
    const float c = total(dots) / (float)width * m.root * m.root, scale = m.root * factor;
    for (EACH(i, width)) {
        const vf g = fetch(dy, dy_type, i, left) * fetch(w, CK_F32, i, left);
        const vf change = scale * ((g - mean) - (fetch(x, x_type, i, left) - m.mean) * c);
        put(dx, dx_type, i, accumulate ? fetch(dx, CK_F32, i, left) + change : change, left);
    }
}

static void layer_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy,
                                ck_format dy_type, const void *x, ck_format x_type,
                                const float *w, float epsilon, float factor, int64_t width) {
    if (dy_type == CK_F32 && x_type == CK_F32) {
        CK_NORM_BACKWARD(layer_row_backward, CK_F32, CK_F32);
    } else if (dy_type == CK_F32) {
        CK_NORM_BACKWARD(layer_row_backward, CK_F32, CK_BF16);
    } else if (x_type == CK_F32) {
        CK_NORM_BACKWARD(layer_row_backward, CK_BF16, CK_F32);
    } else {
        CK_NORM_BACKWARD(layer_row_backward, CK_BF16, CK_BF16);
    }
}
