// output = input / rms(input) * gain, rows x columns of f32; rows.cl comes before.
//
// Group i makes rows i * run to (i + 1) * run; row i of the output is of row first + i * step of the input. Reads a row from memory once, then finds it in a cache.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void normalise_rows(
    __global const float *restrict input, __global const float *restrict gain, __global float *restrict output,
    uint rows, uint columns, uint run, float epsilon, uint first_row, uint step) {
    __local float partial[LOCAL];
    uint item = get_local_id(0), first = get_group_id(0) * run, last = min(first + run, rows);
    uint vectors = columns / V, rest = vectors * V;
    for (uint row = first; row < last; row++) {
        __global const float *from = input + (size_t)(first_row + row * step) * columns;
        __global float *to = output + (size_t)row * columns;
        FLOATV squares = 0, others = 0;
        uint i = item;
        for (; i + LOCAL < vectors; i += 2 * LOCAL) {
            FLOATV x = ROW_LOAD(i, from), y = ROW_LOAD(i + LOCAL, from);
            squares = fma(x, x, squares);
            others = fma(y, y, others);
        }
        for (; i < vectors; i += LOCAL) squares = fma(ROW_LOAD(i, from), ROW_LOAD(i, from), squares);
        float sum = total_of(squares + others);
        for (i = rest + item; i < columns; i += LOCAL) sum = fma(from[i], from[i], sum);
        float scale = 1.0f / sqrt(over_group(partial, sum, false) / (float)columns + epsilon);
        for (i = item; i < vectors; i += LOCAL) ROW_STORE(ROW_LOAD(i, from) * scale * ROW_LOAD(i, gain), i, to);
        for (i = rest + item; i < columns; i += LOCAL) to[i] = from[i] * scale * gain[i];
    }
}
