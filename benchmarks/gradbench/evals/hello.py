"""hello: x squared, and its derivative."""

import autodiff as ad
from benchmarks.gradbench.function import Function, Input


def square(x: float) -> float:
    return x * x


def prepare(given: Input) -> tuple[float]:
    return (float(given),)


FUNCTIONS = {"square": Function(ad.jit(square), prepare), "double": Function(ad.grad(square), prepare)}
