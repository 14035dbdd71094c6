/* The products of attention and the packing of their operands, in vectors of any width.
 *
 * Left operands are rows (one broadcast a step), right operands panels [K / PAIR][columns][PAIR].
 * Operands are bf16 in pairs for the dot product of AVX512-BF16 or NEON (CK_DOT_BF16), else float:
 * blocks of bf16 storage are then widened when they are prepared or packed. Sums are always fp32.
 */
#if defined(CK_DOT_BF16)
typedef uint16_t operand;
enum { PAIR = 2 };
#define OPERAND_TYPE CK_BF16
#else
typedef float operand;
enum { PAIR = 1 };
#define OPERAND_TYPE CK_F32
#endif

/* Register tile: ROWS x VECTORS accumulators. */
enum { ROWS = 6, VECTORS = CK_WIDTH == 8 ? 2 : 4, COLUMNS = CK_TILE / CK_WIDTH };

/* ---- Products ---- */

enum { SET, ADD };

CK_INLINE vf multiply_add(vf sum, const operand *a, vf b) {
#if defined(CK_DOT_BF16)
    int32_t pair;
    memcpy(&pair, a, sizeof pair);
#if defined(__x86_64__)
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)b);
#else
    return (vf)vbfdotq_f32((float32x4_t)sum, vreinterpretq_bf16_s32(vdupq_n_s32(pair)),
                           (bfloat16x8_t)b);
#endif
#else
    return *a * b + sum;
#endif
}

CK_INLINE vf load_operands(const operand *b) {
    vf v;
    memcpy(&v, b, sizeof v);
    return v;
}

CK_INLINE void register_tile(float *c, int64_t ldc, const operand *a, int64_t lda,
                             const operand *b, int64_t ldb, int64_t depth, int mode,
                             const float *factor, int rows, int vectors) {
    vf sum[ROWS][VECTORS];
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) {
            sum[r][n] = (vf){0};
            if (mode != SET) sum[r][n] = load(c + r * ldc + n * CK_WIDTH);
            if (factor) sum[r][n] *= load(factor + n * CK_WIDTH);
        }
    for (int64_t k = 0; k < depth; k += PAIR, b += ldb) {
        vf panel[VECTORS];
        for (int n = 0; n < vectors; n++) panel[n] = load_operands(b + n * CK_WIDTH * PAIR);
        for (int r = 0; r < rows; r++)
            for (int n = 0; n < vectors; n++)
                sum[r][n] = multiply_add(sum[r][n], a + r * lda + k, panel[n]);
    }
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) store(c + r * ldc + n * CK_WIDTH, sum[r][n]);
}

CK_INLINE void column_tile(float *c, int64_t ldc, const operand *a, int64_t lda, const operand *b,
                           int64_t ldb, int64_t rows, int64_t depth, int mode, const float *factor,
                           int vectors) {
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
        register_tile(c + r * ldc, ldc, a + r * lda, lda, b, ldb, depth, mode, factor, ROWS,
                      vectors);
    c += r * ldc;
    a += r * lda;
    switch (rows - r) {
    case 5: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 5, vectors); break;
    case 4: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 4, vectors); break;
    case 3: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 3, vectors); break;
    case 2: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 2, vectors); break;
    case 1: register_tile(c, ldc, a, lda, b, ldb, depth, mode, factor, 1, vectors); break;
    default: break;
    }
}

/* c [rows, columns] = a [rows, depth] . b, or (ADD) c * factor + that; factor [columns] or NULL
 * for 1. columns is a multiple of CK_WIDTH, depth one of PAIR; a step of the panel is ldb long. */
