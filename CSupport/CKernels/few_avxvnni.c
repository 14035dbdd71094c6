/* AVX2 with AVX-VNNI (Alder Lake, Zen 5 and their like without AVX-512): vpdpbusd in 256 bits. */
#if defined(__x86_64__)
#include <immintrin.h>

#define CK_FEW_TARGET "avxvnni,avx2,fma,f16c"
#define FEW_LEAF ck_few_avxvnni

enum { signed_bytes = 1 };

__attribute__((target(CK_FEW_TARGET), always_inline)) static inline __m256i multiply_bytes(
    __m256i start, __m256i u, __m256i s) {
    return _mm256_dpbusd_avx_epi32(start, u, s);
}

#include "few_avx2.h"
#endif
