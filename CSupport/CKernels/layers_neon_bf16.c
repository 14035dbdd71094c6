/* The leaves of layers.h for 64-bit ARM with bf16: the processor rounds to bf16; attention over
 * bf16 storage multiplies by BFDOT (numbers below 2^-126 count as 0) with fp32 sums. */
#if defined(__aarch64__)
#include <arm_neon.h>
#include <math.h>

#include "layers.h"

#define CK_WIDTH 4
#define CK_DOT_BF16
#define CK_LAYERS ck_layers_neon_bf16
#define CK_ATTENTION ck_attention_neon_bf16

#pragma clang attribute push(__attribute__((target("bf16"))), apply_to = function)
#include "vector.h"
#include "layers_vector.h"
#include "attention_vector.h"
#pragma clang attribute pop
#endif
