/* The update of feedback.c in vectors of any width (after vector.h): see spread_errors in layers.h. Every value's
 * sum runs over the errors in order. */
static void spread_errors(float *x, const float *e, const float *u, int64_t stride, int64_t count,
                          int64_t columns) {
    enum { PARTS = CK_FEEDBACK_ROWS / CK_WIDTH, COLUMNS = CK_WIDTH == 16 ? 8 : 4 };
    for (int part = 0; part < PARTS; part++) {
        float *to = x + part * CK_WIDTH;
        const float *from = e + part * CK_WIDTH;
        int64_t k = 0;
        for (; k + COLUMNS <= columns; k += COLUMNS) {
            vf sums[COLUMNS];
            for (int c = 0; c < COLUMNS; c++) sums[c] = load(to + (k + c) * CK_FEEDBACK_ROWS);
            for (int64_t j = 0; j < count; j++) {
                const vf error = load(from + j * CK_FEEDBACK_ROWS);
                for (int c = 0; c < COLUMNS; c++) sums[c] -= error * u[j * stride + k + c];
            }
            for (int c = 0; c < COLUMNS; c++) store(to + (k + c) * CK_FEEDBACK_ROWS, sums[c]);
        }
        for (; k < columns; k++) {
            vf sum = load(to + k * CK_FEEDBACK_ROWS);
            for (int64_t j = 0; j < count; j++)
                sum -= load(from + j * CK_FEEDBACK_ROWS) * u[j * stride + k];
            store(to + k * CK_FEEDBACK_ROWS, sum);
        }
    }
}
