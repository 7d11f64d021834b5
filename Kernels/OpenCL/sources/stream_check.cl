// Counts the wrong words of what a copy or a triad left, made anew from the seed; see fill.cl, which comes before.
//
// Item i leaves the number of wrong words among i, i + items, i + 2 * items … of `count`.

// What a copy of fill_words leaves.
__kernel void count_wrong_copies(__global const uint *data, __global uint *wrong, ulong count, uint key, uint other,
                                 float factor, ulong first) {
    uint found = 0;
    for (ulong i = get_global_id(0); i < count; i += get_global_size(0)) found += data[i] != hash_word(key, first + i);
    wrong[get_global_id(0)] = found;
}

// What a triad of two fill_uniform leaves; the factor is a power of two, so that the fma is rounded as any other sum.
__kernel void count_wrong_triads(__global const uint *data, __global uint *wrong, ulong count, uint key, uint other,
                                 float factor, ulong first) {
    uint found = 0;
    for (ulong i = get_global_id(0); i < count; i += get_global_size(0)) {
        float a = uniform_value(hash_word(key, first + i)), b = uniform_value(hash_word(other, first + i));
        found += data[i] != as_uint(a + factor * b);
    }
    wrong[get_global_id(0)] = found;
}
