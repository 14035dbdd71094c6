/* Random bits that follow from a key and a place alone, so that neither the number of threads nor the
 * order of the work changes them. */
#ifndef CK_NOISE_H
#define CK_NOISE_H

#include <stdint.h>

/* 32 bits that depend on key and index alone: a mix by multiplications ("lowbias32", C. Wellons'
 * hash prospector, public domain), the key's halves put in before and between. The index counts
 * modulo 2^32. */
static inline uint32_t ck_noise(uint64_t key, int64_t index) {
    uint32_t x = (uint32_t)index ^ (uint32_t)key;
    x = (x ^ x >> 16) * 0x7feb352dU;
    x = ((x ^ x >> 15) + (uint32_t)(key >> 32)) * 0x846ca68bU;
    return x ^ x >> 16;
}

/* Key of one row: SplitMix64 of the two. */
static inline uint64_t ck_row_key(uint64_t key, int64_t row) {
    uint64_t x = key + (uint64_t)row * 0x9E3779B97F4A7C15U;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
    x = (x ^ x >> 27) * 0x94D049BB133111EBU;
    return x ^ x >> 31;
}

#endif
