"""What ops compute, in as many digits as one likes: the reference that derivatives are held against.

`reference(op)` is the op on arrays of mpmath numbers. For an elementwise op it is a line of the
table in `reference_table.py`; where NumPy's own function works on such arrays, because it only moves,
adds, multiplies and compares, it is that function; the rest is in `WHOLE`. None of it knows a
derivative: those come from differences with a step of 1e-15 in 60 digits, which are exact to
rounding (error 1e-30), on points that a step so small never moves across a kink.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpmath import mp, mpf
from op_samples import Sample
from reference_matrices import MATRICES
from reference_table import ELEMENTWISE

from autodiff.ops.families import Elementwise
from autodiff.ops.op import Op

DIGITS = 60
STEP = mpf(10) ** -15

Arrays = Sequence[Any]


def _on_each(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return np.frompyfunc(function, 1, 1)  # type: ignore[return-value]


_exp, _log = _on_each(mp.exp), _on_each(mp.log)


def _cast(x: Any, *, dtype: np.dtype) -> Any:
    if dtype.kind == "f":
        return _on_each(mp.re)(x)
    return x if dtype.kind == "c" else _on_each(lambda v: mpf(int(v)))(x)


def _scatter_add(updates: Any, indices: Any, *, shape: tuple[int, ...], axis: int) -> Any:
    out = np.full(shape, mpf(0), object)
    moved = np.moveaxis(out, axis, 0)
    rows = np.moveaxis(np.reshape(updates, (*shape[:axis], np.size(indices), *shape[axis + 1 :])), axis, 0)
    for row, index in zip(rows, np.ravel(indices), strict=True):
        moved[index] += row
    return out


def _dft(x: Any, *, axis: int, sign: int) -> Any:
    n = x.shape[axis]
    k = np.arange(n)
    roots = np.frompyfunc(lambda j: mp.expjpi(mpf(2 * sign * int(j)) / n), 1, 1)(np.outer(k, k))
    return np.moveaxis(np.moveaxis(x, axis, -1) @ roots, -1, axis)


def _rdft(x: Any, *, axis: int) -> Any:
    return np.take(_dft(x, axis=axis, sign=-1), range(x.shape[axis] // 2 + 1), axis=axis)


def _irdft(x: Any, *, axis: int, n: int) -> Any:
    rows = np.moveaxis(x, axis, 0)
    mirrored = [_on_each(mp.conj)(row) for row in rows[(n - 1) // 2 : 0 : -1]]
    ends = [_on_each(mp.re)(rows[0]), *rows[1:]]
    if n % 2 == 0 and n > 1:
        ends[n // 2] = _on_each(mp.re)(rows[n // 2])
    whole = np.moveaxis(np.array([*ends, *mirrored], object), 0, axis)
    return _on_each(mp.re)(_dft(whole, axis=axis, sign=1))


# On whole arrays: (operands..., params) -> result, or a tuple of them.
WHOLE: dict[str, Callable[..., Any]] = {
    **MATRICES,
    "cast": _cast,
    "logsumexp": lambda x, *, axes: _log(np.sum(_exp(x), axis=axes)),
    "real": lambda z: _on_each(mp.re)(z),
    "imag": lambda z: _on_each(mp.im)(z),
    "conj": lambda z: _on_each(mp.conj)(z),
    "complex": lambda a, b: a + 1j * b,
    "scatter_add": _scatter_add,
    "dft": _dft,
    "rdft": _rdft,
    "irdft": _irdft,
    "ldexp": lambda x, e: x * np.vectorize(lambda k: mpf(2) ** int(k), otypes=[object])(e),
}


def reference(op: Op) -> Callable[..., tuple[Any, ...]]:
    """The op on arrays of mpmath numbers: (operands..., params) -> results."""
    if isinstance(op, Elementwise):
        assert op.name in ELEMENTWISE, f"no reference for {op.name}: give tests/reference_table.py a line"
        function: Any = np.frompyfunc(ELEMENTWISE[op.name], len(op.partials), 1)
        return lambda *arrays, **params: (function(*arrays),)
    if op.name not in WHOLE:
        return op.evaluate
    whole = WHOLE[op.name]

    def results(*arrays: Any, **params: Any) -> tuple[Any, ...]:
        found = whole(*arrays, **params)
        return found if isinstance(found, tuple) else (found,)

    return results


# ---- numbers ---------------------------------------------------------------------------------


def exact(x: Any) -> Any:
    """The same numbers, as mpmath's."""
    return np.asarray(np.frompyfunc(mp.mpc if x.dtype.kind == "c" else mpf, 1, 1)(np.asarray(x, _widest(x.dtype))))


