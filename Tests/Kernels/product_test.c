// The matrix product against a double-precision one, at odd sizes and leading dimensions.
#include "self_test.h"

#include <stdlib.h>

/// A product's operands and results. To add a format: one row.
typedef struct {
    const char *name;
    nw_gemm_format format;
    /// Bytes of an element of A and B.
    size_t operand_bytes;
    /// Make an element of A and of B from a number in [-1, 1): write it, and return the value it has in the format.
    double (*write_a)(void *to, double x);
    double (*write_b)(void *to, double x);
    /// Elements of C as numbers.
    double (*result)(const void *from);
    /// Whether C must be exact.
    bool exact;
} format;

static double write_f32(void *to, double x) {
    *(float *)to = (float)x;
    return (float)x;
}
static double write_half(half_format f, void *to, double x) {
    *(uint16_t *)to = half_bits(f, x);
    return half_value(f, *(uint16_t *)to);
}
static double write_f16(void *to, double x) { return write_half(f16, to, x); }
static double write_bf16(void *to, double x) { return write_half(bf16, to, x); }
/// All values a byte can have: the extremes are where saturating instructions go wrong.
static double write_s8(void *to, double x) { return *(int8_t *)to = (int8_t)floor(128 * x); }
static double write_u8(void *to, double x) { return *(uint8_t *)to = (uint8_t)floor(128 * x + 128); }
static double result_f32(const void *from) { return *(const float *)from; }
static double result_s32(const void *from) { return *(const int32_t *)from; }

static const format formats[] = {
    {"f32", NW_GEMM_F32, 4, write_f32, write_f32, result_f32, false},
    {"f16", NW_GEMM_F16, 2, write_f16, write_f16, result_f32, false},
    {"bf16", NW_GEMM_BF16, 2, write_bf16, write_bf16, result_f32, false},
    {"s8", NW_GEMM_S8, 1, write_s8, write_s8, result_s32, true},
    {"u8", NW_GEMM_U8, 1, write_u8, write_s8, result_s32, true},
};
_Static_assert(sizeof formats / sizeof *formats == NW_GEMM_FORMAT_COUNT, "a format without a check");

enum { result_bytes = 4, guard_byte = 0xff };

/// Sizes, and how much longer than needed the rows of A, B and C are.
typedef struct {
    int64_t m, n, k, pad_a, pad_b, pad_c;
} shape;
static const shape shapes[] = {
    {1, 1, 1, 0, 0, 0},     {1, 7, 3, 0, 0, 0},    {3, 5, 17, 1, 2, 3}, {16, 64, 32, 0, 0, 0},
    {4, 129, 65, 0, 0, 0},  {61, 1, 40, 3, 0, 0},  {37, 83, 29, 5, 19, 2}, {61, 131, 67, 4, 19, 2},
    {5, 40, 1100, 0, 0, 0}, {30, 66, 513, 7, 0, 1}, {33, 35, 2101, 3, 1, 0},
};

/// The one place that knows how a product is asked for.
static nw_status multiply(const subject *s, const format *f, const shape *p, size_t l2_bytes, const void *a,
                          const void *b, void *c) {
    nw_gemm *gemm = NULL;
    nw_gemm_spec spec = {.format = f->format,
                         .m = p->m,
                         .n = p->n,
                         .k = p->k,
                         .lda = p->k + p->pad_a,
                         .ldb = p->n + p->pad_b,
                         .ldc = p->n + p->pad_c};
    nw_status status = nw_gemm_create(s->team, s->isa, &spec, l2_bytes, &gemm);
    if (status == NW_OK) status = nw_gemm_pack_b(gemm, b, NULL);
    if (status == NW_OK) status = nw_gemm_run(gemm, a, c, 2, NULL);
    nw_gemm_destroy(gemm);
    return status;
}

/// A matrix in its format and as numbers.
typedef struct {
    unsigned char *bytes;
    double *values;
    int64_t rows, columns, stride;
} matrix;

static matrix make_matrix(int64_t rows, int64_t columns, int64_t stride, size_t width) {
    size_t count = (size_t)(rows * stride);
    void *bytes = aligned_alloc(64, nw_round_up(count * width, 64));
    matrix x = {bytes, calloc(count, sizeof(double)), rows, columns, stride};
    // What lies between rows is not a number in any float format, and must not be used.
    if (x.bytes) memset(x.bytes, guard_byte, count * width);
    return x;
}

static void randomise(matrix *x, size_t width, double (*write)(void *, double), uint64_t *state) {
    for (int64_t i = 0; i < x->rows; i++)
        for (int64_t j = 0; j < x->columns; j++) {
            int64_t at = i * x->stride + j;
            x->values[at] = write(x->bytes + (size_t)at * width, next_uniform(state));
        }
}

static bool compare(const char *group, const format *f, const matrix *a, const matrix *b, const matrix *c) {
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->stride; j++) {
            const unsigned char *element = c->bytes + (size_t)(i * c->stride + j) * result_bytes;
            if (j >= c->columns) {
                for (int k = 0; k < result_bytes; k++)
                    if (element[k] != guard_byte) return mismatch(group, "wrote between the rows of C");
                continue;
            }
            double sum = 0, magnitude = 0;
            for (int64_t k = 0; k < a->columns; k++) {
                double term = a->values[i * a->stride + k] * b->values[k * b->stride + j];
                sum += term;
                magnitude += fabs(term);
            }
            double bound = f->exact ? 0 : rounding_bound(a->columns) * magnitude, actual = f->result(element);
            // Written so that a NaN is a mismatch.
            if (!(fabs(actual - sum) <= bound))
                return mismatch(group, "%s %lldx%lldx%lld: c[%lld][%lld] = %.9g, expected %.9g within %.2g", f->name,
                                (long long)c->rows, (long long)c->columns, (long long)a->columns, (long long)i,
                                (long long)j, actual, sum, bound);
        }
    return true;
}

static bool check_product(const char *group, const subject *s, const format *f, const shape *p, size_t l2_bytes) {
    matrix a = make_matrix(p->m, p->k, p->k + p->pad_a, f->operand_bytes);
    matrix b = make_matrix(p->k, p->n, p->n + p->pad_b, f->operand_bytes);
    matrix c = make_matrix(p->m, p->n, p->n + p->pad_c, result_bytes);
    bool right = a.bytes && a.values && b.bytes && b.values && c.bytes && c.values;
    if (!right) mismatch(group, "no memory");
    uint64_t state = 5;
    if (right) {
        randomise(&a, f->operand_bytes, f->write_a, &state);
        randomise(&b, f->operand_bytes, f->write_b, &state);
        nw_status status = multiply(s, f, p, l2_bytes, a.bytes, b.bytes, c.bytes);
        right = status == NW_OK ? compare(group, f, &a, &b, &c) : mismatch(group, "%s: status %d", f->name, status);
    }
    const matrix *all[] = {&a, &b, &c};
    for (int i = 0; i < 3; i++) {
        free(all[i]->bytes);
        free(all[i]->values);
    }
    return right;
}

bool check_products(const char *group, const subject *s) {
    // A cache so small that every loop around the tile goes round more than once, and an unknown one.
    static const size_t l2_bytes[] = {16 << 10, 0};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++)
            for (size_t k = 0; k < sizeof l2_bytes / sizeof *l2_bytes; k++)
                if (!check_product(group, s, &formats[i], &shapes[j], l2_bytes[k])) return false;
    return true;
}
