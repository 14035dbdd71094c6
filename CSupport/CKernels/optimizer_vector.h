/* The optimizer's leaves in vectors of any width: a part of layers_vector.h. */

CK_INLINE vf join_halves(const uint16_t *high, const int16_t *low) {
    return (vf)((widen(high) << 16) + (vu)((vi)(widen((const uint16_t *)low) << 16) >> 16));
}

CK_INLINE void split_halves(uint16_t *high, int16_t *low, vf p) {
    const vh upper = __builtin_convertvector(((vu)p + 0x8000) >> 16, vh);
    const vh lower = __builtin_convertvector((vu)p & 0xFFFF, vh);
    memcpy(high, &upper, sizeof upper);
    memcpy(low, &lower, sizeof lower);
}

static void split(uint16_t *high, int16_t *low, const float *p, int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) split_halves(high + i, low + i, load(p + i));
    if (i < count) ck_layers_scalar.split(high + i, low + i, p + i, count - i);
}

static void join(float *p, const uint16_t *high, const int16_t *low, int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) store(p + i, join_halves(high + i, low + i));
    if (i < count) ck_layers_scalar.join(p + i, high + i, low + i, count - i);
}

static void adamw(float *p, float *m, float *v, const float *gradient, const ck_optimization *o,
                  int64_t count) {
    const float beta1 = o->beta1, beta2 = o->beta2;
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) {
        const vf g = load(gradient + i) * o->gradient_scale, value = load(p + i);
        const vf first = load(m + i) * beta1 + g * (1 - beta1);
        const vf second = load(v + i) * beta2 + g * (1 - beta2) * g;
        const vf root = __builtin_elementwise_sqrt(second / o->correction2) + o->epsilon;
        store(m + i, first);
        store(v + i, second);
        store(p + i, value - o->learning_rate *
                                 (o->weight_decay * value + first / o->correction1 / root));
    }
    if (i < count) ck_layers_scalar.adamw(p + i, m + i, v + i, gradient + i, o, count - i);
}

static void descend(float *p, const float *gradient, const ck_optimization *o, int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) {
        const vf g = load(gradient + i) * o->gradient_scale, value = load(p + i);
        store(p + i, value - o->learning_rate * (o->weight_decay * value + g));
    }
    if (i < count) ck_layers_scalar.descend(p + i, gradient + i, o, count - i);
}

/* ---- Rounding at random ---- */

static void round_randomly(uint16_t *y, const float *x, uint64_t key, int64_t index,
                           int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) {
        const vf value = load(x + i);
        const vu bits = (vu)value, nan = (vu)(value != value);
        const vu rounded = (bits + (ck_noise_vector(key, index + i) & 0xFFFF)) >> 16;
        const vh h =
            __builtin_convertvector((nan & (bits >> 16 | 0x40)) | (~nan & rounded), vh);
        memcpy(y + i, &h, sizeof h);
    }
    if (i < count) ck_layers_scalar.round_randomly(y + i, x + i, key, index + i, count - i);
}

/* ---- 8-bit moments ---- */

typedef uint8_t vb CK_VECTOR(1);

CK_INLINE vf magnitude(vf x) { return (vf)((vu)x & 0x7FFFFFFF); }

CK_INLINE float encode_block(uint8_t *codes, const float *x, int32_t is_signed, uint64_t key,
                             int64_t index, int64_t count) {
    const float offset = is_signed ? CK_SIGNED_OFFSET : CK_UNSIGNED_OFFSET;
    const uint32_t base = is_signed ? CK_SIGNED_BASE : CK_UNSIGNED_BASE;
    vf most = {0};
    for (EACH(i, count)) most = larger(magnitude(fetch(x, CK_F32, i, left)), most);
    const float scale = largest(most);
    const float divisor = scale > 0 ? scale : 1;
    for (EACH(i, count)) {
        const vf value = fetch(x, CK_F32, i, left), share = magnitude(value) / divisor;
        const vf shifted = smaller(splat(1), share + offset);
        vu code = (((vu)shifted + (ck_noise_vector(key, index + i) >> 12)) >> 20) - base;
        if (is_signed) code |= (vu)(value < 0) & 0x80;
        const vb bytes = __builtin_convertvector(code, vb);
        memcpy(codes + i, &bytes, left < CK_WIDTH ? (size_t)left : sizeof bytes);
    }
    return scale;
}

static float encode_moments(uint8_t *codes, const float *x, int32_t is_signed, uint64_t key,
                            int64_t index, int64_t count) {
    return is_signed ? encode_block(codes, x, 1, key, index, count)
                     : encode_block(codes, x, 0, key, index, count);
}

CK_INLINE void decode_block(float *x, const uint8_t *codes, int32_t is_signed, float scale,
                            int64_t count) {
    for (EACH(i, count)) {
        vb bytes = {0};
        memcpy(&bytes, codes + i, left < CK_WIDTH ? (size_t)left : sizeof bytes);
        const vu code = __builtin_convertvector(bytes, vu);
        if (is_signed) {
            const vf share = (vf)(((code & 0x7F) + CK_SIGNED_BASE) << 20) - CK_SIGNED_OFFSET;
            put(x, CK_F32, i, (vf)((vu)share | (code & 0x80) << 24) * scale, left);
        } else {
            const vf share = (vf)((code + CK_UNSIGNED_BASE) << 20) - CK_UNSIGNED_OFFSET;
            put(x, CK_F32, i, larger(share, splat(CK_UNSIGNED_LEAST)) * scale, left);
        }
    }
}

static void decode_moments(float *x, const uint8_t *codes, int32_t is_signed, float scale,
                           int64_t count) {
    if (is_signed)
        decode_block(x, codes, 1, scale, count);
    else
        decode_block(x, codes, 0, scale, count);
}

static double sum_of_squares(const float *x, int64_t count) {
    vd sums[2] = {{0}};
    int64_t i = 0;
    for (; i + 2 * CK_WIDTH <= count; i += 2 * CK_WIDTH)
        for (int part = 0; part < 2; part++) {
            const vd value = __builtin_convertvector(load(x + i + part * CK_WIDTH), vd);
            sums[part] += value * value;
        }
    sums[0] += sums[1];
    double sum = 0;
    for (int lane = 0; lane < CK_WIDTH; lane++) sum += sums[0][lane];
    for (; i < count; i++) sum += (double)x[i] * x[i];
    return sum;
}
