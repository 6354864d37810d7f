"""Long programs: what a first call costs for 10 to 5,000 operations, on arrays and on one number.

Straight-line code, as unrolled loops and generated models have it. The column to read is the first call. Every
operation depends on the one before.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "program size"
ELEMENTWISE = {Case(f"elementwise, {n:,} ops", (1000,), heavy=n > 100): n for n in (10, 50, 1_000, 5_000)}
SCALAR = {Case(f"scalar, {n:,} ops", heavy=n > 100): n for n in (10, 50, 1_000, 5_000)}
CASES = (*ELEMENTWISE, *SCALAR)
FACTORS = numpy.array([0.9, 1.1, 0.7, 1.3, 0.8])  # in turn: no two neighbours are the same program
PUSHES = numpy.array([0.02, -0.02])  # in turn: neither the values nor the derivative grow or vanish


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    x = numpy.random.default_rng(seed).normal(size=case.shape)
    return (x if case in ELEMENTWISE else float(x),)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    """Five operations a round: a product, a sum, a sine, a product, a sum."""
    np = lang.np
    rounds = {**ELEMENTWISE, **SCALAR}[case] // 5

    def chain(x):
        y = x
        for i in range(rounds):
            factor, push = float(FACTORS[i % 5]), float(PUSHES[i % 2])
            y = y + push * np.sin(y * factor + 0.1)
        return np.sum(y) if case in ELEMENTWISE else y

    return chain


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    rounds = {**ELEMENTWISE, **SCALAR}[case] // 5

    @njit(fastmath=True)
    def one(x, angles):
        y = x
        for i in range(rounds):
            angles[i] = y * FACTORS[i % 5] + 0.1
            y += PUSHES[i % 2] * numpy.sin(angles[i])
        ct = 1.0
        for i in range(rounds - 1, -1, -1):
            ct *= 1.0 + PUSHES[i % 2] * numpy.cos(angles[i]) * FACTORS[i % 5]
        return y, ct

    @njit(fastmath=True)
    def scalar(x):
        return one(x, numpy.empty(rounds))

    @njit(fastmath=True)
    def elementwise(x):
        gradient, angles = numpy.empty_like(x), numpy.empty(rounds)
        value = 0.0
        for i in range(x.size):
            y, gradient[i] = one(x[i], angles)
            value += y
        return value, gradient

    return elementwise if case in ELEMENTWISE else scalar
