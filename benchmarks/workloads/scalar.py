"""x**2 + 2x + 1 and its derivative for one Python float: nothing is left but the call."""

from types import ModuleType

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "one float"
CASES = (Case("x**2 + 2x + 1"),)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    return (1.7 + seed,)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    def parabola(x):
        return x**2 + 2 * x + 1

    return parabola


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit
    def value_and_derivative(x):
        return x * x + 2.0 * x + 1.0, 2.0 * x + 2.0

    return value_and_derivative
