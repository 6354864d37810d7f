"""HIPS autograd: a tape over NumPy, no compilation."""

import autograd
import autograd.numpy as anp

from benchmarks.peer import Call
from benchmarks.workload import Case, Workload

DISTRIBUTIONS = ("autograd", "numpy")
GRADIENT = True


def warm_up() -> None:
    autograd.value_and_grad(lambda x: x * x)(1.0)


def prepare(workload: Workload, case: Case) -> Call:
    function, data = autograd.value_and_grad(workload.loss(anp, case)), workload.data(case)
    return (lambda x: function(x, *data)) if data else function
