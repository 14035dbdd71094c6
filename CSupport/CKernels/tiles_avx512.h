/* The register tiles of an AVX-512 leaf: 6 x 64, 12 x 32 and 12 x 16 and all that are less high
 * (24, 24 and 12 accumulators). Include after
 *
 *   tile_function          ck_tile or ck_int8_tile
 *   TILE(rows, vectors)    defines tile_##rows##x##vectors */
#define TILES_UP_TO_6(v) TILE(1, v) TILE(2, v) TILE(3, v) TILE(4, v) TILE(5, v) TILE(6, v)
#define TILES_UP_TO_12(v)                                                                          \
    TILES_UP_TO_6(v) TILE(7, v) TILE(8, v) TILE(9, v) TILE(10, v) TILE(11, v) TILE(12, v)
TILES_UP_TO_6(4)
TILES_UP_TO_12(2)
TILES_UP_TO_12(1)

#define NAMES_UP_TO_6(v) tile_1x##v, tile_2x##v, tile_3x##v, tile_4x##v, tile_5x##v, tile_6x##v
#define NAMES_UP_TO_12(v)                                                                          \
    NAMES_UP_TO_6(v), tile_7x##v, tile_8x##v, tile_9x##v, tile_10x##v, tile_11x##v, tile_12x##v

enum { MOST_HEIGHT = 12 };

/* The tiles for a panel of `columns` columns, the lowest first, and the height of the last. */
INLINE tile_function *const *tiles_of(int32_t columns, int64_t *height) {
    static tile_function *const wide[] = {NAMES_UP_TO_6(4)};
    static tile_function *const middle[] = {NAMES_UP_TO_12(2)};
    static tile_function *const narrow[] = {NAMES_UP_TO_12(1)};
    int32_t lanes = ck_panel_lanes(columns);
    *height = lanes == 64 ? 6 : MOST_HEIGHT;
    return lanes == 16 ? narrow : lanes == 32 ? middle : wide;
}
