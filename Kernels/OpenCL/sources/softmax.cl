// output = exp(input - largest of the row) / their sum, rows x columns of f32; rows.cl comes before, and for processors
// exponential.cl.
//
// EXP: the function for vectors. Group i makes rows i * run to (i + 1) * run. Reads a row from memory once, then finds
// it in a cache.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void softmax_rows(
    __global const float *restrict input, __global float *restrict output, uint rows, uint columns, uint run) {
    __local float partial[LOCAL];
    uint item = get_local_id(0), first = get_group_id(0) * run, last = min(first + run, rows);
    uint vectors = columns / V, rest = vectors * V;
    for (uint row = first; row < last; row++) {
        __global const float *from = input + (size_t)row * columns;
        __global float *to = output + (size_t)row * columns;
        FLOATV tops = -INFINITY;
        for (uint i = item; i < vectors; i += LOCAL) tops = fmax(tops, ROW_LOAD(i, from));
        float top = largest_of(tops);
        for (uint i = rest + item; i < columns; i += LOCAL) top = fmax(top, from[i]);
        top = over_group(partial, top, true);
        FLOATV sums = 0;
        for (uint i = item; i < vectors; i += LOCAL) {
            FLOATV weights = EXP(ROW_LOAD(i, from) - top);
            ROW_STORE(weights, i, to);
            sums += weights;
        }
        float sum = total_of(sums);
        for (uint i = rest + item; i < columns; i += LOCAL) {
            float weight = exp(from[i] - top);
            to[i] = weight;
            sum += weight;
        }
        float scale = 1.0f / over_group(partial, sum, false);
        // Every item meets again what it wrote itself.
        for (uint i = item; i < vectors; i += LOCAL) ROW_STORE(ROW_LOAD(i, to) * scale, i, to);
        for (uint i = rest + item; i < columns; i += LOCAL) to[i] *= scale;
    }
}
