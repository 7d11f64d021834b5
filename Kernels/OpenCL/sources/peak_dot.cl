// Dot products of int8 on registers; see integer_dot.cl, which comes before.
//
// Every pair of words repeats x <- x + dot(y, b), y <- y + dot(x, b), bytes with bytes, modulo 2^32 (see DotPeakCheck).
// Each of the two can be undone, so that pairs neither come to rest nor fall together, and nothing can be hoisted.
// PAIRS: pairs of an item. LOCAL: items of a work-group. Pair v of item i is i + v * global size; starts and results
// hold all x, then all y.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void peak_dot(
    __global const uint *restrict starts, __global const uint *restrict factors, __global uint *restrict results,
    uint steps) {
    size_t item = get_global_id(0), items = get_global_size(0), pairs = items * PAIRS;
    uint x[PAIRS], y[PAIRS], b[PAIRS];
#pragma unroll
    for (uint v = 0; v < PAIRS; v++) {
        x[v] = starts[item + v * items];
        y[v] = starts[pairs + item + v * items];
        b[v] = factors[item + v * items];
    }
#pragma unroll 4
    for (uint step = 0; step < steps; step++) {
#pragma unroll
        for (uint v = 0; v < PAIRS; v++) x[v] = add_dot(x[v], y[v], b[v]);
#pragma unroll
        for (uint v = 0; v < PAIRS; v++) y[v] = add_dot(y[v], x[v], b[v]);
    }
#pragma unroll
    for (uint v = 0; v < PAIRS; v++) {
        results[item + v * items] = x[v];
        results[pairs + item + v * items] = y[v];
    }
}
