// Register-only loops with one fault each, and one without: check_instruction_mix.py has to tell them apart.
#include <stdint.h>

#if defined(__x86_64__)
#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#else
#define LANES 4
#define TARGET
#endif
typedef float vector __attribute__((vector_size(4 * LANES)));
typedef float half_vector __attribute__((vector_size(2 * LANES)));

/// One step of `count` chains: sum += a * b, with `also` beside every multiply-add.
#define LOOP(name, type, count, also)                                                                                  \
    TARGET void name(int64_t steps, const type *in, type *out) {                                                       \
        type sum[count], a = in[count], b = in[count + 1];                                                             \
        for (int j = 0; j < count; j++) sum[j] = in[j];                                                                \
        for (int64_t step = 0; step < steps; step++) {                                                                 \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < count; j++) {                                       \
                sum[j] = __builtin_elementwise_fma(a, b, sum[j]);                                                      \
                also;                                                                                                  \
            }                                                                                                          \
        }                                                                                                              \
        for (int j = 0; j < count; j++) out[j] = sum[j];                                                               \
    }

LOOP(honest, vector, 8, )
LOOP(one_short, vector, 7, )
LOOP(narrow, half_vector, 8, )
LOOP(loads, vector, 8, if (j == 0) a = *(const volatile vector *)in)
LOOP(stores, vector, 8, if (j == 0) *(volatile vector *)out = sum[j])
LOOP(other_work, vector, 8, if (j == 0) a = a + b)
LOOP(spills, vector, 40, )

/// Eight multiply-adds a step, each waiting for the one before it.
TARGET void one_chain(int64_t steps, const vector *in, vector *out) {
    vector sum = in[0], a = in[1], b = in[2];
    for (int64_t step = 0; step < steps; step++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < 8; j++) sum = __builtin_elementwise_fma(a, b, sum);
    }
    out[0] = sum;
}
