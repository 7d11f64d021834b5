// The AMX kernels with their tile instructions in plain C, so that strides, shapes and packing are checked where no
// processor has tiles. The instructions themselves are not.
#if defined(__x86_64__)
#include "self_test.h"

#include <immintrin.h>
#include <stdlib.h>

/// The tiles' shapes as LDTILECFG reads them, and what is in them.
static _Thread_local struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} shape;
static _Thread_local unsigned char tiles[8][16][64];

/// Using a tile without a shape is an invalid instruction.
static void need(bool condition) {
    if (!condition) abort();
}
static void configure_tiles(const void *from) {
    memcpy(&shape, from, sizeof shape);
    need(shape.palette == 1 && shape.start_row == 0);
    for (int t = 0; t < 8; t++) need((shape.rows[t] == 0) == (shape.row_bytes[t] == 0) && shape.rows[t] <= 16);
    memset(tiles, 0, sizeof tiles);
}
static void release_tiles(void) { memset(&shape, 0, sizeof shape); }
static void zero_tile(int t) {
    need(shape.rows[t]);
    memset(tiles[t], 0, sizeof tiles[t]);
}
static void load_tile(int t, const void *from, size_t stride) {
    zero_tile(t);
    for (int i = 0; i < shape.rows[t]; i++) memcpy(tiles[t][i], (const char *)from + i * stride, shape.row_bytes[t]);
}
static void store_tile(int t, void *to, size_t stride) {
    need(shape.rows[t]);
    for (int i = 0; i < shape.rows[t]; i++) memcpy((char *)to + i * stride, tiles[t][i], shape.row_bytes[t]);
}

/// The pair or quad of one group, added to a sum.
typedef void multiply_group(void *sum, const unsigned char *a, const unsigned char *b);
static void add_bf16(void *sum, const unsigned char *a, const unsigned char *b) {
    const uint16_t *x = (const uint16_t *)a, *y = (const uint16_t *)b;
    for (int i = 0; i < 2; i++) *(float *)sum += (float)(half_value(bf16, x[i]) * half_value(bf16, y[i]));
}
static void add_s8(void *sum, const unsigned char *a, const unsigned char *b) {
    for (int i = 0; i < 4; i++) *(uint32_t *)sum += (uint32_t)((int8_t)a[i] * (int8_t)b[i]);
}
static void add_u8(void *sum, const unsigned char *a, const unsigned char *b) {
    for (int i = 0; i < 4; i++) *(uint32_t *)sum += (uint32_t)(a[i] * (int8_t)b[i]);
}
static void multiply_tiles(int c, int a, int b, multiply_group *multiply) {
    need(shape.rows[c] && shape.rows[c] == shape.rows[a] && shape.row_bytes[c] == shape.row_bytes[b]);
    need(shape.row_bytes[a] == 4 * shape.rows[b]);
    for (int i = 0; i < shape.rows[c]; i++)
        for (int k = 0; k < shape.rows[b]; k++)
            for (int j = 0; j < shape.row_bytes[c] / 4; j++)
                multiply(tiles[c][i] + 4 * j, tiles[a][i] + 4 * k, tiles[b][k] + 4 * j);
}

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#undef _tile_dpbssd
#undef _tile_dpbusd
#define _tile_loadconfig configure_tiles
#define _tile_release release_tiles
#define _tile_zero zero_tile
#define _tile_loadd load_tile
#define _tile_stored store_tile
#define _tile_dpbf16ps(c, a, b) multiply_tiles(c, a, b, add_bf16)
#define _tile_dpbssd(c, a, b) multiply_tiles(c, a, b, add_s8)
#define _tile_dpbusd(c, a, b) multiply_tiles(c, a, b, add_u8)
// The instruction sets between take processors as new.
#define nw_isa_amx nw_isa_simulated_amx
#define nw_isa_avx512_fp16 nw_isa_avx512
#include "isa_amx.c"
#endif
