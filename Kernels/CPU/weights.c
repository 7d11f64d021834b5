// Seeded weights in the formats and layouts they are stored in; see nw_gemv_fill.
#include "internal.h"

#include <string.h>

/// Elements made at a time: whole blocks, and small enough for the first cache.
enum { chunk = 2048, block_length = 32, blocks_per_chunk = chunk / block_length };

// ---- Layouts ---------------------------------------------------------------------------------------------------

/// A row as units of a few bytes, every `panel_rows` units in a panel.
typedef void unit_copy(uint8_t *panel, uint8_t *row, size_t bytes);

static void to_panel(uint8_t *panel, uint8_t *row, size_t bytes) { memcpy(panel, row, bytes); }
static void from_panel(uint8_t *panel, uint8_t *row, size_t bytes) { memcpy(row, panel, bytes); }

static inline __attribute__((always_inline)) void copy_units(unit_copy *copy, size_t unit, size_t count, size_t rows,
                                                             uint8_t *panel, uint8_t *row) {
    for (size_t i = 0; i < count; i++) copy(panel + i * rows * unit, row + i * unit, unit);
}

/// Copies `count` elements from `first` on between row `place` of a panel and a row, which begins with them.
static inline __attribute__((always_inline)) void copy_part(unit_copy *copy, const nw_weight_layout *layout,
                                                            uint8_t *panel, size_t place, size_t first, size_t count,
                                                            uint8_t *row) {
    size_t rows = (size_t)layout->panel_rows, block = nw_gemv_row_bytes(layout->format, block_length);
    switch (layout->format) {
    case NW_WEIGHT_F32: return copy_units(copy, 4, count, rows, panel + 4 * (first * rows + place), row);
    case NW_WEIGHT_F16:
    case NW_WEIGHT_BF16: return copy_units(copy, 2, count, rows, panel + 2 * (first * rows + place), row);
    case NW_WEIGHT_Q8_0:
    case NW_WEIGHT_Q4_0:
        for (size_t b = 0; b < count / block_length; b++, row += block) {
            uint8_t *blocks = panel + (first / block_length + b) * rows * block;
            copy(blocks + 2 * place, row, 2);
            copy_units(copy, 4, (block - 2) / 4, rows, blocks + 2 * rows + 4 * place, row + 2);
        }
    }
}

void nw_weights_load(const nw_weight_layout *layout, const uint8_t *panel, int place, uint8_t *row) {
    copy_part(from_panel, layout, (uint8_t *)panel, (size_t)place, 0, (size_t)layout->columns, row);
}

void nw_weights_store(const nw_weight_layout *layout, uint8_t *panel, int place, const uint8_t *row) {
    copy_part(to_panel, layout, panel, (size_t)place, 0, (size_t)layout->columns, (uint8_t *)row);
}

// ---- Data ------------------------------------------------------------------------------------------------------

/// Small integers in 16 bits.
static void make_small_halves(const nw_isa *isa, bool half, uint32_t key, uint32_t first, size_t count, uint8_t *to) {
    _Alignas(64) float numbers[chunk];
    nw_isa_fill(isa)(numbers, NW_FILL_SMALL_INTEGER_F32, key, first, count);
    nw_isa_activations(isa)->narrow(half, numbers, (uint16_t *)to, (int64_t)count);
}

/// Blocks of `bytes` bytes of weights, behind their scales.
static void make_blocks(const nw_isa *isa, nw_weight_data data, size_t bytes, const uint32_t *keys, uint64_t first,
                        size_t count, uint8_t *to) {
    _Alignas(64) uint32_t words[chunk / 4], scales[blocks_per_chunk];
    uint8_t *weights = (uint8_t *)words;
    bool integers = data == NW_WEIGHTS_INTEGER;
    nw_isa_fill(isa)(words, NW_FILL_WORD_U32, keys[0], (uint32_t)(first * bytes / 4), count * bytes / 4);
    nw_isa_fill(isa)(scales, NW_FILL_WORD_U32, keys[1], (uint32_t)first, count);
    if (integers && bytes == block_length)
        for (size_t i = 0; i < count * bytes; i++) weights[i] = (uint8_t)((int8_t)weights[i] >> 2);
    for (size_t i = 0; i < count; i++, to += 2 + bytes) {
        uint16_t scale = (uint16_t)(integers ? (scales[i] & 0x0400) + 0x3c00 : (scales[i] & 0x87ff) | 0x1000);
        memcpy(to, &scale, sizeof scale);
        memcpy(to + sizeof scale, weights + i * bytes, bytes);
    }
}

