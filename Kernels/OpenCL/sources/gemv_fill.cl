// Seeded weights of a matrix, in the layout its device multiplies them in; see fill.cl, which comes before, and
// GEMVOracle for what they are.
//
// PANEL rows lie side by side, 1 on GPUs: [panel][column][PANEL], rows beyond the last and columns beyond the last
// zero. Of blocks the 32-bit words lie so: [panel][block][WORDS][PANEL], and their scales apart: [panel][block][PANEL].
// F32, BF16, Q8 or Q4 names the format, else it is f16; INTEGERS asks for small integers. Global (0, 1) is (place in a
// panel, panel); `first` is the row of the whole matrix that comes first, panel `to` of the buffer its place.

#if defined(Q8) || defined(Q4)
#ifdef Q8
#define WORDS 8
#else
#define WORDS 4
#endif

__kernel void fill_quants(__global uint *restrict data, uint rows, uint blocks, uint first, uint key, uint to) {
    uint place = get_global_id(0), width = blocks * WORDS * PANEL, panel = get_global_id(1);
    if (place >= width) return;
    uint row = panel * PANEL + place % PANEL;
    uint word = hash_word(key, (first + row) * blocks * WORDS + place / PANEL);
#if defined(INTEGERS) && defined(Q8)
    // Four signed bytes, each shifted by two.
    word = as_uint(as_char4(word) >> (char)2);
#endif
    data[(size_t)(to + panel) * width + place] = row < rows ? word : 0;
}

__kernel void fill_scales(__global ushort *restrict data, uint rows, uint blocks, uint first, uint key, uint to) {
    uint place = get_global_id(0), width = blocks * PANEL, panel = get_global_id(1);
    if (place >= width) return;
    uint row = panel * PANEL + place % PANEL;
    uint word = hash_word(key, (first + row) * blocks + place / PANEL);
#ifdef INTEGERS
    uint bits = (word & 0x0400u) + 0x3c00u;
#else
    uint bits = (word & 0x87ffu) | 0x1000u;
#endif
    data[(size_t)(to + panel) * width + place] = row < rows ? (ushort)bits : (ushort)0;
}

#else
#ifdef F32
#define STORED float
#define STORE(value, at, data) data[at] = value
#elif defined(BF16)
#define STORED ushort
#define STORE(value, at, data) data[at] = (ushort)(as_uint(value) >> 16)
#else
#define STORED half
#define STORE(value, at, data) vstore_half(value, at, data)
#endif

// `stride` columns are stored.
__kernel void fill_plain(__global STORED *restrict data, uint rows, uint columns, uint stride, uint first, uint key, uint to) {
    uint place = get_global_id(0), width = stride * PANEL, panel = get_global_id(1);
    if (place >= width) return;
    uint row = panel * PANEL + place % PANEL, column = place / PANEL;
    uint word = hash_word(key, (first + row) * columns + column);
#ifdef INTEGERS
    float value = (float)((int)((word >> 16) * 7u >> 16) - 3);
#elif defined(F32)
    float value = uniform_value(word);
#else
    float value = (float)((int)word >> 24) * 0x1p-12f;
#endif
    value = row < rows && column < columns ? value : 0.0f;
    STORE(value, (size_t)(to + panel) * width + place, data);
}
#endif
