/* What the machine can do at most, measured: multiply-adds with everything in registers, and
 * reading memory. The measure of every figure that benchmarks report, taken in the same run with
 * the same threads; callers hold the clock.
 *
 *   CK_PEAK_F32   fused multiply-adds of the tier's width
 *   CK_PEAK_BF16  vdpbf16ps
 *   CK_PEAK_INT8  vpdpbusd (AVX512-VNNI, AVX-VNNI), else vpmaddubsw + vpmaddwd + vpaddd
 *
 * Work is handed out in small pieces from an atomic counter, as that of the products is. */
#include "tier.h"
#include <stdatomic.h>

enum {
    PIECES = 32,           /* of a thread's steps */
    READ_PIECE = 1 << 20,  /* bytes */
};

static _Atomic uint32_t keep; /* results go here, so that they must be computed */

/* ---- Scalar leaves ---- */

double ck_peak_f32_scalar(float *sink, int64_t steps) {
    float c[8] = {0, 1, 2, 3, 4, 5, 6, 7}, a = 0.9999f, b = 1.0001f;
    for (int64_t k = 0; k < steps; k++) {
        __asm__ volatile("" ::: "memory");
        for (int i = 0; i < 8; i++) c[i] += a * b;
    }
    for (int i = 0; i < 8; i++) *sink += c[i];
    return 2.0 * 8 * (double)steps;
}

uint64_t ck_peak_read_scalar(const void *from, size_t bytes) {
    const uint64_t *p = from;
    uint64_t sum[8] = {0};
    for (size_t i = 0; i < bytes / 8; i += 8)
        for (int j = 0; j < 8; j++) sum[j] += p[i + (size_t)j];
    for (int j = 1; j < 8; j++) sum[0] += sum[j];
    return sum[0];
}

/* ---- Threaded ---- */

double ck_peak_products(int32_t kind, int64_t steps) {
    ck_peak_products_leaf *run = ck_tier_in_use()->peak.products[kind];
    if (!run) return 0;
    const int64_t threads = ck_threads(), all = steps * threads, pieces = PIECES * threads;
    _Atomic int64_t next = 0;
    _Atomic uint64_t operations = 0; /* not a reduction, which needs more of the OpenMP runtime */
#pragma omp parallel num_threads(threads)
    {
        float sink = 0;
        double done = 0;
        int64_t i;
        while ((i = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed)) < pieces)
            done += run(&sink, all * (i + 1) / pieces - all * i / pieces);
        atomic_fetch_add_explicit(&operations, (uint64_t)done, memory_order_relaxed);
        atomic_fetch_add_explicit(&keep, (uint32_t)(sink != 0), memory_order_relaxed);
    }
    return (double)operations;
}

void ck_peak_read(const void *from, size_t bytes) {
    ck_peak_read_leaf *run = ck_tier_in_use()->peak.read;
    const size_t whole = bytes / 4096 * 4096;
    _Atomic size_t next = 0;
#pragma omp parallel num_threads(ck_threads())
    {
        uint64_t sum = 0;
        size_t at;
        while ((at = atomic_fetch_add_explicit(&next, READ_PIECE, memory_order_relaxed)) < whole)
            sum += run((const char *)from + at, whole - at < READ_PIECE ? whole - at : READ_PIECE);
        atomic_fetch_add_explicit(&keep, (uint32_t)(sum != 0), memory_order_relaxed);
    }
}
