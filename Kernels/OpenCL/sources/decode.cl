// The small operations of a decode step, between its matrix-vector products. All activations are f32.
//
// LOCAL: items of a work-group, 1 on processors. HEAD: values of a head. Counts are multiples of 16.

__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void copy_values(
    __global const float *restrict from, __global float *restrict to, uint count) {
    for (uint i = get_global_id(0); i < count / V; i += get_global_size(0)) VSTORE(VLOAD(i, from), i, to);
}

// One work-group: output = input / rms(input) * gain.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void normalise(
    __global const float *restrict input, __global const float *restrict gain, __global float *restrict output,
    uint count, float epsilon) {
    __local float partial[LOCAL];
    uint item = get_local_id(0);
    FLOATV squares = 0;
    for (uint i = item; i < count / V; i += LOCAL) {
        FLOATV x = VLOAD(i, input);
        squares = fma(x, x, squares);
    }
    partial[item] = sum_of(squares);
    barrier(CLK_LOCAL_MEM_FENCE);
    float total = 0;
    for (uint i = 0; i < LOCAL; i++) total += partial[i];
    float scale = 1.0f / sqrt(total / (float)count + epsilon);
    for (uint i = item; i < count / V; i += LOCAL) VSTORE(VLOAD(i, input) * scale * VLOAD(i, gain), i, output);
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

// A work-group for each head: output = softmax(query . keys / sqrt(HEAD)) . values over `count` rows of the caches.
// `scores` holds heads * count floats.
#define LANES (HEAD / V)
#define PARTS (LOCAL >= LANES ? LOCAL / LANES : 1)
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void attend(
    __global const float *restrict qkv, __global const element *restrict keys, __global const element *restrict values,
    __global float *restrict scores, __global float *restrict output, uint heads, uint groups, uint count) {
    __local float partial[LOCAL];
    __local float parts[PARTS * HEAD];
    uint item = get_local_id(0), head = get_group_id(0), group = head / (heads / groups);
    size_t width = (size_t)groups * HEAD, offset = (size_t)group * HEAD;
    __global const float *query = qkv + (size_t)head * HEAD;
    scores += (size_t)head * count;
    float scale = 1.0f / sqrt((float)HEAD), top = -INFINITY;
    for (uint p = item; p < count; p += LOCAL) {
        FLOATV dot_product = 0;
        for (uint j = 0; j < LANES; j++)
            dot_product = fma(load_elements(j, keys + p * width + offset), VLOAD(j, query), dot_product);
        float score = sum_of(dot_product) * scale;
        scores[p] = score;
        top = fmax(top, score);
    }
    partial[item] = top;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint i = 0; i < LOCAL; i++) top = fmax(top, partial[i]);
    barrier(CLK_LOCAL_MEM_FENCE);
    float sum = 0;
    for (uint p = item; p < count; p += LOCAL) {
        float weight = exp(scores[p] - top);
        scores[p] = weight;
        sum += weight;
    }
    partial[item] = sum;
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    float total = 0;
    for (uint i = 0; i < LOCAL; i++) total += partial[i];
    uint part = LOCAL >= LANES ? item / LANES : 0;
    for (uint lane = LOCAL >= LANES ? item % LANES : item; lane < LANES && part < PARTS; lane += LOCAL) {
        FLOATV mix_of_values = 0;
        for (uint p = part; p < count; p += PARTS)
            mix_of_values = fma((FLOATV)(scores[p]), load_elements(lane, values + p * width + offset), mix_of_values);
        VSTORE(mix_of_values, part * LANES + lane, parts);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint i = item; i < HEAD; i += LOCAL) {
        float value = 0;
        for (uint other = 0; other < PARTS; other++) value += parts[other * HEAD + i];
        output[(size_t)head * HEAD + i] = value / total;
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
