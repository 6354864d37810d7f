"""NumPy's functions whose results share their elements with the argument."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.frontends.surface import indexing, spans
from autodiff.frontends.surface.storage import ReadOnly, Reshaper, View, Viewer
from autodiff.ir.core import Operand

_VIEWERS = """
transpose permute_dims matrix_transpose swapaxes moveaxis rollaxis expand_dims squeeze
broadcast_to diagonal flip flipud fliplr rot90 split array_split hsplit vsplit dsplit unstack
linalg.matrix_transpose linalg.diagonal
"""
_KINDS = ((Viewer, _VIEWERS), (Reshaper, "reshape ravel"), (ReadOnly, "real imag diag"))


def _found(name: str) -> Any:
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def sharing(functions: dict[Any, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
    """Of the table of NumPy's functions and ours, those that give views, which then say so."""
    views = viewing(functions)
    many = [_found(f"atleast_{n}d") for n in (1, 2, 3)]
    views.update({f: _of_each(Viewer(f, functions[f])) for f in many if f in functions})
    views[np.broadcast_arrays] = _broadcast_arrays(functions[np.broadcast_arrays], views[np.broadcast_to])
    views[np.einsum] = _einsum(functions[np.einsum])
    return views


def viewing(functions: dict[Any, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
    """Of some functions, those that always give a view of their argument."""
    known = [(kind, _found(name)) for kind, names in _KINDS for name in names.split()]
    return {f: kind(f, functions[f]) for kind, f in known if f in functions}


def _of_each(viewer: Viewer) -> Callable[..., Any]:
    return lambda *arys: viewer(arys[0]) if len(arys) == 1 else tuple(map(viewer, arys))


def _broadcast_arrays(ours: Callable[..., Any], one: Any) -> Callable[..., Any]:
    def call(*args: Any, subok: bool = False) -> Any:
        return tuple(one.shared(a, y, ((y.aval.shape,), {})) for a, y in zip(args, ours(*args), strict=True))

    return call


def _einsum(ours: Callable[..., Any]) -> Callable[..., Any]:
    """Of one operand it may be a view: np.einsum("ii->i", x) is the diagonal."""

    def call(*args: Any, **kwargs: Any) -> Any:
        y = ours(*args, **kwargs)
        if len(args) != 2 or not isinstance(args[0], str) or kwargs:
            return y
        text = args[0]
        swapped = ReadOnly(lambda x: np.einsum(text, x), lambda x: ours(text, x))
        return swapped.shared(args[1], y, ((), {}))

    return call


class Indexed(Viewer):
    """Basic indexing: integers, slices, None and Ellipsis."""

    def put(self, view: View, source: Any, part: Any) -> Any:
        if not self._recorded(view):
            return super().put(view, source, part)
        return indexing.index_set(source, view.call[0][0], part)

    def writeable(self, view: View) -> bool:
        return self._recorded(view) or super().writeable(view)

    def _recorded(self, view: View) -> bool:
        """Whether a position is only known when the program runs."""
        index = view.call[0][0]
        parts = index if isinstance(index, tuple) else (index,)
        ends = [e for p in parts for e in ((p.start, p.stop) if isinstance(p, slice) else (p,))]
        return any(isinstance(e, Operand) and not hasattr(e, "known_value") for e in ends)


_indexed = Indexed(operator.getitem, indexing.getitem)


def getitem(x: Any, index: Any) -> Any:
    """x[index]: a view where NumPy gives one, that is without index arrays, and unless it is a number."""
    plain = indexing.plain_key(index) is not None
    if not plain and hasattr(x, "selection"):
        found = _of_unknown_shape(x, index)
        if found is not None:
            return found
    y = indexing.getitem(x if x.storage is None else x.storage.now(x), index)
    if not y.aval.shape and not _has_ellipsis(index):
        return y
    if plain or indexing.is_basic(index):
        return _indexed.shared(x, y, ((index,), {}))
    forget = getattr(y, "forget_order", None)
    if forget is not None:
        forget()
    return y


def _of_unknown_shape(x: Any, index: Any) -> Any:
    """x[index] of a traced array when its shape depends on values; else None."""
    if isinstance(index, Operand):
        mask = indexing.recorded_mask(index) if spans.of(index) is None else None
        if mask is not None:
            return x.selection(mask)
        return None if spans.of(index) is None else spans.gathered(x, index)
    cut = spans.cut(x, index)
    return None if cut is None else getitem(x, cut.index).ragged(cut.spans, (x, index))


def is_part(value: Any, x: Any, index: Any) -> bool:
    """Whether `value` is the array that `x[index]` gave, still a view of x."""
    view = getattr(value, "storage", None)
    if isinstance(view, spans.Open):
        return value.part_of is not None and value.part_of[0] is x and value.part_of[1] is index
    if not isinstance(view, View) or view.base is not x or view.viewer is not _indexed:
        return False
    return view.call[0][0] is index or (indexing.is_basic(index) and _same_index(view.call[0][0], index))


def _same_index(a: Any, b: Any) -> bool:
    """Whether two basic indices are one; positions that are computed are when they are one value."""
    if isinstance(a, Operand) or isinstance(b, Operand):
        return a is b
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same_index, a, b))
    if isinstance(a, slice) and isinstance(b, slice):
        return _same_index((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    return type(a) is type(b) and bool(a == b)


def unknown_part(x: Any, index: Any) -> Any:
    """The part of a traced array between computed positions; None for any other index."""
    if indexing.plain_key(index) is not None or isinstance(index, Operand) or not hasattr(x, "selection"):
        return None
    return _of_unknown_shape(x, index)


def _has_ellipsis(index: Any) -> bool:
    return index is Ellipsis or (type(index) is tuple and any(p is Ellipsis for p in index))
