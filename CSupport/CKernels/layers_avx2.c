/* The leaves of layers.h for AVX2 with FMA; attention in fp32 products. */
#if defined(__x86_64__)
#include <math.h>

#include "layers.h"

#define CK_WIDTH 8
#define CK_LAYERS ck_layers_avx2
#define CK_ATTENTION ck_attention_avx2

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "vector.h"
#include "layers_vector.h"
#include "attention_vector.h"
#pragma clang attribute pop
#endif
