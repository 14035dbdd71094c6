/* What the 256-bit and the 512-bit decoders do alike: numbers of half precision, and scales and bits
 * of the blocks of 256. Include inside the decoders' `#pragma clang attribute push`. */

/* Through a cleared register: the compiler's own _cvtsh_ss merges into a register that may be in
 * use. */
INLINE float half(uint16_t h) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h))); }

/* Two neighbouring halves (a scale and a minimum) at once. */
INLINE __m128 half_pair(const uint16_t *pair) {
    return _mm_cvtph_ps(_mm_loadu_si32(pair));
}

/* Bits 2r, 2r+1 (r = run % 4) of 32 bytes. */
INLINE __m256i two_bits(const uint8_t *q, int run) {
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(q + run / 4 * 32));
    bytes = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(run % 4 * 2));
    return _mm256_and_si256(bytes, _mm256_set1_epi8(3));
}

/* The factors of a Q2_K run's two groups: d s0, d s1, dmin m0, dmin m1. */
INLINE __m128 q2_k_factors(const ck_q2_k *b, int run) {
    __m128i nibbles = _mm_loadu_si16(b->scales + run * 2);
    nibbles = _mm_unpacklo_epi16(nibbles, _mm_srli_epi16(nibbles, 4));
    nibbles = _mm_cvtepu8_epi32(_mm_and_si128(nibbles, _mm_set1_epi8(15)));
    __m128 pair = half_pair(&b->d);
    return _mm_mul_ps(_mm_cvtepi32_ps(nibbles), _mm_unpacklo_ps(pair, pair));
}

/* The scales of a Q3_K run's two groups. */
INLINE void q3_k_scales(const ck_q3_k *b, int run, float *first, float *second) {
    uint16_t low, high;
    memcpy(&low, b->scales + (run & 3) * 2, 2);
    memcpy(&high, b->scales + 8 + (run & 1) * 2, 2);
    int both = (low >> run / 4 * 4 & 0x0f0f) | (high >> run / 2 * 2 & 0x0303) << 4;
    float d = half(b->d);
    *first = d * (float)((both & 255) - 32);
    *second = d * (float)((both >> 8) - 32);
}
