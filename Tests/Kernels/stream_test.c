// Streams through memory and the pointer chase.
#include "self_test.h"

#include <stdlib.h>

enum { most = 65536 + 448, guard = 64 };

/// Reads of several sizes and repetitions against the plain sum.
bool check_read(const char *group, const subject *s) {
    static const size_t sizes[] = {64, 128, 512, 576, 4096, 4160, most};
    static _Alignas(128) uint32_t words[most / 4];
    for (size_t i = 0; i < most / 4; i++) words[i] = (uint32_t)i * 2654435761u + 12345;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint32_t repetitions = 1; repetitions <= 3; repetitions++) {
            uint32_t expected = 0;
            for (size_t j = 0; j < sizes[i] / 4; j++) expected += words[j];
            uint32_t sum = nw_isa_streams(s->isa)->read_sum(words, sizes[i], repetitions, repetitions == 2);
            if (sum != expected * repetitions)
                return mismatch(group, "%zu bytes: %#x, expected %#x", sizes[i], sum, expected * repetitions);
        }
    return true;
}

/// Copies and triads, through and past the caches, with what lies behind the destination left alone.
bool check_streams(const char *group, const subject *s) {
    static const size_t sizes[] = {64, 192, 512, 4160};
    static _Alignas(128) float a[4160 / 4], b[4160 / 4], to[4160 / 4 + guard];
    const nw_stream_kernels *kernels = nw_isa_streams(s->isa);
    uint64_t state = 71;
    for (size_t i = 0; i < 4160 / 4; i++) {
        a[i] = (float)next_uniform(&state);
        // Multiples of 1/4, so that the triad is exact, fused or not.
        b[i] = (float)(int)(next_uniform(&state) * 16) / 4;
        a[i] = (float)(int)(a[i] * 64) / 16;
    }
    for (int kind = 0; kind < 4; kind++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            for (size_t j = 0; j < 4160 / 4 + guard; j++) to[j] = NAN;
            switch (kind) {
            case 0: kernels->copy(to, a, sizes[i], 2); break;
            case 1: kernels->copy_past_caches(to, a, sizes[i], 2); break;
            case 2: kernels->triad(to, a, b, 3, sizes[i], 2); break;
            case 3: kernels->triad_past_caches(to, a, b, 3, sizes[i], 2); break;
            }
            for (size_t j = 0; j < 4160 / 4 + guard; j++) {
                float expected = kind < 2 ? a[j % (4160 / 4)] : a[j % (4160 / 4)] + 3 * b[j % (4160 / 4)];
                if (j < sizes[i] / 4 ? to[j] != expected : !isnan(to[j]))
                    return mismatch(group, "kind %d, %zu bytes, element %zu: %g", kind, sizes[i], j, (double)to[j]);
            }
        }
    return true;
}
