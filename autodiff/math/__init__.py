"""The tape world's names for elementwise functions and reductions.

`ad.math.reduce_sum(x, axis)` and `np.sum(x, axis)` record the same instruction; use whichever
reads better. Arguments are tensors, variables, arrays, lists or numbers; integers are
computed with as NumPy does, gradients exist for floats only.
"""

from __future__ import annotations

from typing import Any

from autodiff.frontends.surface import reductions
from autodiff.frontends.surface.common import lift
from autodiff.ops import arithmetic as ar
from autodiff.ops import special
from autodiff.ops import transcendental as tr
from autodiff.ops.families import add, equal, logical_and, logical_not, mul, neg, not_equal, select

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "argmax",
    "argmin",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bessel_i0",
    "bessel_i1",
    "betainc",
    "ceil",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "digamma",
    "divide",
    "divide_no_nan",
    "equal",
    "erf",
    "erfc",
    "erfcinv",
    "erfinv",
    "exp",
    "expm1",
    "floor",
    "greater",
    "greater_equal",
    "igamma",
    "igammac",
    "is_finite",
    "is_inf",
    "is_nan",
    "l2_normalize",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log1p",
    "log_sigmoid",
    "logical_and",
    "logical_not",
    "logical_or",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "ndtri",
    "negative",
    "not_equal",
    "polygamma",
    "pow",
    "reciprocal",
    "reduce_all",
    "reduce_any",
    "reduce_euclidean_norm",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_std",
    "reduce_sum",
    "reduce_variance",
    "rint",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "square",
    "squared_difference",
    "subtract",
    "tan",
    "tanh",
    "xlog1py",
    "xlogy",
    "zeta",
]

subtract, multiply, divide, negative, mod, pow = ar.sub, mul, ar.div, neg, ar.mod, tr.power
abs, sign, square, reciprocal = ar.absolute, ar.sign, ar.square, ar.reciprocal
floor, ceil, rint = ar.floor, ar.ceil, ar.rint
maximum, minimum = ar.maximum, ar.minimum
less, less_equal, greater, greater_equal = ar.less, ar.less_equal, ar.greater, ar.greater_equal
logical_or = ar.logical_or
is_nan, is_inf, is_finite = ar.isnan, ar.isinf, ar.isfinite
exp, expm1, log, log1p, sqrt = tr.exp, tr.expm1, tr.log, tr.log1p, tr.sqrt
sin, cos, tan, asin, acos, atan, atan2 = tr.sin, tr.cos, tr.tan, tr.arcsin, tr.arccos, tr.arctan, tr.arctan2
sinh, cosh, tanh, asinh, acosh, atanh = tr.sinh, tr.cosh, tr.tanh, tr.arcsinh, tr.arccosh, tr.arctanh
sigmoid, softplus = tr.sigmoid, tr.softplus
xlogy, xlog1py, log_sigmoid = special.xlogy, special.xlog1py, special.log_expit
erf, erfc, erfinv, erfcinv, ndtri = special.erf, special.erfc, special.erfinv, special.erfcinv, special.ndtri
lgamma, digamma, polygamma, zeta = special.gammaln, special.digamma, special.polygamma, special.zeta
igamma, igammac, betainc = special.gammainc, special.gammaincc, special.betainc
bessel_i0, bessel_i1 = special.i0, special.i1


def squared_difference(x: Any, y: Any) -> Any:
    """(x - y)**2, element by element, broadcasting."""
    difference = ar.sub(x, y)
    return mul(difference, difference)


def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return ar.div(1.0, tr.sqrt(x))


def divide_no_nan(x: Any, y: Any) -> Any:
    """x / y, and 0 (with derivative 0) where y is 0."""
    from_zero = equal(y, 0.0)
    return select(from_zero, 0.0, ar.div(x, select(from_zero, 1.0, y)))


def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum along `axis` (None: all)."""
    return reductions.sum(input_tensor, axis=axis, keepdims=keepdims)


def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean along `axis` (None: all)."""
    return reductions.mean(input_tensor, axis=axis, keepdims=keepdims)


def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Product along `axis` (None: all); its gradient is exact with zeros among the factors."""
    return reductions.prod(input_tensor, axis=axis, keepdims=keepdims)


def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element along `axis`; ties share the gradient."""
    return reductions.max(input_tensor, axis=axis, keepdims=keepdims)


def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element along `axis`; ties share the gradient."""
    return reductions.min(input_tensor, axis=axis, keepdims=keepdims)


def reduce_any(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any element is true."""
    return reductions.any(input_tensor, axis=axis, keepdims=keepdims)


def reduce_all(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements are true."""
    return reductions.all(input_tensor, axis=axis, keepdims=keepdims)


def reduce_variance(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Variance (divisor n) along `axis`."""
    return reductions.var(input_tensor, axis=axis, keepdims=keepdims)


def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Standard deviation (divisor n) along `axis`; derivative 0 where it is 0."""
    return reductions.std(input_tensor, axis=axis, keepdims=keepdims)


def reduce_logsumexp(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) along `axis`, without overflow."""
    return reductions.logsumexp(input_tensor, axis=axis, keepdims=keepdims)


def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """sqrt(sum(x**2)) along `axis`; derivative 0 at 0."""
    return reductions.norm(input_tensor, axis=axis, keepdims=keepdims)


def argmax(input: Any, axis: Any = None) -> Any:
    """Position of the largest element."""
    return reductions.argmax(input, axis=axis)


def argmin(input: Any, axis: Any = None) -> Any:
    """Position of the smallest element."""
    return reductions.argmin(input, axis=axis)


def cumsum(x: Any, axis: int = 0) -> Any:
    """Running sum along `axis`."""
    return reductions.cumsum(x, axis=axis)


def cumprod(x: Any, axis: int = 0) -> Any:
    """Running product along `axis`; its gradient is exact with zeros among the factors."""
    return reductions.cumprod(x, axis=axis)


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    """x / sqrt(max(sum(x**2), epsilon)) along `axis`."""
    x = lift(x)
    total = reductions.sum(mul(x, x), axis=axis, keepdims=True)
    return mul(x, rsqrt(ar.maximum(total, epsilon)))
