"""`x[:i]` with a traced `i`: an array whose shape is not known.

A `Ragged` holds the elements of whole axes (`values`, an array like any other, of which it shows a part) and the
spans of these axes that it consists of. Elements outside may be anything; whatever combines elements leaves them out
with `select`, so neither they nor their slopes matter. Functions of it are in `ragged_functions`; those that are not
there need a shape, and say so.

As in NumPy it is a view: `values` is an array that shares its elements with `x`, and writes go there.
"""

from __future__ import annotations

import operator
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autodiff.errors import AxisError, ConcretizationError
from autodiff.frontends import ragged_functions as functions
from autodiff.frontends.ragged_elements import aligned, mapped
from autodiff.frontends.surface import elementwise, fitting, positions, spans, storage, views, writes
from autodiff.frontends.surface.spans import Span
from autodiff.frontends.tracer import Tracer
from autodiff.ops.arithmetic import mul
from autodiff.ops.families import select

Spans = tuple[Span | None, ...]


class UnknownShape(ConcretizationError, AttributeError):
    """A shape was asked for that depends on values. An `AttributeError`, so that `hasattr` says so too."""

    usual_remedy = (
        "use elementwise functions, sums and products of such slices, which do not need it; outside of loops, slice "
        "with x[:int(i)]; in a loop, keep all elements and choose with np.where, or let the loop be unrolled: "
        "ad.unrolled(range(...))"
    )


