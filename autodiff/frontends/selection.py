"""`x[mask]` with a mask that is traced: elements whose number nobody knows yet.

A `Selection` holds values for all elements and the mask. Elementwise functions work on the
values, `a[mask] = selection` puts them where the mask is true, sums and means leave out the
others. Whatever needs to know how many there are is an error.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autodiff.errors import ConcretizationError
from autodiff.frontends.array import squares
from autodiff.frontends.surface import indexing, reductions, table
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.storage import recorded_value
from autodiff.frontends.tracer import Tracer
from autodiff.ir.core import Instr, Literal
from autodiff.ops.families import broadcast_to, reshape, select

REMEDY = "keep all elements, and choose with np.where(mask, x, 0) or a[mask] = ..."


class _Unknown:
    """The storage of a selection: it holds nothing that could be an operand."""

    first = None

    def now(self, x: Any) -> NoReturn:
        indexing.refuse_recorded_mask(x._mask, REMEDY)


class Selection(NDArrayOperatorsMixin, Tracer):
    """The elements of `values` where `mask`, which covers the leading axes, is true."""

    __slots__ = ("_mask", "_values")

    def __init__(self, values: Tracer, mask: Tracer) -> None:
        super().__init__(values.aval, values.home, weak=values.weak)
        self._values = values
        self._mask = mask
        self.storage = _Unknown()

    def __repr__(self) -> str:
        return f"<elements of {self._values!r} where {self._mask!r}>"

    def _refuse(self, asked: str, remedy: str, why: str = "") -> NoReturn:  # noqa: ARG002
        indexing.refuse_recorded_mask(self._mask, REMEDY)

    def _ask(self, kind: Any, asked: str, remedy: str) -> NoReturn:  # noqa: ARG002
        self._refuse(asked, remedy)

    def __bool__(self) -> bool:
        self._refuse("bool()", "")

    @property
    def shape(self) -> NoReturn:
        self._refuse("shape", "")

    @property
    def size(self) -> NoReturn:
        self._refuse("size", "")

    def __pow__(self, other: Any) -> Any:
        return self * self if squares(self.aval, other) else super().__pow__(other)

    @property
    def T(self) -> Any:
        return self if self._mask.aval.ndim == self.aval.ndim else self._refuse("T", "")

    def item(self, *args: Any) -> NoReturn:  # noqa: ARG002
        self._refuse(".item()", "")

    def __len__(self) -> int:
        self._refuse("len()", "")

    def __iter__(self) -> NoReturn:
        self._refuse("iteration", "")

    def __getitem__(self, index: Any) -> NoReturn:
        self._refuse("indexing", "")

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        self._refuse("indexing", "")

    def __pos__(self) -> Selection:
        return Selection(self._values, self._mask)

    def copy(self, order: str = "C") -> Selection:  # noqa: ARG002
        return Selection(self._values, self._mask)

    def astype(self, dtype: Any, copy: bool = True) -> Selection:
        return Selection(recorded_value(self._values).astype(dtype, copy), self._mask)

    def selected_by(self, mask: Any) -> Any:
        """The values, for a write under the same mask."""
        if not _same(mask, self._mask):
            raise ConcretizationError(
                "a[mask] = x[other]: both masks are traced, and whether they select as many elements is not known",
                "use one mask for both: a[mask] = x[mask]",
            )
        return recorded_value(self._values)

    # ---- elementwise ----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if method == "reduce" and ufunc in (np.add, np.multiply, np.maximum, np.minimum) and inputs[0] is self:
            kwargs = {k: v for k, v in kwargs.items() if v is not None}
            return _REDUCED[ufunc](self, **kwargs)
        if method != "__call__" or (out is not None and out[0] is not self):
            self._refuse("", "")
        y = self._elementwise(lambda *xs: table.call_ufunc(ufunc, method, xs, kwargs), inputs)
        if out is None:
            return y
        self._values = y._values
        return self

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in _REDUCTIONS:
            return _REDUCTIONS[func](*args, **kwargs)
        if func not in _ELEMENTWISE:
            self._refuse("", "")
        return self._elementwise(lambda *xs: table.call_function(func, xs, kwargs), args)

    def _elementwise(self, function: Any, inputs: tuple[Any, ...]) -> Selection:
        given = [self._whole(x) for x in inputs]
        y = lift(function(*given))
        return Selection(broadcast_to(y, self.aval.shape), self._mask)

    def _whole(self, x: Any) -> Any:
        """An operand as one for all elements."""
        if isinstance(x, Selection):
            return x.selected_by(self._mask)
        rest = self.aval.ndim - self._mask.aval.ndim
        if x is not None and not isinstance(x, bool | int | float | complex) and lift(x).aval.ndim > rest:
            self._refuse("", "")
        return x

    # ---- reductions -----------------------------------------------------------------------

    def _reduced(self, reduction: Any, neutral: Any, axis: Any, keepdims: Any) -> Any:
        """Over all elements (axis None), or over the selected ones (axis 0)."""
        if axis not in (None, 0) or (keepdims is not reductions.MISSING and keepdims):
            self._refuse("", "")
        values, rank = recorded_value(self._values), self._mask.aval.ndim
        mask = reshape(self._mask, shape=(*self._mask.aval.shape, *(1,) * (values.aval.ndim - rank)))
        kept = select(broadcast_to(mask, values.aval.shape), values, neutral)
        return reduction(kept, axis=None if axis is None else tuple(range(rank)))

    def sum(self, axis: Any = None, keepdims: Any = reductions.MISSING) -> Any:
        return self._reduced(reductions.sum, 0, axis, keepdims)

    def prod(self, axis: Any = None, keepdims: Any = reductions.MISSING) -> Any:
        return self._reduced(reductions.prod, 1, axis, keepdims)

    def max(self, axis: Any = None, keepdims: Any = reductions.MISSING) -> Any:
        return self._reduced(reductions.max, _lowest(self.aval.dtype), axis, keepdims)

    def min(self, axis: Any = None, keepdims: Any = reductions.MISSING) -> Any:
        return self._reduced(reductions.min, _highest(self.aval.dtype), axis, keepdims)

    def mean(self, axis: Any = None, keepdims: Any = reductions.MISSING) -> Any:
        ones = Selection(lift(np.ones(self.aval.shape)), self._mask)
        return self.sum(axis, keepdims) / ones.sum(axis)


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min) if dtype.kind in "iu" else False


def _highest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else int(np.iinfo(dtype).max) if dtype.kind in "iu" else True


_REDUCED = {np.add: Selection.sum, np.multiply: Selection.prod, np.maximum: Selection.max, np.minimum: Selection.min}
_REDUCTIONS = {
    np.sum: Selection.sum,
    np.mean: Selection.mean,
    np.prod: Selection.prod,
    np.max: Selection.max,
    np.min: Selection.min,
}
_ELEMENTWISE = {np.where, np.clip, np.nan_to_num, np.round, np.sinc, np.real}


def _same(a: Any, b: Any) -> bool:
    """Whether two masks are one value, or two that were computed alike: x > 0 and once more x > 0."""
    if a is b:
        return True
    if isinstance(a, Literal) and isinstance(b, Literal):
        return a.value == b.value and a.aval == b.aval
    if not (isinstance(a, Tracer) and isinstance(b, Tracer)):
        return False
    made = [_producer(x) for x in (a, b)]
    if None in made or made[0].op is not made[1].op or dict(made[0].params) != dict(made[1].params):
        return False
    return all(map(_same, made[0].operands, made[1].operands))


def _producer(x: Tracer) -> Instr | None:
    return next((i for i in reversed(x.home.instrs) if any(r is x for r in i.results)), None)
