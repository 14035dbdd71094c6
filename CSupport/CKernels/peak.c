/* What the machine can do at most, measured: multiply-adds with everything in registers, and
 * reading memory. The measure of every figure that benchmarks report, taken in the same run with
 * the same threads; callers hold the clock.
 *
 *   CK_PEAK_F32   fused multiply-adds of the tier's width
 *   CK_PEAK_BF16  vdpbf16ps
 *   CK_PEAK_INT8  vpdpbusd (AVX512-VNNI, AVX-VNNI), else vpmaddubsw + vpmaddwd + vpaddd
 *
 * Work is handed out in small pieces (team.h), as that of the products is. */
#include "team.h"
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

typedef struct {
    ck_peak_products_leaf *products; /* or */
    ck_peak_read_leaf *read;
    int64_t steps, pieces;
    const char *from;
    _Atomic uint64_t operations;
} job;

static void multiply(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    job *job = context;
    float sink = 0;
    double done = job->products(&sink, job->steps * to / job->pieces -
                                           job->steps * from / job->pieces);
    atomic_fetch_add_explicit(&job->operations, (uint64_t)done, memory_order_relaxed);
    atomic_fetch_add_explicit(&keep, (uint32_t)(sink != 0), memory_order_relaxed);
}

double ck_peak_products(int32_t kind, int64_t steps) {
    const int32_t threads = ck_threads();
    job job = {.products = ck_tier_in_use()->peak.products[kind], .steps = steps * threads,
               .pieces = PIECES * threads};
    if (!job.products) return 0;
    ck_team_run(multiply, &job, job.pieces, 1, threads);
    return (double)job.operations;
}

static void read_range(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *job = context;
    uint64_t sum = job->read(job->from + from, (size_t)(to - from));
    atomic_fetch_add_explicit(&keep, (uint32_t)(sum != 0), memory_order_relaxed);
}

void ck_peak_read(const void *from, size_t bytes) {
    job job = {.read = ck_tier_in_use()->peak.read, .from = from};
    ck_team_run(read_range, &job, (int64_t)(bytes / 4096 * 4096), READ_PIECE, ck_threads());
}
