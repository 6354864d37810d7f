"""The cost of a call: functions so small that nothing else is left.

A `scipy.optimize` run or a sampler over a few parameters is thousands of such calls. The floor is `sum of (3,)`: its
hand-written version is a bare Numba dispatcher call that returns a scalar and a fresh array of ones.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Case, Jit, Kernel, Loss, Tolerance

TITLE = "small functions"
SCALAR, FLOOR, SMALL = Case("scalar", ()), Case("floor: sum of (3,)", (3,)), Case("array (3,)", (3,))
CASES = (SCALAR, FLOOR, SMALL)
TOLERANCE = Tolerance()


def argument(case: Case, seed: int) -> Argument:
    if case is SCALAR:
        return 1.7 + seed
    return numpy.random.default_rng(seed).normal(size=case.shape)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(np: ModuleType, case: Case) -> Loss:
    def scalar(x):
        return x**2 + 2 * x + 1

    def total(x):
        return np.sum(x)

    def small(x):
        return np.sum((x - 1.0) ** 2 * np.exp(-x))

    return {SCALAR: scalar, FLOOR: total, SMALL: small}[case]


def limit(njit: Jit, vm: ModuleType, case: Case) -> Kernel:
    @njit
    def scalar(x):
        return x * x + 2.0 * x + 1.0, 2.0 * x + 2.0

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

    return {SCALAR: scalar, FLOOR: total, SMALL: small}[case]
