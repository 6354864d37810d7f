"""Is the result right: every peer against the limit, the limit against NumPy.

The limit's results at two sets of arguments are stored in a reference file per case. Two, because a version that
returns what it remembers, or overwrites what it returned before, agrees at one. The limit itself is checked against
the NumPy function, evaluated in double precision: its value, and its derivative along a random direction by
differences.
"""

import math
from pathlib import Path
from typing import Any

import numpy

from benchmarks.peer import flat
from benchmarks.peers.numpy_forward import LANGUAGE
from benchmarks.workload import Array, Call, Case, Task, Tolerance, Workload

SEEDS = (0, 1)


def agrees(call: Call, workload: Workload, case: Case, path: Path, with_gradient: bool) -> str:
    """What is wrong with the results of `call`, or nothing."""
    results = [flat(call(*workload.arguments(case, seed))) for seed in SEEDS]
    with numpy.load(path) as reference:
        for seed, result in zip(SEEDS, results, strict=True):
            expected = [reference[name] for name in reference.files if name.startswith(f"{seed}.")]
            problem = _differences(result, expected if with_gradient else expected[:1], case.tolerance)
            if problem:
                return problem
    return ""


def write_reference(call: Call, workload: Workload, case: Case, path: Path) -> str:
    """Store the limit's results, and say what is wrong with them, or nothing."""
    results = [flat(call(*workload.arguments(case, seed))) for seed in SEEDS]
    arrays = {
        f"{seed}.{i:02d}": numpy.asarray(part)
        for seed, result in zip(SEEDS, results, strict=True)
        for i, part in enumerate(result)
    }
    numpy.savez(path, **arrays)  # type: ignore[arg-type]
    function = workload.loss(LANGUAGE, case)
    arguments = [_doubled(each) for each in (*workload.arguments(case, SEEDS[0]), *workload.data(case))]
    return _limit_differs(case, function, arguments, [_doubled(part) for part in results[0]])


def _differences(found: list[Any], expected: list[Array], tolerance: Tolerance) -> str:
    if len(found) != len(expected):
        return f"{len(found)} results, expected {len(expected)}"
    problems = (_difference(i, f, e, tolerance) for i, (f, e) in enumerate(zip(found, expected, strict=True)))
    return next((problem for problem in problems if problem), "")


def _difference(index: int, found: Any, expected: Array, tolerance: Tolerance) -> str:
    what = f"result {index}"
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


def _doubled(argument: Any) -> Any:
    single = isinstance(argument, numpy.ndarray) and argument.dtype == numpy.float32
    return argument.astype(numpy.float64) if single else argument


def _limit_differs(case: Case, function: Call, arguments: list[Any], results: list[Any]) -> str:
    """Rounding and truncation of the differences are both below the limits given here, at these steps."""
    n = case.differentiated
    generator = numpy.random.default_rng(7)
    # Along the direction that is multiplied with, where there is one.
    directions = (
        [arguments[1]] if case.task is Task.HVP else [generator.normal(size=numpy.shape(a)) for a in arguments[:n]]
    )
    fixed = arguments[n + (case.task is Task.HVP) :]

    def at(step: float) -> Any:
        moved = [a + step * d for a, d in zip(arguments[:n], directions, strict=True)]
        return numpy.asarray(function(*moved, *fixed), numpy.float64)

    if case.task is Task.MINIMISE:
        end = results[0]
        slope = numpy.abs(function(end + 1e-5) - function(end - 1e-5)) / 2e-5
        return "" if slope < 1e-2 else f"the run of the limit ended where the slope is {slope:.3g}"
    if case.task in (Task.HESSIAN, Task.HVP):
        by_hand = results[0] @ directions[0] if case.task is Task.HESSIAN else results[0]
        curvature = (at(1e-4) - 2 * at(0.0) + at(-1e-4)) / 1e-8
        return _far_off("curvature", directions[0] @ by_hand, curvature, 1e-4 * abs(curvature))
    # A long direction crosses the kinks of a relu, and leaves the range of a series, sooner.
    step = 1e-5 / max(1.0, math.sqrt(sum(float(numpy.sum(numpy.square(d))) for d in directions)) / 3)
    slopes = (at(step) - at(-step)) / (2 * step)
    if case.task is Task.JACOBIAN:
        return _far_off("slopes", results[0] @ directions[0], slopes, 1e-5 * float(numpy.abs(slopes).max()))
    value, *gradients = results
    problem = _difference(0, value, at(0.0), case.tolerance)
    typical = numpy.sqrt(sum(float(numpy.sum(numpy.square(g))) for g in gradients))  # size of a slope
    by_hand = sum(float(numpy.sum(g * d)) for g, d in zip(gradients, directions, strict=True))
    rounding = 1e-15 * abs(float(value)) / step
    return problem or _far_off("slope", by_hand, slopes, max(1e-5, case.tolerance.relative) * typical + rounding)


def _far_off(what: str, by_hand: Any, by_differences: Any, allowed: float) -> str:
    if numpy.all(numpy.abs(by_hand - by_differences) <= allowed):
        return ""
    return f"{what} by hand: {by_hand}; by differences: {by_differences}"
