"""What the inner loops of the kernels have to consist of. To add a kernel: one line.

Every translation unit isa_*.c has to have one.
"""

from typing import NamedTuple

FMA_PS, FMA_PD = r"vfmadd(132|213|231)ps", r"vfmadd(132|213|231)pd"
FMA_PH = r"vfmadd(132|213|231)ph"
XMM, YMM, ZMM, TMM = r"%xmm\d+", r"%ymm\d+", r"%zmm\d+", r"%tmm\d"
SVE_F64, SVE_F32 = r"z\d+\.d|p\d+/m", r"z\d+\.s(\[\d\])?|p\d+/m"
NEON_BF16, NEON_BYTES = r"v\d+\.(4s|8h|2h\[\d\])", r"v\d+\.(4s|16b|4b\[\d\])"
NEON_F64, NEON_F32, NEON_PAIR = r"v\d+\.2d", r"v\d+\.(4s|s\[\d\])", r"v\d+\.(2s|s\[\d\])"


class Loop(NamedTuple):
    """The innermost loops of one function of one translation unit.

    A step has exactly `count` of each of the `instructions` (patterns of mnemonics), with registers of the pattern
    `registers` alone; an unrolled loop has a multiple. Nothing is stored, kept on the stack or called. The kinds:
      peak: memory is not touched, and beside loop control nothing else is there; the results of a step are in `count`
            different registers, so that no chain waits for another
      tile: operands may come from memory
    `wanting` is what is known to be wrong with a kernel: such a line has to fail, and goes when the kernel is right.
    """

    unit: str
    function: str
    kind: str
    count: int
    instructions: tuple
    registers: str
    wanting: str = ""


TWO_PANELS = "two panels of weights side by side, with their scales, are more than 16 registers"
X86_64 = [
    Loop("isa_amx", "bf16_tiles_peak", "peak", 4, ("tdpbf16ps",), TMM),
    Loop("isa_amx", "bf16_tiles_rows_32", "tile", 4, ("tdpbf16ps",), TMM),
    Loop("isa_amx", "u8_tiles_peak", "peak", 4, ("tdpbusd",), TMM),
    Loop("isa_amx", "u8_tiles_rows_32", "tile", 4, ("tdpbusd",), TMM),
    Loop("isa_amx", "s8_tiles_rows_32", "tile", 4, ("tdpbssd",), TMM),
    Loop("isa_amx", "s8_tiles_rows_16", "tile", 2, ("tdpbssd",), TMM),
    Loop("isa_avx512_fp16", "f16_peak", "peak", 24, (FMA_PH,), ZMM),
    Loop("isa_avx512_bf16", "bf16_pairs_peak", "peak", 20, ("vdpbf16ps",), ZMM),
    Loop("isa_avx512_bf16", "bf16_pairs_rows_14", "tile", 28, ("vdpbf16ps",), ZMM),
    Loop("isa_avx512_vnni", "u8_quads_peak", "peak", 20, ("vpdpbusd",), ZMM),
    Loop("isa_avx512_vnni", "u8_quads_rows_14", "tile", 28, ("vpdpbusd",), ZMM),
    Loop("isa_avx512_vnni", "s8_quads_rows_14", "tile", 28, ("vpdpbusd",), ZMM),
    Loop("isa_avx512_vnni", "block_panels_q8_0", "tile", 8, ("vpdpbusd",), ZMM),
    Loop("isa_avx512_vnni", "block_panels_q4_0", "tile", 8, ("vpdpbusd",), ZMM),
    Loop("isa_avx512", "f64_peak", "peak", 24, (FMA_PD,), ZMM),
    Loop("isa_avx512", "f32_peak", "peak", 24, (FMA_PS,), ZMM),
    Loop("isa_avx512", "f32_rows_14", "tile", 28, (FMA_PS,), ZMM),
    Loop("isa_avx512", "pairs_rows_7", "tile", 14, ("vpmaddwd", "vpaddd"), ZMM),
    Loop("isa_avx_vnni", "u8_quads_peak", "peak", 10, ("vpdpbusd",), YMM),
    Loop("isa_avx_vnni", "u8_quads_rows_6", "tile", 12, ("vpdpbusd",), YMM),
    Loop("isa_avx_vnni", "s8_quads_rows_6", "tile", 12, ("vpdpbusd",), YMM),
    Loop("isa_avx_vnni", "block_panels_q8_0", "tile", 8, ("vpdpbusd",), YMM, wanting=TWO_PANELS),
    Loop("isa_avx_vnni", "block_panels_q4_0", "tile", 8, ("vpdpbusd",), YMM, wanting=TWO_PANELS),
    Loop("isa_avx2", "f64_peak", "peak", 12, (FMA_PD,), YMM),
    Loop("isa_avx2", "f32_peak", "peak", 12, (FMA_PS,), YMM),
    Loop("isa_avx2", "f32_rows_6", "tile", 12, (FMA_PS,), YMM),
    Loop("isa_avx2", "pairs_rows_3", "tile", 6, ("vpmaddwd", "vpaddd"), YMM),
    # Without a fused multiply-add a step is two instructions.
    Loop("isa_scalar", "f64_peak", "peak", 8, ("mulsd", "addsd"), XMM),
    Loop("isa_scalar", "f32_peak", "peak", 8, ("mulss", "addss"), XMM),
    Loop("isa_scalar", "f32_rows_4", "tile", 8, ("mulss", "addss"), XMM),
]
AARCH64 = [
    Loop("isa_sve512", "f64_peak", "peak", 24, ("fmad",), SVE_F64),
    Loop("isa_sve512", "f32_peak", "peak", 24, ("fmad",), SVE_F32),
    Loop("isa_sve512", "f32_tile", "tile", 16, ("fmla",), SVE_F32),
    Loop("isa_sve256", "f64_peak", "peak", 24, ("fmad",), SVE_F64),
    Loop("isa_sve256", "f32_peak", "peak", 24, ("fmad",), SVE_F32),
    Loop("isa_sve256", "f32_tile", "tile", 16, ("fmla",), SVE_F32),
    Loop("isa_neon_bf16", "bf16_pairs_peak", "peak", 20, ("bfdot",), NEON_BF16),
    Loop("isa_neon_bf16", "bf16_pairs_rows_6", "tile", 24, ("bfdot",), NEON_BF16),
    Loop("isa_neon_bf16", "u8_quads_peak", "peak", 20, ("usdot",), NEON_BYTES),
    Loop("isa_neon_bf16", "u8_quads_rows_6", "tile", 24, ("usdot",), NEON_BYTES),
    Loop("isa_neon_bf16", "s8_quads_rows_6", "tile", 24, ("sdot",), NEON_BYTES),
    Loop("isa_neon_dot", "s8_quads_peak", "peak", 20, ("sdot",), NEON_BYTES),
    Loop("isa_neon_dot", "s8_quads_rows_6", "tile", 24, ("sdot",), NEON_BYTES),
    Loop("isa_neon", "f64_peak", "peak", 20, ("fmla",), NEON_F64),
    Loop("isa_neon", "f32_peak", "peak", 20, ("fmla",), NEON_F32),
    Loop("isa_neon", "f32_rows_6", "tile", 24, ("fmla",), NEON_F32),
    # The compiler puts one lane's work into the low half of a vector.
    Loop("isa_scalar", "f64_peak", "peak", 20, ("fmadd",), r"d\d+"),
    Loop("isa_scalar", "f32_peak", "peak", 20, ("fmla",), NEON_PAIR),
    Loop("isa_scalar", "f32_rows_4", "tile", 8, ("fmla",), NEON_PAIR),
]
