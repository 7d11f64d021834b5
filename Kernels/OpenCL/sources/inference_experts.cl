// The way of tokens through their experts. A visit is a token's way through one of its experts; visits are sorted by
// expert, those of an expert by row.
//
// EXPERTS of a layer, CHOSEN of them for each row; LOCAL: items of a work-group, a power of two, 1 on processors.
// SUM_TO_ONE: a row's weights are made to sum up to 1. TILE: the rows that products are made of at a time.

float over_items(__local float *partial, float x, bool largest) {
    uint item = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    partial[item] = x;
    for (uint half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) {
            float other = partial[item + half_size];
            partial[item] = largest ? fmax(partial[item], other) : partial[item] + other;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return partial[0];
}

// Group r: the experts of row r, best first, the first of equals, and their weights.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void route_rows(
    __global const float *restrict router, __global uint *restrict chosen, __global float *restrict weights) {
    __local float scores[EXPERTS], partial[LOCAL], picked[CHOSEN];
    __local uint places[LOCAL];
    uint item = get_local_id(0), row = get_group_id(0);
    for (uint e = item; e < EXPERTS; e += LOCAL) scores[e] = router[(size_t)row * EXPERTS + e];
    float own = -INFINITY;
    for (uint e = item; e < EXPERTS; e += LOCAL) own = fmax(own, scores[e]);
    float top = over_items(partial, own, true);
    own = 0;
    for (uint e = item; e < EXPERTS; e += LOCAL) own += exp(scores[e] - top);
    float total = over_items(partial, own, false);
    for (uint i = 0; i < CHOSEN; i++) {
        own = -INFINITY;
        uint place = EXPERTS;
        for (uint e = item; e < EXPERTS; e += LOCAL)
            if (scores[e] > own) {
                own = scores[e];
                place = e;
            }
        float best = over_items(partial, own, true);
        places[item] = own == best ? place : EXPERTS;
        barrier(CLK_LOCAL_MEM_FENCE);
        // Scores that are no numbers have no order; any expert does, so long as there is one.
        place = EXPERTS - 1;
        for (uint other = 0; other < LOCAL; other++) place = min(place, places[other]);
        if (item == 0) {
            chosen[row * CHOSEN + i] = place;
            picked[i] = exp(best - top);
            scores[place] = -INFINITY;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#ifdef SUM_TO_ONE
    total = 0;
    for (uint i = 0; i < CHOSEN; i++) total += picked[i];
#endif
    for (uint i = item; i < CHOSEN; i += LOCAL) weights[row * CHOSEN + i] = picked[i] / total;
}

// One group: the order of visits. `first` has the first visit of each expert and the number of all, `tiles` the same of
// tiles, `row_of` the row of a visit, `visit_of` the visit of each row's experts.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void plan_visits(
    __global const uint *restrict chosen, __global uint *restrict first, __global uint *restrict tiles,
    __global uint *restrict row_of, __global uint *restrict visit_of, uint rows) {
    __local uint counts[EXPERTS];
    uint item = get_local_id(0);
    for (uint e = item; e < EXPERTS; e += LOCAL) {
        uint count = 0;
        for (uint i = 0; i < rows * CHOSEN; i++) count += chosen[i] == e;
        counts[e] = count;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint e = item; e <= EXPERTS; e += LOCAL) {
        uint visit = 0, tile = 0;
        for (uint other = 0; other < e; other++) {
            visit += counts[other];
            tile += (counts[other] + TILE - 1) / TILE;
        }
        first[e] = visit;
        tiles[e] = tile;
        if (e == EXPERTS || counts[e] == 0) continue;
        for (uint i = 0; i < rows * CHOSEN; i++)
            if (chosen[i] == e) {
                row_of[visit] = i / CHOSEN;
                visit_of[i] = visit++;
            }
    }
}

// Group r: residual += the sum of the row's visits times their weights.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void combine_visits(
    __global const float *restrict visits, __global const float *restrict weights,
    __global const uint *restrict visit_of, __global float *restrict residual, uint columns) {
    uint row = get_group_id(0);
    residual += (size_t)row * columns;
    for (uint i = get_local_id(0); i < columns; i += LOCAL) {
        float sum = 0;
        for (uint c = row * CHOSEN; c < (row + 1) * CHOSEN; c++)
            sum = fma(weights[c], visits[(size_t)visit_of[c] * columns + i], sum);
        residual[i] += sum;
    }
}
