/* The leaves of layers.h for AVX-512 (F, BW, DQ, VL); attention in fp32 products. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>

#include "layers.h"

#define CK_WIDTH 16
#define CK_LAYERS ck_layers_avx512
#define CK_ATTENTION ck_attention_avx512

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#include "vector.h"
#include "layers_vector.h"
#include "attention_vector.h"
#pragma clang attribute pop
#endif