static void product(float *c, int64_t ldc, const operand *a, int64_t lda, const operand *b,
                    int64_t ldb, int64_t rows, int64_t columns, int64_t depth, int mode,
                    const float *factor) {
    int64_t n = 0;
    for (; n + VECTORS * CK_WIDTH <= columns; n += VECTORS * CK_WIDTH)
        column_tile(c + n, ldc, a, lda, b + n * PAIR, ldb, rows, depth, mode,
                    factor ? factor + n : NULL, VECTORS);
    for (; VECTORS > 2 && n + 2 * CK_WIDTH <= columns; n += 2 * CK_WIDTH)
        column_tile(c + n, ldc, a, lda, b + n * PAIR, ldb, rows, depth, mode,
                    factor ? factor + n : NULL, 2);
    for (; n < columns; n += CK_WIDTH)
        column_tile(c + n, ldc, a, lda, b + n * PAIR, ldb, rows, depth, mode,
                    factor ? factor + n : NULL, 1);
}

/* Tiles on the diagonal (query block = key block) with more than HALF keys leave out the quarter in
 * which the second half of the keys meets the first half of the queries: it is masked anyway. */
enum { HALF = CK_TILE / 2 };

/* scores [keys, queries] = a [keys, size] . b; the diagonal's quarter is left as it was. */
static void multiply_scores(float *scores, const operand *a, int64_t lda, const operand *b,
                            int64_t keys, int64_t size, int diagonal) {
    const int split = diagonal && keys > HALF;
    product(scores, CK_TILE, a, lda, b, CK_TILE * PAIR, split ? HALF : keys, CK_TILE, size, SET,
            NULL);
    if (split)
        product(scores + HALF * CK_TILE + HALF, CK_TILE, a + HALF * lda, lda, b + HALF * PAIR,
                CK_TILE * PAIR, keys - HALF, HALF, size, SET, NULL);
}

/* c [size, queries] (+)= a [size, keys] . b; `size` may be that of values. */
static void multiply_queries(float *c, const operand *a, const operand *b, int64_t size,
                             int64_t keys, int mode, const float *factor, int diagonal) {
    const int64_t ld = CK_TILE * PAIR, depth = (keys + PAIR - 1) / PAIR * PAIR;
    if (!diagonal || keys <= HALF) {
        product(c, CK_TILE, a, CK_TILE, b, ld, size, CK_TILE, depth, mode, factor);
        return;
    }
    product(c, CK_TILE, a, CK_TILE, b, ld, size, HALF, HALF, mode, factor);
    product(c + HALF, CK_TILE, a, CK_TILE, b + HALF * PAIR, ld, size, HALF, depth, mode,
            factor ? factor + HALF : NULL);
}

/* c [keys, columns] += a [keys, queries] . b, `depth` queries. */
static void multiply_keys(float *c, const operand *a, const operand *b, int64_t keys,
                          int64_t columns, int64_t depth, int diagonal) {
    const int64_t ld = columns * PAIR;
    const int split = diagonal && keys > HALF;
    product(c, columns, a, CK_TILE, b, ld, split ? HALF : keys, columns, depth, ADD, NULL);
    if (split)
        product(c + HALF * columns, columns, a + HALF * CK_TILE + HALF, CK_TILE, b + HALF * columns,
                ld, keys - HALF, columns, depth - HALF, ADD, NULL);
}

/* ---- Packing ---- */

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t whole(int64_t count, int64_t unit) {
    return (count + unit - 1) / unit * unit;
}

static inline const char *row_of(const void *x, ck_format type, int64_t token, int64_t heads,
                                 int64_t head, int64_t size) {
    return (const char *)x + ck_element_bytes(type) * (size_t)((token * heads + head) * size);
}

/* to [columns][ld] = from [rows][columns]^T in units of 32 bits, by blocks of 4 x 4. */
typedef uint32_t __attribute__((may_alias)) word;

static void transpose(word *to, int64_t ld, const word *from, int64_t from_ld, int64_t rows,
                      int64_t columns) {
    typedef uint32_t v4 __attribute__((vector_size(16)));
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        int64_t i = 0;
        for (; i + 4 <= columns; i += 4) {
            v4 a, b, c, d;
            memcpy(&a, from + r * from_ld + i, 16);
            memcpy(&b, from + (r + 1) * from_ld + i, 16);
            memcpy(&c, from + (r + 2) * from_ld + i, 16);
            memcpy(&d, from + (r + 3) * from_ld + i, 16);
            const v4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
            const v4 ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            const v4 cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
            const v4 cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
            a = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
            b = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
            c = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
            d = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
            memcpy(to + i * ld + r, &a, 16);
            memcpy(to + (i + 1) * ld + r, &b, 16);
            memcpy(to + (i + 2) * ld + r, &c, 16);
            memcpy(to + (i + 3) * ld + r, &d, 16);
        }
        for (; i < columns; i++)
            for (int64_t part = 0; part < 4; part++)
                to[i * ld + r + part] = from[(r + part) * from_ld + i];
    }
    for (; r < rows; r++)
        for (int64_t i = 0; i < columns; i++) to[i * ld + r] = from[r * from_ld + i];
}

