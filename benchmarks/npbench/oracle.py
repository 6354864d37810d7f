"""The derivative of a kernel along a direction, by running the NumPy kernel itself.

An analytic kernel is run once at `x + i h t`: the imaginary part over h is the derivative to rounding (Squire and Trapp
1998). The others are run at six places around `x`: central differences of sixth order.
"""

from typing import Any

import numpy

from benchmarks.npbench.kernel import Arguments, Kernel, fresh, outputs, positions

IMAGINARY_STEP = 1e-30
STEP = 1e-5  # the error of the formula is its sixth power; that of rounding 1e-11 of the value
STENCIL = {1: 45 / 60, 2: -9 / 60, 3: 1 / 60}


def direction(kernel: Kernel, arguments: Arguments, name: str, seed: int) -> numpy.ndarray:
    """Random, of the shape of the argument; no entry is above 1."""
    (position,) = positions(kernel, (name,))
    argument = numpy.asarray(arguments[position])
    rng = numpy.random.default_rng(seed)
    drawn = rng.uniform(-1.0, 1.0, size=argument.shape)
    if argument.dtype.kind == "c":
        drawn = (drawn + 1j * rng.uniform(-1.0, 1.0, size=argument.shape)) / numpy.sqrt(2.0)
    return (drawn + drawn.T) / 2 if name in getattr(kernel, "SYMMETRIC", ()) else drawn


def slope(
    kernel: Kernel, arguments: Arguments, factors: list[Any], along: dict[str, numpy.ndarray], size: float = STEP
) -> float:
    """The derivative of the weighted sum of the outputs along directions of some arguments at once.

    The more numbers there are, the more kinks lie within a step: large problems need a shorter `size` of the step.
    """

    def value(start: Arguments, step: complex) -> Any:
        moved = list(fresh(start))
        for name, direction in along.items():
            (position,) = positions(kernel, (name,))
            moved[position] = moved[position] + step * direction
        found = outputs(kernel, tuple(moved))
        return sum(numpy.sum(w * y) for y, w in zip(found, factors, strict=True) if w is not None)

    if kernel.ANALYTIC:
        return float(value(_complex(arguments), 1j * IMAGINARY_STEP).imag / IMAGINARY_STEP)
    differences = [c * (value(arguments, k * size) - value(arguments, -k * size)).real for k, c in STENCIL.items()]
    return float(sum(differences) / size)


def _complex(arguments: Arguments) -> Arguments:
    """All floats as complex numbers, so that no array in the kernel is real where a complex number has to go."""
    return tuple(a + 0j if numpy.asarray(a).dtype == numpy.float64 else a for a in arguments)
