// Biases, norms of heads, rotation, and the store to the caches, for rows of queries, keys and values; sixteen_bit.cl,
// built for f16, comes before.
//
// LOCAL: items of a work-group, a power of two, 1 on processors. HEAD: values of a head. With BIAS `bias` is added
// first; with NORMS each head of query and key is normalised and taken times its gain. HALVES: values i and i + HEAD / 2
// are rotated together, else neighbours.
#ifdef HALVES
#define FIRST_OF(pair) (pair)
#define SECOND_OF(pair) ((pair) + HEAD / 2)
#else
#define FIRST_OF(pair) (2 * (pair))
#define SECOND_OF(pair) (2 * (pair) + 1)
#endif

float with_bias(__global const float *from, __global const float *bias, uint i) {
#ifdef BIAS
    return from[i] + bias[i];
#else
    return from[i];
#endif
}

// 1 / rms of a head.
float norm_scale(__local float *partial, __global const float *from, __global const float *bias, float epsilon) {
    uint item = get_local_id(0);
    float sum = 0;
    for (uint i = item; i < HEAD; i += LOCAL) {
        float x = with_bias(from, bias, i);
        sum = fma(x, x, sum);
    }
    partial[item] = sum;
    for (uint half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) partial[item] += partial[item + half_size];
    }
    // After this the head is overwritten, which items that have yet to read it must not see.
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    return 1.0f / sqrt(partial[0] / HEAD + epsilon);
}

// Group (h, r): head h of row r, of `heads` heads of queries, `groups` of keys and as many of values. `turns` holds the
// cosine and sine of each pair's angle: [position][HEAD / 2]. Caches: [sequence][positions][groups * HEAD].
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void rotate_rows(
    __global float *restrict qkv, __global const uint2 *restrict places, __global const float2 *restrict turns,
    __global const float *restrict bias, __global const float *restrict query_gain,
    __global const float *restrict key_gain, __global element *restrict keys, __global element *restrict values,
    uint heads, uint groups, uint positions, float epsilon) {
    uint head = get_group_id(0), row = get_group_id(1), item = get_local_id(0);
    uint2 place = places[row];
    bool is_query = head < heads, is_key = !is_query && head < heads + groups;
    __global float *data = qkv + ((size_t)row * (heads + 2 * groups) + head) * HEAD;
    bias += head * HEAD;
    float scale = 1.0f;
#ifdef NORMS
    __local float partial[LOCAL];
    scale = norm_scale(partial, data, bias, epsilon);
    __global const float *gain = is_query ? query_gain : key_gain;
#endif
    uint group = is_query ? 0 : head - heads - (is_key ? 0 : groups);
    size_t to = (((size_t)place.x * positions + place.y) * groups + group) * HEAD;
    for (uint pair = item; pair < HEAD / 2; pair += LOCAL) {
        uint first = FIRST_OF(pair), second = SECOND_OF(pair);
        float x = with_bias(data, bias, first), y = with_bias(data, bias, second);
        if (is_query || is_key) {
#ifdef NORMS
            x *= scale * gain[first];
            y *= scale * gain[second];
#endif
            float2 turn = turns[(size_t)place.y * (HEAD / 2) + pair];
            float rotated = x * turn.x - y * turn.y;
            y = x * turn.y + y * turn.x;
            x = rotated;
        }
        data[first] = x;
        data[second] = y;
        if (is_query) continue;
        __global element *cache = is_key ? keys : values;
        store_element(x, to + first, cache);
        store_element(y, to + second, cache);
    }
}
