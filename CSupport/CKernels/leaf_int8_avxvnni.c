/* int8 products with AVX-VNNI (vpdpbusd in 256 bits; see leaf_int8_avx512vnni.c): weights plus 128
 * are the unsigned operand. */
#if defined(__x86_64__)
#include "avx2.h"
#include "int8.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)

#define LEAF ck_int8_leaf_avxvnni
enum { DEPTH = 1024, ELEMENT = 1, BIAS = 128 };

INLINE __m256i dot(__m256i sums, __m256i panel, __m256i x) {
    return _mm256_dpbusd_avx_epi32(sums, panel, x);
}

#include "int8_avx2.h"

#pragma clang attribute pop
#endif
