"""This library, the tape: recorded anew at every call, as in a notebook or a training loop."""

from typing import Any

import numpy

import autodiff as ad
from benchmarks.peer import bare, few_trips, no_note, only_gradients
from benchmarks.peers.ours import LANGUAGE
from benchmarks.workload import Argument, Call, Case, Result, Workload

DISTRIBUTIONS = ("autodiff", "numba", "llvmlite")
GRADIENT = True
CORES = 1
DISK_CACHE = True
REFUSALS = (ad.errors.NotDifferentiableError,)
note = no_note


def warm_up() -> None:
    # More than once: a tape is interpreted until it is hot, and only then starts the compiler.
    for _ in range(5):
        x = ad.Variable(numpy.ones(2))
        with ad.GradientTape() as tape:
            y = numpy.sum(x * x)
        tape.gradient(y, x)


def prepare(workload: Workload, case: Case) -> Call:
    only_gradients(case)
    few_trips(case, most=200)  # recorded anew at each call
    function, data, n = workload.loss(LANGUAGE, case), workload.data(case), case.differentiated

    def call(*arguments: Argument) -> Result:
        variables: list[Any] = [ad.Variable(each) for each in arguments[:n]]
        with ad.GradientTape() as tape:
            value = function(*variables, *arguments[n:], *data)
        gradients = tape.gradient(value, variables)  # computes the value too, which by itself takes a run of its own
        return float(value), bare([numpy.asarray(each) for each in gradients])

    return call
