/* CKernels: everything that Scion computes in C, as Swift sees it.
 *
 * Conventions
 * - Arguments: outputs, then inputs, then sizes. Matrices are row-major and contiguous unless a leading
 *   dimension (ld, in elements) is given. `[tokens, width]` in a comment is the shape.
 * - Activations have one of two types, CK_F32 or CK_BF16 (`type`); arithmetic is fp32 (or the bf16
 *   dot product of the processor with fp32 accumulation), whatever the storage.
 * - Weights are rows of GGUF blocks in any ck_format: w [out, in], row stride ck_row_bytes(format, in).
 * - Functions neither fail nor print: Swift has checked every shape. Pointers need no alignment beyond
 *   their element's, but aligned buffers (64 bytes) are faster. Outputs alias no input unless it says so.
 * - Results do not depend on the number of threads (fixed tiles, fixed order of summation).
 */
#ifndef SCION_CKERNELS_H
#define SCION_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Numeric types with the ids that GGUF files use (ggml_type). */
typedef int32_t ck_format;
enum {
    CK_F32 = 0,
    CK_F16 = 1,
    CK_Q4_0 = 2,
    CK_Q4_1 = 3,
    CK_Q5_0 = 6,
    CK_Q5_1 = 7,
    CK_Q8_0 = 8,
    CK_Q2_K = 10,
    CK_Q3_K = 11,
    CK_Q4_K = 12,
    CK_Q5_K = 13,
    CK_Q6_K = 14,
    CK_IQ4_NL = 20,
    CK_IQ4_XS = 23,
    CK_BF16 = 30,
};

/* ---- Processor and threads (dispatch.c) ---- */

/* Instruction-set tiers, from the oracle up. */
enum {
    CK_ISA_SCALAR = 0,
    CK_ISA_AVX2 = 1,
    CK_ISA_AVX2_VNNI = 2,
    CK_ISA_AVX512 = 3,
    CK_ISA_AVX512_BF16 = 4,
    CK_ISA_NEON = 5,
    CK_ISA_NEON_BF16 = 6,
};

int32_t ck_isa_available(int32_t isa);   /* 1 when this processor and build can run the tier */
int32_t ck_isa(void);                    /* the tier in use: best available, or the one that SCION_ISA names (dispatch.c) */
void ck_set_isa(int32_t isa);            /* for tests and benchmarks; must be available */
int32_t ck_int8_pays(void);              /* 1: on the tier in use, training with int8 products is faster than without */
int32_t ck_threads(void);                /* threads in use: OMP_NUM_THREADS or the cores this process may use */
void ck_set_threads(int32_t threads);
/* Calls body(context, 0 ..< count), up to `most` at a time: each call runs on one thread, and so does everything that it
 * calls; with one at a time, kernels use all threads as ever. */
void ck_for_each(int64_t count, int32_t most, void (*body)(void *context, int64_t index), void *context);

/* ---- Block formats (codec_*.c) ---- */

size_t ck_row_bytes(ck_format format, int64_t count);   /* bytes of `count` values (whole blocks) */
/* y [rows, columns] f32 from rows of blocks (scalar, exact to the format's definition). */
void ck_dequantize(float *y, const void *w, ck_format format, int64_t rows, int64_t columns);
/* w rows of blocks from x [rows, columns] f32, in all formats but Q2_K, Q3_K and IQ4_XS. */
void ck_quantize(void *w, const float *x, ck_format format, int64_t rows, int64_t columns);

/* The same with error feedback (GPTQ): what rounding a column loses is made good by the columns after it, as far as inputs let
 * it. t [rows, columns]; u [columns, columns] the upper factor of H^-1 = U^T U, H = sum x x^T of the inputs x; base: the rows'
 * blocks in the same format, whose scales are tried too, or NULL. errors [rows / 16, rounded up]: what each 16 rows add to
 * the sum of |(Q - T) x|^2. columns is whole blocks and ck_has_feedback(format).    (feedback.c) */
