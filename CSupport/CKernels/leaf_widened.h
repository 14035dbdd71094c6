/* bf16 activations on an fp32 leaf: a tile's rows of x are widened on the stack first. (Widening all of x once,
 * before all panels, was tried: with two threads products took 1.04 times as long on Zen 4, since the other
 * core has written half of what is read.) Include inside the leaf's `#pragma clang attribute push`, after
 *
 *   MOST_HEIGHT   of a register tile; DEPTH
 *   LANES         values that widen_lanes(float *to, const uint16_t *x) widens */
static void widen_rows(float *to, const uint16_t *x, int64_t stride, int64_t rows, int64_t k) {
    for (int64_t i = 0; i < rows; i++, x += stride, to += k) {
        int64_t p = 0;
        for (; p + LANES <= k; p += LANES) widen_lanes(to + p, x + p);
        for (; p < k; p++) to[p] = ck_from_bf16(x[p]);
    }
}

/* As ck_sweep_tiles. */
static void sweep_widened(const ck_sweep *s, ck_tile *const *tiles, int64_t height) {
    float rows[MOST_HEIGHT * (DEPTH + CK_ADAPTER_DEPTH)];
    int64_t count = (s->tokens + height - 1) / height;
    for (int64_t i = 0; i < count; i++) {
        int64_t from = s->tokens * i / count, to = s->tokens * (i + 1) / count;
        ck_sweep one = *s;
        float *room = rows;
        for (int32_t g = 0; g < s->segments; g++) {
            const ck_segment *segment = &s->segment[g];
            widen_rows(room, (const uint16_t *)segment->x + from * segment->x_stride,
                       segment->x_stride, to - from, segment->k);
            one.segment[g].x = room;
            one.segment[g].x_stride = segment->k;
            room += (to - from) * segment->k;
        }
        if (s->initial) one.initial = s->initial + from * s->initial_stride;
        one.y = (char *)s->y + (size_t)(from * s->y_stride) * (s->y_type == CK_BF16 ? 2 : 4);
        ck_fetch_ahead(&s->ahead, s->ahead.rows * i / count, s->ahead.rows * (i + 1) / count);
        tiles[to - from - 1](&one, 0);
    }
}
