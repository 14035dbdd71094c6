/* See scratch.h. */
#include "scratch.h"
#include "include/CKernels.h"
#include <pthread.h>
#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

typedef struct {
    void *memory[CK_SCRATCH_BUFFERS];
    size_t bytes[CK_SCRATCH_BUFFERS];
} buffers;

static _Thread_local buffers mine;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_buffers(void *pointer) {
    buffers *old = pointer;
    for (int i = 0; i < CK_SCRATCH_BUFFERS; i++) {
        free(old->memory[i]);
        old->memory[i] = NULL;
        old->bytes[i] = 0;
    }
}

static void make_key(void) {
    if (pthread_key_create(&key, free_buffers) != 0) __builtin_trap();
}

void *ck_product_scratch(ck_product_buffer which, size_t bytes) {
    if (bytes <= mine.bytes[which]) return mine.memory[which];
    size_t size = (bytes + 4095) / 4096 * 4096;
    pthread_once(&once, make_key);
    if (pthread_setspecific(key, &mine) != 0) __builtin_trap();
    free(mine.memory[which]);
    mine.memory[which] = aligned_alloc(4096, size);
    if (!mine.memory[which]) __builtin_trap();
    mine.bytes[which] = size;
    return mine.memory[which];
}

void ck_release_freed(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
