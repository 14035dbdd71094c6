/* Panels of the NEON leaves: up to four strips of 16 columns, one after another (k rounded up to
 * 32). Include inside the leaf's `#pragma clang attribute push`, after
 *
 *   packed       a packed value: float, uint16_t
 *   pack_strip(format, strip, w, row_bytes, k0, k, columns): a strip from at most 16 rows of w */

/* Values in a strip of k rows. */
INLINE int64_t strip_size(int64_t k) { return (k + 31) / 32 * 32 * STRIP; }

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE void pack_rows(ck_format format, packed *panel, const char *w, size_t row_bytes, int64_t k0,
                      int64_t k, int32_t columns) {
    const ck_codec *codec = is_decoded(format) ? NULL : ck_codec_of(format);
    for (int64_t j = 0; j < columns; j += STRIP, panel += strip_size(k)) {
        const char *rows = w + (size_t)j * row_bytes;
        int64_t count = least(columns - j, STRIP);
        if (is_decoded(format)) {
            pack_strip(format, panel, rows, row_bytes, k0, k, count);
            continue;
        }
        for (int64_t p = 0; p < k; p += BLOCK) {
            float room[STRIP][BLOCK];
            int64_t n = least(k - p, BLOCK);
            for (int64_t i = 0; i < count; i++)
                codec->decode(room[i], rows + (size_t)i * row_bytes + ck_offset(codec, k0 + p), n);
            pack_strip(CK_F32, panel + p * STRIP, (const char *)room, sizeof *room, 0, n, count);
        }
    }
}
