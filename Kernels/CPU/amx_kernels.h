// Matrix products and peaks on AMX tiles; see nw_tile and peak_dot.h.
//
// A tile has up to 16 rows of 64 bytes: 16 sums, or 16 depth groups of a row of A, or 16 columns of a group of B, just
// as they are packed. Tiles 0 to 3 are sums, 4 and 5 operands from A, 6 and 7 from B. Each operand is used twice.

/// LDTILECFG's operand: palette 1, then rows and bytes per row of each tile.
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_configuration;
_Static_assert(sizeof(tile_configuration) == 64, "what LDTILECFG reads");

/// Shapes the tiles for the upper 16 and the lower rows of C; a tile must not be used without rows.
NW_INLINE void configure(int upper, int lower) {
    tile_configuration c = {.palette = 1,
                            .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                            .rows = {(uint8_t)upper, (uint8_t)upper, (uint8_t)lower, (uint8_t)lower,
                                     (uint8_t)upper, (uint8_t)lower, 16, 16}};
    for (int i = 0; i < 8; i++)
        if (c.rows[i] == 0) c.row_bytes[i] = 0;
    _tile_loadconfig(&c);
}

/// C (rows x 32) = or += A (rows x groups) * B (groups x 32), with or without rows behind the 16th.
///
/// Four groups fetch two cache lines of what comes next, as elsewhere.
#define NW_TILE_ROWS(name, multiply, rows_name, has_lower)                                                             \
    static void name##_##rows_name(const nw_tile *t) {                                                                 \
        const size_t ldc = (size_t)t->ldc * 4, lda = a_stride * 4, ldb = nr * 4;                                       \
        const uint32_t *a = t->a, *b = t->b, *lower_a = t->a + 16 * a_stride;                                          \
        uint32_t *c = t->c, *lower_c = t->c + 16 * t->ldc;                                                             \
        const char *ahead = t->ahead;                                                                                  \
        configure(has_lower ? 16 : (int)t->rows, has_lower ? (int)t->rows - 16 : 0);                                   \
        if (t->accumulate) {                                                                                           \
            _tile_loadd(0, c, ldc);                                                                                    \
            _tile_loadd(1, c + 16, ldc);                                                                               \
            if (has_lower) _tile_loadd(2, lower_c, ldc);                                                               \
            if (has_lower) _tile_loadd(3, lower_c + 16, ldc);                                                          \
        } else {                                                                                                       \
            _tile_zero(0);                                                                                             \
            _tile_zero(1);                                                                                             \
            if (has_lower) _tile_zero(2);                                                                              \
            if (has_lower) _tile_zero(3);                                                                              \
        }                                                                                                              \
        for (int64_t k = 0; k < t->groups; k += step, b += step * nr) {                                                \
            for (int i = 0; i < step / 4; i++, ahead += t->ahead_stride) {                                             \
                __builtin_prefetch(ahead, 0, 2);                                                                       \
                __builtin_prefetch(ahead + 64, 0, 2);                                                                  \
            }                                                                                                          \
            _tile_loadd(6, b, ldb);                                                                                    \
            _tile_loadd(4, a + k, lda);                                                                                \
            multiply(0, 4, 6);                                                                                         \
            _tile_loadd(7, b + 16, ldb);                                                                               \
            multiply(1, 4, 7);                                                                                         \
            if (has_lower) _tile_loadd(5, lower_a + k, lda);                                                           \
            if (has_lower) multiply(2, 5, 6);                                                                          \
            if (has_lower) multiply(3, 5, 7);                                                                          \
        }                                                                                                              \
        _tile_stored(0, c, ldc);                                                                                       \
        _tile_stored(1, c + 16, ldc);                                                                                  \
        if (has_lower) _tile_stored(2, lower_c, ldc);                                                                  \
        if (has_lower) _tile_stored(3, lower_c + 16, ldc);                                                             \
        _tile_release();                                                                                               \
    }
#define NW_TILES(name, multiply)                                                                                       \
    NW_TILE_ROWS(name, multiply, rows_16, 0)                                                                           \
    NW_TILE_ROWS(name, multiply, rows_32, 1)                                                                           \
    static void name##_tile(const nw_tile *t) {                                                                        \
        static void (*const by_rows[2])(const nw_tile *) = {name##_rows_16, name##_rows_32};                           \
        by_rows[t->rows > 16](t);                                                                                      \
    }
NW_TILES(bf16_tiles, _tile_dpbf16ps)
NW_TILES(s8_tiles, _tile_dpbssd)
NW_TILES(u8_tiles, _tile_dpbusd)

/// `steps` times x <- x + a * b of 16 x 16 sums and 16 groups, on four tiles of sums, two of a, two of b.
#define NW_TILE_PEAK(name, multiply, products)                                                                         \
    static void name(int64_t steps, const void *starts, const void *operands, void *results) {                         \
        const char *from = starts, *factors = operands;                                                                \
        char *to = results;                                                                                            \
        configure(16, 16);                                                                                             \
        _tile_loadd(0, from, 64);                                                                                      \
        _tile_loadd(1, from + 1024, 64);                                                                               \
        _tile_loadd(2, from + 2048, 64);                                                                               \
        _tile_loadd(3, from + 3072, 64);                                                                               \
        _tile_loadd(4, factors, 64);                                                                                   \
        _tile_loadd(5, factors + 1024, 64);                                                                            \
        _tile_loadd(6, factors + 2048, 64);                                                                            \
        _tile_loadd(7, factors + 3072, 64);                                                                            \
        for (int64_t i = 0; i < steps; i++) {                                                                          \
            multiply(0, 4, 6);                                                                                         \
            multiply(1, 5, 7);                                                                                         \
            multiply(2, 4, 6);                                                                                         \
            multiply(3, 5, 7);                                                                                         \
        }                                                                                                              \
        _tile_stored(0, to, 64);                                                                                       \
        _tile_stored(1, to + 1024, 64);                                                                                \
        _tile_stored(2, to + 2048, 64);                                                                                \
        _tile_stored(3, to + 3072, 64);                                                                                \
        _tile_release();                                                                                               \
    }                                                                                                                  \
    static const nw_peak_kernel name##_kernel = {.run = name,                                                          \
                                                 .step_operations = 2 * 16 * products,                                 \
                                                 .chains = 4 * 256,                                                    \
                                                 .operands = 4 * 256,                                                  \
                                                 .lanes = 256,                                                         \
                                                 .depth = 16,                                                          \
                                                 .first_operands = 2,                                                  \
                                                 .second_operands = 2};
NW_TILE_PEAK(bf16_tiles_peak, _tile_dpbf16ps, 2)
NW_TILE_PEAK(u8_tiles_peak, _tile_dpbusd, 4)
