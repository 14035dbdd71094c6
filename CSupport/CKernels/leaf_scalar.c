/* The tier `scalar`; see oracle.h. It needs no scratch memory but a few kilobytes of stack. Sums
 * run in 16 interleaved parts (fixed, so that the compiler may use whatever vectors the baseline
 * has). */
#include "oracle.h"
#include "blocks.h"
#include "team.h"

enum { RUN = 256, TOKENS = 16 }; /* values of a row decoded at a time; tokens swept over them */

static inline float element(const void *x, ck_format type, int64_t i) {
    return type == CK_BF16 ? ck_from_bf16(((const uint16_t *)x)[i]) : ((const float *)x)[i];
}

static inline void put(void *y, ck_format type, int64_t i, float value) {
    if (type == CK_BF16)
        ((uint16_t *)y)[i] = ck_to_bf16(value);
    else
        ((float *)y)[i] = value;
}

static void load_run(float *to, const void *x, ck_format type, int64_t i, int64_t count) {
    if (type == CK_BF16)
        ck_decode_bf16(to, (const uint16_t *)x + i, count);
    else
        ck_decode_f32(to, (const float *)x + i, count);
}

typedef struct {
    const ck_product_arguments *product;
    float scale;
} scaled;

/* Rows of w. */
static void multiply(void *context, int64_t first, int64_t end, int32_t slot) {
    (void)slot;
    const ck_product_arguments *p = ((const scaled *)context)->product;
    const float scale = ((const scaled *)context)->scale;
    const void *x = p->x, *u = p->u, *b = p->b;
    const ck_format x_type = p->x_type, y_type = p->y_type;
    const int64_t tokens = p->tokens, out = p->out, in = p->in, rank = p->rank;
    void *y = p->y;
    const ck_codec *codec = ck_codec_of(p->w_format);
    size_t stride = ck_offset(codec, in);
    for (int64_t o = first; o < end; o++) {
        const char *row = (const char *)p->w + (size_t)o * stride;
        for (int64_t t0 = 0; t0 < tokens; t0 += TOKENS) {
            int64_t count = tokens - t0 < TOKENS ? tokens - t0 : TOKENS;
            float parts[TOKENS][16] = {{0}}, weights[RUN], inputs[RUN];
            for (int64_t k = 0; k < in; k += RUN) {
                int64_t n = in - k < RUN ? in - k : RUN;
                codec->decode(weights, row + ck_offset(codec, k), n);
                for (int64_t t = 0; t < count; t++) {
                    load_run(inputs, x, x_type, (t0 + t) * in + k, n);
                    float *part = parts[t];
                    int64_t i = 0;
                    for (; i + 16 <= n; i += 16)
                        for (int j = 0; j < 16; j++) part[j] += inputs[i + j] * weights[i + j];
                    for (; i < n; i++) part[i & 15] += inputs[i] * weights[i];
                }
            }
            for (int64_t t = 0; t < count; t++) {
                float sum = 0;
                for (int j = 0; j < 16; j++) sum += parts[t][j];
                for (int64_t r = 0; r < rank; r++)
                    sum += element(u, x_type, (t0 + t) * rank + r) *
                           element(b, x_type, r * out + o);
                int64_t at = (t0 + t) * out + o;
                put(y, y_type, at, sum * scale + (p->accumulate ? ((float *)y)[at] : 0));
            }
        }
    }
}

void ck_multiply_scalar(const ck_product_arguments *p, float scale) {
    scaled scaled = {p, scale};
    ck_team_run(multiply, &scaled, p->out, 4, ck_threads());
}

/* Runs of columns of w. */
static void multiply_transposed(void *context, int64_t first, int64_t end, int32_t slot) {
    (void)slot;
    const ck_product_arguments *p = context;
    const void *x = p->x, *u = p->u, *b = p->b;
    const ck_format x_type = p->x_type, y_type = p->y_type;
    const int64_t tokens = p->tokens, out = p->out, in = p->in, rank = p->rank;
    void *y = p->y;
    const ck_codec *codec = ck_codec_of(p->w_format);
    size_t stride = ck_offset(codec, in);
    for (int64_t k = first * RUN; k < in && k < end * RUN; k += RUN) {
        int64_t n = in - k < RUN ? in - k : RUN;
        for (int64_t t0 = 0; t0 < tokens; t0 += TOKENS) {
            int64_t count = tokens - t0 < TOKENS ? tokens - t0 : TOKENS;
            float sums[TOKENS][RUN] = {{0}}, weights[RUN];
            for (int64_t o = 0; o < out + rank; o++) {
                const char *row = (const char *)p->w + (size_t)o * stride;
                if (o < out)
                    codec->decode(weights, row + ck_offset(codec, k), n);
                else
                    load_run(weights, b, x_type, (o - out) * in + k, n);
                for (int64_t t = 0; t < count; t++) {
                    float factor = o < out ? element(x, x_type, (t0 + t) * out + o)
                                           : element(u, x_type, (t0 + t) * rank + o - out);
                    for (int64_t i = 0; i < n; i++) sums[t][i] += factor * weights[i];
                }
            }
            for (int64_t t = 0; t < count; t++)
                for (int64_t i = 0; i < n; i++) {
                    int64_t at = (t0 + t) * in + k + i;
                    put(y, y_type, at, sums[t][i] + (p->accumulate ? ((float *)y)[at] : 0));
                }
        }
    }
}

void ck_multiply_transposed_scalar(const ck_product_arguments *p) {
    ck_team_run(multiply_transposed, (void *)p, (p->in + RUN - 1) / RUN, 1, ck_threads());
}

typedef struct {
    float *g;
    const void *d, *x;
    ck_format type;
    int64_t tokens, m, n;
} gradient;

/* Rows of g. */
static void sum_gradient(void *context, int64_t first, int64_t end, int32_t slot) {
    (void)slot;
    const gradient *p = context;
    for (int64_t i = first; i < end; i++)
        for (int64_t j = 0; j < p->n; j += RUN) {
            int64_t count = p->n - j < RUN ? p->n - j : RUN;
            float sums[RUN] = {0}, inputs[RUN];
            for (int64_t t = 0; t < p->tokens; t++) {
                float factor = element(p->d, p->type, t * p->m + i);
                load_run(inputs, p->x, p->type, t * p->n + j, count);
                for (int64_t c = 0; c < count; c++) sums[c] += factor * inputs[c];
            }
            for (int64_t c = 0; c < count; c++) p->g[i * p->n + j + c] += sums[c];
        }
}

void ck_weight_gradient_scalar(float *g, const void *d, const void *x, ck_format type,
                               int64_t tokens, int64_t m, int64_t n) {
    gradient gradient = {g, d, x, type, tokens, m, n};
    ck_team_run(sum_gradient, &gradient, m, 1, ck_threads());
}
