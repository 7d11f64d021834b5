// The register-only peaks of multiply-adds; see vectors.h.
//
// x <- x * x + c, `steps` times on vectors of chains held in registers. Chain vector j uses addend vector j modulo
// their number. Rounded once per step where multiply-adds are fused, twice where they are not, and so bit-exact on
// every machine. Flops: 2 * steps * chains. No memory is touched between the first load and the last store.
//
// Where a multiply-add can only overwrite its addend, every step would have to copy c: there it is sums, as in
// peak_dot.h, and NW_DOT_VECTORS, NW_DOT_A and NW_DOT_B are defined instead.
typedef double vdouble __attribute__((vector_size(NW_LANES > 1 ? 4 * NW_LANES : 8)));

#ifdef NW_PEAK_VECTORS
enum { peak_vectors = NW_PEAK_VECTORS, peak_addend_vectors = NW_PEAK_ADDEND_VECTORS };

#define NW_PEAK(name, vector, multiply_add)                                                                            \
    static void name(int64_t steps, const void *starts, const void *operands, void *results) {                         \
        vector x[NW_PEAK_VECTORS], c[NW_PEAK_ADDEND_VECTORS];                                                          \
        __builtin_memcpy(x, starts, sizeof x);                                                                         \
        __builtin_memcpy(c, operands, sizeof c);                                                                       \
        for (int64_t step = 0; step < steps; step++) {                                                                 \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < peak_vectors; j++) x[j] =                           \
                multiply_add(x[j], x[j], c[j % peak_addend_vectors]);                                                  \
        }                                                                                                              \
        __builtin_memcpy(results, x, sizeof x);                                                                        \
    }                                                                                                                  \
    static const nw_peak_kernel name##_kernel = {                                                                      \
        .run = name,                                                                                                   \
        .step_operations = 2,                                                                                          \
        .chains = peak_vectors * sizeof(vector) / sizeof((vector){}[0]),                                               \
        .operands = peak_addend_vectors * sizeof(vector) / sizeof((vector){}[0])};

NW_PEAK(f32_peak, vfloat, NW_MULTIPLY_ADD)
NW_PEAK(f64_peak, vdouble, NW_MULTIPLY_ADD)
#else
#define NW_SET f32
#include "peak_dot.h"
#undef NW_SET

typedef vdouble f64_sum, f64_operand;
enum { f64_products = 1, f64_signed = 1 };
NW_INLINE vdouble f64_multiply(vdouble sum, vdouble a, vdouble b) { return NW_MULTIPLY_ADD(a, b, sum); }
#define NW_SET f64
#include "peak_dot.h"
#undef NW_SET
#endif
