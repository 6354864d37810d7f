"""This library, the tape: recorded anew at every call, as in a notebook or a training loop."""

import numpy

import autodiff as ad
from benchmarks.peer import Call, Result
from benchmarks.workload import Argument, Case, Workload

DISTRIBUTIONS = ("autodiff", "numba", "llvmlite")
GRADIENT = True


def warm_up() -> None:
    # More than once: a tape is interpreted until it is hot, and only then starts the compiler.
    for _ in range(5):
        x = ad.Variable(numpy.ones(2))
        with ad.GradientTape() as tape:
            y = numpy.sum(x * x)
        tape.gradient(y, x)


def prepare(workload: Workload, case: Case) -> Call:
    function, data = workload.loss(numpy, case), workload.data(case)

    def call(argument: Argument) -> Result:
        x = ad.Variable(argument)
        with ad.GradientTape() as tape:
            value = function(x, *data)
        gradient = tape.gradient(value, x)
        return float(value), numpy.asarray(gradient)

    return call
