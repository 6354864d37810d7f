"""NumPy itself: the value alone. What a kernel writes to is copied before, as gradients leave arguments alone."""

from typing import Any

import numpy

from benchmarks.npbench.kernel import Arguments, Call, load, loss, positions


def warm_up() -> None:
    """Nothing to start."""


def prepare(name: str, arguments: Arguments, factors: list[Any]) -> Call:
    kernel = load(name)
    function, written = loss(kernel, factors), positions(kernel, kernel.WRITTEN)

    def call(*arguments: Any) -> tuple[float, None]:
        given = list(arguments)
        for k in written:
            given[k] = numpy.copy(given[k])
        return float(function(*given)), None

    return call


def note(call: Call) -> str:
    return ""
