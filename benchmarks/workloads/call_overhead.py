"""The cost of a call with arrays: functions so small that nothing else is left.

A `scipy.optimize` run or a sampler over a few parameters is thousands of such calls. The floor is `sum of (3,)`: its
hand-written version is a bare Numba dispatcher call that returns a scalar and a fresh array of ones. The cases with
more arrays show what each further argument costs; the gradient is with respect to the first.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "small functions"
FLOOR, SMALL = Case("floor: sum of (3,)", (3,)), Case("array (3,)", (3,))
SEVERAL = {Case(f"{count} arrays", (3,)): count for count in (2, 5, 10, 20)}
CASES = (FLOOR, SMALL, *SEVERAL)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    generator = numpy.random.default_rng(seed)
    return tuple(generator.normal(size=case.shape) for _ in range(SEVERAL.get(case, 1)))


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def total(x):
        return np.sum(x)

    def small(x):
        return np.sum((x - 1.0) ** 2 * np.exp(-x))

    def several(x, *others):
        y = x * x
        for other in others:
            y = y * other
        return np.sum(y)

    return {FLOOR: total, SMALL: small}.get(case, several)


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit
    def total(x):
        gradient = numpy.empty_like(x)
        value = 0.0
        for i in range(x.size):
            value += x[i]
            gradient[i] = 1.0
        return value, gradient

    @njit(fastmath=True)
    def small(x):
        gradient = numpy.empty_like(x)
        value = 0.0
        for i in range(x.size):
            a, e = x[i] - 1.0, vm.exp(-x[i])
            value += a * a * e
            gradient[i] = (2.0 * a - a * a) * e
        return value, gradient

    @njit(fastmath=True)
    def several(x, *others):
        gradient = numpy.empty_like(x)
        value = 0.0
        for i in range(x.size):
            product = 1.0
            for other in others:
                product *= other[i]
            value += x[i] * x[i] * product
            gradient[i] = 2.0 * x[i] * product
        return value, gradient

    return {FLOOR: total, SMALL: small}.get(case, several)
