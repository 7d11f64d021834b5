"""The figures nodewatt is held against, and what is wanted of each. To add a figure: one line."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One row: a trial of `nodewatt run`, the peer's counterpart, and the wanted ratios."""

    name: str
    # Rows of one group have a geometric mean and a least ratio in common; see GROUPS.
    group: str
    # The options of `nodewatt run`; rows with the same options share one run in each round.
    options: str
    # What the trial has to say, key by key: regular expressions.
    trial: dict
    # The trial's rate that counts.
    rate: str
    # What it is held against: a method of Programs and its arguments. "{bytes}" is the working set of the trial.
    peer: tuple
    # The register-only peak that belongs to it; measured before and after in any case, to see what disturbs a round.
    peak: str = "f32"
    # The wanted ratio to the peer, and the wanted fraction of the peak; None where none is.
    wanted: float = None
    of_peak: float = None


class Group(NamedTuple):
    """The wanted geometric mean and least value of the ratios of a group."""

    mean: float = None
    least: float = None


# A ratio of 1 is as fast: a hundredth less is the noise of these measurements.
NOISE = 0.01

FLOPS, BYTES = "flops_per_second", "bytes_per_second"
# The shape of the read of DRAM.
DRAM = r"\d+B"
# As nodewatt, oneDNN and the peak name a precision. oneDNN's faster product of 8-bit integers is the unsigned one.
ONEDNN = {"f32": "f32", "bf16": "bf16", "f16": "f16", "i8": "u8s8"}
PEAK = {"f32": "f32", "bf16": "bf16", "f16": "f32", "i8": "i8"}


def product(group, precision, shape, wanted=None, of_peak=None):
    """A matrix product on the CPU's own kernels against oneDNN."""
    return Figure(
        f"{group} {shape}", group, f"--device cpu --workload gemm --shape {shape} --precision {precision}",
        {"workload": "gemm", "precision": precision, "shape": shape}, FLOPS,
        ("onednn", ONEDNN[precision], shape), PEAK[precision], wanted, of_peak)


def cubes(precision, wanted, of_peak):
    return [product(f"GEMM {precision}", precision, f"{n}x{n}x{n}", wanted, of_peak) for n in (1024, 2048, 4096)]


ODD_SHAPES = (
    "1000x1000x1000 1023x2049x777 4096x11008x4096 511x513x1025 2047x2047x2047 127x4096x4096 3000x3000x100 "
    "100x3000x3000 768x3072x768 333x3333x1111 2048x5632x2048 97x10007x353").split()
SKINNY_SHAPES = [f"{m}x4096x4096" for m in (4, 8, 16, 32, 64)]


def read_of(level, options, pattern, wanted):
    """A read of one level of memory against likwid-bench at the same working set."""
    return Figure(
        f"{level} read", "bandwidth", f"--device cpu --workload bandwidth {options}".strip(),
        {"workload": "bandwidth", "shape": pattern}, BYTES, ("likwid_read", "{bytes}"), wanted=wanted)


def cache_read(level):
    name = level.lower()
    return read_of(level, f"--level {name} --variant read", rf"read-{name}-\d+Bx\d+", 0.95)


def vector_product(format):
    """A matrix-vector product against the DRAM read of the same run."""
    return Figure(
        f"GEMV {format} 4096x11008", "GEMV",
        f"--device cpu --workload bandwidth gemv --shape 4096x11008 --quantization {format}",
        {"workload": "gemv", "shape": ".*4096x11008.*"}, BYTES,
        ("same_run", {"workload": "bandwidth", "shape": DRAM}, BYTES), wanted=0.95)


def on_runtime(runtime, of_peak):
    """What an OpenCL runtime for processors gets out of this one, against the register-only peak and other programs."""
    device = f"--device {{{runtime}}}"
    return [
        Figure(f"{runtime} peak f32", "OpenCL", f"{device} --workload peak --precision f32", {"workload": "peak"}, FLOPS,
               ("clpeak", runtime, "--compute-sp", r"float\d* *: *([\d.]+)"), of_peak=0.97),
        Figure(f"{runtime} GEMM f32 2048", "OpenCL", f"{device} --workload gemm --precision f32 --shape 2048",
               {"workload": "gemm"}, FLOPS, ("onednn", "f32", "2048x2048x2048"), of_peak=of_peak),
        Figure(f"{runtime} DRAM read", "OpenCL", f"{device} cpu --workload bandwidth",
               {"workload": "bandwidth", "device": "opencl.*"}, BYTES,
               ("same_run", {"workload": "bandwidth", "device": "cpu"}, BYTES), wanted=0.93),
    ]


def isolated(runtime):
    """What running a driver in a process of its own costs: against the same kernel in nodewatt's own process."""
    options = f"--device {{{runtime}}} --workload gemm --precision f32 --shape 2048 --no-tune"
    return Figure(f"{runtime} GEMM isolated", "OpenCL", options, {"workload": "gemm"}, FLOPS,
                  ("in_process", runtime, options), wanted=0.99)


# Seconds `nodewatt devices` may take once everything it reads is in memory.
ENUMERATION_SECONDS = 1.5

FIGURES = [
    *cubes("f32", wanted=1.00, of_peak=0.97),
    *cubes("bf16", wanted=1.00, of_peak=0.95),
    *cubes("i8", wanted=1.00, of_peak=0.96),
    *cubes("f16", wanted=None, of_peak=0.92),
    *(product(f"odd {precision}", precision, shape) for precision in ("f32", "bf16", "i8") for shape in ODD_SHAPES),
    *(product(f"skinny {precision}", precision, shape) for precision in ("f32", "bf16") for shape in SKINNY_SHAPES),
    *map(vector_product, ("q8_0", "q4_0", "f16", "bf16")),
    read_of("DRAM", "", DRAM, wanted=1.00),
    *map(cache_read, ("L1", "L2", "L3")),
    *on_runtime("PoCL", of_peak=0.93),
    *on_runtime("Intel", of_peak=0.95),
    Figure("Intel GEMM f16 2048", "OpenCL", "--device {Intel} --workload gemm --precision f16 --shape 2048",
           {"workload": "gemm"}, FLOPS, ("onednn", "f32", "2048x2048x2048"), of_peak=0.80),
    isolated("PoCL"),
    isolated("Intel"),
]

GROUPS = {
    **{f"odd {precision}": Group(mean=1.00, least=0.93) for precision in ("f32", "bf16", "i8")},
    **{f"skinny {precision}": Group(mean=1.05) for precision in ("f32", "bf16")},
}
