// The kernels of a translation unit that has them all, as a table entry; NW_TABLE, NW_NAME, NW_BASE name it.
static const nw_peak_kernel peak_kernel = {NW_PEAK_VECTORS * NW_LANES, NW_PEAK_ADDEND_VECTORS *NW_LANES, peak};
static const nw_stream_kernels stream_kernels = {.read_sum = read_sum};
static const nw_gemm_kernel gemm_kernel = {mr, nr, kc_max, a_stride, gemm_tile, gemm_pack_a, gemm_pack_b};
static const nw_decode_kernels decode_kernels = {
    .multiply_bf16 = multiply_bf16,
    .multiply_f16 = multiply_f16,
    .squares = squares,
    .scale = scale,
    .attend_bf16 = attend_bf16,
    .attend_f16 = attend_f16,
    .gate = gate,
    .narrow = narrow,
};
const nw_isa NW_TABLE = {
    .name = NW_NAME,
    .features = NW_FEATURES,
    .fused = NW_HAS_FMA,
    .supported = supported,
    .base = NW_BASE,
    .fill = fill,
    .peak = &peak_kernel,
    .streams = &stream_kernels,
    .gemm = &gemm_kernel,
    .decode = &decode_kernels,
    .gemv = &gemv_kernels,
    .block_panels = &block_panel_kernels,
    .block_rows = &block_row_kernels,
};
