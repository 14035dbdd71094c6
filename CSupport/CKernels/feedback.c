/* Rounding of a weight to blocks with error feedback (GPTQ, Frantar et al. 2022, arXiv 2210.17323; with scales that are
 * chosen on the way).
 *
 * With H = sum x x^T of the inputs and H^-1 = U^T U (U upper triangular), columns are rounded in order; what column j
 * loses in units of U_jj is taken from those that follow:
 *
 *   q_j = the grid point nearest to t_j,  e_j = (t_j - q_j) / U_jj,  t_k -= e_j U_jk for k > j.
 *
 * The sum of all e_j^2 is what the rounding adds to sum |(Q - T) x|^2 (of H as it was factorized). A block's scales
 * are chosen when its first column is reached, from the corrected values, by the error weighted with 1 / U_jj^2: those
 * of the base's block, those of the codec and some smaller ones. Rows know nothing of each other: a strip of them lies
 * side by side, column after column. */
#include <math.h>

#include "blocks.h"
#include "layers.h"
#include "scratch.h"
#include "team.h"

enum {
    ROWS = CK_FEEDBACK_ROWS,
    RUN = 32,     /* columns whose errors are spread over the rest at once */
    GROUP = 16,   /* columns that share a scale in every format */
    MOST = 256,   /* columns of a block */
    SHRINKS = 6,  /* scales tried below the codec's, in blocks of 32 */
};

/* Values scale q + start of a block, q = 0...levels. */
typedef struct {
    float scale[MOST / GROUP], start[MOST / GROUP];
    float levels;
} grid;

/* ---- Formats ---- */

static void affine_grid(grid *g, int i, float scale, float start) {
    g->scale[i] = scale;
    g->start[i] = start;
}

/* The grid of an encoded block; 0 for a format without one here. */
static int grid_of(grid *g, ck_format format, const void *block) {
    const uint16_t *numbers = block;
    switch ((int)format) {
    case CK_Q4_0:
    case CK_Q5_0: {
        float d = ck_from_f16(numbers[0]);
        g->levels = format == CK_Q4_0 ? 15 : 31;
        for (int i = 0; i < 2; i++) affine_grid(g, i, d, format == CK_Q4_0 ? -8 * d : -16 * d);
        return 1;
    }
    case CK_Q4_1:
    case CK_Q5_1:
        g->levels = format == CK_Q4_1 ? 15 : 31;
        for (int i = 0; i < 2; i++)
            affine_grid(g, i, ck_from_f16(numbers[0]), ck_from_f16(numbers[1]));
        return 1;
    case CK_Q8_0: {
        float d = ck_from_f16(numbers[0]);
        g->levels = 254;
        for (int i = 0; i < 2; i++) affine_grid(g, i, d, -127 * d);
        return 1;
    }
    case CK_Q4_K:
    case CK_Q5_K: {
        const ck_q4_k *b = block; /* begins like ck_q5_k */
        float d = ck_from_f16(b->d), dmin = ck_from_f16(b->dmin);
        g->levels = format == CK_Q4_K ? 15 : 31;
        for (int i = 0; i < 16; i++) {
            uint8_t s, m;
            ck_q4_k_scale(b->scales, i / 2, &s, &m);
            affine_grid(g, i, d * (float)s, -dmin * (float)m);
        }
        return 1;
    }
    case CK_Q6_K: {
        const ck_q6_k *b = block;
        float d = ck_from_f16(b->d);
        g->levels = 63;
        for (int i = 0; i < 16; i++)
            affine_grid(g, i, d * (float)b->scales[i], -32 * (d * (float)b->scales[i]));
        return 1;
    }
    default: return 0;
    }
}

