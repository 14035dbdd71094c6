/* The leaves of layers.h for 64-bit ARM; attention in fp32 products. */
#if defined(__aarch64__)
#include <math.h>

#include "layers.h"

#define CK_WIDTH 4
#define CK_LAYERS ck_layers_neon
#define CK_ATTENTION ck_attention_neon

#include "vector.h"
#include "layers_vector.h"
#include "attention_vector.h"
#endif
