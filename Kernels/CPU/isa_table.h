// The kernels of a translation unit that has them all, as a table entry; NW_TABLE, NW_NAME, NW_BASE name it.
static const nw_stream_kernels stream_kernels = {
    .read_sum = read_sum,
    .copy = copy,
    .copy_past_caches = copy_past_caches,
    .triad = triad,
    .triad_past_caches = triad_past_caches,
};
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
    .peaks = {[NW_PEAK_F64] = &f64_peak_kernel, [NW_PEAK_F32] = &f32_peak_kernel},
    .streams = &stream_kernels,
    .gemm = {[NW_GEMM_F32] = &f32_gemm,
             [NW_GEMM_F16] = &f16_gemm,
             [NW_GEMM_BF16] = &bf16_gemm,
             [NW_GEMM_S8] = &s8_gemm,
             [NW_GEMM_U8] = &u8_gemm},
    .decode = &decode_kernels,
    .gemv = &gemv_kernels,
    .block_panels = &block_panel_kernels,
    .block_rows = &block_row_kernels,
};
