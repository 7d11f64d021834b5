// Eight weights in a row as f32, on GPUs, W row after row (see gemv_fill.cl); stands before products of several rows,
// after sixteen_bit.cl. F32, Q8 or Q4 names the format, else it is BF16's or f16.
#if defined(Q8) || defined(Q4)
#define WEIGHTS __global const uint2 *restrict w, __global const half *restrict scales
#define WEIGHTS_FROM(row) w + (size_t)(row) * (k / 32) * UNITS, scales + (size_t)(row) * (k / 32)
#ifdef Q8
#define UNITS 4
float8 eight_weights(WEIGHTS, uint unit) {
    return convert_float8(as_char8(w[unit])) * vload_half(unit / 4, scales);
}
#else
#define UNITS 2
// Byte j of a block holds weight j in its low four bits and weight j + 16 in its high ones, each plus 8.
float8 eight_weights(WEIGHTS, uint unit) {
    uint2 word = w[unit / 4 * 2 + unit % 2] >> (unit % 4 / 2 * 4) & 0x0f0f0f0fu;
    return (convert_float8(as_uchar8(word)) - 8.0f) * vload_half(unit / 4, scales);
}
#endif
#elif defined(F32)
#define WEIGHTS __global const float8 *restrict w
#define WEIGHTS_FROM(row) w + (size_t)(row) * (k / 8)
float8 eight_weights(WEIGHTS, uint unit) { return w[unit]; }
#else
#define WEIGHTS __global const uint4 *restrict w
#define WEIGHTS_FROM(row) w + (size_t)(row) * (k / 8)
float8 eight_weights(WEIGHTS, uint unit) { return widen(w[unit]); }
#endif

// What products of experts are told beside: expert e has the visits from visits[e] to visits[e + 1], and with
// `is_gathered` not 0 visit v is row row_of[v] of X, else row v. W holds matrices from `first_expert` on.
#ifdef EXPERTS
#define VISITS , __global const uint *restrict visits, __global const uint *restrict row_of, uint first_expert, \
    uint is_gathered
#define SOURCE(visit) (is_gathered ? row_of[visit] : (visit))
#else
#define VISITS
#define SOURCE(visit) (visit)
#endif
