"""What the inner loops of the kernels have to consist of. To add a kernel: one line.

Every translation unit isa_*.c has to have one.
"""

from typing import NamedTuple

FMA_PS, FMA_PD = r"vfmadd(132|213|231)ps", r"vfmadd(132|213|231)pd"
XMM, YMM, ZMM = r"%xmm\d+", r"%ymm\d+", r"%zmm\d+"
NEON_F64, NEON_F32, NEON_PAIR = r"v\d+\.2d", r"v\d+\.(4s|s\[\d\])", r"v\d+\.(2s|s\[\d\])"
PRODUCTS = "sums, elements of B, one of A and a product take all registers, and the compiler wants one more"
COPIES = "fmla overwrites its addend, so x*x + c needs copies of c, and those need more registers than there are"


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


X86_64 = [
    Loop("isa_avx512_bf16", "bf16_pairs_peak", "peak", 20, ("vdpbf16ps",), ZMM),
    Loop("isa_avx512_bf16", "bf16_pairs_rows_14", "tile", 28, ("vdpbf16ps",), ZMM),
    Loop("isa_avx512_vnni", "u8_quads_peak", "peak", 20, ("vpdpbusd",), ZMM),
    Loop("isa_avx512_vnni", "u8_quads_rows_14", "tile", 28, ("vpdpbusd",), ZMM),
    Loop("isa_avx512_vnni", "s8_quads_rows_14", "tile", 28, ("vpdpbusd",), ZMM),
    Loop("isa_avx512_vnni", "block_panels_q8_0", "tile", 8, ("vpdpbusd",), ZMM),
    Loop("isa_avx512_vnni", "block_panels_q4_0", "tile", 8, ("vpdpbusd",), ZMM),
    Loop("isa_avx512", "peak_f64", "peak", 24, (FMA_PD,), ZMM),
    Loop("isa_avx512", "peak_f32", "peak", 24, (FMA_PS,), ZMM),
    Loop("isa_avx512", "f32_rows_14", "tile", 28, (FMA_PS,), ZMM),
    Loop("isa_avx512", "pairs_rows_14", "tile", 28, ("vpmaddwd", "vpaddd"), ZMM, wanting=PRODUCTS),
    Loop("isa_avx_vnni", "u8_quads_peak", "peak", 10, ("vpdpbusd",), YMM),
    Loop("isa_avx_vnni", "u8_quads_rows_6", "tile", 12, ("vpdpbusd",), YMM),
    Loop("isa_avx_vnni", "s8_quads_rows_6", "tile", 12, ("vpdpbusd",), YMM),
    Loop("isa_avx_vnni", "block_panels_q8_0", "tile", 8, ("vpdpbusd",), YMM),
    Loop("isa_avx_vnni", "block_panels_q4_0", "tile", 8, ("vpdpbusd",), YMM),
    Loop("isa_avx2", "peak_f64", "peak", 12, (FMA_PD,), YMM),
    Loop("isa_avx2", "peak_f32", "peak", 12, (FMA_PS,), YMM),
    Loop("isa_avx2", "f32_rows_6", "tile", 12, (FMA_PS,), YMM),
    Loop("isa_avx2", "pairs_rows_6", "tile", 12, ("vpmaddwd", "vpaddd"), YMM, wanting=PRODUCTS),
    # Without a fused multiply-add a step is two instructions.
    Loop("isa_scalar", "peak_f64", "peak", 8, ("mulsd", "addsd"), XMM),
    Loop("isa_scalar", "peak_f32", "peak", 8, ("mulss", "addss"), XMM),
    Loop("isa_scalar", "f32_rows_3", "tile", 12, ("mulss", "addss"), XMM,
         wanting="twelve sums, four elements of B and the products of both are more than 16 registers"),
]
AARCH64 = [
    Loop("isa_neon", "peak_f64", "peak", 24, ("fmla",), NEON_F64, wanting=COPIES),
    Loop("isa_neon", "peak_f32", "peak", 24, ("fmla",), NEON_F32, wanting=COPIES),
    Loop("isa_neon", "f32_rows_6", "tile", 24, ("fmla",), NEON_F32),
    # The compiler puts one lane's work into the low half of a vector.
    Loop("isa_scalar", "peak_f32", "peak", 8, ("fmla",), NEON_PAIR, wanting=COPIES),
    Loop("isa_scalar", "f32_rows_3", "tile", 12, ("fmla",), NEON_PAIR),
]
