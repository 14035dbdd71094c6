/* Vectors of CK_WIDTH floats by the compiler's vector extension: loads and stores of both element
 * types, exponentials, sums. Included by leaf files inside their target attribute, after CK_WIDTH
 * is defined (16, 8 or 4); not self-contained otherwise. `a * b + c` in one expression becomes a
 * fused multiply-add where the instruction set has it.
 */
#define CK_INLINE static inline __attribute__((always_inline, unused))
#define CK_VECTOR(bytes) __attribute__((vector_size((bytes) * CK_WIDTH)))

typedef float vf CK_VECTOR(4);
typedef int32_t vi CK_VECTOR(4);
typedef uint32_t vu CK_VECTOR(4);
typedef uint16_t vh CK_VECTOR(2);
typedef double vd CK_VECTOR(8);
typedef int64_t vl CK_VECTOR(8);

/* ---- Memory ---- */

CK_INLINE vf load(const float *x) {
    vf v;
    memcpy(&v, x, sizeof v);
    return v;
}

CK_INLINE void store(float *x, vf v) { memcpy(x, &v, sizeof v); }

CK_INLINE vu widen(const uint16_t *x) {
    vh h;
    memcpy(&h, x, sizeof h);
    return __builtin_convertvector(h, vu);
}

CK_INLINE vf splat(float x) { return x - (vf){0}; }

CK_INLINE vf pick(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }

/* Where one of the two is NaN, b. */
CK_INLINE vf larger(vf a, vf b) { return pick(a > b, a, b); }

CK_INLINE vf smaller(vf a, vf b) { return pick(a < b, a, b); }

/* bf16 in the low half of each lane: nearest, ties to even, NaN stays NaN. */
CK_INLINE vu round_bf16(vf v) {
    const vu bits = (vu)v;
    const vu rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    const vu nan = (vu)(v != v);
    return (nan & (bits >> 16 | 0x40)) | (~nan & rounded);
}

/* Elements index..<index+CK_WIDTH of x, or only the first `count` of them (the rest is zero). */
CK_INLINE vf fetch(const void *x, ck_format type, int64_t index, int64_t count) {
    if (type == CK_F32) {
        const float *from = (const float *)x + index;
        if (count >= CK_WIDTH) return load(from);
        float part[CK_WIDTH] = {0};
        for (int64_t i = 0; i < count; i++) part[i] = from[i];
        return load(part);
    }
    const uint16_t *from = (const uint16_t *)x + index;
    if (count >= CK_WIDTH) return (vf)(widen(from) << 16);
    uint16_t part[CK_WIDTH] = {0};
    for (int64_t i = 0; i < count; i++) part[i] = from[i];
    return (vf)(widen(part) << 16);
}

CK_INLINE void put(void *x, ck_format type, int64_t index, vf v, int64_t count) {
    if (type == CK_F32) {
        float *to = (float *)x + index;
        if (count >= CK_WIDTH)
            store(to, v);
        else
            for (int64_t i = 0; i < count; i++) to[i] = v[i];
        return;
    }
#if defined(CK_DOT_BF16) && defined(__x86_64__)
    const vh h = (vh)_mm512_cvtneps_pbh((__m512)v);
#elif defined(CK_DOT_BF16)
    const vh h = (vh)vcvt_bf16_f32((float32x4_t)v);
#else
    const vh h = __builtin_convertvector(round_bf16(v), vh);
#endif
    uint16_t *to = (uint16_t *)x + index;
    if (count >= CK_WIDTH)
        memcpy(to, &h, sizeof h);
    else
        for (int64_t i = 0; i < count; i++) to[i] = h[i];
}

/* ---- Sums over lanes, by halves ---- */

CK_INLINE float total(vf v) {
    typedef float v4 __attribute__((vector_size(16)));
    v4 part[CK_WIDTH / 4];
    memcpy(part, &v, sizeof v);
    for (int width = CK_WIDTH / 8; width > 0; width /= 2)
        for (int i = 0; i < width; i++) part[i] += part[i + width];
    return (part[0][0] + part[0][2]) + (part[0][1] + part[0][3]);
}

/* The sums of the first `count` of four vectors. */
CK_INLINE void totals(float *to, const vf v[4], int64_t count) {
#if defined(__x86_64__) && CK_WIDTH == 16
    /* Within 128 bits, then across: lane j of `four` gathers the sum of v[j]. */
    const __m512 a = (__m512)v[0], b = (__m512)v[1], c = (__m512)v[2], d = (__m512)v[3];
    const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    const __m512 all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    if (count == 4) {
        _mm_storeu_ps(to, four);
        return;
    }
    float room[4];
    _mm_storeu_ps(room, four);
    for (int64_t i = 0; i < count; i++) to[i] = room[i];
#else
    for (int64_t i = 0; i < count; i++) to[i] = total(v[i]);
#endif
}

CK_INLINE float largest(vf v) {
    float top = v[0];
    for (int i = 1; i < CK_WIDTH; i++) top = v[i] > top ? v[i] : top;
    return top;
}

/* ---- Exponentials: NaN in, NaN out ---- */

/* 2^x for x <= 127; below -126 zero or nearly so (relative error 2e-7; polynomial of Cephes
 * exp2f). */
CK_INLINE vf power2(vf x) {
#if defined(__x86_64__) && CK_WIDTH == 16
    const vf f = (vf)_mm512_reduce_ps((__m512)x, 0), n = x - f;
#else
    x = smaller(splat(127), larger(splat(-126), x));
    const vf shifted = x + 12582912.0f; /* 1.5 * 2^23: the integer nearest to x in the low bits */
    const vf f = x - (shifted - 12582912.0f);
#endif
    vf p = f * 1.535336188319500e-4f + 1.339887440266574e-3f;
    p = p * f + 9.618437357674640e-3f;
    p = p * f + 5.550332471162809e-2f;
    p = p * f + 2.402264791363012e-1f;
    p = p * f + 6.931472028550421e-1f;
    p = p * f + 1.0f;
#if defined(__x86_64__) && CK_WIDTH == 16
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    return (vf)((vu)p + ((vu)shifted << 23));
#endif
}

/* e^x, x limited to -87...88 (two-term reduction and polynomial of Cephes expf, about 1 ulp). */
CK_INLINE vf exponential(vf x) {
    x = smaller(splat(88), larger(splat(-87), x));
    const vf shifted = x * 1.44269504088896341f + 12582912.0f;
    const vf n = shifted - 12582912.0f;
    const vf r = x - n * 0.693359375f;
    const vf f = r - n * -2.12194440e-4f;
    vf p = f * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * (f * f) + f;
    p = p + 1.0f;
    return (vf)((vu)p + ((vu)shifted << 23));
}

/* tanh x: an odd polynomial up to 0.625 (Cephes tanhf, 2 ulp), 1 - 2 / (e^2|x| + 1) beyond. */
CK_INLINE vf hyperbolic_tangent(vf x) {
    const vu sign = (vu)x & 0x80000000U;
    const vf size = (vf)((vu)x ^ sign), z = x * x;
    vf p = z * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * z + -5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z + -3.33332819422e-1f;
    const vf near = p * z * x + x;
    const vf far = 1.0f - 2.0f / (exponential(size + size) + 1.0f);
    return pick(size < 0.625f, near, (vf)((vu)far ^ sign));
}
