"""`a[i] = v`, `a[i] += v` and `a += v` of rewritten code, where `a` may be a plain array and `v` traced.

A plain array cannot hold a traced value. If it is known by one name only, a traced array takes its place under that
name; otherwise the error says what to do.
"""

from __future__ import annotations

import operator
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import DTypeError
from autodiff.frontends import trees as optree
from autodiff.frontends.array import ArrayMethods, holds_arrays, stacked
from autodiff.frontends.control_carry import typed
from autodiff.frontends.control_depth import in_loop
from autodiff.frontends.control_region import RegionBuilder, in_region, is_number, tracing
from autodiff.frontends.surface.storage import copied
from autodiff.frontends.tracer import Tracer
from autodiff.frontends.world import cell_content
from autodiff.ir.build import emitter, emitting_to
from autodiff.ops.arithmetic import identity

_REFERENCES, _KNOWN = 5, 3
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "@=": operator.imatmul,
    "&=": operator.iand,
    "|=": operator.ior,
    "^=": operator.ixor,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
}


class _Index:
    """`index[i, 1:3]` is what stands between the brackets."""

    def __getitem__(self, index: Any) -> Any:
        return index


index = _Index()


def item(x: Any, at: Any) -> Any:
    """`x[at]`; a plain array, or a list of arrays that are alike, may be read at a traced position."""
    at = _without_lists(at)
    if type(x) is np.ndarray and x.dtype.kind in "fiubc" and tracing() and _traced(at):
        return emitter().lift(x)[at]  # type: ignore[index]
    if isinstance(x, list | tuple) and isinstance(at, Tracer) and (in_loop() or in_region()):
        stack = stacked_items(x)
        if stack is not None:
            return optree.tree_map(lambda leaf: leaf[at], stack)
    return x[at]


def stacked_items(items: Sequence[Any]) -> Any:
    """Items of one structure and of equal types as one item with an axis in front; None when they are not that."""
    flat = [optree.tree_flatten(v) for v in items]
    if not flat or any(spec != flat[0][1] for _, spec in flat):
        return None
    columns = list(zip(*(leaves for leaves, _ in flat), strict=True))
    if not all(map(is_number, (x for column in columns for x in column))):
        return None
    types = [{(typed(x)[0], typed(x)[1]) for x in column} for column in columns]
    if not columns or any(len(found) > 1 for found in types):
        return None
    stacks = []
    for column, ((_, weak),) in zip(columns, types, strict=True):
        with emitting_to(_home(column)):
            stack = stacked(list(column))
        if isinstance(stack, Tracer):
            stack.weak = weak
        stacks.append(stack)
    return optree.tree_unflatten(flat[0][1], stacks)


def _home(column: Sequence[Any]) -> Any:
    """The outermost trace that knows all of some values: what is stacked there is not stacked in every trip."""
    found: Any = emitter()
    homes = {id(x.home) for x in column if isinstance(x, Tracer)}
    while isinstance(found, RegionBuilder) and id(found) not in homes:
        found = found.outer
    return found


def stored(value: Any, array: Any, at: Any, own: bool) -> Any:
    """`array[at] = value`; the array, or what takes its place. `own`: whether a name of the function is set to it."""
    at = _without_lists(at)
    if type(array) is np.ndarray and tracing() and (_traced(value) or _traced(at)):
        array = _in_place_of(array, own)
    array[at] = value
    return array


def loaded(array: Any, at: Any) -> tuple[Any, Any, Any]:
    """The beginning of `array[at] += value`."""
    at = _without_lists(at)
    if type(array) is np.ndarray and tracing() and _traced(at):
        return array, at, emitter().lift(array)[at]  # type: ignore[index]
    return array, at, array[at]


def updated(place: tuple[Any, Any, Any], sign: str, value: Any, own: bool) -> Any:
    """The end of `array[at] += value`."""
    array, at, now = place
    del place
    if type(array) is np.ndarray and tracing() and (_traced(value) or _traced(at)):
        array = _in_place_of(array, own)
        now = array[at]
    array[at] = OPERATORS[sign](now, value)
    return array


def augmented(x: Any, sign: str, value: Any) -> Any:
    """`x += value`."""
    if type(x) is np.ndarray and isinstance(value, ArrayMethods) and tracing():
        x = _in_place_of(x, own=True)
    return OPERATORS[sign](x, value)


def _without_lists(at: Any) -> Any:
    """An index in which lists that hold traced numbers are arrays: `a[[i, j]]`."""
    if isinstance(at, list) and holds_arrays(at):
        return stacked(at)
    return tuple(map(_without_lists, at)) if isinstance(at, tuple) else at


def _traced(x: Any) -> bool:
    if isinstance(x, tuple | list):
        return holds_arrays(x) or any(map(_traced, x))
    if isinstance(x, slice):
        return any(isinstance(part, ArrayMethods) for part in (x.start, x.stop, x.step))
    return isinstance(x, ArrayMethods)


def _in_place_of(array: np.ndarray, own: bool) -> Any:
    """A traced array with the elements of a plain one, which nobody else may know."""
    # The variable of the user's function, two of this module, and those of the calls.
    if not own or sys.getrefcount(array) > _REFERENCES or array.base is not None:
        raise no_place(array)
    return traced_copy(array)


def no_place(array: np.ndarray, name: str = "") -> DTypeError:
    called = f" ({name!r})" if name else ""
    return DTypeError(
        f"a traced value is written into a plain NumPy array of shape {array.shape}{called} that is also known "
        "elsewhere: by another name, as an argument, or from outside of the function",
        "make the array in the function, with np.zeros(shape) or x.copy(), and return it",
    )


def promote(names: Sequence[str], cells: dict[str, types.CellType]) -> None:
    """Let traced arrays take the place of the plain ones that variables hold, where nobody else holds them."""
    for name in names:
        value = cell_content(cells[name]) if name in cells else None
        plain = type(value) is np.ndarray and value.dtype.kind in "fiubc" and value.base is None
        # Known to the cell, to `value`, and to the call of getrefcount: to nobody else.
        if plain and sys.getrefcount(value) <= _KNOWN:
            cells[name].cell_contents = traced_copy(value)


def traced_copy(array: np.ndarray) -> Any:
    """A traced array with the elements of a plain one."""
    return copied(identity(array))
