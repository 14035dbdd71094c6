/* Conversion between the two types of activations. */
#include "layers.h"
#include "share.h"

void ck_convert(void *y, ck_format y_type, const void *x, ck_format x_type, int64_t count) {
    enum { CHUNK = 8192 };
    const ck_layer_leaves *leaf = ck_layers();
    const size_t x_size = ck_element_bytes(x_type), y_size = ck_element_bytes(y_type);
    const int64_t chunks = (count + CHUNK - 1) / CHUNK;
#pragma omp parallel num_threads(ck_threads()) if (chunks > 8)
    for (ck_share own = ck_own_share(chunks); own.from < own.to; own.from++) {
        const int64_t i = own.from * CHUNK;
        const int64_t length = count - i < CHUNK ? count - i : CHUNK;
        const char *from = (const char *)x + (size_t)i * x_size;
        char *to = (char *)y + (size_t)i * y_size;
        if (x_type == y_type)
            memcpy(to, from, (size_t)length * x_size);
        else if (x_type == CK_BF16)
            leaf->widen((float *)to, (const uint16_t *)from, length);
        else
            leaf->narrow((uint16_t *)to, (const float *)from, length);
    }
}