void ck_quantize_with_feedback(void *w, double *errors, const float *t, const float *u, const void *base,
                               ck_format format, int64_t rows, int64_t columns);
int32_t ck_has_feedback(ck_format format);

/* y [count] of y_type from x [count] of x_type (f32 <-> bf16, round to nearest even; same type copies). */
void ck_convert(void *y, ck_format y_type, const void *x, ck_format x_type, int64_t count);

/* ---- Products with a frozen, quantized right-hand side (multiply.c) ---- */

/* One product of activations x with a weight w, and with an adapter's low rank beside it:
 *
 *   y [tokens, out] = (accumulate ? y : 0) + x [tokens, in]  . w^T + u [tokens, rank] . b [rank, out]
 *
 * or, transposed (the gradient of that with respect to its input),
 *
 *   y [tokens, in]  = (accumulate ? y : 0) + x [tokens, out] . w   + u [tokens, rank] . b [rank, in] */
typedef struct {
    void *y;              /* [tokens, out] of y_type; transposed: [tokens, in] */
    const void *x;        /* [tokens, in] of x_type; transposed: [tokens, out] */
    const void *w;        /* [out, in], rows of blocks of w_format */
    const void *u;        /* [tokens, rank] of x_type; may be NULL when rank is 0 */
    const void *b;        /* [rank, out] of x_type; transposed: [rank, in]; may be NULL when rank is 0 */
    int64_t tokens;       /* 1 or more */
    int64_t out, in;      /* rows and columns of w, whichever way it is multiplied */
    int64_t rank;         /* of the adapter; 0: there is none */
    ck_format y_type;     /* CK_F32 or CK_BF16 */
    ck_format x_type;     /* of x, u and b: CK_F32 or CK_BF16 */
    ck_format w_format;
    int32_t accumulate;   /* 1: adds to y, which must be CK_F32 then */
} ck_product_arguments;

/* One to four tokens take a path without panels. */
void ck_multiply(const ck_product_arguments *product);
/* The same product in int8: x and w are rounded to 8-bit integers in groups of 128 neighbours along `in`, each with a
 * fp32 scale, and their products summed exactly within a group; the adapter's part is computed as in ck_multiply.
 * Relative error about 0.009 (int8.h). One to four tokens are computed as in ck_multiply. */
void ck_multiply_int8(const ck_product_arguments *product);
/* The transposed product. */
void ck_multiply_transposed(const ck_product_arguments *product);
/* The same in int8, groups running along `out`. x is rounded up or down at random, so that the mean over keys is x: what
 * value (t, i) draws depends on key, first_row + t and i alone. One to four tokens as in ck_multiply_transposed. */
void ck_multiply_transposed_int8(const ck_product_arguments *product, uint64_t key, int64_t first_row);
/* Bytes of scratch that an int8 product with x [tokens, k] keeps for the calling thread beside what every product has. */
size_t ck_int8_scratch_bytes(int64_t tokens, int64_t k);

/* ck_multiply and ck_multiply_transposed for many products [count] of one x_type, each with inputs and an output of its
 * own: the experts of a layer. Their panels are shared out among the threads together. Results are the same to the bit. */
void ck_multiply_all(const ck_product_arguments *products, int64_t count);
void ck_multiply_transposed_all(const ck_product_arguments *products, int64_t count);

/* Weights of the call after this one: idle threads read their beginnings meanwhile. */
typedef struct {
    const void *w;
    size_t bytes;
} ck_few_next;
enum { CK_FEW_TOKENS = 64 };
/* Generation: ck_multiply of a few tokens, 1 to CK_FEW_TOKENS, with several weights at once, x rounded to 8-bit integers in blocks of
 * 32 (few.h; relative error about 0.005); as ck_multiply for five and more where the tier has no such kernel. The adapters' parts, and weights in F32, F16 or BF16, stay fp32.
 * All products [count] have the same x, tokens, in, types and accumulate; they differ in y, w, u, b, out, rank and
 * w_format. in is a multiple of 32 unless all weights are of these formats. next [next_count] may be empty.   (few.c) */