def rounded(x: Any, dtype: np.dtype) -> Any:
    """mpmath's numbers, as those of NumPy's of a kind."""
    return np.asarray(x).astype(_widest(dtype))


def _widest(dtype: np.dtype) -> Any:
    return np.complex128 if dtype.kind == "c" else np.float64


class Reference:
    """An op at one point, in many digits: its results at the positions `smooth`, and how they change."""

    def __init__(self, sample: Sample, smooth: Sequence[int]) -> None:
        self.function, self.params, self.wrt = reference(sample.op), sample.params, tuple(sample.floats)
        self.arrays = [exact(a) if a.dtype.kind in "fc" else a for a in sample.arrays]
        self.smooth = tuple(smooth)

    def values(self) -> tuple[Any, ...]:
        with mp.workdps(DIGITS):
            return self.at()

    def at(self, *moves: tuple[Any, Arrays]) -> tuple[Any, ...]:
        """The results where the operands have moved by `step * tangents`, for each (step, tangents)."""
        arrays = list(self.arrays)
        for step, tangents in moves:
            for k, t in zip(self.wrt, tangents, strict=True):
                arrays[k] = arrays[k] + step * t
        results = self.function(*arrays, **self.params)
        return tuple(results[k] for k in self.smooth)

    def along(self, tangents: Arrays) -> list[Any]:
        """The derivative of each result along the tangents."""
        with mp.workdps(DIGITS):
            t = list(map(exact, tangents))
            ahead, behind = self.at((STEP, t)), self.at((-STEP, t))
            return [(a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]

    def cotangents(self, cts: Arrays, moving: Arrays | None = None) -> list[Any]:
        """The gradient of <cts, results> with respect to every element; or how it changes along `moving`."""
        with mp.workdps(DIGITS):
            pairs, t = list(map(exact, cts)), None if moving is None else list(map(exact, moving))
            return [self._slopes(k, pairs, t) for k in self.wrt]

    def _slopes(self, k: int, cts: Arrays, moving: Arrays | None) -> Any:
        slopes = np.empty(np.shape(self.arrays[k]), object)
        for place in np.ndindex(slopes.shape):
            slopes[place] = self._slope(k, place, cts, moving)
        return slopes

    def _slope(self, k: int, place: tuple[int, ...], cts: Arrays, moving: Arrays | None) -> Any:
        """One entry: of a complex operand, the slope along 1 plus i times that along i."""
        one = self._difference(k, place, mpf(1), cts, moving)
        if not isinstance(np.asarray(self.arrays[k])[place], mp.mpc):
            return one
        return one + 1j * self._difference(k, place, mp.mpc(0, 1), cts, moving)

    def _difference(self, k: int, place: tuple[int, ...], unit: Any, cts: Arrays, moving: Arrays | None) -> Any:
        tangents = [np.zeros(np.shape(self.arrays[j]), object) for j in self.wrt]
        tangents[self.wrt.index(k)][place] = unit

        def slope(*moves: Any) -> Any:
            ahead = _paired(cts, self.at((STEP, tangents), *moves))
            return (ahead - _paired(cts, self.at((-STEP, tangents), *moves))) / (2 * STEP)

        if moving is None:
            return slope()
        return (slope((STEP, moving)) - slope((-STEP, moving))) / (2 * STEP)


def _paired(cts: Arrays, results: Arrays) -> Any:
    """<cts, results> = Re sum conj(ct) * result."""
    total = mpf(0)
    for ct, y in zip(cts, results, strict=True):
        total += mp.re(sum((mp.conj(a) * b for a, b in zip(np.ravel(ct), np.ravel(y), strict=True)), mpf(0)))
    return total
