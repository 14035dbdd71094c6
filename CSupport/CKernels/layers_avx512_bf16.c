/* The leaves of layers.h for AVX512-BF16: the processor rounds to bf16 (numbers below 2^-126
 * become 0); attention over bf16 storage multiplies by vdpbf16ps with fp32 sums. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>

#include "layers.h"

#define CK_WIDTH 16
#define CK_DOT_BF16
#define CK_LAYERS ck_layers_avx512_bf16
#define CK_ATTENTION ck_attention_avx512_bf16

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), \
    apply_to = function)
#include "vector.h"
#include "layers_vector.h"
#include "attention_vector.h"
#pragma clang attribute pop
#endif
