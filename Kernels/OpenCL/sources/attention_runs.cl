// Attention of one token on processors: output = softmax(query . keys / sqrt(HEAD)) . values, the softmax taken on the
// way; sixteen_bit.cl and exponential.cl come before.
//
// HEADS query heads of HEAD values, GROUPS heads of keys and values. Caches are [position][GROUPS][HEAD]. V divides
// HEAD. Item i goes through positions i * run to (i + 1) * run of all heads, so that the caches are one stream a core.
// A single item leaves `output`; several leave parts for attention_merge.cl: [item][HEADS][HEAD + 2].
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

// Vectors of values at a time: two keep as many sums in flight as an fma takes long.
#if LANES % 2 == 0
#define WIDE 2
#else
#define WIDE 1
#endif

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

// `count` positions of the heads that share a head of the caches.
void attend_tile(__global const float *query, __global const element *keys, __global const element *values, uint count,
                 float *mix, float *tops, float *totals) {
    const size_t width = GROUPS * HEAD;
    float scores[MATES * TILE], factors[MATES];
    for (uint p = 0; p < TILE; p += 2) score_two(query, keys, p, count, scores);
    for (uint h = 0; h < MATES; h++) factors[h] = weigh(scores + h * TILE, tops + h, totals + h);
    for (uint j = 0; j < LANES; j += WIDE) {
        FLOATV sums[WIDE * MATES];
#pragma unroll
        for (uint i = 0; i < WIDE * MATES; i++)
            sums[i] = VLOAD(j + i % WIDE, mix + i / WIDE * HEAD) * factors[i / WIDE];
        for (uint p = 0; p < count; p++) {
            FLOATV value[WIDE];
#pragma unroll
            for (uint w = 0; w < WIDE; w++) value[w] = load_elements(j + w, values + p * width);
#pragma unroll
            for (uint i = 0; i < WIDE * MATES; i++)
                sums[i] = fma((FLOATV)(scores[i / WIDE * TILE + p]), value[i % WIDE], sums[i]);
        }
#pragma unroll
        for (uint i = 0; i < WIDE * MATES; i++) VSTORE(sums[i], j + i % WIDE, mix + i / WIDE * HEAD);
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void attend(
    __global const float *restrict query, __global const element *restrict keys,
    __global const element *restrict values, __global float *restrict parts, __global float *restrict output,
    uint count, uint run) {
    float mix[HEADS * HEAD], tops[HEADS], totals[HEADS];
    for (uint i = 0; i < HEADS * LANES; i++) VSTORE((FLOATV)(0.0f), i, mix);
    for (uint h = 0; h < HEADS; h++) {
        // Finite, so that the difference of two of them is a number.
        tops[h] = -MAXFLOAT;
        totals[h] = 0;
    }
    uint first = get_global_id(0) * run, last = min(first + run, count);
    for (uint start = first; start < last; start += TILE)
        for (uint group = 0; group < GROUPS; group++) {
            // This group's share of the next tile: prefetchers do not follow from head to head.
            size_t next = ((size_t)(start + TILE) * GROUPS + group * TILE) * HEAD;
            for (uint i = 0; i < TILE * HEAD; i += 64 / sizeof(element)) {
                FETCH(keys + next + i);
                FETCH(values + next + i);
            }
            size_t at = ((size_t)start * GROUPS + group) * HEAD;
            uint head = group * MATES;
            attend_tile(query + head * HEAD, keys + at, values + at, min((uint)TILE, last - start), mix + head * HEAD,
                        tops + head, totals + head);
        }
    bool alone = get_global_size(0) == 1;
    for (uint h = 0; h < HEADS; h++) {
        __global float *to = alone ? output + h * HEAD : parts + (get_global_id(0) * HEADS + h) * (HEAD + 2);
        float scale = alone ? 1.0f / totals[h] : 1.0f;
        for (uint j = 0; j < LANES; j++) VSTORE(VLOAD(j, mix + h * HEAD) * scale, j, to);
        if (alone) continue;
        to[HEAD] = tops[h];
        to[HEAD + 1] = totals[h];
    }
}