/* Puts the integers q into a block that has its scales. */
static void put_quanta(ck_format format, void *block, const uint8_t *q) {
    switch ((int)format) {
    case CK_Q4_0:
    case CK_Q4_1: {
        uint8_t *to = (uint8_t *)block + (format == CK_Q4_0 ? 2 : 4);
        for (int j = 0; j < 16; j++) to[j] = (uint8_t)(q[j] | q[j + 16] << 4);
        return;
    }
    case CK_Q5_0:
    case CK_Q5_1: {
        char *to = (char *)block + (format == CK_Q5_0 ? 2 : 4);
        uint32_t high = 0;
        for (int j = 0; j < 32; j++) high |= (uint32_t)(q[j] >> 4) << j;
        memcpy(to, &high, 4);
        for (int j = 0; j < 16; j++) to[4 + j] = (char)((q[j] & 15) | (q[j + 16] & 15) << 4);
        return;
    }
    case CK_Q8_0:
        for (int j = 0; j < 32; j++) ((ck_q8_0 *)block)->q[j] = (int8_t)(q[j] - 127);
        return;
    case CK_Q4_K:
    case CK_Q5_K: {
        uint8_t *low = format == CK_Q4_K ? ((ck_q4_k *)block)->q : ((ck_q5_k *)block)->q;
        for (int j = 0; j < 128; j++) {
            const uint8_t *of = q + j / 32 * 64 + j % 32;
            low[j] = (uint8_t)((of[0] & 15) | (of[32] & 15) << 4);
        }
        if (format == CK_Q4_K) return;
        uint8_t *high = ((ck_q5_k *)block)->high;
        memset(high, 0, 32);
        for (int j = 0; j < 256; j++) high[j % 32] |= (uint8_t)(q[j] >> 4 << j / 32);
        return;
    }
    case CK_Q6_K: {
        ck_q6_k *b = block;
        memset(b->low, 0, sizeof b->low);
        memset(b->high, 0, sizeof b->high);
        for (int j = 0; j < 256; j++) {
            int run = j / 32, r = run & 3;
            b->low[run / 4 * 64 + (r & 1) * 32 + j % 32] |= (uint8_t)((q[j] & 15) << r / 2 * 4);
            b->high[run / 4 * 32 + j % 32] |= (uint8_t)(q[j] >> 4 << r * 2);
        }
        return;
    }
    default: return;
    }
}

/* Makes the scale of a block of 32 smaller by a factor; the middle of its grid stays where it was. */
static void shrink(ck_format format, void *block, float factor) {
    uint16_t *numbers = block;
    float d = ck_from_f16(numbers[0]);
    numbers[0] = ck_to_f16(d * factor);
    if (format == CK_Q4_1 || format == CK_Q5_1) {
        float middle = format == CK_Q4_1 ? 7.5f : 15.5f;
        numbers[1] = ck_to_f16(ck_from_f16(numbers[1]) + middle * d * (1 - factor));
    }
}

/* ---- Choice of scales ---- */

static float nearest_quantum(float v, float scale, float start, float levels) {
    float q = scale != 0 ? (v - start) / scale : 0;
    q = (q + 12582912.0f) - 12582912.0f; /* ties to even; far values are limited all the same */
    if (!(q > 0)) return 0;
    return q < levels ? q : levels;
}

static float weighted_error(const grid *g, const float *x, const float *weight, int64_t count) {
    float error = 0;
    for (int64_t j = 0; j < count; j++) {
        float scale = g->scale[j / GROUP], start = g->start[j / GROUP];
        float e = scale * nearest_quantum(x[j], scale, start, g->levels) + start - x[j];
        error += weight[j] * e * e;
    }
    return error;
}

/* ---- A strip ---- */

typedef struct {
    char *w;
    const float *t, *u;
    const char *base; /* NULL: the rows before are in another format, or there are none */
    ck_format format;
    const ck_codec *codec;
    int64_t rows, columns;
    size_t row_bytes;
    double *errors; /* [strips] */
} job;

/* Puts the block with the best scales for x [columns of a block] into `to`. */
static void choose(const job *job, void *to, grid *best, const float *x, const float *weight, const void *own) {
    const size_t bytes = (size_t)job->codec->block_bytes;
    const int64_t length = job->codec->block_length;
    _Alignas(8) char trial[256], first[256];
    float least = INFINITY;
    job->codec->encode(first, x, length);
    const int shrinks = length == 32 && job->format != CK_Q8_0 ? SHRINKS : 0;
    for (int i = -1; i <= shrinks; i++) {
        if (i < 0 && !own) continue;
        memcpy(trial, i < 0 ? own : first, bytes);
        if (i > 0) shrink(job->format, trial, 1 - 0.03f * (float)i);
        grid g;
        grid_of(&g, job->format, trial);
        float error = weighted_error(&g, x, weight, length);
        if (!(error < least) && least != INFINITY) continue;
        least = error;
        *best = g;
        memcpy(to, trial, bytes);
    }
}