/* Rows of the storage type, widened to operands: to [rows][size]. */
static void widen_rows(operand *to, const char *from, ck_format type, int64_t stride, int64_t rows,
                       int64_t size) {
    const size_t step = ck_element_bytes(type) * (size_t)stride;
    for (int64_t r = 0; r < rows; r++, from += step, to += size) {
        if (type == OPERAND_TYPE) {
            memcpy(to, from, sizeof(operand) * (size_t)size);
            continue;
        }
        int64_t left = size;
        for (int64_t i = 0; i < size; i += CK_WIDTH, left -= CK_WIDTH)
            put(to, OPERAND_TYPE, i, fetch(from, type, i, left), left);
    }
}

/* Panel [size / PAIR][CK_TILE][PAIR] of the rows' transpose: columns are rows of `from`, zero
 * beyond. `rows_of` [CK_TILE][size] is scratch. */
static void pack_across(operand *panel, operand *rows_of, const char *from, ck_format type,
                        int64_t stride, int64_t rows, int64_t size) {
    const operand *source = (const operand *)from;
    if (type != OPERAND_TYPE) {
        widen_rows(rows_of, from, type, stride, rows, size);
        source = rows_of;
        stride = size;
    }
    if (rows < CK_TILE) memset(panel, 0, sizeof(operand) * (size_t)(CK_TILE * size));
    transpose((word *)panel, CK_TILE, (const word *)source, stride / PAIR, rows,
              size / PAIR);
}

/* Panel [CK_TILE / PAIR][columns][PAIR] of the rows themselves, zero beyond rows and size. */
static void pack_along(operand *panel, const char *from, ck_format type, int64_t stride,
                       int64_t rows, int64_t size) {
    const int64_t columns = whole(size, CK_WIDTH);
    const size_t step = ck_element_bytes(type) * (size_t)stride;
    for (int64_t r = 0; r < whole(rows, PAIR); r += PAIR, panel += columns * PAIR)
        for (int64_t i = 0; i < columns; i += CK_WIDTH) {
            const char *row = from + step * (size_t)r;
            vu bits = (vu)fetch(row, type, i, size - i);
#if defined(CK_DOT_BF16)
            bits >>= 16;
            if (r + 1 < rows) bits |= (vu)fetch(row + step, type, i, size - i);
#endif
            memcpy(panel + i * PAIR, &bits, sizeof bits);
        }
}

/* to [size][CK_TILE] operands = rows^T, zero beyond rows. */
static void turn_rows(operand *to, const char *from, ck_format type, int64_t stride, int64_t rows,
                      int64_t size) {
    if (rows < CK_TILE) memset(to, 0, sizeof(operand) * (size_t)(CK_TILE * size));
#if defined(CK_DOT_BF16)
    (void)type;
    const uint16_t *source = (const uint16_t *)from;
    for (int64_t i = 0; i < size; i += 2)
        for (int64_t r = 0; r < rows; r++) {
            uint32_t pair;
            memcpy(&pair, source + r * stride + i, sizeof pair);
            to[i * CK_TILE + r] = (uint16_t)pair;
            to[(i + 1) * CK_TILE + r] = (uint16_t)(pair >> 16);
        }
#else
    const size_t step = ck_element_bytes(type) * (size_t)stride;
    if (type == CK_F32) {
        transpose((word *)to, CK_TILE, (const word *)from, stride, rows, size);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < size; i++)
            to[i * CK_TILE + r] = ck_get(from + step * (size_t)r, type, i);
#endif
}
