"""A chain of elementwise functions under a sum, from 10 numbers to 1e7.

At 10 the call is measured, at 1e3 and 1e5 the arithmetic (in cache), at 1e7 the memory: NumPy style passes over an
80 MB array seven times, a fused loop reads it once and writes the gradient once.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "sum(tanh(x) * exp(-x**2) + log1p(x**2))"
CASES = (
    Case("n=10", (10,)),
    Case("n=1e3", (1_000,)),
    Case("n=1e5", (100_000,)),
    Case("n=1e7", (10_000_000,), heavy=True),
)
HUGE_PAGES = 2**19  # elements, 4 MiB


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    return (numpy.random.default_rng(seed).normal(size=case.shape),)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def chain(x):
        return np.sum(np.tanh(x) * np.exp(-(x**2)) + np.log1p(x**2))

    return chain


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit(fastmath=True)
    def into(x, gradient):
        value = 0.0
        for i in range(x.size):
            a = x[i]
            s = a * a
            t, e = vm.tanh(a), vm.exp(-s)
            value += t * e + vm.log1p(s)
            gradient[i] = (1.0 - t * t - 2.0 * a * t) * e + 2.0 * a / (1.0 + s)
        return value

    @njit(fastmath=True)
    def fresh(x):
        gradient = numpy.empty_like(x)
        return into(x, gradient), gradient

    def fresh_on_huge_pages(x):
        # NumPy asks for huge pages from 4 MiB on, Numba's allocator does not: a third less time at 1e7.
        gradient = numpy.empty_like(x)
        return into(x, gradient), gradient

    return fresh if case.shape[0] < HUGE_PAGES else fresh_on_huge_pages
