/* The leaves of peak.c: what one thread of a tier can do at most, with everything in registers.
 *
 * A step is a multiply-add in each of the leaf's independent accumulators; a leaf returns the
 * operations done (a multiply-add counts as two) and adds what it computed to *sink, so that the
 * compiler cannot leave it out. NULL where the tier has no such instruction. */
#ifndef CK_PEAK_H
#define CK_PEAK_H

#include "CKernels.h"

typedef double ck_peak_products_leaf(float *sink, int64_t steps);
/* The sum of the 64-bit words of `bytes` bytes, a multiple of 256, 64-byte aligned. */
typedef uint64_t ck_peak_read_leaf(const void *from, size_t bytes);

typedef struct {
    ck_peak_products_leaf *products[3]; /* by CK_PEAK_* */
    ck_peak_read_leaf *read;
} ck_peak_leaf;

ck_peak_products_leaf ck_peak_f32_scalar;
ck_peak_read_leaf ck_peak_read_scalar;
#if defined(__x86_64__)
ck_peak_products_leaf ck_peak_f32_avx2, ck_peak_f32_avx512, ck_peak_bf16_avx512;
ck_peak_products_leaf ck_peak_int8_avx2, ck_peak_int8_avx_vnni, ck_peak_int8_avx512_vnni;
ck_peak_read_leaf ck_peak_read_avx2, ck_peak_read_avx512;
#elif defined(__aarch64__)
ck_peak_products_leaf ck_peak_f32_neon;
ck_peak_read_leaf ck_peak_read_neon;
#endif

#endif
