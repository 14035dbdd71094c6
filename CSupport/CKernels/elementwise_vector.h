/* The leaves of elementwise.c in vectors of any width (after vector.h). */

CK_INLINE void add_bias_row(void *y, ck_format type, const float *bias, int64_t count) {
    for (EACH(i, count))
        put(y, type, i, fetch(y, type, i, left) + fetch(bias, CK_F32, i, left), left);
}

static void add_bias(void *y, ck_format type, const float *bias, int64_t count) {
    if (type == CK_F32)
        add_bias_row(y, CK_F32, bias, count);
    else
        add_bias_row(y, CK_BF16, bias, count);
}

CK_INLINE void scale_values(void *x, ck_format type, float factor, int64_t count) {
    for (EACH(i, count)) put(x, type, i, fetch(x, type, i, left) * factor, left);
}

static void scale_range(void *x, ck_format type, float factor, int64_t count) {
    if (type == CK_F32)
        scale_values(x, CK_F32, factor, count);
    else
        scale_values(x, CK_BF16, factor, count);
}

CK_INLINE void add_values(float *y, const void *x, ck_format x_type, float factor, int64_t count) {
    for (EACH(i, count))
        put(y, CK_F32, i, fetch(x, x_type, i, left) * factor + fetch(y, CK_F32, i, left), left);
}

static void add_range(float *y, const void *x, ck_format x_type, float factor, int64_t count) {
    if (x_type == CK_F32)
        add_values(y, x, CK_F32, factor, count);
    else
        add_values(y, x, CK_BF16, factor, count);
}

CK_INLINE void drop_values(void *y, ck_format y_type, const void *x, ck_format x_type,
                           int32_t accumulate, uint64_t key, uint32_t threshold, float factor,
                           int64_t count) {
    for (EACH(i, count)) {
        const vi kept = (vi)(ck_noise_vector(key, i) >= threshold);
        vf v = pick(kept, fetch(x, x_type, i, left) * factor, (vf){0});
        if (accumulate) v += fetch(y, y_type, i, left);
        put(y, y_type, i, v, left);
    }
}

static void drop_row(void *y, ck_format y_type, const void *x, ck_format x_type,
                     int32_t accumulate, uint64_t key, uint32_t threshold, float factor,
                     int64_t count) {
    if (y_type == CK_F32 && x_type == CK_F32)
        drop_values(y, CK_F32, x, CK_F32, accumulate, key, threshold, factor, count);
    else if (y_type == CK_F32)
        drop_values(y, CK_F32, x, CK_BF16, accumulate, key, threshold, factor, count);
    else if (x_type == CK_F32)
        drop_values(y, CK_BF16, x, CK_F32, accumulate, key, threshold, factor, count);
    else
        drop_values(y, CK_BF16, x, CK_BF16, accumulate, key, threshold, factor, count);
}

static void soft_cap(float *x, float cap, int64_t count) {
    for (EACH(i, count))
        put(x, CK_F32, i, hyperbolic_tangent(fetch(x, CK_F32, i, left) / cap) * cap, left);
}

CK_INLINE void soft_cap_values(void *dx, ck_format type, const float *y, float cap,
                               int64_t count) {
    for (EACH(i, count)) {
        const vf t = fetch(y, CK_F32, i, left) / cap;
        put(dx, type, i, fetch(dx, type, i, left) * (1.0f - t * t), left);
    }
}

static void soft_cap_backward(void *dx, ck_format type, const float *y, float cap,
                              int64_t count) {
    if (type == CK_F32)
        soft_cap_values(dx, CK_F32, y, cap, count);
    else
        soft_cap_values(dx, CK_BF16, y, cap, count);
}

CK_INLINE float dot_row(const void *a, ck_format a_type, const void *b, ck_format b_type,
                        int64_t count) {
    vf sum = {0};
    for (EACH(i, count)) sum += fetch(a, a_type, i, left) * fetch(b, b_type, i, left);
    return total(sum);
}

static float row_dot(const void *a, ck_format a_type, const void *b, ck_format b_type,
                     int64_t count) {
    if (a_type == CK_F32)
        return b_type == CK_F32 ? dot_row(a, CK_F32, b, CK_F32, count)
                                : dot_row(a, CK_F32, b, CK_BF16, count);
    return b_type == CK_F32 ? dot_row(a, CK_BF16, b, CK_F32, count)
                            : dot_row(a, CK_BF16, b, CK_BF16, count);
}
