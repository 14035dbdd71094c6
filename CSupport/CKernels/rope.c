/* Rotary position embedding: pair i of every head turns by the angle positions[t] *
 * frequencies[i],
 *   (a, b) -> m (a cos - b sin, a sin + b cos),
 * in place, with m = magnitude (YaRN, longrope). Sines and cosines are made once a token and serve
 * all heads. The backward is the inverse rotation, times m again. Scaled frequencies (linear, NTK,
 * YaRN, llama 3) are the caller's affair. What a head has beyond its pairs stays.
 */
#include "layers.h"
#include "team.h"

enum { WORTH = 8192 }; /* values that are worth calling others */

typedef struct {
    void *x;
    ck_format type;
    const int32_t *positions;
    const float *frequencies;
    int64_t pairs, heads, size;
    float magnitude;
    int32_t interleaved, inverse;
} job;

static void rotate_rows(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *job = context;
    const ck_layer_leaves *leaf = ck_layers();
    const size_t row_bytes = ck_element_bytes(job->type) * (size_t)(job->heads * job->size);
    const int64_t pairs = job->pairs;
    const float magnitude = job->magnitude;
    for (int64_t t = from; t < to; t++) {
        float cosine[CK_MOST_PAIRS], sine[CK_MOST_PAIRS];
        leaf->angles(cosine, sine, job->frequencies, (float)job->positions[t], pairs);
        if (job->inverse)
            for (int64_t i = 0; i < pairs; i++) sine[i] = -sine[i];
        if (magnitude != 1)
            for (int64_t i = 0; i < pairs; i++) cosine[i] *= magnitude, sine[i] *= magnitude;
        leaf->rotate((char *)job->x + row_bytes * (size_t)t, job->type, cosine, sine,
                     job->interleaved, job->heads, job->size, pairs);
    }
}

void ck_rope(void *x, ck_format type, const int32_t *positions, const float *frequencies,
             int64_t pairs, float magnitude, int32_t interleaved, int32_t inverse, int64_t tokens,
             int64_t heads, int64_t size) {
    job job = {.x = x, .type = type, .positions = positions, .frequencies = frequencies,
               .pairs = pairs, .heads = heads, .size = size, .magnitude = magnitude,
               .interleaved = interleaved, .inverse = inverse};
    ck_team_run(rotate_rows, &job, tokens, ck_row_grain(heads * size),
                ck_threads_for(tokens * heads * size, WORTH));
}
