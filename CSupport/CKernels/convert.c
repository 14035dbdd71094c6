/* Conversion between the two types of activations. */
#include "layers.h"
#include "share.h"

static void convert(void *y, ck_format y_type, const void *x, ck_format x_type, int64_t count) {
    if (x_type == y_type)
        memcpy(y, x, (size_t)count * ck_element_bytes(x_type));
    else if (x_type == CK_BF16)
        ck_layers()->widen(y, x, count);
    else
        ck_layers()->narrow(y, x, count);
}

void ck_convert(void *y, ck_format y_type, const void *x, ck_format x_type, int64_t count) {
    enum { CHUNK = 8192 };
    const size_t x_size = ck_element_bytes(x_type), y_size = ck_element_bytes(y_type);
    const int64_t chunks = (count + CHUNK - 1) / CHUNK;
#pragma omp parallel num_threads(ck_threads()) if (chunks > 8)
    for (ck_share own = ck_own_share(chunks); own.from < own.to; own.from++) {
        const int64_t i = own.from * CHUNK;
        const int64_t length = count - i < CHUNK ? count - i : CHUNK;
        convert((char *)y + (size_t)i * y_size, y_type, (const char *)x + (size_t)i * x_size,
                x_type, length);
    }
}

void ck_gather_rows(void *y, ck_format y_type, const void *x, ck_format x_type,
                    const int64_t *rows, int64_t count, int64_t width) {
    enum { WORTH = 65536 };
    const size_t x_bytes = (size_t)width * ck_element_bytes(x_type);
    const size_t y_bytes = (size_t)width * ck_element_bytes(y_type);
#pragma omp parallel num_threads(ck_threads()) if (count * width > WORTH)
    for (ck_share own = ck_own_share(count); own.from < own.to; own.from++)
        convert((char *)y + (size_t)own.from * y_bytes, y_type,
                (const char *)x + (size_t)rows[own.from] * x_bytes, x_type, width);
}
