/* Rotary position embedding: pair i of every head turns by the angle positions[t] *
 * frequencies[i],
 *   (a, b) -> m (a cos - b sin, a sin + b cos),
 * in place, with m = magnitude (YaRN, longrope). Sines and cosines are made once a token and serve
 * all heads. The backward is the inverse rotation, times m again. Scaled frequencies (linear, NTK,
 * YaRN, llama 3) are the caller's affair. What a head has beyond its pairs stays.
 */
#include "layers.h"
#include "share.h"

void ck_rope(void *x, ck_format type, const int32_t *positions, const float *frequencies,
             int64_t pairs, float magnitude, int32_t interleaved, int32_t inverse, int64_t tokens,
             int64_t heads, int64_t size) {
    const ck_layer_leaves *leaf = ck_layers();
    const size_t element = ck_element_bytes(type);
#pragma omp parallel num_threads(ck_threads()) if (tokens * heads * size > 8192)
    for (ck_share own = ck_own_share(tokens); own.from < own.to; own.from++) {
        const int64_t t = own.from;
        float cosine[CK_MOST_PAIRS], sine[CK_MOST_PAIRS];
        char *row = (char *)x + element * (size_t)(t * heads * size);
        leaf->angles(cosine, sine, frequencies, (float)positions[t], pairs);
        if (inverse)
            for (int64_t i = 0; i < pairs; i++) sine[i] = -sine[i];
        if (magnitude != 1)
            for (int64_t i = 0; i < pairs; i++) cosine[i] *= magnitude, sine[i] *= magnitude;
        leaf->rotate(row, type, cosine, sine, interleaved, heads, size, pairs);
    }
}
