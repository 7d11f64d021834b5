// Runs every kernel of every instruction set this processor has and compares the results with scalar code of its own,
// in double precision or integers, at small odd sizes. One line for each; exit status 1 when anything differs.
//
// It is plain C without Swift, so that it also runs where Swift does not: on an emulated processor.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "self_test.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/// To add a group: one line.
static const struct {
    const char *name;
    check *run;
} groups[] = {
    {"fill", check_fill},
    {"peaks of multiply-adds", check_multiply_adds},
    {"peaks of dot products", check_dots},
    {"read", check_read},
    {"copy and triad", check_streams},
    {"gemm", check_products},
    {"gemv", check_gemv},
    {"products of rows with weights", check_multiply},
    {"soften", check_soften},
    {"largest", check_largest},
    {"stretch", check_stretch},
    {"squares", check_squares},
    {"scale", check_scale},
    {"gate", check_gate},
    {"narrow bf16", check_narrow_bf16},
    {"narrow f16", check_narrow_f16},
};
enum { group_count = sizeof groups / sizeof *groups };

bool mismatch(const char *group, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("    %s: ", group);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    return false;
}

// ---- Fill ------------------------------------------------------------------------------------------------------

static uint32_t float_bits(double x) {
    float f = (float)x;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/// The bits of one element: a hash of index and key (Chris Wellons' lowbias32), then the kind's conversion.
static uint32_t expected_element(nw_fill_kind kind, uint32_t key, uint32_t index) {
    uint32_t w = index * 0x9e3779b1u ^ key;
    w = (w ^ w >> 16) * 0x7feb352du;
    w = (w ^ w >> 15) * 0x846ca68bu;
    w ^= w >> 16;
    double uniform = ((int32_t)w >> 8) * 0x1p-23, weight = ((int32_t)w >> 24) * 0x1p-12;
    switch (kind) {
    case NW_FILL_UNIFORM_F32: return float_bits(uniform);
    case NW_FILL_SMALL_INTEGER_F32: return float_bits((int)((w >> 16) * 7 >> 16) - 3);
    case NW_FILL_WORD_U32: return w;
    case NW_FILL_SMALL_INTEGER_BF16: return half_bits(bf16, (int)((w >> 16) * 7 >> 16) - 3);
    case NW_FILL_SMALL_INTEGER_F16: return half_bits(f16, (int)((w >> 16) * 7 >> 16) - 3);
    case NW_FILL_WEIGHT_BF16: return half_bits(bf16, weight);
    case NW_FILL_WEIGHT_F16: return half_bits(f16, weight);
    case NW_FILL_UNIFORM_BF16: return half_bits(bf16, uniform);
    case NW_FILL_UNIFORM_F16: return half_bits(f16, uniform);
    }
    return 0;
}

bool check_fill(const char *group, const subject *s) {
    enum { count = 1237, guard = 0x5a };
    static unsigned char made[4 * count + 64];
    const uint32_t key = 0x1234567u, first = 0xffffff00u;
    for (int kind = NW_FILL_UNIFORM_F32; kind <= NW_FILL_SMALL_INTEGER_F16; kind++) {
        size_t width = kind <= NW_FILL_WORD_U32 ? 4 : 2;
        memset(made, guard, sizeof made);
        if (nw_fill(s->team, s->isa, made, (nw_fill_kind)kind, key, first, count) != NW_OK)
            return mismatch(group, "kind %d: refused", kind);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t actual = 0, expected = expected_element((nw_fill_kind)kind, key, first + i);
            memcpy(&actual, made + i * width, width);
            if (actual != expected)
                return mismatch(group, "kind %d, element %u: %#x, expected %#x", kind, i, actual, expected);
        }
        for (size_t i = count * width; i < sizeof made; i++)
            if (made[i] != guard) return mismatch(group, "kind %d wrote past its end", kind);
    }
    return true;
}

// ---- The run ---------------------------------------------------------------------------------------------------

/// A team on the first one or two processors this process may use; NULL when there is none.
static nw_team *make_team(void) {
    static cpu_set_t allowed[16];
    int cpus[2], count = 0, failed = -1;
    if (sched_getaffinity(0, sizeof allowed, allowed)) return NULL;
    for (int cpu = 0; cpu < 16 * CPU_SETSIZE && count < 2; cpu++)
        if (CPU_ISSET_S(cpu, sizeof allowed, allowed)) cpus[count++] = cpu;
    nw_team *team = NULL;
    return count > 0 && nw_team_create(cpus, count, &team, &failed) == NW_OK ? team : NULL;
}

/// Runs all groups of an instruction set; how many were wrong.
static int run_groups(const char *name, const subject *s) {
    int failures = 0;
    for (int i = 0; i < group_count; i++) {
        bool right = groups[i].run(groups[i].name, s);
        printf("%s: %s: %s\n", name, groups[i].name, right ? "right" : "WRONG");
        failures += !right;
    }
    return failures;
}

int main(void) {
    int failures = 0, ran = 0;
    nw_team *team = make_team();
    if (!team) {
        fprintf(stderr, "kernel_self_test: no thread could be started on this process's processors\n");
        return 2;
    }
    for (int i = 0; i < nw_isa_count(); i++) {
        const nw_isa *isa = nw_isa_at(i);
        if (!nw_isa_supported(isa)) {
            printf("%s: not run: this processor lacks some of %s\n", isa->name, isa->features);
            continue;
        }
        ran++;
        failures += run_groups(isa->name, &(subject){isa, team});
    }
#if defined(__x86_64__)
    if (nw_isa_supported(&nw_isa_avx512)) {
        ran++;
        failures += run_groups("amx simulated", &(subject){&nw_isa_simulated_amx, team});
    }
#endif
    nw_team_destroy(team);
    printf("%d instruction sets, %d groups of kernels, %d wrong\n", ran, group_count, failures);
    return failures > 0 || ran == 0;
}
