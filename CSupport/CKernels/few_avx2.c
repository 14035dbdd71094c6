/* Every processor with AVX2: pairs of bytes by maddubs (16 bits, saturating: 63 * 127 * 2 and
 * 128 * 127 * 2 fit), pairs of pairs by madd. */
#if defined(__x86_64__)
#include <immintrin.h>

#define CK_FEW_TARGET "avx2,fma,f16c"
#define FEW_LEAF ck_few_avx2

enum { signed_bytes = 0 };

__attribute__((target(CK_FEW_TARGET), always_inline)) static inline __m256i multiply_bytes(
    __m256i start, __m256i u, __m256i s) {
    __m256i pairs = _mm256_maddubs_epi16(u, s);
    return _mm256_add_epi32(start, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#include "few_avx2.h"
#endif