class Ragged(NDArrayOperatorsMixin, Tracer):
    """The elements of `values` that lie within the spans of all axes."""

    __slots__ = ("part_of", "spans", "values")

    def __init__(self, values: Tracer, parts: Spans, part_of: Any = None) -> None:
        self.values = values
        self.spans = parts
        self.part_of = part_of  # (x, index), if it is what x[index] gave
        self.home, self.storage, self.weak, self.hint = values.home, spans.Open(values, parts), False, ""

    def __repr__(self) -> str:
        sizes = ["?" if s else str(n) for s, n in zip(self.spans, self.values.aval.shape, strict=True)]
        return f"<traced {self.dtype} array of shape ({', '.join(sizes)}) in {self.home.name}>"

    # ---- what is known, and what is not --------------------------------------------------------

    def refuse(self, asked: str) -> NoReturn:
        axes = [k for k, s in enumerate(self.spans) if s is not None]
        raise UnknownShape(
            f"{asked} needs the shape of a slice between computed positions, whose length along axis "
            f"{', '.join(map(str, axes))} depends on their values"
        )

    def _refuse(self, asked: str, remedy: str, why: str = "") -> NoReturn:  # noqa: ARG002
        self.refuse(asked)

    def _ask(self, kind: Any, asked: str, remedy: str) -> NoReturn:  # noqa: ARG002
        self.refuse(asked)

    @property
    def aval(self) -> NoReturn:  # type: ignore[override]
        self.refuse("this operation")

    @property
    def dtype(self) -> np.dtype:
        return self.values.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.spans)

    @property
    def shape(self) -> tuple[Any, ...]:
        """Ints, and traced integers where the length is traced."""
        sizes = zip(self.spans, self.values.aval.shape, strict=True)
        return tuple([n if s is None else _weak(s.length()) for s, n in sizes])

    @property
    def size(self) -> Any:
        total: Any = 1
        for n in self.shape:
            total = n if type(total) is int and total == 1 else mul(total, n)
        return total

    def __len__(self) -> int:
        return self.values.shape[0] if self.spans[0] is None else self.refuse("len(), where code is not rewritten,")

    def __iter__(self) -> Any:
        if self.spans[0] is not None:
            self.refuse("iteration")
        return (self[k] for k in range(self.values.aval.shape[0]))

    __hash__ = object.__hash__

    # ---- elements -----------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        found, parts = self._indexed(index)
        y = self.values[found]
        return Ragged(y, parts, (self, index)) if any(s is not None for s in parts) else y

    def _indexed(self, index: Any) -> tuple[tuple[Any, ...], Spans]:
        """An index of `values`, and the spans of its result."""
        parts = list(index) if isinstance(index, tuple) else [index]
        found: list[Any] = []
        kept: list[Span | None] = []
        axis = 0
        for part in positions.filled(parts, self.ndim):
            span = None if part is None else self.spans[axis]
            if span is None:
                inner = spans.cut(self.values, (*[slice(None)] * axis, part)) if isinstance(part, slice) else None
                found.append(part if inner is None else inner.index[axis])
                if part is None or isinstance(part, slice):
                    kept.append(None if inner is None else inner.spans[axis])
            elif isinstance(part, slice):
                if part.step not in (None, 1, -1):
                    self.refuse(f"a slice with step {part.step!r}")
                found.append(slice(None, None, part.step))
                kept.append(spans.sliced(part, span))
            else:
                found.append(spans.element(span, self._number(part), axis))
            if part is not None:
                axis += 1
        return tuple(found), tuple(kept)

    def _number(self, part: Any) -> Any:
        if spans.of(part) is not None or not (positions.is_computed(part) or hasattr(type(part), "__index__")):
            self.refuse("indexing by arrays")
        if isinstance(part, bool | np.bool_):
            raise AxisError(f"an index must be an integer or a slice, got {part!r}")
        return part if positions.is_computed(part) else operator.index(part)

    def __setitem__(self, index: Any, value: Any) -> None:
        found, parts = self._indexed(index)
        if not any(s is not None for s in parts):
            writes.setitem(self.values, found, value)
        elif not views.is_part(value, self, index):
            Ragged(self.values[found], parts).assign(value)

    def assign(self, value: Any, casting: str = "unsafe", name: str = "x[i:j] = v") -> None:
        """Write a value, brought to the same positions, where the elements are."""
        storage.check_writable(self.values)
        given = value if isinstance(value, bool | int | float | complex) else aligned(value, self.spans)
        part = fitting.fitted(self.values, given, casting, name)
        now = storage.held(self.values)
        storage.write(self.values, select(spans.mask_of(self.spans), part, now))

    def fill(self, value: Any) -> None:
        self.assign(value, name="fill")

    # ---- functions -----------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        y = functions.call_ufunc(ufunc, method, inputs, kwargs)
        if out is None:
            return y
        results = y if isinstance(y, tuple) else (y,)
        for target, result in zip(out, results, strict=True):
            if isinstance(target, Ragged):
                target.assign(result, "same_kind", f"np.{ufunc.__name__}")
            elif target is not None:
                writes.into(target, result, f"np.{ufunc.__name__}")
        return out[0] if len(out) == 1 else out

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            self.refuse("out=")
        return functions.call_function(func, args, {k: v for k, v in kwargs.items() if k != "out"})

    def __matmul__(self, other: Any) -> Any:
        return functions.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return functions.matmul(other, self)

    def __pos__(self) -> Ragged:
        return self.copy()

    def copy(self, order: str = "C") -> Ragged:  # noqa: ARG002
        return Ragged(storage.copied(self.values), self.spans)

    def flatten(self, order: str = "C") -> Ragged:  # noqa: ARG002
        return self.copy() if self.ndim == 1 else self.refuse("flatten")

    def astype(self, dtype: Any, copy: bool = True) -> Ragged:
        return Ragged(self.values.astype(dtype, copy), self.spans)

    def conj(self) -> Any:
        return np.conjugate(self)  # type: ignore[call-overload]

    def conjugate(self) -> Any:
        return self.conj()

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        return mapped(elementwise.clip, (self, *args), kwargs, True)

    def round(self, decimals: int = 0, out: Any = None) -> Any:  # noqa: ARG002
        return mapped(elementwise.round_, (self, decimals), {})

    @property
    def T(self) -> Any:
        return self.transpose()

    @property
    def real(self) -> Any:
        return functions.call_function(np.real, (self,), {})

    @property
    def imag(self) -> Any:
        return functions.call_function(np.imag, (self,), {})

    def transpose(self, *axes: Any) -> Any:
        listed = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return functions.call_function(np.transpose, (self, listed), {})

    def dot(self, other: Any) -> Any:
        return functions.call_function(np.dot, (self, other), {})

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.sum, (self, *args), kwargs)

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.mean, (self, *args), kwargs)

    def prod(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.prod, (self, *args), kwargs)

    def var(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.var, (self, *args), kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.std, (self, *args), kwargs)

    def max(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.max, (self, *args), kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.min, (self, *args), kwargs)

    def any(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.any, (self, *args), kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.all, (self, *args), kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.argmax, (self, *args), kwargs)

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.argmin, (self, *args), kwargs)

    def cumsum(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.cumsum, (self, *args), kwargs)

    def cumprod(self, *args: Any, **kwargs: Any) -> Any:
        return functions.call_function(np.cumprod, (self, *args), kwargs)


def _weak(n: Any) -> Any:
    if isinstance(n, Tracer):
        n.weak = True
    return n
