/* Asks the processor once which instruction-set tiers it can run, and keeps the one in use and
 * the number of threads: the only mutable global state of these kernels.
 *
 *   scalar      always; the oracle
 *   avx2        AVX2 + FMA + F16C: Intel since Haswell (2013), AMD since Zen (2017)
 *   avx2vnni    and AVX-VNNI, the int8 dot product in 256 bits: Alder Lake, Zen 5
 *   avx512      AVX-512 F BW DQ VL: Skylake-X, Ice Lake, Zen 4
 *   avx512bf16  and the bf16 dot product: Cooper Lake, Sapphire Rapids, Zen 4
 *   neon        every 64-bit ARM
 *   neonbf16    and the bf16 matrix product: Neoverse N2 and V1, Graviton 3, Apple M2
 *
 * AVX512-VNNI, the int8 dot product, is used by the AVX-512 tiers where the processor has it (all
 * but the first Skylake-X). */
#include "CKernels.h"
#include "int8.h"
#include "leaf.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

int omp_get_max_threads(void);

static _Atomic int32_t chosen_isa = -1;
static _Atomic int32_t chosen_threads = 0;

int32_t ck_isa_available(int32_t isa) {
    if (isa == CK_ISA_SCALAR) return 1;
#if defined(__x86_64__)
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("f16c");
    if (isa == CK_ISA_AVX2) return avx2;
    if (isa == CK_ISA_AVX2_VNNI) return avx2 && __builtin_cpu_supports("avxvnni");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (isa == CK_ISA_AVX512) return avx512;
    if (isa == CK_ISA_AVX512_BF16) return avx512 && __builtin_cpu_supports("avx512bf16");
#elif defined(__aarch64__)
    enum { ASIMD = 1 << 1, BF16 = 1 << 14 }; /* bits of Linux: asm/hwcap.h */
    int neon = (getauxval(AT_HWCAP) & ASIMD) != 0;
    if (isa == CK_ISA_NEON) return neon;
    if (isa == CK_ISA_NEON_BF16) return neon && (getauxval(AT_HWCAP2) & BF16) != 0;
#endif
    return 0;
}

/* SCION_ISA names the highest tier wanted; an unknown name, or one of another architecture, asks
 * for nothing. */
static int32_t choose_isa(void) {
    static const struct { const char *name; int32_t isa; } tiers[] = {
#if defined(__aarch64__)
        {"neonbf16", CK_ISA_NEON_BF16}, {"neon", CK_ISA_NEON},
#else
        {"avx512bf16", CK_ISA_AVX512_BF16}, {"avx512", CK_ISA_AVX512},
        {"avx2vnni", CK_ISA_AVX2_VNNI},     {"avx2", CK_ISA_AVX2},
#endif
        {"scalar", CK_ISA_SCALAR},
    };
    const char *wanted = getenv("SCION_ISA");
    size_t first = 0;
    for (size_t i = 0; wanted && i < sizeof tiers / sizeof *tiers; i++)
        if (strcmp(wanted, tiers[i].name) == 0) first = i;
    while (!ck_isa_available(tiers[first].isa)) first++;
    return tiers[first].isa;
}

int32_t ck_isa(void) {
    int32_t isa = atomic_load_explicit(&chosen_isa, memory_order_relaxed);
    if (isa < 0) {
        isa = choose_isa();
        atomic_store_explicit(&chosen_isa, isa, memory_order_relaxed);
    }
    return isa;
}

void ck_set_isa(int32_t isa) {
    if (!ck_isa_available(isa)) __builtin_trap();
    atomic_store_explicit(&chosen_isa, isa, memory_order_relaxed);
}

const ck_leaf *ck_leaf_for(ck_format x_type) {
#if defined(__x86_64__)
    switch (ck_isa()) {
    case CK_ISA_AVX512_BF16: return x_type == CK_BF16 ? &ck_leaf_avx512_bf16 : &ck_leaf_avx512;
    case CK_ISA_AVX512: return &ck_leaf_avx512;
    case CK_ISA_AVX2_VNNI:
    case CK_ISA_AVX2: return &ck_leaf_avx2;
    }
#elif defined(__aarch64__)
    switch (ck_isa()) {
    case CK_ISA_NEON_BF16: return x_type == CK_BF16 ? &ck_leaf_neon_bf16 : &ck_leaf_neon;
    case CK_ISA_NEON: return &ck_leaf_neon;
    }
#endif
    (void)x_type;
    return NULL;
}

const ck_int8_leaf *ck_int8_leaf_in_use(void) {
#if defined(__x86_64__)
    switch (ck_isa()) {
    case CK_ISA_AVX512_BF16:
    case CK_ISA_AVX512:
        if (__builtin_cpu_supports("avx512vnni")) return &ck_int8_leaf_avx512vnni;
        return &ck_int8_leaf_avx2;
    case CK_ISA_AVX2_VNNI: return &ck_int8_leaf_avxvnni;
    case CK_ISA_AVX2: return &ck_int8_leaf_avx2;
    }
#endif
    return NULL;
}

int32_t ck_threads(void) {
    int32_t threads = atomic_load_explicit(&chosen_threads, memory_order_relaxed);
    if (threads <= 0) {
        threads = omp_get_max_threads();
        atomic_store_explicit(&chosen_threads, threads, memory_order_relaxed);
    }
    return threads;
}

void ck_set_threads(int32_t threads) {
    atomic_store_explicit(&chosen_threads, threads < 1 ? 1 : threads, memory_order_relaxed);
}
