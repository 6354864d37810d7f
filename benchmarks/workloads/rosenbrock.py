"""Rosenbrock's function: value and gradient, and whole runs of SciPy's optimisers around them.

A run is where call overhead is felt: hundreds of calls on small arrays, between the optimiser's own Python.
"""

from types import ModuleType
from typing import Any

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss, Task, Tolerance

TITLE = "Rosenbrock"
# A run ends at the optimiser's own tolerance, so that end points agree to that only.
BFGS = Case("BFGS n=2", (2,), Task.MINIMISE, tolerance=Tolerance(0.0, 1e-4))
LBFGSB = Case("L-BFGS-B n=100", (100,), Task.MINIMISE, tolerance=Tolerance(0.0, 1e-3))
CASES = (Case("n=2", (2,)), Case("n=100", (100,)), BFGS, LBFGSB)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    if case.task is Task.MINIMISE:
        return (numpy.tile([-1.2, 1.0 + 0.1 * seed], case.shape[0] // 2),)
    return (numpy.random.default_rng(seed).normal(size=case.shape),)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    def rosenbrock(x):
        return lang.np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    return rosenbrock


def minimise(case: Case, value_and_gradient: Call) -> Call:
    from scipy.optimize import minimize  # half a second, for two cases

    options: dict[str, Any] = {"maxiter": 5000, "maxfun": 10_000} if case is LBFGSB else {}
    method = case.name.split()[0]
    return lambda start: minimize(value_and_gradient, start, jac=True, method=method, options=options).x


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit(fastmath=True)
    def value_and_gradient(x):
        n = x.size
        gradient = numpy.empty(n)
        value = carry = 0.0
        for i in range(n - 1):
            a = x[i]
            b, c = x[i + 1] - a * a, 1.0 - a
            value += 100.0 * b * b + c * c
            gradient[i] = carry - 400.0 * a * b - 2.0 * c
            carry = 200.0 * b
        gradient[n - 1] = carry
        return value, gradient

    return value_and_gradient
