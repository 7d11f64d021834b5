// The operations of a decode step; see vectors.h.

/// y[i] = or += row i of w * x, accumulated in f32. `columns` is a multiple of 16, rows are contiguous.
/// Flops: 2 * rows * columns. Bytes: 2 * rows * columns.
///
/// One row after the other: the weights are then one linear stream, which is what hardware prefetchers follow best.
/// The prefetch runs past the end on purpose: the next matrix of the step lies there.
NW_INLINE void multiply(bool half, const uint16_t *w, int64_t rows, int64_t columns, const float *x, float *y,
                        bool accumulate) {
    for (int64_t i = 0; i < rows; i++) {
        vfloat sum[4] = {};
        int64_t k = 0;
        for (; k + 4 * NW_LANES <= columns; k += 4 * NW_LANES) {
            for (int j = 0; j < (4 * NW_LANES + 31) / 32; j++)
                __builtin_prefetch((const char *)(w + k) + 64 * j + NW_WEIGHTS_AHEAD, 0, 3);
#pragma clang loop unroll(full)
            for (int j = 0; j < 4; j++) {
                vhalf bits = load_half(w + k + j * NW_LANES);
                sum[j] = NW_MULTIPLY_ADD(half ? widen_f16(bits) : widen_bf16(bits), load(x + k + j * NW_LANES), sum[j]);
            }
        }
        for (; k < columns; k += NW_LANES) {
            vhalf bits = load_half(w + k);
            sum[0] = NW_MULTIPLY_ADD(half ? widen_f16(bits) : widen_bf16(bits), load(x + k), sum[0]);
        }
        float total = sum_of(sum[0] + sum[1] + (sum[2] + sum[3]));
        y[i] = accumulate ? y[i] + total : total;
        w += columns;
    }
}

static void multiply_bf16(const uint16_t *w, int64_t rows, int64_t columns, const float *x, float *y, bool accumulate) {
    multiply(false, w, rows, columns, x, y, accumulate);
}

static void multiply_f16(const uint16_t *w, int64_t rows, int64_t columns, const float *x, float *y, bool accumulate) {
    multiply(true, w, rows, columns, x, y, accumulate);
}

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

/// output = softmax(query * keys^T / sqrt(dimension)) * values for one head; rows of both caches are `stride` apart.
/// `dimension` is a multiple of 16; `scores` holds tokens + 64 floats. Flops: 4 * tokens * dimension.
NW_INLINE void attend(bool half, const float *query, const uint16_t *keys, const uint16_t *values, int64_t stride,
                      int64_t tokens, int dimension, float *scores, float *output) {
    float factor = 1 / __builtin_sqrtf((float)dimension), top = -__builtin_inff();
    for (int64_t t = 0; t < tokens; t++) {
        vfloat sum = {};
        for (int i = 0; i < dimension; i += NW_LANES) {
            vhalf bits = load_half(keys + t * stride + i);
            sum = NW_MULTIPLY_ADD(half ? widen_f16(bits) : widen_bf16(bits), load(query + i), sum);
        }
        scores[t] = sum_of(sum) * factor;
        if (scores[t] > top) top = scores[t];
    }
    vfloat sums = {};
    for (int i = 0; i < NW_LANES; i++) scores[tokens + i] = -__builtin_inff();
    for (int64_t t = 0; t < tokens; t += NW_LANES) {
        vfloat e = exponential(load(scores + t) - top);
        // The padding's exponentials are tiny but not zero.
        e = (vfloat)((vint)e & (lanes_up() + (int32_t)t < (int32_t)tokens));
        store(scores + t, e);
        sums += e;
    }
    float total = 1 / sum_of(sums);
    for (int i = 0; i < dimension; i += NW_LANES) {
        vfloat sum[4] = {};
        int64_t t = 0;
        for (; t + 4 <= tokens; t += 4)
            for (int j = 0; j < 4; j++) {
                vhalf bits = load_half(values + (t + j) * stride + i);
                sum[j] = NW_MULTIPLY_ADD(half ? widen_f16(bits) : widen_bf16(bits), splat(scores[t + j]), sum[j]);
            }
        for (; t < tokens; t++) {
            vhalf bits = load_half(values + t * stride + i);
            sum[0] = NW_MULTIPLY_ADD(half ? widen_f16(bits) : widen_bf16(bits), splat(scores[t]), sum[0]);
        }
        store(output + i, (sum[0] + sum[1] + (sum[2] + sum[3])) * total);
    }
}

static void attend_bf16(const float *query, const uint16_t *keys, const uint16_t *values, int64_t stride,
                        int64_t tokens, int dimension, float *scores, float *output) {
    attend(false, query, keys, values, stride, tokens, dimension, scores, output);
}

static void attend_f16(const float *query, const uint16_t *keys, const uint16_t *values, int64_t stride,
                       int64_t tokens, int dimension, float *scores, float *output) {
    attend(true, query, keys, values, stride, tokens, dimension, scores, output);
}

/// Rounds `count` (a multiple of 16) values to 16 bits, ties to even.
static void narrow(bool half, const float *x, uint16_t *y, int64_t count) {
    for (int64_t i = 0; i < count; i += NW_LANES)
        *(vhalf_any *)(y + i) = half ? narrow_f16(load(x + i)) : narrow_bf16(load(x + i));
}
