/* The end of an int8 leaf: a function for each format, and the leaf's table. Include once, inside
 * the leaf's `#pragma clang attribute push`, after
 *
 *   LEAF     the table's name; DEPTH and ELEMENT, its `depth` and `element_size`
 *   pack_rows, pack_columns    with the decoder of a format as their first argument
 *   quantize, quantize_randomly, sweep */
#define FORMAT(id, name)                                                                           \
    static void pack_rows_##name(void *panel, float *scales, const char *w, size_t row_bytes,      \
                                 int64_t first, int64_t k, int32_t columns, int32_t from,          \
                                 int32_t to) {                                                     \
        pack_rows(decode_##name, panel, scales, w, row_bytes, first, k, columns, from, to);        \
    }                                                                                              \
    static void pack_columns_##name(void *panel, float *scales, const char *w, size_t row_bytes,   \
                                    int64_t first, int64_t k, int32_t columns, int32_t from,       \
                                    int32_t to) {                                                  \
        pack_columns(decode_##name, panel, scales, w, row_bytes, first, k, columns, from, to);     \
    }
CK_ALL_FORMATS(FORMAT)

#define ENTRY(id, name) {id, pack_rows_##name, pack_columns_##name},
const ck_int8_leaf LEAF = {
    .depth = DEPTH,
    .element_size = ELEMENT,
    .quantize = quantize,
    .quantize_randomly = quantize_randomly,
    .sweep = sweep,
    .formats = {CK_ALL_FORMATS(ENTRY)},
};
