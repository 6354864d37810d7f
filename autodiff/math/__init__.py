"""The tape world's names for elementwise functions and reductions.

`ad.math.reduce_sum(x, axis)` and `np.sum(x, axis)` record the same instruction; use whichever
reads better. Arguments are tensors, variables, arrays, lists or numbers; integers are
computed with as NumPy does, gradients exist for floats only.
"""

from __future__ import annotations

from typing import Any

from autodiff.errors import ShapeError
from autodiff.frontends.surface import indexing, norms, ordering, reductions
from autodiff.frontends.surface.common import lift
from autodiff.math.scans import cumprod, cumsum, cumulative_logsumexp
from autodiff.math.segments import (
    boolean_mask,
    confusion_matrix,
    gather,
    gather_nd,
    one_hot,
    scatter_nd,
    segment_max,
    segment_mean,
    segment_min,
    segment_prod,
    segment_sum,
    sequence_mask,
    tensor_scatter_nd_add,
    tensor_scatter_nd_max,
    tensor_scatter_nd_min,
    tensor_scatter_nd_sub,
    tensor_scatter_nd_update,
    unsorted_segment_max,
    unsorted_segment_mean,
    unsorted_segment_min,
    unsorted_segment_prod,
    unsorted_segment_sqrt_n,
    unsorted_segment_sum,
)
from autodiff.ops import arithmetic as ar
from autodiff.ops import special
from autodiff.ops import special_bessel as bessel
from autodiff.ops import special_error as error
from autodiff.ops import special_integrals as integrals
from autodiff.ops import transcendental as tr
from autodiff.ops.families import add, equal, logical_and, logical_not, mul, neg, not_equal, select

