/* The end of a leaf of few.h: a function for each format, and the leaf's table. Include once,
 * inside the leaf's `#pragma clang attribute push`, after
 *
 *   FEW_LEAF      the table's name
 *   READER(name)  what reads a format: the first argument of
 *   dot           of one to four tokens
 *   prepare
 *   WITH_MANY     1 where `many` takes five tokens and more, 0 in the oracle */
#define DOT(id, name)                                                                              \
    static void dot_##name(float *y, const ck_few_input *x, const char *w, size_t row_bytes,       \
                           int64_t tokens, int64_t rows, int64_t in) {                             \
        dot(READER(name), y, x, w, row_bytes, tokens, rows, in);                                   \
    }
CK_FEW_ALL_FORMATS(DOT)

#if WITH_MANY
#define MANY(id, name)                                                                             \
    static void many_##name(float *y, const ck_few_input *x, const ck_few_sums *sums,              \
                            const char *w, size_t row_bytes, int64_t tokens, int64_t rows,         \
                            int64_t in) {                                                          \
        many(READER(name), y, x, sums, w, row_bytes, tokens, rows, in);                            \
    }
CK_FEW_ALL_FORMATS(MANY)
#define ENTRY(id, name) {id, dot_##name, many_##name},
#else
#define ENTRY(id, name) {id, dot_##name, NULL},
#endif

const ck_few_leaf FEW_LEAF = {
    .prepare = prepare,
    .formats = {CK_FEW_ALL_FORMATS(ENTRY)},
};
