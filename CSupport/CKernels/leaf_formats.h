/* The end of a product leaf: a function for each format, and the leaf's table. Include once, inside
 * the leaf's `#pragma clang attribute push`, after
 *
 *   LEAF            the table's name; DEPTH and ELEMENT, its `depth` and `element_size`
 *   READER(id, name)  what reads a format: the first argument of
 *   pack_rows, pack_columns, and of dot where WITH_DOT is 1 (0: another leaf has the path without
 *                   panels)
 *   sweep */
#define FORMAT(id, name)                                                                           \
    static void pack_rows_##name(void *panel, const char *w, size_t row_bytes, int64_t k0,         \
                                 int64_t k, int32_t columns) {                                     \
        pack_rows(READER(id, name), panel, w, row_bytes, k0, k, columns);                          \
    }                                                                                              \
    static void pack_columns_##name(void *panel, const char *w, size_t row_bytes, int64_t c0,      \
                                    int64_t k, int32_t columns) {                                  \
        pack_columns(READER(id, name), panel, w, row_bytes, c0, k, columns);                       \
    }
CK_ALL_FORMATS(FORMAT)

#if WITH_DOT
#define DOT(id, name)                                                                              \
    static void dot_##name(float *y, const float *x, const char *w, size_t row_bytes,              \
                           int64_t tokens, int64_t rows, int64_t in) {                             \
        dot(READER(id, name), y, x, w, row_bytes, tokens, rows, in);                               \
    }
CK_ALL_FORMATS(DOT)
#define ENTRY(id, name) {id, pack_rows_##name, pack_columns_##name, dot_##name},
#else
#define ENTRY(id, name) {id, pack_rows_##name, pack_columns_##name, NULL},
#endif

const ck_leaf LEAF = {
    .depth = DEPTH,
    .element_size = ELEMENT,
    .sweep = sweep,
    .formats = {CK_ALL_FORMATS(ENTRY)},
};