static void round_strip(const job *job, int64_t strip) {
    const ck_layer_leaves *leaf = ck_layers();
    const int64_t columns = job->columns, length = job->codec->block_length, first = strip * ROWS;
    const int64_t rows = job->rows - first < ROWS ? job->rows - first : ROWS;
    float *x = (float *)ck_layer_scratch(sizeof(float) * (size_t)((columns + RUN) * ROWS));
    float *e = x + columns * ROWS;
    double error = 0;
    for (int64_t k = 0; k < columns; k++)
        for (int64_t r = 0; r < ROWS; r++)
            x[k * ROWS + r] = r < rows ? job->t[(first + r) * columns + k] : 0;
    for (int64_t begin = 0; begin < columns; begin += length) {
        const size_t at = ck_offset(job->codec, begin);
        float weight[MOST];
        grid grids[ROWS];
        uint8_t quanta[ROWS][MOST];
        for (int64_t j = 0; j < length; j++) {
            float u = job->u[(begin + j) * (columns + 1)];
            weight[j] = 1 / (u * u);
        }
        for (int64_t r = 0; r < rows; r++) {
            float own[MOST];
            for (int64_t j = 0; j < length; j++) own[j] = x[(begin + j) * ROWS + r];
            const size_t row = (size_t)(first + r) * job->row_bytes + at;
            choose(job, job->w + row, &grids[r], own, weight, job->base ? job->base + row : NULL);
        }
        for (int64_t run = begin; run < begin + length; run += RUN) {
            for (int64_t j = 0; j < RUN; j++) {
                const int64_t column = run + j, group = (column - begin) / GROUP;
                const float u = job->u[column * (columns + 1)];
                float *lost = e + j * ROWS;
                for (int64_t r = 0; r < ROWS; r++) lost[r] = 0;
                for (int64_t r = 0; r < rows; r++) {
                    const grid *g = &grids[r];
                    const float v = x[column * ROWS + r];
                    const float q = nearest_quantum(v, g->scale[group], g->start[group], g->levels);
                    quanta[r][column - begin] = (uint8_t)q;
                    lost[r] = (v - (g->scale[group] * q + g->start[group])) / u;
                    error += (double)lost[r] * lost[r];
                }
                leaf->spread_errors(x + (column + 1) * ROWS, lost, job->u + column * columns + column + 1,
                                    columns, 1, run + RUN - column - 1);
            }
            leaf->spread_errors(x + (run + RUN) * ROWS, e, job->u + run * columns + run + RUN, columns, RUN,
                                columns - run - RUN);
        }
        for (int64_t r = 0; r < rows; r++)
            put_quanta(job->format, job->w + (size_t)(first + r) * job->row_bytes + at, quanta[r]);
    }
    job->errors[strip] = error;
}

static void round_strips(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    for (int64_t strip = from; strip < to; strip++) round_strip(context, strip);
}

int32_t ck_has_feedback(ck_format format) {
    grid g;
    const char block[256] = {0};
    return grid_of(&g, format, block);
}

void ck_quantize_with_feedback(void *w, double *errors, const float *t, const float *u, const void *base,
                               ck_format format, int64_t rows, int64_t columns) {
    const ck_codec *codec = ck_codec_of(format);
    job job = {.w = w, .t = t, .u = u, .base = base, .format = format, .codec = codec, .rows = rows,
               .columns = columns, .row_bytes = ck_offset(codec, columns), .errors = errors};
    const int64_t strips = (rows + ROWS - 1) / ROWS;
    ck_team_run(round_strips, &job, strips, 1, ck_threads_for(rows * columns * columns / 2, 1 << 17));
}