/// Makes `count` elements, and up to 15 more of plain formats.
static void make_part(const nw_isa *isa, nw_weight_format format, nw_weight_data data, const uint32_t *keys,
                      uint64_t first, size_t count, uint8_t *to) {
    bool integers = data == NW_WEIGHTS_INTEGER, half = format == NW_WEIGHT_F16;
    nw_fill_kernel *fill = nw_isa_fill(isa);
    uint32_t element = (uint32_t)first;
    size_t rounded = nw_round_up(count, 16);
    switch (format) {
    case NW_WEIGHT_F32:
        return fill(to, integers ? NW_FILL_SMALL_INTEGER_F32 : NW_FILL_UNIFORM_F32, keys[0], element, rounded);
    case NW_WEIGHT_F16:
    case NW_WEIGHT_BF16:
        if (integers) return make_small_halves(isa, half, keys[0], element, rounded, to);
        return fill(to, half ? NW_FILL_WEIGHT_F16 : NW_FILL_WEIGHT_BF16, keys[0], element, rounded);
    case NW_WEIGHT_Q8_0: return make_blocks(isa, data, 32, keys, first / block_length, count / block_length, to);
    case NW_WEIGHT_Q4_0: return make_blocks(isa, data, 16, keys, first / block_length, count / block_length, to);
    }
}

void nw_weights_fill(const nw_isa *isa, const nw_weight_layout *layout, nw_weight_data data, const uint32_t *keys,
                     int64_t row, uint8_t *panel, int place) {
    _Alignas(64) uint8_t part[4 * chunk];
    size_t columns = (size_t)layout->columns;
    for (size_t done = 0; done < columns; done += chunk) {
        size_t count = columns - done < chunk ? columns - done : chunk;
        make_part(isa, layout->format, data, keys, (uint64_t)row * columns + done, count, part);
        copy_part(to_panel, layout, panel, (size_t)place, done, count, part);
    }
}

void nw_weights_make_row(const nw_isa *isa, nw_weight_format format, int64_t columns, const uint32_t *keys, int64_t row,
                         uint8_t *to) {
    size_t count = (size_t)columns;
    for (size_t done = 0; done < count; done += chunk) {
        size_t part = count - done < chunk ? count - done : chunk;
        make_part(isa, format, NW_WEIGHTS_RANDOM, keys, (uint64_t)row * count + done, part,
                  to + nw_gemv_row_bytes(format, (int64_t)done));
    }
}

// ---- Numbers ---------------------------------------------------------------------------------------------------

static float f32_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t half_at(const uint8_t *bytes) {
    uint16_t bits;
    memcpy(&bits, bytes, sizeof bits);
    return bits;
}

/// Exact; infinities do not occur. The exponent moves by a multiplication, which also makes subnormal numbers normal.
static float f16_number(uint16_t bits) {
    float magnitude = f32_of((uint32_t)(bits & 0x7fff) << 13) * 0x1p112f;
    return bits & 0x8000 ? -magnitude : magnitude;
}

static void block_numbers(bool eight_bits, const uint8_t *block, float *to) {
    float scale = f16_number(half_at(block));
    const uint8_t *q = block + 2;
    for (int i = 0; i < block_length; i++) {
        int nibble = i < block_length / 2 ? q[i % 16] & 15 : q[i % 16] >> 4;
        to[i] = scale * (float)(eight_bits ? (int8_t)q[i] : nibble - 8);
    }
}

void nw_weights_numbers(nw_weight_format format, int64_t columns, const uint8_t *row, float *to) {
    switch (format) {
    case NW_WEIGHT_F32: memcpy(to, row, (size_t)columns * 4); break;
    case NW_WEIGHT_F16:
        for (int64_t i = 0; i < columns; i++) to[i] = f16_number(half_at(row + 2 * i));
        break;
    case NW_WEIGHT_BF16:
        for (int64_t i = 0; i < columns; i++) to[i] = f32_of((uint32_t)half_at(row + 2 * i) << 16);
        break;
    case NW_WEIGHT_Q8_0:
    case NW_WEIGHT_Q4_0:
        for (int64_t b = 0; b < columns / block_length; b++)
            block_numbers(format == NW_WEIGHT_Q8_0, row + nw_gemv_row_bytes(format, b * block_length),
                          to + b * block_length);
        break;
    }
}
