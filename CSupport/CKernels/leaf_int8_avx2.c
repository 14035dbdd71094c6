/* int8 products with AVX2 alone: the integers are kept in 16 bits for vpmaddwd (two products a
 * lane, exact), then added.
 *
 * vpmaddubsw takes bytes, but its 16-bit sums saturate on two products of full range, so one of
 * the operands would need its sign moved to the other for every pair of them, or 7 bits. Moving signs (vpsignb,
 * with half the bytes to load) was tried: on Zen 4 products took 1.1 to 1.2 times as long. */
#if defined(__x86_64__)
#include "avx2.h"
#include "int8.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define LEAF ck_int8_leaf_avx2
enum { DEPTH = 512, ELEMENT = 2, BIAS = 0 };

INLINE __m256i dot(__m256i sums, __m256i panel, __m256i x) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(panel, x));
}

#include "int8_avx2.h"

#pragma clang attribute pop
#endif
