// The small operations of a pass through a model, on rows of tokens; sixteen_bit.cl, built for f16, and exponential.cl
// come before. All activations are f32, the caches f16: [sequence][positions][keys' width].
//
// LOCAL: items of a work-group, a power of two, 1 on processors. V: f32 lanes of a vector, which divides 16. Row r is
// the token at places[r], a sequence and a position.

#define INTV JOIN(int, V)

// The places and the tokens of a pass: row r is token r % tokens of sequence first + r / tokens. Tokens come from
// `prompts`, [sequence][positions], or with `is_chosen` from what was chosen for each sequence.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void begin_pass(
    __global uint2 *restrict places, __global uint *restrict row_tokens, __global const uint *restrict prompts,
    __global const uint *restrict chosen, uint rows, uint tokens, uint first, uint context, uint positions,
    uint is_chosen) {
    for (uint row = get_global_id(0); row < rows; row += get_global_size(0)) {
        uint2 place = (uint2)(first + row / tokens, context + row % tokens);
        places[row] = place;
        row_tokens[row] = is_chosen ? chosen[place.x] : prompts[(size_t)place.x * positions + place.y];
    }
}

// silu(x) = x / (1 + e^-x) without e of anything above 0.
FLOATV silu(FLOATV x) {
    FLOATV small = EXP(-fabs(x));
    return x * (x < 0.0f ? small : (FLOATV)(1.0f)) / (1.0f + small);
}

// output = silu(gate) * up; a row of `input` is `count` gates, then `count` ups.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void gate_rows(
    __global const float *restrict input, __global float *restrict output, uint rows, uint count) {
    uint vectors = count / V;
    for (uint i = get_global_id(0); i < rows * vectors; i += get_global_size(0)) {
        __global const float *gates = input + (size_t)(i / vectors) * 2 * count;
        FLOATV up = VLOAD(i % vectors, gates + count);
        VSTORE(silu(VLOAD(i % vectors, gates)) * up, i % vectors, output + (size_t)(i / vectors) * count);
    }
}

// The first of the largest logits of row `get_group_id(0)`: its token, also for its sequence where it is the last row.
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void choose_tokens(
    __global const float *restrict logits, __global const uint2 *restrict places, __global uint *restrict row_chosen,
    __global uint *restrict chosen, uint vocabulary, uint tokens, uint first, uint step) {
    __local float best[LOCAL];
    __local uint at[LOCAL];
    uint item = get_local_id(0), row = first + get_group_id(0) * step;
    __global const float *from = logits + (size_t)get_group_id(0) * vocabulary;
    FLOATV top = -INFINITY;
    INTV where = 0;
    for (uint i = item; i < vocabulary / V; i += LOCAL) {
        FLOATV x = VLOAD(i, from);
        where = x > top ? (INTV)(i) : where;
        top = fmax(top, x);
    }
    float tops[V];
    int places_of[V];
    VSTORE(top, 0, tops);
    VSTORE(where, 0, places_of);
    float own = -INFINITY;
    uint own_at = vocabulary - 1;
    for (uint lane = 0; lane < V; lane++) {
        uint index = places_of[lane] * V + lane;
        if (tops[lane] > own || (tops[lane] == own && index < own_at)) {
            own = tops[lane];
            own_at = index;
        }
    }
    // The rest is less than a vector.
    for (uint i = vocabulary / V * V + item; i < vocabulary; i += LOCAL)
        if (from[i] > own) {
            own = from[i];
            own_at = i;
        }
    best[item] = own;
    at[item] = own_at;
    for (uint half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        uint other = item + half_size;
        if (item < half_size &&
            (best[other] > best[item] || (best[other] == best[item] && at[other] < at[item]))) {
            best[item] = best[other];
            at[item] = at[other];
        }
    }
    if (item > 0) return;
    row_chosen[get_group_id(0)] = at[0];
    if (row % tokens == tokens - 1) chosen[places[row].x] = at[0];
}
