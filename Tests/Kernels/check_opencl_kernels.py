#!/usr/bin/env python3
"""Compiles every variant of every OpenCL source for every target it is meant for, and shows what it takes.

    check_opencl_kernels.py PROGRAM PTXAS WORK_DIRECTORY

PROGRAM lists its variants (`nodewatt opencl-kernels`). For NVIDIA's targets clang makes PTX and PTXAS assembles it; for
AMD's clang makes the code; of spir64 it makes LLVM's, as vendors' compilers begin. A kernel that keeps registers in
memory fails, unless its variant says why it may. Needs clang 19 and its libclc. Exit status 1: a kernel failed.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "Kernels/OpenCL/sources"
CLANG = "clang-19"
LIBRARIES = pathlib.Path("/usr/lib/clc")
NVIDIA_LIBRARY, AMD_LIBRARY = LIBRARIES / "nvptx64--nvidiacl.bc", LIBRARIES / "amdgcn--amdhsa.bc"
# PTX of this version and target is what drivers of all later processors take.
NVIDIA_FLAGS = ["-target", "nvptx64-nvidia-nvcl", "-Xclang", "-target-cpu", "-Xclang", "sm_80", "-Xclang",
                "-target-feature", "-Xclang", "+ptx75"]
# A built-in function that libclc lacks for NVIDIA's targets; it stands after the sources.
NVIDIA_FOOTER = """
#ifdef cl_khr_fp16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
half __attribute__((overloadable)) fma(half a, half b, half c) { return __builtin_fmaf16(a, b, c); }
#endif
"""
# Built-in functions that only Intel's compilers declare; they stand before the sources.
INTEL_HEADER = """
float8 intel_sub_group_f16_f16_matrix_mad_k16(short8 a, int8 b, float8 sums);
float8 intel_sub_group_bf16_bf16_matrix_mad_k16(short8 a, int8 b, float8 sums);
int8 intel_sub_group_i8_i8_matrix_mad_k32(short8 a, int8 b, int8 sums);
"""


class Variant(NamedTuple):
    """One way the program builds sources."""

    sources: list
    macros: list
    flags: list
    targets: list
    exception: str

    @property
    def name(self):
        return " ".join(["+".join(self.sources), *self.macros])


class Kernel(NamedTuple):
    """What a kernel takes on a target; spills are in bytes, or of AMD's targets in registers."""

    name: str
    registers: str
    spills: int
    local: int


class Failure(Exception):
    """A compiler refused a variant."""


def run(command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failure((done.stderr or done.stdout).strip()[-2000:])
    return done.stdout + done.stderr


def variants(program):
    for line in run([program, "opencl-kernels"]).splitlines():
        sources, macros, flags, targets, exception = line.split("\t")
        yield Variant(sources.split(), macros.split(), flags.split(), targets.split(), exception)


def clang(variant, *options, before="", after=""):
    """Compiles OpenCL C from standard input; without a version in the flags the oldest that drivers have."""
    text = before + "\n".join((SOURCES / f"{name}.cl").read_text() for name in variant.sources) + after
    known = [flag for flag in variant.flags if not flag.startswith("-cl-intel")]
    version = [] if any(flag.startswith("-cl-std") for flag in known) else ["-cl-std=CL1.2"]
    macros = [f"-D{macro}" for macro in variant.macros]
    return run([CLANG, "-x", "cl", *version, *known, *macros, "-O3", "-nogpulib", "-Xclang", "-finclude-default-header",
                "-Xclang", "-cl-ext=+cl_khr_fp16,+cl_khr_fp64", *options, "-"], text)


def library(path):
    return ["-Xclang", "-mlink-builtin-bitcode", "-Xclang", str(path)]


def ptx(variant, out):
    """Writes a variant's PTX: a text in it with its values, or what clang makes of OpenCL C."""
    if variant.sources[0].endswith(".ptx"):
        text = (SOURCES / variant.sources[0]).read_text()
        for name, value in (macro.split("=", 1) for macro in variant.macros):
            text = text.replace(f"@{name}@", value)
        pathlib.Path(f"{out}.ptx").write_text(text)
    else:
        clang(variant, *NVIDIA_FLAGS, *library(NVIDIA_LIBRARY), "-S", "-o", f"{out}.ptx", after=NVIDIA_FOOTER)


def nvidia_kernels(variant, targets, ptxas, out):
    ptx(variant, out)
    for target in targets:
        log = run([ptxas, "-v", f"-arch={target}", f"{out}.ptx", "-o", f"{out}.{target}.cubin"])
        for part in log.split("Compiling entry function '")[1:]:
            spills = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part)
            local = re.search(r"(\d+) bytes smem", part)
            yield target, Kernel(
                part.split("'")[0], re.search(r"Used (\d+) registers", part)[1], sum(map(int, spills.groups())),
                int(local[1]) if local else 0)


