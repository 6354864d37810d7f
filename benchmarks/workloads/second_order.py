"""Second derivatives of Rosenbrock's function: its Hessian, and the Hessian times a vector.

The Hessian is tridiagonal. The hand-written kernel knows that; nobody told the others.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss, Task
from benchmarks.workloads import rosenbrock

TITLE = "second order"
CASES = (Case("Hessian n=100", (100,), Task.HESSIAN), Case("HVP n=1e5", (100_000,), Task.HVP))


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    generator = numpy.random.default_rng(seed)
    return tuple(generator.normal(size=case.shape) for _ in range(2 if case.task is Task.HVP else 1))


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    return rosenbrock.loss(lang, case)


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit(fastmath=True)
    def hessian(x):
        n = x.size
        h = numpy.zeros((n, n))
        for i in range(n - 1):
            h[i, i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0
            h[i + 1, i + 1] += 200.0
            h[i, i + 1] = h[i + 1, i] = -400.0 * x[i]
        return h

    @njit(fastmath=True)
    def product(x, d):
        n = x.size
        out = numpy.empty(n)
        out[0] = (1200.0 * x[0] * x[0] - 400.0 * x[1] + 2.0) * d[0] - 400.0 * x[0] * d[1]
        for i in range(1, n - 1):
            diagonal = 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 202.0
            out[i] = diagonal * d[i] - 400.0 * (x[i] * d[i + 1] + x[i - 1] * d[i - 1])
        out[n - 1] = 200.0 * d[n - 1] - 400.0 * x[n - 2] * d[n - 2]
        return out

    return hessian if case.task is Task.HESSIAN else product
