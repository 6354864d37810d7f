"""Two Jacobians: a curve with 3 parameters at 1,000 points, and 3 statistics of 1,000 numbers."""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss, Task

TITLE = "Jacobians"
TALL = Case("3 to 1000", (1000, 3), Task.JACOBIAN)
WIDE = Case("1000 to 3", (3, 1000), Task.JACOBIAN)
CASES = (TALL, WIDE)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    if case is TALL:
        return (numpy.array([1.5, 0.7, -0.4]) + 0.1 * seed,)
    return (0.5 * numpy.random.default_rng(seed).normal(size=1000),)


def data(case: Case) -> tuple[Array, ...]:
    """The points of the curve."""
    return (numpy.linspace(0.0, 5.0, 1000),) if case is TALL else ()


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def curve(p, t):
        return p[0] * np.exp(-p[1] * t) + p[2] * np.sin(t)

    def statistics(x):
        return np.stack([np.sum(x * x), np.sum(np.tanh(x)), np.log(np.sum(np.exp(x)))])

    return curve if case is TALL else statistics


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    (points,) = data(TALL)
    sines = numpy.sin(points)  # they do not depend on the parameters

    @njit(fastmath=True)
    def tall(p, t, sines):
        jacobian = numpy.empty((t.size, 3))
        for i in range(t.size):
            e = vm.exp(-p[1] * t[i])
            jacobian[i, 0] = e
            jacobian[i, 1] = -p[0] * t[i] * e
            jacobian[i, 2] = sines[i]
        return jacobian

    @njit(fastmath=True)
    def wide(x):
        jacobian = numpy.empty((3, x.size))
        total = 0.0
        for i in range(x.size):
            e, t = vm.exp(x[i]), vm.tanh(x[i])
            jacobian[0, i] = 2.0 * x[i]
            jacobian[1, i] = 1.0 - t * t
            jacobian[2, i] = e
            total += e
        for i in range(x.size):
            jacobian[2, i] /= total
        return jacobian

    return (lambda p, t: tall(p, t, sines)) if case is TALL else wide
