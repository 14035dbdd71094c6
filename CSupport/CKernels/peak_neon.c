/* The leaves of peak.h for 64-bit ARM: fp32 multiply-adds and reading. */
#if defined(__aarch64__)
#include "peak.h"
#include <arm_neon.h>

enum { ACCUMULATORS = 24 };

double ck_peak_f32_neon(float *sink, int64_t steps) {
    float32x4_t a = vdupq_n_f32(1.0001f), b = vdupq_n_f32(0.9999f), c[ACCUMULATORS];
    for (int i = 0; i < ACCUMULATORS; i++) c[i] = vdupq_n_f32((float)i);
    for (int64_t k = 0; k < steps; k++) {
        __asm__ volatile("" : "+w"(a), "+w"(b));
#pragma clang loop unroll(full)
        for (int i = 0; i < ACCUMULATORS; i++) c[i] = vfmaq_f32(c[i], a, b);
    }
    for (int i = 1; i < ACCUMULATORS; i++) c[0] = vaddq_f32(c[0], c[i]);
    *sink += vaddvq_f32(c[0]);
    return 2.0 * 4 * ACCUMULATORS * (double)steps;
}

uint64_t ck_peak_read_neon(const void *from, size_t bytes) {
    const uint64_t *p = from;
    uint64x2_t sum[8];
    for (int i = 0; i < 8; i++) sum[i] = vdupq_n_u64(0);
    for (size_t n = bytes / 16; n; n -= 8, p += 16)
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) sum[i] = vaddq_u64(sum[i], vld1q_u64(p + 2 * i));
    for (int i = 1; i < 8; i++) sum[0] = vaddq_u64(sum[0], sum[i]);
    return vaddvq_u64(sum[0]);
}
#endif
