"""The machine: one core, one thread, resident memory, and what it is called."""

import importlib.metadata
import os
import platform
import resource
import sys
from contextlib import suppress
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMBA", "VECLIB_MAXIMUM", "AUTODIFF")


def child_environment(cache: Path) -> dict[str, str]:
    """One thread everywhere, no accelerator, and an empty on-disk cache, so that first calls are cold."""
    threads = {f"{name}_THREADS" if name.endswith("MAXIMUM") else f"{name}_NUM_THREADS": "1" for name in ONE_THREAD}
    caches = {"XDG_CACHE_HOME": str(cache), "AUTODIFF_CACHE_DIR": str(cache / "autodiff")}
    return {**os.environ, **threads, **caches, "CUDA_VISIBLE_DEVICES": ""}


def spare_core() -> int | None:
    """The last core this process may use; the first ones are where other work lands. None: cannot pin here."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else None


def pin(core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})


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
        "core used": spare_core(),
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
