"""This library, the decorator: `@ad.value_and_grad` on a NumPy function, and its relatives."""

from typing import Any

import numpy
import scipy.special

import autodiff as ad
from benchmarks.peer import bind, leading
from benchmarks.workload import Call, Case, Language, Loss, Task, Workload

DISTRIBUTIONS = ("autodiff", "numba", "llvmlite")
GRADIENT = True
CORES = 1
DISK_CACHE = True
REFUSALS = (ad.errors.ConcretizationError, ad.errors.NotDifferentiableError, ad.errors.NoBatchingRuleError)
LANGUAGE = Language(
    np=numpy,
    erf=scipy.special.erf,
    sigmoid=scipy.special.expit,
    logsumexp=ad.scipy.special.logsumexp,
    solve_triangular=ad.scipy.linalg.solve_triangular,
)
_last: list[Any] = []  # the decorated function of the case at hand


def warm_up() -> None:
    @ad.value_and_grad
    def square(x):
        return numpy.sum(x * x)

    square(numpy.ones(3))


def prepare(workload: Workload, case: Case) -> Call:
    compiled = _derivative(workload.loss(LANGUAGE, case), case)
    _last[:] = [compiled]
    return bind(compiled, workload.data(case))


def note() -> str:
    """Whether it ran in kernels: a program that is too long for one is interpreted."""
    (compiled,) = _last
    info = compiled.cache_info()
    return "" if info.runs else "interpreted, not compiled"


def _derivative(function: Loss, case: Case) -> Any:
    match case.task:
        case Task.HESSIAN:
            return ad.hessian(function)
        case Task.HVP:
            return ad.jit(lambda x, direction: ad.jvp(ad.grad(function), (x,), (direction,))[1])
        case Task.JACOBIAN:
            return ad.jacobian(function)
    return ad.value_and_grad(function, argnums=leading(case))