void ck_multiply_few(const ck_product_arguments *products, int64_t count,
                     const ck_few_next *next, int64_t next_count);

/* ---- Thin and dense products between activations (project.c) ---- */

/* u [tokens, rank] = scale * x [tokens, k] . a [rank, k]^T        all of `type` */
void ck_project(void *u, const void *x, const void *a, ck_format type, float scale,
                int64_t tokens, int64_t rank, int64_t k);
/* da [rank, k] f32 += u [tokens, rank]^T . x [tokens, k] */
void ck_project_gradient(float *da, const void *u, const void *x, ck_format type,
                         int64_t tokens, int64_t rank, int64_t k);
/* g [m, n] f32 += d [tokens, m]^T . x [tokens, n]: the dense gradient of a weight */
void ck_weight_gradient(float *g, const void *d, const void *x, ck_format type,
                        int64_t tokens, int64_t m, int64_t n);

/* Gives memory that was freed, but that malloc still holds, back to the system. (scratch.c) */
void ck_release_freed(void);

/* ---- Attention (attention.c): causal, grouped-query, tiled, online softmax ---- */

/* The geometry: heads is a multiple of kv_heads, and head h reads key-value head h / (heads/kv_heads). */
typedef struct {
    int64_t heads, kv_heads;
    int64_t size, value_size; /* of a query and a key, of a value: even, at most 1024 */
    int64_t window;           /* query i sees key j if 0 <= i - j < window (at most INT32_MAX); 0: all j <= i */
    float scale;              /* multiplies q.k; positive (1/sqrt(size)) */
    float soft_cap;           /* c > 0: the scaled score s becomes c tanh(s / c); 0: it does not */
} ck_attention_shape;

/* q, dq [tokens, heads*size]; o, dout [tokens, heads*value_size]; k, dk [tokens, kv_heads*size]; v, dv
 * [tokens, kv_heads*value_size]; lse [tokens, heads] f32 (log-sum-exp).
 * starts [sequences+1]: sequence s owns tokens starts[s]..<starts[s+1]. No [tokens, tokens] buffer exists; scratch
 * belongs to the calling thread and is kept for its next call. */
void ck_attention(void *o, float *lse, const void *q, const void *k, const void *v, ck_format type,
                  const int32_t *starts, int64_t sequences, const ck_attention_shape *shape);
void ck_attention_backward(void *dq, void *dk, void *dv, const void *dout, const void *o, const float *lse,
                           const void *q, const void *k, const void *v, ck_format type,
                           const int32_t *starts, int64_t sequences, const ck_attention_shape *shape);
/* Bytes of scratch that ck_attention and ck_attention_backward keep for such a call (the larger of both). */
size_t ck_attention_scratch_bytes(ck_format type, const int32_t *starts, int64_t sequences,
                                  const ck_attention_shape *shape);
/* Generation: q [tokens, heads*size], o [tokens, heads*value_size]; token t belongs to cache slot slots[t] at
 * positions[t] and sees positions 0...positions[t], of which only those of its window are read. keys
 * [slots, capacity, kv_heads*size] and values [slots, capacity, kv_heads*value_size] hold every position seen already
 * (this call's tokens too). */
void ck_attention_cached(void *o, const void *q, const void *keys, const void *values, ck_format type,
                         const int32_t *slots, const int32_t *positions, int64_t tokens, int64_t capacity,
                         const ck_attention_shape *shape);

/* ---- Row-wise operations ---- */

/* y [tokens, width] = (accumulate ? y : 0) + factor * x / sqrt(mean(x^2) + epsilon) * w [width] f32. accumulate needs
 * y_type CK_F32.   (norm.c) */
void ck_rms_norm(void *y, ck_format y_type, int32_t accumulate, const void *x, ck_format x_type, const float *w,
                 float epsilon, float factor, int64_t tokens, int64_t width);
/* dx [tokens, width] = (accumulate ? dx : 0) + gradient of rms_norm at x, given factor * dy [tokens, width].
 * accumulate needs dx_type CK_F32. Without it, dx may be dy or x itself where the type is the same. */
