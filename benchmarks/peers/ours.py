"""This library, the decorator: `@ad.value_and_grad` on a NumPy function."""

import numpy

import autodiff as ad
from benchmarks.peer import Call
from benchmarks.workload import Case, Workload

DISTRIBUTIONS = ("autodiff", "numba", "llvmlite")
GRADIENT = True


def warm_up() -> None:
    @ad.value_and_grad
    def square(x):
        return numpy.sum(x * x)

    square(numpy.ones(3))


def prepare(workload: Workload, case: Case) -> Call:
    compiled, data = ad.value_and_grad(workload.loss(numpy, case)), workload.data(case)
    return (lambda x: compiled(x, *data)) if data else compiled
