"""log(sum(exp(x))) and its gradient, the softmax: two passes over memory and one exponential."""

import math
from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "logsumexp"
CASES = (Case("n=1e4", (10_000,)), Case("n=1e6", (1_000_000,)))


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    return (3 * numpy.random.default_rng(seed).normal(size=case.shape),)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    def logsumexp(x):
        return lang.logsumexp(x)

    return logsumexp


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit(fastmath=True)
    def into(x, gradient):
        top = x[0]
        for i in range(x.size):
            top = max(top, x[i])
        total = 0.0
        for i in range(x.size):
            gradient[i] = vm.exp(x[i] - top)
            total += gradient[i]
        for i in range(x.size):
            gradient[i] /= total
        return math.log(total) + top

    def value_and_gradient(x):
        gradient = numpy.empty_like(x)
        return into(x, gradient), gradient

    return value_and_gradient
