// Attention of tokens on processors: output = softmax(query . keys / sqrt(HEAD)) . values, the softmax taken on the
// way; sixteen_bit.cl and exponential.cl come before.
//
// HEADS query heads of HEAD values, GROUPS heads of keys and values. Caches are [sequence][positions][GROUPS][HEAD]. V
// divides HEAD. Item (i, r) goes through a run of the positions up to places[r], a sequence and a position, of all
// heads, so that each cache is one stream a core; row r of the queries is at r * stride. A single run leaves `output`;
// several leave parts for attention_merge.cl: [row][run][HEADS][HEAD + 2].
#define LANES (HEAD / V)
#define MATES (HEADS / GROUPS)
#define TILE 16

// The scores of a tile's positions, and what they do to the mix so far: new weights, and the factor of the old ones.
float weigh(float *scores, float *top, float *total) {
    float16 s = vload16(0, scores);
    float8 s8 = fmax(s.lo, s.hi);
    float4 s4 = fmax(s8.lo, s8.hi);
    float higher = fmax(*top, fmax(fmax(s4.x, s4.y), fmax(s4.z, s4.w)));
    float factor = exp(*top - higher);
    float16 weights = exponential(s - higher);
    float8 w8 = weights.lo + weights.hi;
    float4 w4 = w8.lo + w8.hi;
    *top = higher;
    *total = fma(*total, factor, (w4.x + w4.y) + (w4.z + w4.w));
    vstore16(weights, 0, scores);
    return factor;
}

// Fetches what lies 8 KiB behind some rows of a cache.
void fetch_rows(__global const element *rows, uint count) {
    for (uint i = 0; i < count * GROUPS * HEAD; i += 64 / sizeof(element)) FETCH(rows + 8192 / sizeof(element) + i);
}

// The scores of two positions of the heads that share a head of the caches; one beyond the last is read as the last.
void score_two(__global const float *query, __global const element *keys, uint p, uint count, float *scores) {
    const size_t width = GROUPS * HEAD;
    __global const element *first = keys + min(p, count - 1) * width, *second = keys + min(p + 1, count - 1) * width;
    FLOATV a[MATES], b[MATES];
#pragma unroll
    for (uint h = 0; h < MATES; h++) a[h] = b[h] = 0;
    for (uint j = 0; j < LANES; j++) {
        FLOATV left = load_elements(j, first), right = load_elements(j, second);
#pragma unroll
        for (uint h = 0; h < MATES; h++) {
            FLOATV q = VLOAD(j, query + h * HEAD);
            a[h] = fma(left, q, a[h]);
            b[h] = fma(right, q, b[h]);
        }
    }
    const float scale = 1.0f / sqrt((float)HEAD);
#pragma unroll
    for (uint h = 0; h < MATES; h++) {
        scores[h * TILE + p] = p < count ? sum_of(a[h]) * scale : -INFINITY;
        scores[h * TILE + p + 1] = p + 1 < count ? sum_of(b[h]) * scale : -INFINITY;
    }
}

// Adds the weighted values of four positions to the mix, which is taken times a factor first.
void add_four(__global const element *values, uint p, uint count, const float *weights, const float *factors,
              float *mix) {
    const size_t width = GROUPS * HEAD;
    __global const element *rows[4];
#pragma unroll
    for (uint r = 0; r < 4; r++) rows[r] = values + min(p + r, count - 1) * width;
    for (uint j = 0; j < LANES; j++) {
        FLOATV value[4];
#pragma unroll
        for (uint r = 0; r < 4; r++) value[r] = load_elements(j, rows[r]);
#pragma unroll
        for (uint h = 0; h < MATES; h++) {
            FLOATV sum = VLOAD(j, mix + h * HEAD);
            if (p == 0) sum *= factors[h];
#pragma unroll
            for (uint r = 0; r < 4; r++) sum = fma((FLOATV)(weights[h * TILE + p + r]), value[r], sum);
            VSTORE(sum, j, mix + h * HEAD);
        }
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void attend(
    __global const float *restrict query, __global const element *restrict keys,
    __global const element *restrict values, __global float *restrict parts, __global float *restrict output,
    __global const uint2 *restrict places, uint stride, uint positions) {
    float mix[HEADS * HEAD], scores[HEADS * TILE], factors[HEADS], tops[HEADS], totals[HEADS];
    for (uint i = 0; i < HEADS * LANES; i++) VSTORE((FLOATV)(0.0f), i, mix);
    for (uint h = 0; h < HEADS; h++) {
        // Finite, so that the difference of two of them is a number.
        tops[h] = -MAXFLOAT;
        totals[h] = 0;
    }
    uint row = get_global_id(1), runs = get_global_size(0), count = places[row].y + 1, run = (count + runs - 1) / runs;
    uint first = min((uint)get_global_id(0) * run, count), last = min(first + run, count);
    const size_t width = GROUPS * HEAD, before = (size_t)places[row].x * positions * width;
    query += (size_t)row * stride;
    for (uint start = first; start < last; start += TILE) {
        // Rows one after the other, and a page ahead: prefetchers do not follow from head to head.
        uint tile = min((uint)TILE, last - start);
        __global const element *own_keys = keys + before + start * width, *own_values = values + before + start * width;
        for (uint p = 0; p < TILE; p += 2) {
            fetch_rows(own_keys + p * width, 2);
            for (uint group = 0; group < GROUPS; group++)
                score_two(query + group * MATES * HEAD, own_keys + group * HEAD, p, tile,
                          scores + group * MATES * TILE);
        }
        for (uint h = 0; h < HEADS; h++) factors[h] = weigh(scores + h * TILE, tops + h, totals + h);
        for (uint p = 0; p < tile; p += 4) {
            fetch_rows(own_values + p * width, 4);
            for (uint group = 0; group < GROUPS; group++) {
                uint head = group * MATES;
                add_four(own_values + group * HEAD, p, tile, scores + head * TILE, factors + head, mix + head * HEAD);
            }
        }
    }
    bool alone = runs == 1;
    for (uint h = 0; h < HEADS; h++) {
        size_t head = ((size_t)row * runs + get_global_id(0)) * HEADS + h;
        __global float *to = alone ? output + head * HEAD : parts + head * (HEAD + 2);
        float scale = alone ? 1.0f / totals[h] : 1.0f;
        for (uint j = 0; j < LANES; j++) VSTORE(VLOAD(j, mix + h * HEAD) * scale, j, to);
        if (alone) continue;
        to[HEAD] = tops[h];
        to[HEAD + 1] = totals[h];
    }
}
