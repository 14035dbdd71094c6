/* Memory that a thread keeps for the products: two buffers a thread, which grow and are freed
 * when the thread ends. The next request for the same buffer by the same thread may move it.
 *
 * Per thread at most about 0.9 MB for the panels, and on the calling thread in addition the
 * transposed left side of a gradient (4 MB for 1024 rows and 2048 tokens of bf16), the quantized
 * input of an int8 product (at most 2048 tokens, 1.06 bytes a value, twice that on AVX2) or the
 * rounded or widened input of a product of few tokens. When the system refuses it, the process is stopped:
 * kernels cannot fail. */
#ifndef CK_SCRATCH_H
#define CK_SCRATCH_H

#include <stddef.h>

typedef enum {
    CK_SCRATCH_PANELS, /* a worker's panels and strip */
    CK_SCRATCH_INPUT,  /* a calling thread's widened or transposed input, read by all workers */
    CK_SCRATCH_BUFFERS,
} ck_product_buffer;

/* Page-aligned, contents undefined. */
void *ck_product_scratch(ck_product_buffer which, size_t bytes);

#endif
