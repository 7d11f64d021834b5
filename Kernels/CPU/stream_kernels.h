// Streams through memory; see vectors.h.
//
// `bytes` is a multiple of 64 and known at run time only; every address is a multiple of 64, so no vector
// crosses a cache line. The empty assembly makes each repetition touch memory anew, and keeps the compiler from turning
// a copy into a call of memcpy, whose own choice of stores would be measured instead.

typedef vword vword_line __attribute__((aligned(4 * NW_LANES), may_alias));
typedef vfloat vfloat_line __attribute__((aligned(4 * NW_LANES), may_alias));

enum { stream_vectors = 8, quarter_vectors = 4 };
enum { stream_words = stream_vectors * NW_LANES, quarter_words = quarter_vectors * NW_LANES };
/// Quarters of a power of two would all begin in the same bank of DRAM and the same set of every cache.
enum { quarter_skew = 5 * 1024 + 3 * 16 };

#define NW_TOUCH_MEMORY(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

NW_INLINE void add_words(const uint32_t *p, size_t words, vword *s) {
    for (; words >= stream_words; words -= stream_words, p += stream_words) {
#pragma clang loop unroll(full)
        for (int j = 0; j < stream_vectors; j++) s[j] += *(const vword_line *)(p + j * NW_LANES);
    }
    for (; words > 0; words -= NW_LANES, p += NW_LANES) s[0] += *(const vword_line *)p;
}

/// Four stretches of `quarter` words side by side: each has a hardware prefetcher of its own, and so more lines of
/// DRAM are under way than with one.
NW_INLINE void add_quarters(const uint32_t *p, size_t quarter, vword *s) {
    for (size_t i = 0; i < quarter; i += quarter_words) {
#pragma clang loop unroll(full)
        for (int q = 0; q < 4; q++) {
            const uint32_t *at = p + q * quarter + i;
#pragma clang loop unroll(full)
            for (int j = 0; j < quarter_words; j += 16) __builtin_prefetch(at + j + NW_READ_AHEAD / 4, 0, 3);
#pragma clang loop unroll(full)
            for (int j = 0; j < quarter_vectors; j++)
                s[(q * quarter_vectors + j) % stream_vectors] += *(const vword_line *)(at + j * NW_LANES);
        }
    }
}

/// Adds `bytes` bytes as 32-bit words modulo 2^32, `repetitions` times over. Bytes read: each once a repetition.
///
/// Prefetches only for what is `far`: they take slots of the load units, all of which a near cache can fill.
static uint32_t read_sum(const void *data, size_t bytes, int64_t repetitions, bool far) {
    vword s[stream_vectors] = {};
    size_t words = bytes / 4, quarter = far && words > 8 * quarter_skew ? words / 4 - quarter_skew : 0;
    quarter = quarter / quarter_words * quarter_words;
    for (; repetitions > 0; repetitions--) {
        const uint32_t *p = data;
        NW_TOUCH_MEMORY(p);
        if (far) add_quarters(p, quarter, s);
        add_words(p + 4 * quarter, words - 4 * quarter, s);
    }
    for (int j = 1; j < stream_vectors; j++) s[0] += s[j];
    uint32_t sum = 0;
#pragma clang loop unroll(full)
    for (int i = 0; i < NW_LANES; i++) sum += s[0][i];
    return sum;
}

// How a result is stored is a function and not a flag: of two stores that differ in a hint alone the compiler makes
// one.
typedef void put_vector(float *to, vfloat value);
NW_INLINE void put_plain(float *to, vfloat value) { *(vfloat_line *)to = value; }
NW_INLINE void put_past_caches(float *to, vfloat value) {
#if NW_LANES == 1
    // There is no such store of a single float, only of an integer; the assembly keeps it one.
    uint32_t bits = ((vword)value)[0];
    __asm__("" : "+r"(bits));
    __builtin_nontemporal_store(bits, (uint32_t *)to);
#else
    __builtin_nontemporal_store(value, (vfloat_line *)to);
#endif
}

/// Waits for the stores past the caches, which nothing else orders.
NW_INLINE void order_stores(void) {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

NW_INLINE void copy_words(float *to, const float *from, size_t words, int64_t repetitions, put_vector *put) {
    for (; repetitions > 0; repetitions--) {
        const float *p = from;
        ptrdiff_t result = to - from;
        size_t left = words;
        for (; left >= stream_words; left -= stream_words, p += stream_words) {
            NW_TOUCH_MEMORY(p);
#pragma clang loop unroll(full)
            for (int j = 0; j < stream_words; j += NW_LANES)
                put((float *)p + result + j, *(const vfloat_line *)(p + j));
        }
        for (; left > 0; left -= NW_LANES, p += NW_LANES) {
            NW_TOUCH_MEMORY(p);
            put((float *)p + result, *(const vfloat_line *)p);
        }
    }
}

NW_INLINE void triad_words(float *to, const float *a, const float *b, float factor, size_t words, int64_t repetitions,
                           put_vector *put) {
    vfloat factors = splat(factor);
    for (; repetitions > 0; repetitions--) {
        const float *p = a;
        ptrdiff_t second = b - a, result = to - a;
        size_t left = words;
        for (; left >= stream_words; left -= stream_words, p += stream_words) {
            NW_TOUCH_MEMORY(p);
#pragma clang loop unroll(full)
            for (int j = 0; j < stream_words; j += NW_LANES) {
                vfloat product_sum = NW_MULTIPLY_ADD(
                    *(const vfloat_line *)(p + second + j), factors, *(const vfloat_line *)(p + j));
                put((float *)p + result + j, product_sum);
            }
        }
        for (; left > 0; left -= NW_LANES, p += NW_LANES) {
            NW_TOUCH_MEMORY(p);
            vfloat product_sum =
                NW_MULTIPLY_ADD(*(const vfloat_line *)(p + second), factors, *(const vfloat_line *)p);
            put((float *)p + result, product_sum);
        }
    }
}

/// to = from. Bytes: one read and one written for each; what a store reads of its line first is not counted.
static void copy(float *to, const float *from, size_t bytes, int64_t repetitions) {
    copy_words(to, from, bytes / 4, repetitions, put_plain);
}
static void copy_past_caches(float *to, const float *from, size_t bytes, int64_t repetitions) {
    copy_words(to, from, bytes / 4, repetitions, put_past_caches);
    order_stores();
}

/// to = a + factor * b. Bytes: two read and one written for each, and 2 flops for each float.
static void triad(float *to, const float *a, const float *b, float factor, size_t bytes, int64_t repetitions) {
    triad_words(to, a, b, factor, bytes / 4, repetitions, put_plain);
}
static void triad_past_caches(float *to, const float *a, const float *b, float factor, size_t bytes,
                              int64_t repetitions) {
    triad_words(to, a, b, factor, bytes / 4, repetitions, put_past_caches);
    order_stores();
}
