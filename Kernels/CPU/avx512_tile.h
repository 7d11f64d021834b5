// The register tile of all AVX-512 instruction sets: 28 sums, two vectors of B and one element of A are 31 registers.
//
// The depth and the distances of fetching were chosen by measurement on Zen 5.
#define NW_MR 14
#define NW_NV 2
#define NW_GROUPS_MAX 512
#define NW_B_AHEAD 128
#define NW_C_AHEAD 64