void ck_rms_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy, ck_format dy_type,
                          const void *x, ck_format x_type, const float *w, float epsilon, float factor,
                          int64_t tokens, int64_t width);
/* y [tokens, width] = (x - mean(x)) / sqrt(variance(x) + epsilon) * w + b, w and b [width] f32; and its gradient, with
 * the arguments of ck_rms_norm_backward. */
void ck_layer_norm(void *y, ck_format y_type, const void *x, ck_format x_type, const float *w, const float *b,
                   float epsilon, int64_t tokens, int64_t width);
void ck_layer_norm_backward(void *dx, ck_format dx_type, int32_t accumulate, const void *dy, ck_format dy_type,
                            const void *x, ck_format x_type, const float *w, float epsilon, float factor,
                            int64_t tokens, int64_t width);
/* x [tokens, heads*size] rotated in place by angle positions[t] * frequencies[i] (frequencies [pairs] f32, 2*pairs <=
 * size, pairs <= 512) and multiplied by magnitude.   (rope.c)
 * interleaved: pairs (2i, 2i+1); else pairs (i, i+pairs); what a head has beyond 2*pairs stays. inverse: rotates back
 * (the backward; times magnitude as well). */
void ck_rope(void *x, ck_format type, const int32_t *positions, const float *frequencies, int64_t pairs,
             float magnitude, int32_t interleaved, int32_t inverse, int64_t tokens, int64_t heads, int64_t size);
/* a [count] = silu(gate) * up.   (gated.c) */
void ck_swiglu(void *a, const void *gate, const void *up, ck_format type, int64_t count);
/* dgate, dup from da; dgate may alias gate, dup may alias up. */
void ck_swiglu_backward(void *dgate, void *dup, const void *da, const void *gate, const void *up, ck_format type,
                        int64_t count);
/* The same with gelu in place of silu, in its tanh form: 0.5 g (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))). */
void ck_geglu(void *a, const void *gate, const void *up, ck_format type, int64_t count);
void ck_geglu_backward(void *dgate, void *dup, const void *da, const void *gate, const void *up, ck_format type,
                       int64_t count);
/* Elementwise, in place: y [tokens, width] += bias [width] f32; x [count] *= factor; x [tokens, width] *=
 * factors [tokens] by rows; y [count] f32 += factor * x.   (elementwise.c) */
void ck_add_bias(void *y, ck_format type, const float *bias, int64_t tokens, int64_t width);
void ck_scale(void *x, ck_format type, float factor, int64_t count);
/* y [tokens, width] = (or +=) x where it is kept, times 1 / (1 - rate), else 0: inverted dropout. An element's fate
 * depends on key, first_row + its row, and its column alone; 0 <= rate < 1.   (elementwise.c) */
void ck_drop(void *y, ck_format y_type, const void *x, ck_format x_type, int32_t accumulate,
             uint64_t key, int64_t first_row, float rate, int64_t tokens, int64_t width);
void ck_scale_rows(void *x, ck_format type, const float *factors, int64_t tokens, int64_t width);
void ck_add(float *y, const void *x, ck_format x_type, float factor, int64_t count);
/* x [count] f32 = cap * tanh(x / cap); and dx [count] *= 1 - (y / cap)^2 with y [count] f32 what that left. */
void ck_soft_cap(float *x, float cap, int64_t count);
void ck_soft_cap_backward(void *dx, ck_format type, const float *y, float cap, int64_t count);
/* dots [tokens] f32: those of the rows of a and b [tokens, width]. */
void ck_row_dots(float *dots, const void *a, ck_format a_type, const void *b, ck_format b_type, int64_t tokens,
                 int64_t width);
/* y [.., width] f32, row rows[i] += factors[i] * x row i, in the order of i; rows may repeat. */
void ck_scatter_add(float *y, const void *x, ck_format x_type, const int64_t *rows, const float *factors, int64_t count,
                    int64_t width);
