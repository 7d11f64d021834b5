"""What the inner loops of the kernels have to consist of. To add a kernel: one line.

Every translation unit isa_*.c has to have one.
"""

from typing import NamedTuple

FMA_PS = r"vfmadd(132|213|231)ps"
XMM, YMM, ZMM = r"%xmm\d+", r"%ymm\d+", r"%zmm\d+"
NEON_F32, NEON_PAIR = r"v\d+\.(4s|s\[\d\])", r"v\d+\.(2s|s\[\d\])"
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
    Loop("isa_avx512", "peak", "peak", 24, (FMA_PS,), ZMM),
    Loop("isa_avx512", "gemm_tile", "tile", 28, (FMA_PS,), ZMM),
    Loop("isa_avx2", "peak", "peak", 12, (FMA_PS,), YMM),
    Loop("isa_avx2", "gemm_tile", "tile", 12, (FMA_PS,), YMM),
    # Without a fused multiply-add a step is two instructions.
    Loop("isa_scalar", "peak", "peak", 8, ("mulss", "addss"), XMM),
    Loop("isa_scalar", "gemm_tile", "tile", 12, ("mulss", "addss"), XMM,
         wanting="twelve sums, four elements of B and the products of both are more than 16 registers"),
]
AARCH64 = [
    Loop("isa_neon", "peak", "peak", 24, ("fmla",), NEON_F32, wanting=COPIES),
    Loop("isa_neon", "gemm_tile", "tile", 24, ("fmla",), NEON_F32),
    # The compiler puts one lane's work into the low half of a vector.
    Loop("isa_scalar", "peak", "peak", 8, ("fmla",), NEON_PAIR, wanting=COPIES),
    Loop("isa_scalar", "gemm_tile", "tile", 12, ("fmla",), NEON_PAIR),
]
