/* The leaves of peak.h in 512 bits: 24 accumulators, as the register tiles of the products have. */
#if defined(__x86_64__)
#include "peak.h"
#include <immintrin.h>

enum { ACCUMULATORS = 24 };

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

double ck_peak_f32_avx512(float *sink, int64_t steps) {
    __m512 a = _mm512_set1_ps(1.0001f), b = _mm512_set1_ps(0.9999f), c[ACCUMULATORS];
    for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm512_set1_ps((float)i);
    for (int64_t k = 0; k < steps; k++) {
        __asm__ volatile("" : "+v"(a), "+v"(b));
#pragma clang loop unroll(full)
        for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm512_fmadd_ps(a, b, c[i]);
    }
    for (int i = 1; i < ACCUMULATORS; i++) c[0] = _mm512_add_ps(c[0], c[i]);
    *sink += _mm512_reduce_add_ps(c[0]);
    return 2.0 * 16 * ACCUMULATORS * (double)steps;
}

uint64_t ck_peak_read_avx512(const void *from, size_t bytes) {
    const __m512i *p = from;
    __m512i sum[4];
    for (int i = 0; i < 4; i++) sum[i] = _mm512_setzero_si512();
    for (size_t n = bytes / 64; n; n -= 4, p += 4)
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++) sum[i] = _mm512_add_epi64(sum[i], _mm512_load_si512(p + i));
    for (int i = 1; i < 4; i++) sum[0] = _mm512_add_epi64(sum[0], sum[i]);
    return (uint64_t)_mm512_reduce_add_epi64(sum[0]);
}

#pragma clang attribute pop

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) double
ck_peak_bf16_avx512(float *sink, int64_t steps) {
    __m512i ones = _mm512_set1_epi16(0x3F80);
    __m512bh a = (__m512bh)ones, b = (__m512bh)ones;
    __m512 c[ACCUMULATORS];
    for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm512_set1_ps((float)i);
    for (int64_t k = 0; k < steps; k++) {
        __asm__ volatile("" : "+v"(a), "+v"(b));
#pragma clang loop unroll(full)
        for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm512_dpbf16_ps(c[i], a, b);
    }
    for (int i = 1; i < ACCUMULATORS; i++) c[0] = _mm512_add_ps(c[0], c[i]);
    *sink += _mm512_reduce_add_ps(c[0]);
    return 2.0 * 32 * ACCUMULATORS * (double)steps;
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) double
ck_peak_int8_avx512_vnni(float *sink, int64_t steps) {
    __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2), c[ACCUMULATORS];
    for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm512_set1_epi32(i);
    for (int64_t k = 0; k < steps; k++) {
        __asm__ volatile("" : "+v"(a), "+v"(b));
#pragma clang loop unroll(full)
        for (int i = 0; i < ACCUMULATORS; i++) c[i] = _mm512_dpbusd_epi32(c[i], a, b);
    }
    for (int i = 1; i < ACCUMULATORS; i++) c[0] = _mm512_add_epi32(c[0], c[i]);
    *sink += (float)_mm512_reduce_add_epi32(c[0]);
    return 2.0 * 64 * ACCUMULATORS * (double)steps;
}
#endif