__all__ = [
    "abs",
    "accumulate_n",
    "acos",
    "acosh",
    "add",
    "add_n",
    "argmax",
    "argmin",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bessel_i0",
    "bessel_i0e",
    "bessel_i1",
    "bessel_i1e",
    "bessel_j0",
    "bessel_j1",
    "bessel_k0",
    "bessel_k0e",
    "bessel_k1",
    "bessel_k1e",
    "bessel_y0",
    "bessel_y1",
    "betainc",
    "boolean_mask",
    "ceil",
    "confusion_matrix",
    "cos",
    "cosh",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "cumulative_logsumexp",
    "dawsn",
    "digamma",
    "divide",
    "divide_no_nan",
    "equal",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "exp",
    "expint",
    "expm1",
    "floor",
    "floordiv",
    "floormod",
    "fresnel_cos",
    "fresnel_sin",
    "gather",
    "gather_nd",
    "greater",
    "greater_equal",
    "igamma",
    "igammac",
    "invert_permutation",
    "is_finite",
    "is_inf",
    "is_nan",
    "l2_normalize",
    "lbeta",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log1p",
    "log_ndtr",
    "log_sigmoid",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "multiply_no_nan",
    "ndtr",
    "ndtri",
    "negative",
    "not_equal",
    "one_hot",
    "owens_t",
    "polygamma",
    "polyval",
    "pow",
    "reciprocal",
    "reciprocal_no_nan",
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
    "round",
    "rsqrt",
    "scatter_nd",
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "sequence_mask",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "softsign",
    "spence",
    "sqrt",
    "square",
    "squared_difference",
    "subtract",
    "tan",
    "tanh",
    "tensor_scatter_nd_add",
    "tensor_scatter_nd_max",
    "tensor_scatter_nd_min",
    "tensor_scatter_nd_sub",
    "tensor_scatter_nd_update",
    "top_k",
    "truediv",
    "trunc",
    "unsorted_segment_max",
    "unsorted_segment_mean",
    "unsorted_segment_min",
    "unsorted_segment_prod",
    "unsorted_segment_sqrt_n",
    "unsorted_segment_sum",
    "xdivy",
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
bessel_i0, bessel_i1, bessel_i0e, bessel_i1e = special.i0, special.i1, special.i0e, special.i1e
bessel_j0, bessel_j1, bessel_y0, bessel_y1 = bessel.j0, bessel.j1, bessel.y0, bessel.y1
bessel_k0, bessel_k1, bessel_k0e, bessel_k1e = bessel.k0, bessel.k1, bessel.k0e, bessel.k1e
dawsn, erfcx, ndtr, log_ndtr, owens_t = error.dawsn, error.erfcx, error.ndtr, error.log_ndtr, error.owens_t
expint, spence, fresnel_cos, fresnel_sin = (
    integrals.expi,
    integrals.spence,
    integrals.fresnel_cosine,
    integrals.fresnel_sine,
)
floordiv, floormod, truediv, trunc, round, logical_xor = ar.floordiv, ar.mod, ar.div, ar.trunc, ar.rint, ar.logical_xor
softmax, log_softmax = reductions.softmax, reductions.log_softmax


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
    return norms.norm(input_tensor, axis=axis, keepdims=keepdims)


def argmax(input: Any, axis: Any = None) -> Any:
    """Position of the largest element."""
    return reductions.argmax(input, axis=axis)


def argmin(input: Any, axis: Any = None) -> Any:
    """Position of the smallest element."""
    return reductions.argmin(input, axis=axis)


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    """x / sqrt(max(sum(x**2), epsilon)) along `axis`."""
    x = lift(x)
    total = reductions.sum(mul(x, x), axis=axis, keepdims=True)
    return mul(x, rsqrt(ar.maximum(total, epsilon)))


def multiply_no_nan(x: Any, y: Any) -> Any:
    """x * y, and 0 (with derivative 0 in x) where y is 0, even if x is infinite or nan."""
    none = equal(y, 0.0)
    return select(none, 0.0, mul(select(none, 0.0, x), y))


def xdivy(x: Any, y: Any) -> Any:
    """x / y, and 0 (with derivative 0) where x is 0, even if y is 0."""
    none = equal(x, 0.0)
    return select(none, 0.0, ar.div(x, select(none, 1.0, y)))


def reciprocal_no_nan(x: Any) -> Any:
    """1 / x, and 0 (with derivative 0) where x is 0."""
    return divide_no_nan(1.0, x)


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    x = lift(x)
    return x / (1.0 + ar.absolute(x))


def add_n(inputs: Any) -> Any:
    """The sum of a list of arrays of one shape."""
    first, *rest = inputs
    total = lift(first)
    for x in rest:
        total = add(total, x)
    return total


accumulate_n = add_n


def polyval(coeffs: Any, x: Any) -> Any:
    """The polynomial with a list of coefficients, the highest power first, by Horner's rule; 0 for none."""
    x = lift(x)
    total = mul(x, 0.0)
    for c in coeffs:
        total = add(mul(total, x), c)
    return total


def lbeta(x: Any) -> Any:
    """log of the multivariate beta function of the last axis: sum(lgamma(x)) - lgamma(sum(x))."""
    x = lift(x)
    return ar.sub(reductions.sum(lgamma(x), axis=-1), lgamma(reductions.sum(x, axis=-1)))


def count_nonzero(input: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The number of elements that are not 0."""
    return reductions.sum(not_equal(lift(input), 0), axis=axis, keepdims=keepdims)


def invert_permutation(x: Any) -> Any:
    """The permutation that undoes x: y[x[i]] = i."""
    return ordering.argsort(x)


def top_k(input: Any, k: int = 1, sorted: bool = True) -> tuple[Any, Any]:  # noqa: ARG001 - always sorted
    """The k largest along the last axis, largest first, and where they are; of equal ones the first places.

    Raises
    ------
    ShapeError
        When k is negative or larger than the last axis.
    """
    x = lift(input)
    if not x.aval.ndim or not 0 <= k <= x.aval.shape[-1]:
        raise ShapeError(f"top_k: k={k} for an array of shape {x.aval.shape}", "k is at most the size of the last axis")
    places = ordering.argsort(neg(x), axis=-1)[..., :k]
    return indexing.take_along_axis(x, places, -1), places
