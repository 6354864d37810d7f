"""The short cut of a decorated function: from plain arrays to the kernel.

It serves one traced program. A few checks an argument, then the kernel is called; whatever
does not fit (another shape, a tape at work, a changed global) misses, and the full path in
`frontends/function.py` decides. The whole call has about a microsecond, hence closures (their
cells are read twice as fast as attributes) and a version for one argument (a loop over one
argument costs a fifth of the call).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree

from autodiff.frontends import tapes
from autodiff.frontends.fingerprint import Fingerprint
from autodiff.runtime.tiers import Program

MISSED: Any = object()
Shortcut = Callable[..., Any]


def shortcut(
    args: tuple[Any, ...], program: Program, spec: Any, captured: list[Any], fingerprint: Fingerprint
) -> Shortcut | None:
    """A function from positional arguments like `args` to the result, or to `MISSED`.

    None when the program is interpreted, or when an argument or a captured object cannot be
    handed to a kernel as it is.
    """
    given: Any = args
    leaves, spec_of_args = optree.tree_flatten(given)
    if program.run is None or not leaves or not all(map(_direct, leaves)) or not all(map(_direct_array, captured)):
        return None
    wanted, finish, holds = tuple(map(_described, leaves)), _finisher(spec), _outside(captured, fingerprint)
    if len(args) == 1 and spec_of_args.child(0).is_leaf():
        return _of_one(wanted, program, captured, finish, holds)
    return _of_many(wanted, spec_of_args, program, captured, finish, holds)


def _of_one(
    wanted: Any, program: Program, captured: list[Any], finish: Callable[[Any], Any], holds: Callable[[], bool] | None
) -> Shortcut:
    ((kind, dtype, shape),) = wanted
    kernel, rest = program.run, tuple(captured)
    assert kernel is not None
    (total, own), busy = program.infos, tapes.busy

    def call(a: Any = None, *more: Any) -> Any:
        if more or busy.count or type(a) is not kind:
            return MISSED
        if dtype is not None and (a.dtype is not dtype or a.shape != shape):
            return MISSED
        if holds is not None and not holds():
            return MISSED
        try:
            out = kernel(a, *rest) if rest else kernel(a)
        except (TypeError, ValueError):
            return MISSED  # not contiguous, or not writable: the full path copies
        own.runs += 1
        total.runs += 1
        return finish(out)

    return call


def _of_many(
    wanted: Any,
    spec: Any,
    program: Program,
    captured: list[Any],
    finish: Callable[[Any], Any],
    holds: Callable[[], bool] | None,
) -> Shortcut:
    kernel, rest = program.run, tuple(captured)
    assert kernel is not None
    (total, own), busy, count = program.infos, tapes.busy, len(wanted)
    nested = not all(child.is_leaf() for child in spec.children())
    flatten: Any = optree.tree_flatten

    def call(*args: Any) -> Any:
        if busy.count:
            return MISSED
        leaves: Any = args
        if nested:
            leaves, found = flatten(args)
            if found != spec:
                return MISSED
        elif len(args) != count:
            return MISSED
        for a, (kind, dtype, shape) in zip(leaves, wanted):  # noqa: B905 - as many as there were
            if type(a) is not kind or (dtype is not None and (a.dtype is not dtype or a.shape != shape)):
                return MISSED
        if holds is not None and not holds():
            return MISSED
        try:
            out = kernel(*leaves, *rest)
        except (TypeError, ValueError):
            return MISSED
        own.runs += 1
        total.runs += 1
        return finish(out)

    return call


def _direct(x: Any) -> bool:
    """Whether a kernel takes the argument as it is."""
    return type(x) in (float, np.float64) or _direct_array(x)


def _direct_array(x: Any) -> bool:
    """Whether a kernel can read the array as it is, now and later."""
    return bool(
        type(x) is np.ndarray
        and x.ndim
        and x.dtype.isnative
        and x.flags.c_contiguous
        and x.flags.aligned
        and x.flags.writeable
    )


def _described(x: Any) -> tuple[type, Any, Any]:
    return (float, None, None) if type(x) is float else (type(x), x.dtype, x.shape)


def _outside(captured: list[Any], fingerprint: Fingerprint) -> Callable[[], bool] | None:
    """Whether everything but the arguments is as it was; None when there is nothing to check."""
    shapes = [(c, c.shape) for c in captured]
    if not shapes and fingerprint.empty():
        return None

    def holds() -> bool:
        for c, shape in shapes:
            if c.shape != shape:
                return False
        return fingerprint.holds()

    return holds


def _finisher(spec: Any) -> Callable[[Any], Any]:
    """From a kernel's results to the user's, with the common structures written out."""
    if spec.is_leaf():
        return lambda out: out[0]
    if spec.type is tuple and all(child.is_leaf() for child in spec.children()):
        return lambda out: out
    return lambda out: optree.tree_unflatten(spec, out)
