// Reading memory; see vectors.h.

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
