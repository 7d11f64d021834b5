// Seeded data beside the matrices: rows of the embedding, made where they are needed, and the caches' earlier positions;
// fill.cl, which comes before, makes the words, and GEMVOracle and ModelStream say what they mean.
//
// F32, BF16, Q8 or Q4 names the embedding's format, else it is f16. LOCAL: items of a work-group, 1 on processors.
float embedded(uint key, uint scale_key, uint token, uint column, uint columns) {
#if defined(Q8) || defined(Q4)
    uint block = token * (columns / 32) + column / 32, place = column % 32;
    // Of an f16 in the memory of an item, since not all devices reckon in f16.
    ushort bits = (ushort)((hash_word(scale_key, block) & 0x87ffu) | 0x1000u);
    float scale = vload_half(0, (const __private half *)&bits);
#ifdef Q8
    uint word = hash_word(key, block * 8 + place / 4);
    return scale * (float)((int)(word << (24 - place % 4 * 8)) >> 24);
#else
    uint word = hash_word(key, block * 4 + place % 16 / 4);
    return scale * (float)((int)(word >> (place % 4 * 8 + place / 16 * 4) & 15u) - 8);
#endif
#elif defined(F32)
    return uniform_value(hash_word(key, token * columns + column));
#else
    return (float)((int)hash_word(key, token * columns + column) >> 24) * 0x1p-12f;
#endif
}

// Group r: row r is that of token tokens[r].
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void embed_rows(
    __global const uint *restrict tokens, __global float *restrict output, uint columns, uint key, uint scale_key) {
    uint token = tokens[get_group_id(0)];
    output += (size_t)get_group_id(0) * columns;
    for (uint i = get_local_id(0); i < columns; i += LOCAL) output[i] = embedded(key, scale_key, token, i, columns);
}

// Seeded rows of the caches' earlier positions, [sequence][positions][width]; NaN in those no token has been stored in.
// One item an element.
__kernel void fill_caches(
    __global half *restrict keys, __global half *restrict values, uint sequences, uint positions, uint context,
    uint width, uint key_stream, uint value_stream) {
    size_t i = get_global_id(0);
    if (i >= (size_t)sequences * positions * width) return;
    uint position = i / width % positions, sequence = i / width / positions;
    bool known = position < context;
    size_t index = ((size_t)sequence * context + position) * width + i % width;
    vstore_half_rte(known ? uniform_value(hash_word(key_stream, index)) : NAN, i, keys);
    vstore_half_rte(known ? uniform_value(hash_word(value_stream, index)) : NAN, i, values);
}
