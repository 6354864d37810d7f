"""Newton's iteration for square roots until it has converged, differentiated through its steps.

How many steps there are depends on the number. One number, and the sum over 1,000 numbers, each with its own count.
What cannot differentiate such a loop in reverse has a fixed number of masked steps instead.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "while loop"
CASES = (
    Case("one number", (1,), data_dependent=True),
    Case("1000 numbers", (1000,), data_dependent=True),
)
CONVERGED = 1e-10
ENOUGH = 40  # steps, for any of the numbers below


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    return (numpy.exp(2 * numpy.random.default_rng(seed).normal(size=case.shape)),)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    np, (n,) = lang.np, case.shape

    def root(a):
        x = a
        while abs(x * x - a) > CONVERGED * a:
            x = 0.5 * (x + a / x)
        return x

    def roots(a):
        total = 0.0
        for i in range(n):
            total = total + root(a[i])
        return total

    def masked(a):
        def step(x, _):
            return np.where(np.abs(x * x - a) > CONVERGED * a, 0.5 * (x + a / x), x)

        return np.sum(lang.scan(step, a, numpy.arange(ENOUGH)))

    return masked if lang.scan else roots


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit
    def value_and_gradient(a):
        gradient = numpy.empty_like(a)
        steps = numpy.empty(100)
        value = 0.0
        for i in range(a.size):
            b = x = a[i]
            k = 0
            while abs(x * x - b) > CONVERGED * b:
                steps[k] = x
                k += 1
                x = 0.5 * (x + b / x)
            value += x
            ct_x, ct_b = 1.0, 0.0
            while k > 0:
                k -= 1
                x = steps[k]
                ct_b += 0.5 * ct_x / x
                ct_x = 0.5 * ct_x * (1.0 - b / (x * x))
            gradient[i] = ct_b + ct_x
        return value, gradient

    return value_and_gradient
