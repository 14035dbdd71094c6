/* Which leaf table serves the layers, and the drivers' scratch. */
#include "tier.h"

#include <pthread.h>
#include <stdlib.h>

const ck_layer_leaves *ck_layers(void) { return ck_tier_in_use()->layers; }

const ck_attention_leaves *ck_attention_table(ck_format type) {
    const ck_tier *tier = ck_tier_in_use();
    return type == CK_BF16 ? tier->attention_bf16 : tier->attention;
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