/* Row i of y [count, width] = row rows[i] of x [.., width], converted. y and x do not overlap. */
void ck_gather_rows(void *y, ck_format y_type, const void *x, ck_format x_type, const int64_t *rows, int64_t count,
                    int64_t width);
/* `bytes` of each of `rows` rows, from_stride bytes apart, to rows to_stride bytes apart. */
void ck_copy_rows(void *to, int64_t to_stride, const void *from, int64_t from_stride, int64_t bytes, int64_t rows);
/* Fused softmax, loss and gradient of a chunk of rows.   (cross_entropy.c)
 * nll [rows] f32 = logsumexp(logits) - logits[target]; unless dlogits is NULL, dlogits [rows, vocabulary] of
 * `type` = weights[row] * (softmax - onehot). dlogits may be the logits buffer itself when type is CK_F32. */
void ck_cross_entropy(float *nll, void *dlogits, ck_format type,
                      const float *logits, const int32_t *targets, const float *weights,
                      int64_t rows, int64_t vocabulary);

/* ---- Optimizer (optimizer.c) ---- */

/* Split-fp32 parameters: bits(p) = (high << 16) + (int16)low, so that high is p rounded to nearest bf16 (ties away from zero). */
void ck_split(uint16_t *high, int16_t *low, const float *p, int64_t count);
void ck_join(float *p, const uint16_t *high, const int16_t *low, int64_t count);

/* How parameters (the first three) and moments (the last four) are kept. */
enum { CK_KEEP_SPLIT = 0, CK_KEEP_F32 = 1, CK_KEEP_BF16 = 2, CK_KEEP_8BIT = 3, CK_KEEP_NOTHING = 4 };
/* Moments that share a scale in CK_KEEP_8BIT. */
enum { CK_MOMENT_BLOCK = 256 };

/* One step over `count` parameters.
 * SPLIT: high, low [count]. F32: master [count], and high [count] or NULL for a copy in bf16. BF16: high [count].
 * first, second [count]: the moments, f32, bf16 or bytes; with bytes a scale for each CK_MOMENT_BLOCK of them. NOTHING
 * is gradient descent. gradient [count] is multiplied by gradient_scale (clipping) first; correction1 = 1 - beta1^t,
 * correction2 = 1 - beta2^t; decoupled weight decay. What is rounded at random depends on key and on the parameter's
 * number, which is `index` for the first. */
typedef struct {
    int32_t parameters, moments;
    uint16_t *high;
    int16_t *low;
    float *master;
    void *first, *second;
    float *first_scales, *second_scales;
    const float *gradient;
    float gradient_scale, learning_rate, beta1, beta2, epsilon, weight_decay, correction1, correction2;
    uint64_t key;
    int64_t index, count;
} ck_optimization;
void ck_optimize(const ck_optimization *o);

/* y bf16 [count] = x up or down at random, so that the mean is x. */
void ck_round_randomly(uint16_t *y, const float *x, uint64_t key, int64_t index, int64_t count);
/* Moments to bytes and scales [count / CK_MOMENT_BLOCK, rounded up], and back. */
void ck_encode_moments(uint8_t *codes, float *scales, const float *x, int32_t is_signed, uint64_t key, int64_t index,
                       int64_t count);
void ck_decode_moments(float *x, const uint8_t *codes, const float *scales, int32_t is_signed, int64_t count);
/* Sum of squares in a fixed order (fp64). */
double ck_sum_of_squares(const float *x, int64_t count);

/* ---- Peaks of the machine, for benchmarks (peak.c) ---- */

enum { CK_PEAK_F32 = 0, CK_PEAK_BF16 = 1, CK_PEAK_INT8 = 2 };

/* `steps` steps of multiply-adds in registers on every thread, with the instructions of the tier in use; returns the
 * operations done (a multiply-add is two), or 0 where the tier has no such instruction. The caller holds the clock. */
double ck_peak_products(int32_t kind, int64_t steps);
/* Reads the whole pages of from [bytes], aligned to 64 bytes, once, on all threads. */
void ck_peak_read(const void *from, size_t bytes);

#endif
