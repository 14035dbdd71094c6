/* The record of every instruction-set tier. Asks the processor once which of them it can run, and
 * keeps the one in use and the number of threads: the only mutable global state of these kernels.
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
#include "team.h"
#include "tier.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

static _Atomic(const ck_tier *) chosen_tier = NULL;
static _Atomic int32_t chosen_threads = 0;

/* ---- The tiers ---- */

static const ck_tier scalar = {
    .isa = CK_ISA_SCALAR,
    .few = &ck_few_scalar,
    .layers = &ck_layers_scalar,
    .attention = &ck_attention_scalar,
    .attention_bf16 = &ck_attention_scalar,
    .peak = {{[CK_PEAK_F32] = ck_peak_f32_scalar}, ck_peak_read_scalar},
};

#if defined(__x86_64__)

#define AVX2                                                                                       \
    .leaf = &ck_leaf_avx2, .leaf_bf16 = &ck_leaf_avx2, .layers = &ck_layers_avx2,                  \
    .attention = &ck_attention_avx2, .attention_bf16 = &ck_attention_avx2,                         \
    .peak.products[CK_PEAK_F32] = ck_peak_f32_avx2, .peak.read = ck_peak_read_avx2

#define AVX512                                                                                     \
    .isa = CK_ISA_AVX512, .leaf = &ck_leaf_avx512, .leaf_bf16 = &ck_leaf_avx512,                   \
    .layers = &ck_layers_avx512, .attention = &ck_attention_avx512,                                \
    .attention_bf16 = &ck_attention_avx512, .peak.products[CK_PEAK_F32] = ck_peak_f32_avx512,      \
    .peak.read = ck_peak_read_avx512

#define AVX512_BF16                                                                                \
    .isa = CK_ISA_AVX512_BF16, .leaf = &ck_leaf_avx512, .leaf_bf16 = &ck_leaf_avx512_bf16,         \
    .layers = &ck_layers_avx512_bf16, .attention = &ck_attention_avx512,                           \
    .attention_bf16 = &ck_attention_avx512_bf16,                                                   \
    .peak.products[CK_PEAK_F32] = ck_peak_f32_avx512,                                              \
    .peak.products[CK_PEAK_BF16] = ck_peak_bf16_avx512, .peak.read = ck_peak_read_avx512

/* Products of bytes: AVX2, AVX-VNNI, AVX512-VNNI, and that with the byte permutations of VBMI. */
#define BYTES_AVX2                                                                                 \
    .int8 = &ck_int8_leaf_avx2, .few = &ck_few_avx2,                                               \
    .peak.products[CK_PEAK_INT8] = ck_peak_int8_avx2
#define BYTES_AVX_VNNI                                                                             \
    .int8 = &ck_int8_leaf_avxvnni, .int8_pays = 1, .few = &ck_few_avxvnni,                         \
    .peak.products[CK_PEAK_INT8] = ck_peak_int8_avx_vnni
#define BYTES_AVX512_VNNI                                                                          \
    .int8 = &ck_int8_leaf_avx512vnni, .int8_pays = 1, .few = &ck_few_avx2,                         \
    .peak.products[CK_PEAK_INT8] = ck_peak_int8_avx512_vnni
#define BYTES_AVX512_VBMI                                                                          \
    .int8 = &ck_int8_leaf_avx512vnni, .int8_pays = 1, .few = &ck_few_avx512,                       \
    .peak.products[CK_PEAK_INT8] = ck_peak_int8_avx512_vnni

static const ck_tier avx2 = {.isa = CK_ISA_AVX2, AVX2, BYTES_AVX2, .int8_pays = 1};
static const ck_tier avx2_vnni = {.isa = CK_ISA_AVX2_VNNI, AVX2, BYTES_AVX_VNNI};
/* By bytes_avx512(). Whether int8 in 256 bits would pay where the rest is in 512 nobody has measured. */
static const ck_tier avx512[] = {
    {AVX512, BYTES_AVX2}, {AVX512, BYTES_AVX512_VNNI}, {AVX512, BYTES_AVX512_VBMI}};
static const ck_tier avx512_bf16[] = {
    {AVX512_BF16, BYTES_AVX2}, {AVX512_BF16, BYTES_AVX512_VNNI}, {AVX512_BF16, BYTES_AVX512_VBMI}};

/* What an AVX-512 processor has for bytes: 0 nothing of its own, 1 VNNI, 2 VBMI too. */
static int bytes_avx512(void) {
    if (!__builtin_cpu_supports("avx512vnni")) return 0;
    return __builtin_cpu_supports("avx512vbmi") ? 2 : 1;
}

#elif defined(__aarch64__)

static const ck_tier neon = {
    .isa = CK_ISA_NEON,
    .leaf = &ck_leaf_neon,
    .leaf_bf16 = &ck_leaf_neon,
    .layers = &ck_layers_neon,
    .attention = &ck_attention_neon,
    .attention_bf16 = &ck_attention_neon,
    .peak = {{[CK_PEAK_F32] = ck_peak_f32_neon}, ck_peak_read_neon},
};

static const ck_tier neon_bf16 = {
    .isa = CK_ISA_NEON_BF16,
    .leaf = &ck_leaf_neon,
    .leaf_bf16 = &ck_leaf_neon_bf16,
    .layers = &ck_layers_neon_bf16,
    .attention = &ck_attention_neon,
    .attention_bf16 = &ck_attention_neon_bf16,
    .peak = {{[CK_PEAK_F32] = ck_peak_f32_neon}, ck_peak_read_neon},
};

#endif

/* The record of an available tier. */
static const ck_tier *tier_of(int32_t isa) {
    switch (isa) {
#if defined(__x86_64__)
    case CK_ISA_AVX2: return &avx2;
    case CK_ISA_AVX2_VNNI: return &avx2_vnni;
    case CK_ISA_AVX512: return &avx512[bytes_avx512()];
    case CK_ISA_AVX512_BF16: return &avx512_bf16[bytes_avx512()];
#elif defined(__aarch64__)
    case CK_ISA_NEON: return &neon;
    case CK_ISA_NEON_BF16: return &neon_bf16;
#endif
    default: return &scalar;
    }
}

/* ---- The tier in use ---- */

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

const ck_tier *ck_tier_in_use(void) {
    const ck_tier *tier = atomic_load_explicit(&chosen_tier, memory_order_relaxed);
    if (!tier) {
        tier = tier_of(choose_isa());
        atomic_store_explicit(&chosen_tier, tier, memory_order_relaxed);
    }
    return tier;
}

int32_t ck_isa(void) { return ck_tier_in_use()->isa; }

int32_t ck_int8_pays(void) { return ck_tier_in_use()->int8_pays; }

void ck_set_isa(int32_t isa) {
    if (!ck_isa_available(isa)) __builtin_trap();
    atomic_store_explicit(&chosen_tier, tier_of(isa), memory_order_relaxed);
}

/* ---- Threads ---- */

int32_t ck_threads(void) {
    int32_t threads = atomic_load_explicit(&chosen_threads, memory_order_relaxed);
    if (threads <= 0) {
        threads = ck_team_threads();
        atomic_store_explicit(&chosen_threads, threads, memory_order_relaxed);
    }
    return threads;
}

void ck_set_threads(int32_t threads) {
    atomic_store_explicit(&chosen_threads, threads < 1 ? 1 : threads, memory_order_relaxed);
}
