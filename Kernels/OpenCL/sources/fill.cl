// Seeded data, made on the device: element i of a stream is a hash of i and the stream's key (see SeededData).
// Integers only until the last step, which is exact, so every device makes the same bits. One item an element, without
// loops: compilers for processors vectorise across the items of a group.

uint hash_word(uint key, ulong index) {
    uint x = (uint)index * 0x9e3779b1u ^ key;
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x;
}

float uniform_value(uint word) { return (float)((int)word >> 8) * 0x1p-23f; }

float small_integer(uint word) { return (float)((int)((word >> 16) * 7u >> 16) - 3); }

ushort bf16_nearest_even(float value) {
    uint bits = as_uint(value);
    return (ushort)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// The random words themselves.
__kernel void fill_words(__global uint *data, ulong count, uint key, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) data[i] = hash_word(key, first + i);
}

// f32 uniform in [-1, 1).
__kernel void fill_uniform(__global float *data, ulong count, uint key, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) data[i] = uniform_value(hash_word(key, first + i));
}

// f32 integers from -3 to 3.
__kernel void fill_integers(__global float *data, ulong count, uint key, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) data[i] = small_integer(hash_word(key, first + i));
}

// The same in 16 bits, which hold them exactly, and their signs, whose sums are small enough for f16.
__kernel void fill_integers_bf16(__global ushort *data, ulong count, uint key, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) data[i] = (ushort)(as_uint(small_integer(hash_word(key, first + i))) >> 16);
}

__kernel void fill_integers_f16(__global half *data, ulong count, uint key, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) vstore_half(small_integer(hash_word(key, first + i)), i, data);
}

__kernel void fill_signs_f16(__global half *data, ulong count, uint key, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) vstore_half(sign(small_integer(hash_word(key, first + i))), i, data);
}

// One 32-bit pattern everywhere: a NaN, to show elements that were never written.
__kernel void fill_pattern(__global uint *data, ulong count, uint pattern, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) data[i] = pattern;
}

// Key and value caches: uniform values rounded to the format, nearest even.
__kernel void fill_cache_bf16(__global ushort *data, ulong count, uint key, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) data[i] = bf16_nearest_even(uniform_value(hash_word(key, first + i)));
}

__kernel void fill_cache_f16(__global half *data, ulong count, uint key, ulong first) {
    size_t i = get_global_id(0);
    if (i < count) vstore_half_rte(uniform_value(hash_word(key, first + i)), i, data);
}
