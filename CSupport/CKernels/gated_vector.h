/* The leaves of gated.c in vectors of any width (after vector.h). Gates below -100 count as -100,
 * where the result is 0 all the same.
 */

/* ---- SwiGLU ---- */

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

/* ---- GeGLU ---- */

/* 2 sqrt(2/pi) and the factor of the cube: gelu's tanh form is g / (1 + exp(-v)), v = this. */
#define CK_GELU_SLOPE 1.5957691216057308f
#define CK_GELU_CUBE 0.044715f

CK_INLINE vf gelu_sigmoid(vf g) {
    const vf v = g * CK_GELU_SLOPE * (g * g * CK_GELU_CUBE + 1.0f);
    return exponential(-v) + 1.0f;
}

CK_INLINE void geglu_at(void *a, const void *gate, const void *up, ck_format type, int64_t i,
                        int64_t left) {
    const vf g = larger(splat(-100), fetch(gate, type, i, left));
    put(a, type, i, g / gelu_sigmoid(g) * fetch(up, type, i, left), left);
}

CK_INLINE void geglu_range(void *a, const void *gate, const void *up, ck_format type,
                           int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) geglu_at(a, gate, up, type, i, CK_WIDTH);
    if (i < count) geglu_at(a, gate, up, type, i, count - i);
}

static void geglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    if (type == CK_F32)
        geglu_range(a, gate, up, CK_F32, count);
    else
        geglu_range(a, gate, up, CK_BF16, count);
}

/* Beyond 100 the gate's slope is 1. */
CK_INLINE void geglu_at_backward(void *dgate, void *dup, const void *da, const void *gate,
                                 const void *up, ck_format type, int64_t i, int64_t left) {
    const vf g = larger(splat(-100), fetch(gate, type, i, left)), near = smaller(splat(100), g);
    const vf u = fetch(up, type, i, left), d = fetch(da, type, i, left);
    const vf s = 1.0f / gelu_sigmoid(near);
    const vf slope = (near * near * (3 * CK_GELU_CUBE) + 1.0f) * CK_GELU_SLOPE;
    put(dgate, type, i, d * u * s * (near * slope * (1.0f - s) + 1.0f), left);
    put(dup, type, i, d * g * s, left);
}

CK_INLINE void geglu_range_backward(void *dgate, void *dup, const void *da, const void *gate,
                                    const void *up, ck_format type, int64_t count) {
    int64_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH)
        geglu_at_backward(dgate, dup, da, gate, up, type, i, CK_WIDTH);
    if (i < count) geglu_at_backward(dgate, dup, da, gate, up, type, i, count - i);
}

static void geglu_backward(void *dgate, void *dup, const void *da, const void *gate,
                           const void *up, ck_format type, int64_t count) {
    if (type == CK_F32)
        geglu_range_backward(dgate, dup, da, gate, up, CK_F32, count);
    else
        geglu_range_backward(dgate, dup, da, gate, up, CK_BF16, count);
}
