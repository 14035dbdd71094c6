/* Which leaf table serves: by ck_isa(), asked at every call (it is a load). And the drivers'
 * scratch. */
#include "layers.h"

#include <pthread.h>
#include <stdlib.h>

const ck_layer_leaves *ck_layers(void) {
    switch (ck_isa()) {
#if defined(__x86_64__)
    case CK_ISA_AVX2_VNNI:
    case CK_ISA_AVX2: return &ck_layers_avx2;
    case CK_ISA_AVX512: return &ck_layers_avx512;
    case CK_ISA_AVX512_BF16: return &ck_layers_avx512_bf16;
#elif defined(__aarch64__)
    case CK_ISA_NEON: return &ck_layers_neon;
    case CK_ISA_NEON_BF16: return &ck_layers_neon_bf16;
#endif
    default: return &ck_layers_scalar;
    }
}

const ck_attention_leaves *ck_attention_table(ck_format type) {
    (void)type;
    switch (ck_isa()) {
#if defined(__x86_64__)
    case CK_ISA_AVX2_VNNI:
    case CK_ISA_AVX2: return &ck_attention_avx2;
    case CK_ISA_AVX512: return &ck_attention_avx512;
    case CK_ISA_AVX512_BF16:
        return type == CK_BF16 ? &ck_attention_avx512_bf16 : &ck_attention_avx512;
#elif defined(__aarch64__)
    case CK_ISA_NEON: return &ck_attention_neon;
    case CK_ISA_NEON_BF16:
        return type == CK_BF16 ? &ck_attention_neon_bf16 : &ck_attention_neon;
#endif
    default: return &ck_attention_scalar;
    }
}

/* ---- Scratch ---- */

typedef struct {
    size_t bytes;
    char *memory;
} ck_scratch_block;

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_free(void *pointer) {
    free(((ck_scratch_block *)pointer)->memory);
    free(pointer);
}

static void scratch_start(void) { pthread_key_create(&scratch_key, scratch_free); }

char *ck_layer_scratch(size_t bytes) {
    pthread_once(&scratch_once, scratch_start);
    ck_scratch_block *block = pthread_getspecific(scratch_key);
    if (!block) {
        block = calloc(1, sizeof *block);
        if (!block) abort();
        pthread_setspecific(scratch_key, block);
    }
    if (bytes > block->bytes) {
        free(block->memory);
        block->bytes = (bytes + 0xFFFF) & ~(size_t)0xFFFF;
        block->memory = aligned_alloc(64, block->bytes);
        if (!block->memory) abort();
    }
    return block->memory;
}
