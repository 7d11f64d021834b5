// The table of instruction sets, best first. To add one: one translation unit, one line here.
#include "internal.h"

#include <string.h>

static const nw_isa *const table[] = {
#if defined(__x86_64__)
    &nw_isa_amx,    &nw_isa_avx512_fp16, &nw_isa_avx512_bf16, &nw_isa_avx512_vnni,
    &nw_isa_avx512, &nw_isa_avx_vnni,    &nw_isa_avx2,
#endif
#if defined(__aarch64__)
    &nw_isa_sve512,    &nw_isa_sve256, &nw_isa_neon_bf16, &nw_isa_neon_dot, &nw_isa_neon,
#endif
    &nw_isa_scalar,
};
enum { table_count = sizeof table / sizeof *table };

bool nw_built_optimised(void) {
#ifdef __OPTIMIZE__
    return true;
#else
    return false;
#endif
}

int nw_isa_count(void) { return table_count; }
const nw_isa *nw_isa_at(int index) { return index >= 0 && index < table_count ? table[index] : NULL; }
const char *nw_isa_name(const nw_isa *isa) { return isa->name; }
const char *nw_isa_features(const nw_isa *isa) { return isa->features; }
bool nw_isa_fused(const nw_isa *isa) { return isa->fused; }
bool nw_isa_supported(const nw_isa *isa) { return isa->supported(); }

nw_status nw_isa_resolve(const char *name, const nw_isa **isa) {
    bool any = name == NULL || *name == 0;
    for (int i = 0; i < table_count; i++) {
        if (!any && strcmp(name, table[i]->name) != 0) continue;
        if (table[i]->supported()) {
            *isa = table[i];
            return NW_OK;
        }
        if (!any) return NW_UNSUPPORTED_ISA;
    }
    return NW_UNKNOWN_ISA;
}
