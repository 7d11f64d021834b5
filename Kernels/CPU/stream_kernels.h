// The register-only peak and the memory read; see vectors.h.

enum { peak_vectors = NW_PEAK_VECTORS, peak_addend_vectors = NW_PEAK_ADDEND_VECTORS };

/// x <- fma(x, x, c), `steps` times on peak_vectors x NW_LANES chains held in registers.
///
/// Chain vector j uses addend vector j modulo peak_addend_vectors. Rounded once per step where multiply-adds are fused,
/// twice where they are not, and so bit-exact on every machine.
/// Flops: 2 * steps * peak_vectors * NW_LANES. No memory is touched between the first load and the last store.
static void peak(int64_t steps, const float *starts, const float *addends, float *results) {
    vfloat x[NW_PEAK_VECTORS], c[NW_PEAK_ADDEND_VECTORS];
    for (int j = 0; j < peak_vectors; j++) x[j] = load(starts + j * NW_LANES);
    for (int j = 0; j < peak_addend_vectors; j++) c[j] = load(addends + j * NW_LANES);
    for (int64_t step = 0; step < steps; step++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < peak_vectors; j++)
            x[j] = NW_MULTIPLY_ADD(x[j], x[j], c[j % peak_addend_vectors]);
    }
    for (int j = 0; j < peak_vectors; j++) store(results + j * NW_LANES, x[j]);
}

/// Adds `bytes` bytes (a multiple of 64) as 32-bit words modulo 2^32. Bytes read: each once.
static uint32_t read_sum(const void *data, size_t bytes) {
    const uint32_t *p = data;
    size_t words_left = bytes / 4;
    vword s[8] = {};
    for (; words_left >= 8 * NW_LANES; words_left -= 8 * NW_LANES, p += 8 * NW_LANES) {
#pragma clang loop unroll(full)
        for (int j = 0; j < 8 * NW_LANES / 16; j++) __builtin_prefetch(p + 16 * j + NW_READ_AHEAD / 4, 0, 3);
#pragma clang loop unroll(full)
        for (int j = 0; j < 8; j++) s[j] += *(const vword_any *)(p + j * NW_LANES);
    }
    for (int j = 1; j < 8; j++) s[0] += s[j];
    uint32_t sum = 0;
#pragma clang loop unroll(full)
    for (int i = 0; i < NW_LANES; i++) sum += s[0][i];
    for (; words_left > 0; words_left--) sum += *p++;
    return sum;
}
