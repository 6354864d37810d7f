"""Plain NumPy, the function alone, no gradient: what a gradient costs in units of the function."""

import numpy

from benchmarks.peer import Call
from benchmarks.workload import Case, Workload

DISTRIBUTIONS = ("numpy",)
GRADIENT = False


def warm_up() -> None:
    numpy.exp(numpy.ones(3))


def prepare(workload: Workload, case: Case) -> Call:
    function, data = workload.loss(numpy, case), workload.data(case)
    return (lambda x: function(x, *data)) if data else function
