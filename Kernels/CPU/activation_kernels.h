// What is done to rows of activations beside products; see vectors.h and nw_activation_kernels.

/// The sum of squares of `count` (a multiple of 16) values.
static float squares(const float *x, int64_t count) {
    vfloat sum = {};
    for (int64_t i = 0; i < count; i += NW_LANES) sum = NW_MULTIPLY_ADD(load(x + i), load(x + i), sum);
    return sum_of(sum);
}

/// y = x * factor * gain, `count` (a multiple of 16) values.
static void scale(const float *x, const float *gain, float factor, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += NW_LANES) store(y + i, load(x + i) * factor * load(gain + i));
}

/// y = gate / (1 + exp(-gate)) * up, `count` (a multiple of 16) values.
static void gate(const float *g, const float *up, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += NW_LANES) {
        vfloat v = load(g + i);
        store(y + i, v / (exponential(-v) + 1.0f) * load(up + i));
    }
}

/// x = x * factor, `count` (a multiple of 16) values.
static void stretch(float *x, float factor, int64_t count) {
    for (int64_t i = 0; i < count; i += NW_LANES) store(x + i, load(x + i) * factor);
}

/// The largest of `count` values.
static float largest(const float *x, int64_t count) {
    vfloat top = splat(-__builtin_inff());
    int64_t i = 0;
    for (; i + NW_LANES <= count; i += NW_LANES) top = __builtin_elementwise_max(top, load(x + i));
    float result = top[0];
#pragma clang loop unroll(full)
    for (int lane = 1; lane < NW_LANES; lane++) result = top[lane] > result ? top[lane] : result;
    for (; i < count; i++) result = x[i] > result ? x[i] : result;
    return result;
}

/// One run of a softmax.
static float soften(float *scores, int64_t valid, int64_t count, float *top, float *sum) {
    float before = *top, run = valid > 0 ? largest(scores, valid) : before;
    if (run > before) *top = run;
    vfloat sums = {};
    for (int64_t t = 0; t < count; t += NW_LANES) {
        vfloat e = {};
        if (t < valid) {
            e = exponential(load(scores + t) - *top);
            e = (vfloat)((vint)e & (lanes_up() + (int32_t)t < (int32_t)valid));
        }
        store(scores + t, e);
        sums += e;
    }
    float factor = exponential(splat(before - *top))[0];
    *sum = *sum * factor + sum_of(sums);
    return factor;
}

/// Rounds `count` (a multiple of 16) values to 16 bits, ties to even.
static void narrow(bool half, const float *x, uint16_t *y, int64_t count) {
    for (int64_t i = 0; i < count; i += NW_LANES)
        *(vhalf_any *)(y + i) = half ? narrow_f16(load(x + i)) : narrow_bf16(load(x + i));
}
