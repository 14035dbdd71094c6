/* The end of an int8 leaf: a function for each format, and the leaf's table. Include once, inside
 * the leaf's `#pragma clang attribute push`, after
 *
 *   LEAF     the table's name; DEPTH and ELEMENT, its `depth` and `element_size`
 *   pack     with the decoder of a format as its first argument
 *   quantize, sweep */
#define FORMAT(id, name)                                                                           \
    static void pack_##name(void *panel, float *scales, const char *w, size_t row_bytes,           \
                            int64_t k0, int64_t k, int32_t columns, int32_t from, int32_t to) {    \
        pack(decode_##name, panel, scales, w, row_bytes, k0, k, columns, from, to);                \
    }
CK_ALL_FORMATS(FORMAT)

#define ENTRY(id, name) {id, pack_##name},
const ck_int8_leaf LEAF = {
    .depth = DEPTH,
    .element_size = ELEMENT,
    .quantize = quantize,
    .sweep = sweep,
    .formats = {CK_ALL_FORMATS(ENTRY)},
};
