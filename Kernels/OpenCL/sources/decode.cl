// The smallest operations of a decode step, between its products, norms and attention. All activations are f32.
//
// LOCAL: items of a work-group, 1 on processors. HEAD: values of a head. Counts are multiples of 16.

__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void copy_values(
    __global const float *restrict from, __global float *restrict to, uint count) {
    for (uint i = get_global_id(0); i < count / V; i += get_global_size(0)) VSTORE(VLOAD(i, from), i, to);
}

// Rotates pairs of neighbours of query and key by the angles whose cosine and sine are in `turns`, and stores key and
// value in row `position` of the caches. `qkv`: heads * HEAD, then groups * HEAD keys, then as many values.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void rotate_and_store(
    __global float *restrict qkv, __global const float2 *restrict turns, __global element *restrict keys,
    __global element *restrict values, uint heads, uint groups, uint position) {
    uint width = groups * HEAD, query_width = heads * HEAD;
    size_t row = (size_t)position * width;
    for (uint pair = get_global_id(0); pair < (query_width + 2 * width) / 2; pair += get_global_size(0)) {
        uint at = 2 * pair;
        float2 x = vload2(pair, qkv);
        if (at < query_width + width) {
            float2 turn = turns[pair % (HEAD / 2)];
            x = (float2)(x.x * turn.x - x.y * turn.y, x.x * turn.y + x.y * turn.x);
            vstore2(x, pair, qkv);
        }
        if (at < query_width) continue;
        bool is_key = at < query_width + width;
        size_t to = row + at - query_width - (is_key ? 0 : width);
        __global element *cache = is_key ? keys : values;
        store_element(x.x, to, cache);
        store_element(x.y, to + 1, cache);
    }
}

// output = silu(gate) * up; `input` is `count` gates, then `count` ups.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void gate(
    __global const float *restrict input, __global float *restrict output, uint count) {
    __global const float *up = input + count;
    for (uint i = get_global_id(0); i < count / V; i += get_global_size(0)) {
        FLOATV x = VLOAD(i, input);
        VSTORE(x / (1.0f + exp(-x)) * VLOAD(i, up), i, output);
    }
}
