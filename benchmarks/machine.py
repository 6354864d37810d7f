"""The machine: cores, threads, disk caches, resident memory, and what it is called."""

import importlib.metadata
import os
import platform
import resource
import sys
from contextlib import suppress
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMBA", "VECLIB_MAXIMUM", "AUTODIFF")
# Where each library keeps what it compiles.
CACHES = (
    "XDG_CACHE_HOME",
    "AUTODIFF_CACHE_DIR",
    "NUMBA_CACHE_DIR",
    "JAX_COMPILATION_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
)
# By default only what took a second to compile.
JAX_KEEPS_EVERYTHING = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def child_environment(cache: Path) -> dict[str, str]:
    """One thread everywhere, no accelerator, and a disk cache of its own, so that first calls are cold."""
    threads = {f"{name}_THREADS" if name.endswith("MAXIMUM") else f"{name}_NUM_THREADS": "1" for name in ONE_THREAD}
    caches = {name: str(cache / name.lower()) for name in CACHES}
    return {**os.environ, **threads, **caches, **JAX_KEEPS_EVERYTHING, "CUDA_VISIBLE_DEVICES": ""}


def pin(count: int) -> None:
    """To the last cores this process may use; the first ones are where other work lands. Not every system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])


def forget_peak() -> None:
    """Let the peak start again from what is resident now; where the system has no such switch it never falls."""
    with suppress(OSError):
        RESET.write_text("5")


def peak_megabytes() -> float:
    """`VmHWM` where there is one: `ru_maxrss` starts at the size of the parent process."""
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def describe() -> dict[str, object]:
    load = os.getloadavg()[0]
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load before": round(load, 2),
    }


def version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not a distribution"  # imported from the working tree


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
