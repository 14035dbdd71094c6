/* ck_noise in vectors, for leaf files: include inside their target attribute, after CK_WIDTH (16, 8 or 4) and noise.h. */
typedef uint32_t ck_noise_lanes __attribute__((vector_size(4 * CK_WIDTH)));

/* Draws index ..< index + CK_WIDTH. */
static inline __attribute__((always_inline, unused)) ck_noise_lanes ck_noise_vector(uint64_t key,
                                                                                    int64_t index) {
    ck_noise_lanes x;
    for (int lane = 0; lane < CK_WIDTH; lane++) x[lane] = (uint32_t)lane;
    x = (x + (uint32_t)index) ^ (uint32_t)key;
    x = (x ^ x >> 16) * 0x7feb352dU;
    x = ((x ^ x >> 15) + (uint32_t)(key >> 32)) * 0x846ca68bU;
    return x ^ x >> 16;
}
