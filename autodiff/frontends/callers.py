"""A decorated function for callers that are compiled themselves: `f.njit`, `f.address`, `f.cfunc`.

What is called is the kernel of one program, so the function's globals and closures are those of the time when
the caller was made: rebinding one later changes calls from Python, and not these. Captured arrays are read
where they are at every call. For other shapes than those asked for, `f.njit` has the function traced again.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.backends.numba.call_table import CODING
from autodiff.errors import ArgumentError
from autodiff.frontends import trees as optree
from autodiff.frontends.call import Self
from autodiff.ir.aval import ArrayAval

PYTHON = "call it from Python"


class Compiled:
    """The kernel of one entry, checked to be callable without Python.

    Raises
    ------
    ArgumentError
        When it is not: there is none, it calls NumPy back, or takes or gives what is no array or number.
    """

    def __init__(self, function: Any, entry: Any) -> None:
        self.function, self.entry, self.name = function, entry, function.name
        self.native = entry.program.ready()
        self._check_kernel()
        n = entry.traced.n_params
        self.params, self.results = [p.aval for p in entry.block.params[:n]], [r.aval for r in entry.block.results]
        self._check_arguments()
        self.structure = self._structure()
        self.captured = {n + k: self._address(c, k) for k, c in enumerate(entry.traced.captured)}

    def _refuse(self, what: str, remedy: str) -> ArgumentError:
        return ArgumentError(f"{self.name}: {what}, which compiled code cannot call", remedy)

    def _check_kernel(self) -> None:
        if self.entry.guards is not None:
            remedy = f"choose with np.where, or {PYTHON}"
            raise self._refuse("it decides on the values of its arguments, and may have to be traced again", remedy)
        if self.native is None:
            reason = self.entry.program.reason or "its kernel is compiled by Numba (AUTODIFF_NATIVE=0)"
            raise self._refuse(f"there is no native kernel ({reason})", PYTHON)
        if self.native.host is not None:
            remedy = f"take the steps in question (indexing by arrays, sorting, solving) out of it, or {PYTHON}"
            raise self._refuse("its kernel may call NumPy back", remedy)

    def _check_arguments(self) -> None:
        positional, named = self.entry.key[0].children()
        statics = {place for place, _, _ in self.entry.key[2]}
        given = [spec for k, spec in enumerate(positional.children()) if k not in statics]
        if named.num_children or any(isinstance(place, str) for place in statics):
            raise self._refuse("it was called with arguments by name", "give them by position")
        if any(kind is Self for _, kind, _ in self.entry.key[2]):
            raise self._refuse("it is a method", "decorate a function of the arrays it reads")
        if not all(spec.is_leaf() for spec in given):
            raise self._refuse("an argument is a container", "give its arrays as arguments of their own")
        for aval in (*self.params, *self.results):
            if aval.dtype not in CODING:
                raise self._refuse(f"it takes or returns {aval.dtype}", "give real and imaginary part as two arrays")

    def _structure(self) -> Any:
        """Numbers of results in tuples."""

        def known(x: Any) -> bool:
            return type(x) is int or (type(x) is tuple and all(map(known, x)))

        structure = optree.tree_unflatten(self.entry.spec, range(len(self.results)))
        if not known(structure):
            raise self._refuse(f"it returns a {type(structure).__name__}", "return numbers, arrays, or tuples of them")
        return structure

    def _address(self, captured: Any, k: int) -> int:
        aval = self.entry.block.params[self.entry.traced.n_params + k].aval
        flags = getattr(captured, "flags", None)
        if (
            type(captured) is not np.ndarray
            or captured.dtype != aval.dtype
            or not (flags.c_contiguous and flags.aligned and captured.ndim)
        ):
            raise self._refuse(
                f"it captured a {type(captured).__name__} that is no C-contiguous array", "make it an argument"
            )
        return int(captured.__array_interface__["data"][0])

    def record(self) -> Any:
        """The kernel with its words, as compiled callers find it."""
        made = caller().Record(self.native, self.captured)
        made.alive = self.entry  # whatever the kernel reads
        return made

    def like(self, shapes: Sequence[tuple[int, ...]]) -> Compiled:
        """The function for arguments of other shapes."""
        spec, leaves, fixed = self.entry.key
        statics = {place: value for place, _, value in fixed}
        rest = (_example(p, shape, weak) for p, shape, (_, weak) in zip(self.params, shapes, leaves, strict=True))
        args = [statics[k] if k in statics else next(rest) for k in range(spec.child(0).num_children)]
        return Compiled(self.function, self.function._inspected(tuple(args), {}))


def _example(aval: ArrayAval, shape: tuple[int, ...], weak: bool) -> Any:
    """An argument of this dtype and shape, without memory."""
    if shape:
        return np.broadcast_to(np.zeros((), aval.dtype), shape)
    number = aval.dtype.type(1)
    return number.item() if weak else number


def caller() -> Any:
    """The module `caller`, loaded when it is needed: it takes llvmlite along."""
    return importlib.import_module("autodiff.backends.numba.caller")


def njit_caller(function: Any, entry: Any) -> Callable[..., Any]:
    """See `Function.njit`."""
    first = Compiled(function, entry)
    ranks = [p.ndim for p in first.params]

    def ask(sizes: list[int]) -> Any:
        other = first.like(caller().shape_of(ranks, sizes))
        same = [(r.dtype, r.ndim) for r in other.results] == [(r.dtype, r.ndim) for r in first.results]
        if not same or other.structure != first.structure:
            raise ArgumentError(f"{first.name}: returns other types for other shapes", "use f.njit for each")
        return other.record()

    records = caller().Records(ask, sum(ranks))
    records.add(first.record())
    module = importlib.import_module("autodiff.backends.numba.njit_caller")
    return module.njit_caller(first.name, records, first.params, first.results, first.structure)  # type: ignore[no-any-return]


def c_address(function: Any, entry: Any) -> Any:
    """The program as `int64 f(int64 *values)`: see `Function.address`."""
    return caller().CFunctionOf(Compiled(function, entry).record(), "values", 0)


def c_function(function: Any, entry: Any) -> Any:
    """See `Function.cfunc`."""
    found = Compiled(function, entry)
    doubles = all(a.dtype == np.float64 for a in (*found.params, *found.results))
    numbers = all(not p.shape for p in found.params)
    array = len(found.params) == 1 and found.params[0].ndim == 1
    if not doubles or len(found.results) != 1 or found.results[0].shape or not (numbers or array):
        raise ArgumentError(
            f"{found.name}: f.cfunc is for functions of float64 numbers, or of one float64 vector, to one float64",
            "f.address takes any arrays and numbers",
        )
    count = len(found.params) if numbers else found.params[0].shape[0]
    signature = "array" if array else "number" if count == 1 else "numbers"
    made = caller().CFunctionOf(found.record(), signature, count)
    kinds = (ctypes.c_double,) if signature == "number" else (ctypes.c_int, ctypes.POINTER(ctypes.c_double))
    result = ctypes.CFUNCTYPE(ctypes.c_double, *kinds)(made.address)
    result.alive = made
    return result
