"""Is the result right: every peer against the limit, the limit against NumPy.

The limit's value and gradient at two arguments are stored in a reference file per case. Two, because a version that
returns what it remembers, or overwrites what it returned before, agrees at one. The limit itself is checked against
the NumPy function: its value, and its gradient along a random direction by central differences.
"""

from pathlib import Path

import numpy

from benchmarks.peer import Call, Result
from benchmarks.workload import Argument, Array, Case, Loss, Tolerance, Workload

SEEDS = (0, 1)


def agrees(call: Call, workload: Workload, case: Case, path: Path, with_gradient: bool) -> str:
    """What is wrong with the results of `call`, or nothing."""
    results = [call(workload.argument(case, seed)) for seed in SEEDS]
    with numpy.load(path) as reference:
        for seed, result in zip(SEEDS, results, strict=True):
            value, gradient = _parts(result, with_gradient)
            problem = _difference("value", value, reference[f"value{seed}"], workload.TOLERANCE)
            if with_gradient and not problem:
                problem = _difference("gradient", gradient, reference[f"gradient{seed}"], workload.TOLERANCE)
            if problem:
                return problem
    return ""


def write_reference(call: Call, workload: Workload, case: Case, path: Path) -> str:
    """Store the limit's results, and say what is wrong with them, or nothing."""
    arrays: dict[str, Array] = {}
    for seed in SEEDS:
        value, gradient = _parts(call(workload.argument(case, seed)), with_gradient=True)
        arrays[f"value{seed}"], arrays[f"gradient{seed}"] = numpy.asarray(value), numpy.asarray(gradient)
    numpy.savez(path, **arrays)  # type: ignore[arg-type]
    function, data, argument = workload.loss(numpy, case), workload.data(case), workload.argument(case, SEEDS[0])
    problem = _difference("value", arrays["value0"], numpy.asarray(function(argument, *data)), workload.TOLERANCE)
    return problem or _slope_differs(function, argument, data, arrays["gradient0"])


def _parts(result: Result, with_gradient: bool) -> tuple[Argument, Argument | None]:
    if not with_gradient:
        return result, None  # type: ignore[return-value]
    value, gradient = result  # type: ignore[misc]
    return value, gradient


def _difference(what: str, found: Argument | None, expected: Array, tolerance: Tolerance) -> str:
    if not isinstance(found, float | numpy.ndarray | numpy.generic):
        return f"{what} is {type(found).__name__}, not NumPy"
    found = numpy.asarray(found)
    if found.shape != expected.shape:
        return f"{what} has shape {found.shape}, expected {expected.shape}"
    size = numpy.abs(expected)
    allowed = tolerance.relative * size + tolerance.absolute * size.max(initial=0.0)
    # Written so that NaN counts as wrong.
    wrong = ~(numpy.abs(found - expected) <= allowed)
    if not wrong.any():
        return ""
    first = numpy.unravel_index(numpy.argmax(wrong), wrong.shape)
    where = f"[{', '.join(map(str, first))}]" if first else ""
    return (
        f"{what}{where} is {found[first]:.9g}, expected {expected[first]:.9g} ({wrong.sum():,} of {wrong.size:,} off)"
    )


def _slope_differs(function: Loss, x: Argument, data: tuple[Array, ...], gradient: Array) -> str:
    """Central differences along a random direction: rounding and truncation are both below 1e-7 at this step."""
    step = 1e-5
    direction = numpy.random.default_rng(7).normal(size=numpy.shape(x))
    slope = (function(x + step * direction, *data) - function(x - step * direction, *data)) / (2 * step)
    by_hand = numpy.sum(gradient * direction)
    if abs(slope - by_hand) <= 1e-5 * float(numpy.linalg.norm(gradient)):  # the typical size of a slope
        return ""
    return f"slope of the hand-written gradient is {by_hand:.9g}, central differences give {slope:.9g}"
