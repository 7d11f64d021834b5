// Attention of tokens on GPUs: output = softmax(query . keys / sqrt(HEAD)) . values, the softmax taken on the way;
// sixteen_bit.cl comes before.
//
// HEADS query heads of HEAD values, GROUPS heads of keys and values, MATES of the query heads that share one of them
// handled together. Caches are [sequence][positions][GROUPS][HEAD]. Group (i, j, r) goes through a run of the positions
// up to places[r], a sequence and a position, for query heads j * MATES to (j + 1) * MATES; row r of the queries is at
// r * stride. A single run leaves `output`; several leave parts for attention_merge.cl: [row][run][HEADS][HEAD + 2]. LOCAL >= HEAD / 8: so many items read a position together, 16 bytes each.
#define LANES (HEAD / 8)
#define PARTS (LOCAL / LANES)
#define ROUNDS 2
#define TILE (PARTS * ROUNDS)

// Sums of the lanes' products into scores.
void add_lanes(__local const float *products, __local float *scores, uint item, uint count) {
    for (uint i = item; i < MATES * TILE; i += LOCAL) {
        float sum = 0;
        for (uint lane = 0; lane < LANES; lane++) sum += products[i * (LANES + 1) + lane];
        scores[i] = i % TILE < count ? sum * (1.0f / sqrt((float)HEAD)) : -INFINITY;
    }
}

// Scores into weights; `factors` are those of the mix so far, `tops` the largest scores so far.
void weigh(__local const float *scores, __local float *weights, __local const float *tops, __local float *higher,
           __local float *factors, uint item) {
    for (uint i = item; i < MATES * TILE; i += LOCAL) {
        uint h = i / TILE;
        float top = tops[h];
        for (uint p = 0; p < TILE; p++) top = fmax(top, scores[h * TILE + p]);
        weights[i] = exp(scores[i] - top);
        if (i % TILE == 0) {
            higher[h] = top;
            factors[h] = exp(tops[h] - top);
        }
    }
}

__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void attend(
    __global const float *restrict query, __global const element *restrict keys,
    __global const element *restrict values, __global float *restrict parts, __global float *restrict output,
    __global const uint2 *restrict places, uint stride, uint positions) {
    __local float products[MATES * TILE * (LANES + 1)], scores[MATES * TILE], weights[MATES * TILE];
    __local float tops[MATES], higher[MATES], factors[MATES], totals[MATES], mixes[PARTS * HEAD];
    uint item = get_local_id(0), lane = item % LANES, part = item / LANES, head = get_group_id(1) * MATES;
    uint row = get_group_id(2), runs = get_num_groups(0), count = places[row].y + 1, run = (count + runs - 1) / runs;
    uint first = min((uint)get_group_id(0) * run, count), last = min(first + run, count);
    const size_t width = GROUPS * LANES;
    const size_t offset = (size_t)places[row].x * positions * width + head / (HEADS / GROUPS) * LANES + lane;
    float8 q[MATES], mix[MATES];
#pragma unroll
    for (uint h = 0; h < MATES; h++) {
        q[h] = vload8((head + h) * LANES + lane, query + (size_t)row * stride);
        mix[h] = 0;
    }
    if (item < MATES) {
        // Finite, so that the difference of two of them is a number.
        tops[item] = -MAXFLOAT;
        totals[item] = 0;
    }
    for (uint start = first; start < last; start += TILE) {
        float8 value[ROUNDS];
#pragma unroll
        for (uint r = 0; r < ROUNDS; r++) {
            // Positions beyond the last are read as the last and weigh nothing; items beyond the last part read too.
            uint place = r * PARTS + part;
            size_t at = (size_t)min(start + place, last - 1) * width + offset;
            float8 key = widen(((__global const uint4 *)keys)[at]);
            value[r] = widen(((__global const uint4 *)values)[at]);
#pragma unroll
            for (uint h = 0; h < MATES; h++) {
                float8 x = key * q[h];
                float4 y = x.lo + x.hi;
                if (part < PARTS) products[(h * TILE + place) * (LANES + 1) + lane] = (y.x + y.z) + (y.y + y.w);
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        add_lanes(products, scores, item, last - start);
        barrier(CLK_LOCAL_MEM_FENCE);
        weigh(scores, weights, tops, higher, factors, item);
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (uint h = 0; h < MATES; h++) {
            mix[h] *= factors[h];
#pragma unroll
            for (uint r = 0; r < ROUNDS; r++)
                if (part < PARTS) mix[h] = fma((float8)(weights[h * TILE + r * PARTS + part]), value[r], mix[h]);
        }
        if (item < MATES) {
            float sum = 0;
            for (uint p = 0; p < TILE; p++) sum += weights[item * TILE + p];
            totals[item] = fma(totals[item], factors[item], sum);
            tops[item] = higher[item];
        }
    }
    bool alone = runs == 1;
#pragma unroll
    for (uint h = 0; h < MATES; h++) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (part < PARTS) vstore8(mix[h], part * LANES + lane, mixes);
        barrier(CLK_LOCAL_MEM_FENCE);
        size_t own = ((size_t)row * runs + get_group_id(0)) * HEADS + head + h;
        __global float *to = alone ? output + own * HEAD : parts + own * (HEAD + 2);
        for (uint i = item; i < HEAD; i += LOCAL) {
            float sum = 0;
            for (uint other = 0; other < PARTS; other++) sum += mixes[other * HEAD + i];
            to[i] = alone ? sum / totals[h] : sum;
        }
        if (alone || item > 0) continue;
        to[HEAD] = tops[h];
        to[HEAD + 1] = totals[h];
    }
}
