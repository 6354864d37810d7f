"""The limit: the hand-written Numba kernel of each workload. All other peers are checked against it.

Compiled for the full vector width. LLVM by default keeps to 256 bits on processors with AVX-512; the elementwise chain
is a quarter faster without that preference, and a limit should be one.
"""

import os
from functools import partial

import llvmlite.binding
import numpy

from benchmarks.peer import bind, no_note
from benchmarks.workload import Call, Case, Workload

# Numba reads these when it is imported.
features = llvmlite.binding.get_host_cpu_features()
if features.get("avx512f"):
    os.environ["NUMBA_CPU_NAME"] = llvmlite.binding.get_host_cpu_name()
    os.environ["NUMBA_CPU_FEATURES"] = features.flatten() + ",-prefer-256-bit"

import numba  # noqa: E402

from benchmarks.limits import vector_math  # noqa: E402

DISTRIBUTIONS = ("numba", "llvmlite")
GRADIENT = True
CORES = 1
DISK_CACHE = True
REFUSALS = ()
note = no_note
# Python's error model would put a branch, and an exception, at every division: no vectorisation.
njit = partial(numba.njit, error_model="numpy", cache=True)


def warm_up() -> None:
    @njit
    def nothing(x):
        return x[0], numpy.empty_like(x)

    nothing(numpy.ones(3))


def prepare(workload: Workload, case: Case) -> Call:
    return bind(workload.limit(njit, vector_math, case), workload.data(case))
