// Packing for the matrix product, for one format of the operands in memory; see gemm_tile.h.
//
// Included once per format, with NW_FORMAT naming it and NW_SET naming the way to multiply. Needs
//   NW_FORMAT##_a, NW_FORMAT##_b   the types of the elements,
//   step                           groups the tile takes at a time,
//   NW_FORMAT##_unit               elements of one depth group, 1, 2 or 4,
//   NW_FORMAT##_groups(b, ldb)     one depth group of NW_LANES columns of B,
//   NW_FORMAT##_row(a, depth, to)  packs a row of A, zeros in its last group, and returns the start of its sums.

#define NW_JOIN2(a, b) a##_##b
#define NW_JOIN(a, b) NW_JOIN2(a, b)
#define NW_OWN(name) NW_JOIN(NW_SET, name)
#define NW_MY(name) NW_JOIN(NW_FORMAT, name)

/// Packs rows x depth of A, with zeros behind the depth up to a multiple of the step.
static void NW_MY(pack_a)(const void *a, int64_t lda, int rows, int64_t depth, uint32_t *panel) {
    int64_t groups = (depth + NW_MY(unit) - 1) / NW_MY(unit);
    for (int i = 0; i < rows; i++, panel += a_stride) {
        panel[groups - 1] = 0;
        for (int64_t g = groups; g % step; g++) panel[g] = 0;
        panel[groups_max] = NW_MY(row)((const NW_MY(a) *)a + i * lda, depth, panel);
    }
}

/// Packs depth x columns of B: vectors of groups where there are whole ones, zeros behind the edges.
static void NW_MY(pack_b)(const void *b, int64_t ldb, int64_t depth, int columns, uint32_t *panel) {
    const NW_MY(b) *from = b;
    int64_t whole = columns == nr ? depth / NW_MY(unit) : 0, groups = (depth + NW_MY(unit) - 1) / NW_MY(unit);
    for (int64_t g = 0; g < whole; g++, from += NW_MY(unit) * ldb, panel += nr) {
        for (int u = 0; u < NW_MY(unit); u++) __builtin_prefetch(from + (8 + u) * ldb, 0, 3);
        for (int j = 0; j < nv; j++) *(vword *)(panel + j * NW_LANES) = NW_MY(groups)(from + j * NW_LANES, ldb);
    }
    for (int64_t g = whole; g < (groups + step - 1) / step * step; g++, from += NW_MY(unit) * ldb, panel += nr) {
        NW_MY(b) edge[NW_MY(unit)][NW_NV * NW_LANES] = {};
        for (int64_t u = 0; u < NW_MY(unit) && g * NW_MY(unit) + u < depth; u++)
            __builtin_memcpy(edge[u], from + u * ldb, (size_t)columns * sizeof *from);
        for (int j = 0; j < nv; j++) *(vword *)(panel + j * NW_LANES) = NW_MY(groups)(edge[0] + j * NW_LANES, nr);
    }
}

static const nw_gemm_kernel NW_MY(gemm) = {
    .mr = NW_MR,
    .nr = nr,
    .groups_max = groups_max,
    .a_stride = a_stride,
    .unit = NW_MY(unit),
    .a_size = sizeof(NW_MY(a)),
    .b_size = sizeof(NW_MY(b)),
    .step = step,
    .tile = NW_OWN(tile),
    .pack_a = NW_MY(pack_a),
    .pack_b = NW_MY(pack_b),
};
#undef NW_MY
#undef NW_FORMAT
