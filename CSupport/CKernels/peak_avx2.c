/* The leaves of peak.h in 256 bits. Two multiply-adds a cycle with four to five cycles of latency
 * need ten accumulators; there are twelve. */
#if defined(__x86_64__)
#include "peak.h"
#include <immintrin.h>

enum { ACCUMULATORS = 12 };

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static float sum_f32(const __m256 *c) {
    __m256 s = c[0];
    for (int i = 1; i < ACCUMULATORS; i++) s = _mm256_add_ps(s, c[i]);
    float lanes[8], sum = 0;
    _mm256_storeu_ps(lanes, s);
    for (int i = 0; i < 8; i++) sum += lanes[i];
    return sum;
}

double ck_peak_f32_avx2(float *sink, int64_t steps) {
    __m256 a = _mm256_set1_ps(1.0001f), b = _mm256_set1_ps(0.9999f), c[ACCUMULATORS];
    for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm256_set1_ps((float)i);
    for (int64_t k = 0; k < steps; k++) {
        __asm__ volatile("" : "+x"(a), "+x"(b));
#pragma clang loop unroll(full)
        for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm256_fmadd_ps(a, b, c[i]);
    }
    *sink += sum_f32(c);
    return 2.0 * 8 * ACCUMULATORS * (double)steps;
}

static float sum_i32(const __m256i *c) {
    __m256i s = c[0];
    for (int i = 1; i < ACCUMULATORS; i++) s = _mm256_add_epi32(s, c[i]);
    int32_t lanes[8], sum = 0;
    _mm256_storeu_si256((__m256i *)lanes, s);
    for (int i = 0; i < 8; i++) sum ^= lanes[i];
    return (float)sum;
}

double ck_peak_int8_avx2(float *sink, int64_t steps) {
    __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(2), one = _mm256_set1_epi16(1);
    __m256i c[ACCUMULATORS];
    for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm256_set1_epi32(i);
    for (int64_t k = 0; k < steps; k++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < ACCUMULATORS; i++) {
            __asm__ volatile("" : "+x"(a), "+x"(b)); /* a product a step, not one for all */
            __m256i pairs = _mm256_maddubs_epi16(a, b);
            c[i] = _mm256_add_epi32(c[i], _mm256_madd_epi16(pairs, one));
        }
    }
    *sink += sum_i32(c);
    return 2.0 * 32 * ACCUMULATORS * (double)steps;
}

uint64_t ck_peak_read_avx2(const void *from, size_t bytes) {
    const __m256i *p = from;
    __m256i sum[8];
    for (int i = 0; i < 8; i++) sum[i] = _mm256_setzero_si256();
    for (size_t n = bytes / 32; n; n -= 8, p += 8)
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) sum[i] = _mm256_add_epi64(sum[i], _mm256_load_si256(p + i));
    for (int i = 1; i < 8; i++) sum[0] = _mm256_add_epi64(sum[0], sum[i]);
    uint64_t lanes[4];
    _mm256_storeu_si256((__m256i *)lanes, sum[0]);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

#pragma clang attribute pop

__attribute__((target("avx2,fma,avxvnni"))) double ck_peak_int8_avx_vnni(float *sink,
                                                                        int64_t steps) {
    __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(2), c[ACCUMULATORS];
    for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm256_set1_epi32(i);
    for (int64_t k = 0; k < steps; k++) {
        __asm__ volatile("" : "+x"(a), "+x"(b));
#pragma clang loop unroll(full)
        for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm256_dpbusd_avx_epi32(c[i], a, b);
    }
    __m256i s = c[0];
    for (int i = 1; i < ACCUMULATORS; i++) s = _mm256_add_epi32(s, c[i]);
    *sink += (float)_mm256_extract_epi32(s, 0);
    return 2.0 * 32 * ACCUMULATORS * (double)steps;
}
#endif
