"""Plain NumPy, the function alone, no gradient: what a gradient costs in units of the function."""

import numpy
import scipy.linalg
import scipy.special

from benchmarks.peer import NotAttempted, bind, few_trips, no_note
from benchmarks.workload import Call, Case, Language, Task, Workload

DISTRIBUTIONS = ("numpy",)
GRADIENT = False
CORES = 1
DISK_CACHE = False
REFUSALS = ()
LANGUAGE = Language(
    np=numpy,
    erf=scipy.special.erf,
    sigmoid=scipy.special.expit,
    logsumexp=scipy.special.logsumexp,
    solve_triangular=scipy.linalg.solve_triangular,
)
note = no_note


def warm_up() -> None:
    numpy.exp(numpy.ones(3))


def prepare(workload: Workload, case: Case) -> Call:
    if case.task is not Task.GRADIENT:
        raise NotAttempted(f"the value alone, no {case.task}")
    few_trips(case)
    return bind(workload.loss(LANGUAGE, case), workload.data(case))
