#!/usr/bin/env python3
"""What the vendor's libraries reach on the GPU, through PyTorch where it is installed, and the energy NVML counts.

    reference.py torch      matrix products and a read of memory, as one JSON object
    reference.py energy     the GPU's energy counter in joules

Prints {"unavailable": reason} where that cannot be had. Exit status 0, 64 for wrong usage.
"""

import ctypes
import json
import statistics
import sys
import time

# Seconds a product is repeated for in each of so many batches; the median counts.
BATCH_SECONDS, BATCHES = 0.4, 5
EDGES = (2048, 4096, 8192, 16384)


def energy():
    """The joules NVML has counted for the first GPU since its driver was loaded."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        device, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
        calls = (lambda: nvml.nvmlInit_v2(),
                 lambda: nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)),
                 lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(millijoules)))
        for call in calls:
            status = call()
            if status:
                return {"unavailable": f"NVML status {status}"}
    except (OSError, AttributeError) as problem:
        return {"unavailable": str(problem)}
    return {"joules": millijoules.value / 1000}


def timed(torch, body):
    """Seconds of one call: the median over batches, each long enough to be timed, clocks warmed up before."""
    body()
    torch.cuda.synchronize()
    start = time.monotonic()
    body()
    torch.cuda.synchronize()
    count = max(1, int(BATCH_SECONDS / max(time.monotonic() - start, 1e-6)))
    times = []
    for _ in range(BATCHES + 1):
        start = time.monotonic()
        for _ in range(count):
            body()
        torch.cuda.synchronize()
        times.append((time.monotonic() - start) / count)
    return statistics.median(times[1:])


def products(torch):
    """Rates of cuBLAS by format and edge; a format the GPU or this PyTorch lacks says why."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.manual_seed(1)
    result = {}
    for name, type_ in (("f32", torch.float32), ("f16", torch.float16), ("bf16", torch.bfloat16), ("i8", torch.int8)):
        for n in EDGES:
            try:
                if type_ is torch.int8:
                    a, b = (torch.randint(-128, 128, (n, n), dtype=type_, device="cuda") for _ in "ab")
                    b = b.t()
                    seconds = timed(torch, lambda: torch._int_mm(a, b))
                else:
                    a, b = (torch.rand(n, n, device="cuda").mul_(2).sub_(1).to(type_) for _ in "ab")
                    seconds = timed(torch, lambda: torch.matmul(a, b))
                result[f"{name} {n}"] = {"flops_per_second": 2 * n ** 3 / seconds}
            except (RuntimeError, AttributeError) as problem:
                result[f"{name} {n}"] = {"unavailable": str(problem).splitlines()[0]}
    return result


def read(torch):
    """The rate at which a sum reads 4 GiB."""
    data = torch.rand(1 << 30, device="cuda")
    return {"bytes_per_second": data.numel() * 4 / timed(torch, lambda: data.sum())}


def reference():
    try:
        import torch
    except ImportError as problem:
        return {"unavailable": str(problem)}
    if not torch.cuda.is_available():
        return {"unavailable": "PyTorch sees no GPU"}
    return {"torch": torch.__version__, "cuda": torch.version.cuda, "gpu": torch.cuda.get_device_name(0),
            "gemm": products(torch), "read": read(torch)}


def main():
    actions = {"torch": reference, "energy": energy}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        print(__doc__, file=sys.stderr)
        return 64
    print(json.dumps(actions[sys.argv[1]](), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