def amd_kernels(variant, target, out):
    clang(variant, "-target", "amdgcn-amd-amdhsa", f"-mcpu={target}", *library(AMD_LIBRARY), "-S", "-o", f"{out}.s")
    metadata = pathlib.Path(f"{out}.s").read_text().split(".amdgpu_metadata")[1]
    for part in re.split(r"\n  - (?=\.agpr_count|\.args)", metadata)[1:]:
        def number(key):
            found = re.search(rf"\.{key}: +(\d+)", part)
            return int(found[1]) if found else 0
        spilled = number("vgpr_spill_count") + number("private_segment_fixed_size")
        registers = f"{number('vgpr_count')}+{number('agpr_count')}" if number("agpr_count") else number("vgpr_count")
        yield target, Kernel(
            re.search(r"\n    \.name: +(\w+)", part)[1], str(registers), spilled, number("group_segment_fixed_size"))


def spir_kernels(variant, out):
    clang(variant, "-target", "spir64", "-Xclang", "-cl-ext=+all", "-emit-llvm", "-S", "-o", f"{out}.ll",
          before=INTEL_HEADER)
    for name in re.findall(r"define \S*\s*spir_kernel void @(\w+)", pathlib.Path(f"{out}.ll").read_text()):
        yield "spir64", Kernel(name, "", 0, 0)


def compile_variant(number, variant, ptxas, work):
    """The kernels of a variant by target, and what failed."""
    kernels, failures = [], []
    nvidia = [target for target in variant.targets if target.startswith("sm_")]
    jobs = [(" ".join(nvidia), lambda out: nvidia_kernels(variant, nvidia, ptxas, out))] if nvidia else []
    for target in variant.targets:
        if target.startswith("gfx"):
            jobs.append((target, lambda out, target=target: amd_kernels(variant, target, out)))
        elif target == "spir64":
            jobs.append((target, lambda out: spir_kernels(variant, out)))
        elif target not in nvidia:
            failures.append(f"{target}: no compiler is known for it")
    for name, job in jobs:
        try:
            found = list(job(work / f"variant{number}.{name.split()[0]}"))
            if not found:
                raise Failure("no kernel was found")
            kernels += found
        except (Failure, OSError, subprocess.TimeoutExpired) as error:
            failures.append(f"{name}: {error}")
    spilling = [f"{target} {kernel.name}" for target, kernel in kernels if kernel.spills]
    if spilling and not variant.exception:
        failures += [f"{place}: registers are kept in memory" for place in spilling]
    if variant.exception and not spilling:
        failures.append(f"nothing is kept in memory, though it may be: {variant.exception}")
    return kernels, failures


def show(variant, kernels, failures):
    """A line for each kernel: registers, spills where there are some, local memory, by target."""
    print(variant.name)
    for name in dict.fromkeys(kernel.name for _, kernel in kernels):
        cells = []
        for target, kernel in kernels:
            if kernel.name == name:
                cells.append(target + (f" {kernel.registers}" if kernel.registers else "")
                             + (f" SPILLS {kernel.spills}" if kernel.spills else ""))
        local = max(kernel.local for _, kernel in kernels if kernel.name == name)
        print(f"  {name:20} {', '.join(cells)}" + (f"; {local} B local" if local else ""))
    if variant.exception:
        print(f"  may spill: {variant.exception}")
    for failure in failures:
        print(f"  FAILED {failure}")


def main():
    program, ptxas, work = sys.argv[1:]
    work = pathlib.Path(work)
    work.mkdir(parents=True, exist_ok=True)
    for path in (NVIDIA_LIBRARY, AMD_LIBRARY):
        if not path.exists():
            sys.exit(f"check_opencl_kernels.py: no {path}; install the Debian package libclc-19")
    table = list(variants(program))
    print("registers of a work-item, by target (of AMD's matrix engines vector + accumulation registers)")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_variant, number, variant, ptxas, work) for number, variant in enumerate(table)]
    failed = 0
    for variant, job in zip(table, jobs):
        kernels, failures = job.result()
        show(variant, kernels, failures)
        failed += bool(failures)
    print(f"{len(table)} variants, {sum(len(job.result()[0]) for job in jobs)} kernels compiled, {failed} failed")
    sys.exit(1 if failed or not table else 0)


if __name__ == "__main__":
    main()
