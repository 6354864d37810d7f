"""First and second derivatives of NumPy code by dual numbers over complex steps: the oracle of the random programs.

A `Dual` holds `value + tangent * eps` with eps**2 = 0 (Clifford 1873; Griewank & Walther, "Evaluating Derivatives",
2008, chapter 3). Both parts are complex: the imaginary parts carry a step of 1e-100 in a second direction (Squire &
Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998). So one run of a
program f at `x + i h t2`, with tangent t1, gives

    real value: f        real tangent: f'(x) t1        imaginary tangent / h: f''(x) t1 t2

exact up to rounding. It shares nothing with autodiff: it runs the text of the program on arrays, one NumPy call after
another, knows no blocks and no cotangents, and second derivatives need no rule at all. What a smooth function needs is
its derivative as a NumPy expression; a function that is linear in its arrays needs to be in `LINEAR`; one that chooses
(max, sort, where) chooses by the real value. Numbers are computed in double precision whatever the program asks for.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

STEP = 1e-100


class Dual(np.lib.mixins.NDArrayOperatorsMixin):
    """A number and its tangent; looks like an array of floats."""

    __slots__ = ("tangent", "value")
    __hash__ = None

    def __init__(self, value: Any, tangent: Any) -> None:
        self.value = np.asarray(value, complex)
        self.tangent = np.broadcast_to(np.asarray(tangent, complex), self.value.shape)

    @property
    def real(self) -> Any:
        return self.value.real

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def astype(self, dtype: Any) -> Any:
        """Itself as a float; a plain array as an integer or bool: from there on, no derivative."""
        return self if np.dtype(dtype).kind == "f" else self.real.astype(dtype)

    def __getitem__(self, index: Any) -> Dual:
        return Dual(self.value[index], self.tangent[index])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any) -> Any:
        assert method == "__call__", (ufunc, method)
        return call(ufunc, inputs, {})

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(function, args, kwargs)


def call(function: Any, args: Any, kwargs: Any) -> Any:
    """The function of duals, by the kind of function it is."""
    if function in PARTIAL:
        (x,) = args
        return Dual(function(x.value), PARTIAL[function](x.value) * x.tangent)
    if function in ADDITIVE:
        args = tuple(map(dual, args))
    if function in ADDITIVE or function in LINEAR:
        values, tangents = (over(args, part) for part in (lambda x: dual(x).value, lambda x: dual(x).tangent))
        return Dual(function(*values, **kwargs), function(*tangents, **kwargs))
    if function in BILINEAR:
        first, (x, y) = args[:-2], map(dual, args[-2:])
        left, right = (function(*first, *parts, **kwargs) for parts in ((x.tangent, y.value), (x.value, y.tangent)))
        return Dual(function(*first, x.value, y.value, **kwargs), left + right)
    if function in BY_VALUE:
        return function(*over(args, lambda x: real(x)), **kwargs)
    return RULES[function](*args, **kwargs)


def over(args: Any, part: Any) -> list[Any]:
    """The arguments with one part in place of every dual, and of everything in a list that holds one."""

    def one(a: Any) -> Any:
        if isinstance(a, Dual):
            return part(a)
        holds = isinstance(a, list | tuple) and any(isinstance(b, Dual) for b in a)
        return [part(b) for b in a] if holds else a

    return [one(a) for a in args]


def dual(x: Any) -> Dual:
    return x if isinstance(x, Dual) else Dual(x, np.zeros(np.shape(x)))


def real(x: Any) -> Any:
    return x.real if isinstance(x, Dual) else x


# dy/dx of functions of one array.
PARTIAL = {
    np.sin: np.cos,
    np.cos: lambda x: -np.sin(x),
    np.tan: lambda x: 1 / np.cos(x) ** 2,
    np.sinh: np.cosh,
    np.cosh: np.sinh,
    np.tanh: lambda x: 1 / np.cosh(x) ** 2,
    np.arcsin: lambda x: (1 - x * x) ** -0.5,
    np.arccos: lambda x: -((1 - x * x) ** -0.5),
    np.arctan: lambda x: 1 / (1 + x * x),
    np.arcsinh: lambda x: (1 + x * x) ** -0.5,
    np.arctanh: lambda x: 1 / (1 - x * x),
    np.exp: np.exp,
    np.exp2: lambda x: np.log(2) * 2**x,
    np.expm1: np.exp,
    np.log: lambda x: 1 / x,
    np.log2: lambda x: 1 / (x * np.log(2)),
    np.log10: lambda x: 1 / (x * np.log(10)),
    np.log1p: lambda x: 1 / (1 + x),
    np.sqrt: lambda x: 0.5 * x**-0.5,
    np.square: lambda x: 2 * x,
    np.reciprocal: lambda x: -(x**-2),
}
# Applied to values and to tangents alike: of all arguments, constants too (their tangent is zero) ...
ADDITIVE = {np.add, np.subtract}
# ... and of the duals among the arguments, the others being axes, indices and the like.
LINEAR = {
    *(np.negative, np.positive, np.sum, np.mean, np.cumsum, np.trace, np.diff, np.diag),
    *(np.tril, np.triu, np.diagonal, np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims),
    *(np.squeeze, np.broadcast_to, np.concatenate, np.stack, np.flip, np.roll, np.rot90, np.tile, np.repeat, np.pad),
    *(np.take, np.take_along_axis, np.append, np.vstack, np.hstack, np.ediff1d, np.trapezoid, np.gradient),
}
# Linear in each of the last two arguments.
BILINEAR = {np.multiply, np.matmul, np.dot, np.outer, np.inner, np.einsum, np.kron, np.convolve, np.cross}
# What has no derivative is computed on plain numbers.
BY_VALUE = {
    *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.isfinite),
    *(np.argmax, np.argmin, np.argsort, np.searchsorted, np.sign, np.floor, np.ceil, np.trunc, np.rint),
    *(np.shape, np.zeros_like, np.ones_like),
}


def _where(condition: Any, x: Any, y: Any) -> Dual:
    x, y = dual(x), dual(y)
    return Dual(np.where(condition, x.value, y.value), np.where(condition, x.tangent, y.tangent))


def _power(x: Any, n: Any) -> Any:
    if isinstance(x, Dual) and not isinstance(n, Dual):
        return Dual(x.value**n, n * x.value ** (np.asarray(n) - 1.0) * x.tangent)
    return np.exp(n * np.log(x))


def _remainder(x: Any, y: Any) -> Any:
    return x - np.floor_divide(real(x), real(y)) * y


def _var(x: Dual, **where: Any) -> Any:
    centre = np.mean(x, **{**where, "keepdims": True})
    return np.mean((x - centre) ** 2, **where)


def _chosen(best: Any) -> Any:
    """Of max or min: the elements that attain it; programs avoid ties."""

    def rule(x: Dual, axis: Any = None, keepdims: bool = False) -> Any:
        winners = x.real == best(x.real, axis=axis, keepdims=True)
        return np.sum(np.where(winners, x, 0.0), axis=axis, keepdims=keepdims)

    return rule


def _prod(x: Dual, axis: int) -> Any:
    parts = [np.take(x, k, axis=axis) for k in range(x.shape[axis])]
    return functools.reduce(np.multiply, parts)


def _cumprod(x: Dual, axis: int) -> Any:
    parts = [_prod(np.take(x, range(k + 1), axis=axis), axis) for k in range(x.shape[axis])]
    return np.stack(parts, axis=axis)


def _sort(x: Dual, axis: int) -> Any:
    return np.take_along_axis(x, np.argsort(x.real, axis=axis), axis=axis)


def _median(x: Dual, axis: int) -> Any:
    n, ordered = x.shape[axis], _sort(x, axis)
    return (np.take(ordered, (n - 1) // 2, axis=axis) + np.take(ordered, n // 2, axis=axis)) * 0.5


RULES = {
    np.where: _where,
    np.divide: lambda x, y: x * (np.reciprocal(y) if isinstance(y, Dual) else 1 / y),
    np.power: _power,
    np.remainder: _remainder,
    np.absolute: lambda x: np.where(x.real > 0, x, -x),
    np.maximum: lambda x, y: np.where(real(x) > real(y), x, y),
    np.minimum: lambda x, y: np.where(real(x) < real(y), x, y),
    np.clip: lambda x, low, high: np.where(real(x) < low, low, np.where(real(x) > high, high, x)),
    np.hypot: lambda x, y: np.sqrt(x * x + y * y),
    np.logaddexp: lambda x, y: np.log(np.exp(x) + np.exp(y)),
    np.arctan2: lambda y, x: np.arctan(y / x),  # for positive x
    np.var: _var,
    np.std: lambda x, **where: np.sqrt(_var(x, **where)),
    np.max: _chosen(np.max),
    np.min: _chosen(np.min),
    np.prod: _prod,
    np.cumprod: _cumprod,
    np.sort: _sort,
    np.median: _median,
    np.linalg.norm: lambda x, axis: np.sqrt(np.sum(x * x, axis=axis)),
}
