"""Powers, exponentials, logarithms, trigonometry, and the smooth activations.

Formulas: Abramowitz & Stegun, chapters 4 and 7. `arctan2` and `hypot` have derivative 0 at
the origin, where the value has none; `x**0` has derivative 0 in x, at 0 too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.ir.core import OPERATORS, Literal
from autodiff.ops.arithmetic import greater, isinf, less_equal, stop_gradient
from autodiff.ops.families import Elementwise, anywhere, equal, logical_and, logical_not, not_equal, select
from autodiff.ops.promotion import ufunc_types

POSITIVE = ((0.2, 3.0),)
UNIT = ((-0.9, 0.9),)
FLOAT1 = ufunc_types(np.exp)  # what a float function of one operand takes

# ---- powers ------------------------------------------------------------------------------


def _pow_base(z: Any, x: Any, y: Any) -> Any:
    """y * x**(y-1), and 0 where x and y are 0: `x**0` is constant, at 0 too."""
    if isinstance(y, Literal):
        number = y.value if isinstance(y.value, complex) else float(y.value)
        return number * power(x, number - 1.0) if number else 0.0
    # This slope depends on y where the power does, so that the second derivative is symmetric.
    y = select(_has_logarithm(x), y, stop_gradient(y))
    return y * power(x, select(logical_and(equal(x, 0.0), equal(y, 0.0)), 1.0, y - 1.0))


def _has_logarithm(x: Any) -> Any:
    # A complex number has one everywhere but at 0.
    return not_equal(x, 0.0) if x.aval.dtype.kind == "c" else logical_not(less_equal(x, 0.0))


def _pow_exponent(z: Any, x: Any, y: Any) -> Any:
    """z * log(x), and 0 where x <= 0: there x**y is 0, or not real for y around its value."""
    positive = _has_logarithm(x)
    return select(positive, z * log(select(positive, x, 1.0)), 0.0)


power = Elementwise(
    "pow",
    np.power,
    "power({0}, {1})",
    (_pow_base, _pow_exponent),
    domain=((0.2, 3.0), (-2.0, 3.0)),
    variants={"i": "integer_power({0}, {1})", "u": "integer_power({0}, {1})"},
    takes_complex=True,
    singular=lambda x, y: not (isinstance(y, Literal) and np.real(y.value) >= 1),
)
sqrt = Elementwise(
    "sqrt", np.sqrt, "sqrt({0})", (lambda y, x: 0.5 / y,), domain=POSITIVE, takes_complex=True, singular=anywhere
)
cbrt = Elementwise(
    "cbrt", np.cbrt, "cbrt({0})", (lambda y, x: power(y, -2.0) / 3.0,), domain=POSITIVE, singular=anywhere
)


def _root_partial(y: Any, x: Any) -> Any:
    zero = equal(y, 0.0)
    return select(zero, 0.0, 0.5 / select(zero, 1.0, y))


def _radical_partial(z: Any, x: Any, exponent: Any) -> Any:
    zero = equal(x, 0.0)
    return select(zero, 0.0, exponent * power(select(zero, 1.0, x), exponent - 1.0))


# The square root of a sum of squares, and x**(1/p) of a sum of p-th powers: at 0 a norm has the subgradient 0.
# That is a number like any other (1/norm(x) has no derivative there), no lane that does not count.
root = Elementwise("root", lambda x: np.sqrt(x), "sqrt({0})", (_root_partial,), domain=POSITIVE, types=FLOAT1)
radical = Elementwise(
    "radical",
    lambda x, exponent: np.power(x, exponent),
    "power({0}, {1})",
    (_radical_partial, None),
    domain=(*POSITIVE, (0.2, 2.0)),
    types=ufunc_types(np.arctan2),
    blocked=(1,),
)


def _hypot_partial(z: Any, x: Any) -> Any:
    zero = equal(z, 0.0)
    return select(zero, 0.0, x / select(zero, 1.0, z))


hypot = Elementwise(
    "hypot", np.hypot, "hypot({0}, {1})", (lambda z, x, y: _hypot_partial(z, x), lambda z, x, y: _hypot_partial(z, y))
)

# ---- exponentials and logarithms -----------------------------------------------------------

exp = Elementwise("exp", np.exp, "exp({0})", (lambda y, x: y,), takes_complex=True)
expm1 = Elementwise("expm1", np.expm1, "expm1({0})", (lambda y, x: y + 1.0,), takes_complex=True)
exp2 = Elementwise("exp2", np.exp2, "exp2({0})", (lambda y, x: math.log(2.0) * y,))
log = Elementwise(
    "log", np.log, "log({0})", (lambda y, x: 1.0 / x,), domain=POSITIVE, takes_complex=True, singular=anywhere
)
log1p = Elementwise(
    "log1p",
    np.log1p,
    "log1p({0})",
    (lambda y, x: 1.0 / (1.0 + x),),
    domain=POSITIVE,
    takes_complex=True,
    singular=anywhere,
)
log2 = Elementwise(
    "log2",
    np.log2,
    "log2({0})",
    (lambda y, x: 1.0 / (x * math.log(2.0)),),
    domain=POSITIVE,
    takes_complex=True,
    singular=anywhere,
)
log10 = Elementwise(
    "log10",
    np.log10,
    "log10({0})",
    (lambda y, x: 1.0 / (x * math.log(10.0)),),
    domain=POSITIVE,
    takes_complex=True,
    singular=anywhere,
)


def _difference(x: Any, y: Any) -> Any:
    """x - y, and 0 for two equal infinities: a tie."""
    return select(logical_and(equal(x, y), isinf(x)), 0.0, x - y)


logaddexp = Elementwise(
    "logaddexp",
    np.logaddexp,
    "logaddexp({0}, {1})",
    (lambda z, x, y: sigmoid(_difference(x, y)), lambda z, x, y: sigmoid(_difference(y, x))),
)

# ---- trigonometric and hyperbolic ----------------------------------------------------------

# With a derivative of its own: the product's would be inf - inf at 1.
one_minus_square = Elementwise(
    "one_minus_square",
    lambda x: (1 - x) * (1 + x),
    "(({one} - {0}) * ({one} + {0}))",
    (lambda y, x: -2.0 * x,),
    types=FLOAT1,
    takes_complex=True,
)
sin = Elementwise("sin", np.sin, "sin({0})", (lambda y, x: cos(x),), takes_complex=True)
cos = Elementwise("cos", np.cos, "cos({0})", (lambda y, x: -sin(x),), takes_complex=True)
tan = Elementwise("tan", np.tan, "tan({0})", (lambda y, x: 1.0 + y * y,), domain=UNIT, takes_complex=True)
arcsin = Elementwise(
    "arcsin",
    np.arcsin,
    "arcsin({0})",
    (lambda y, x: 1.0 / sqrt(one_minus_square(x)),),
    domain=UNIT,
    takes_complex=True,
    singular=anywhere,
)
arccos = Elementwise(
    "arccos",
    np.arccos,
    "arccos({0})",
    (lambda y, x: -1.0 / sqrt(one_minus_square(x)),),
    domain=UNIT,
    takes_complex=True,
    singular=anywhere,
)
arctan = Elementwise("arctan", np.arctan, "arctan({0})", (lambda y, x: 1.0 / (1.0 + x * x),), takes_complex=True)


def _arctan2_partial(y: Any, x: Any, top: Any) -> Any:
    # Not by y*y + x*x, which overflows where the slope does not.
    r = hypot(y, x)
    zero = equal(r, 0.0)
    safe = select(zero, 1.0, r)
    return select(zero, 0.0, top / safe / safe)


arctan2 = Elementwise(
    "arctan2",
    np.arctan2,
    "arctan2({0}, {1})",
    (lambda z, y, x: _arctan2_partial(y, x, x), lambda z, y, x: _arctan2_partial(y, x, -y)),
    domain=((0.3, 2.0), (0.3, 2.0)),
)
sinh = Elementwise("sinh", np.sinh, "sinh({0})", (lambda y, x: cosh(x),), takes_complex=True)
cosh = Elementwise("cosh", np.cosh, "cosh({0})", (lambda y, x: sinh(x),), takes_complex=True)
tanh = Elementwise("tanh", np.tanh, "tanh({0})", (lambda y, x: 1.0 - y * y,), takes_complex=True)
arcsinh = Elementwise(
    "arcsinh", np.arcsinh, "arcsinh({0})", (lambda y, x: 1.0 / sqrt(x * x + 1.0),), takes_complex=True
)
arccosh = Elementwise(
    "arccosh",
    np.arccosh,
    "arccosh({0})",
    (lambda y, x: 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)),),
    domain=((1.2, 3.0),),
    takes_complex=True,
    singular=anywhere,
)
arctanh = Elementwise(
    "arctanh",
    np.arctanh,
    "arctanh({0})",
    (lambda y, x: 1.0 / one_minus_square(x),),
    domain=UNIT,
    takes_complex=True,
    singular=anywhere,
)

# ---- smooth activations --------------------------------------------------------------------


def _sigmoid(x: Any) -> Any:
    # exp of a non-positive number only: no overflow on either side.
    e = np.exp(-np.abs(x))
    return np.where(np.asarray(x) >= 0, 1 / (1 + e), e / (1 + e))[()]


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, np.asarray(x).dtype.type(0))


def _relu(x: Any) -> Any:
    return np.maximum(x, np.asarray(x).dtype.type(0))


sigmoid = Elementwise("sigmoid", _sigmoid, "sigmoid({0})", (lambda y, x: y * sigmoid(-x),), types=FLOAT1)
softplus = Elementwise("softplus", _softplus, "softplus({0})", (lambda y, x: sigmoid(x),), types=FLOAT1)
relu = Elementwise(
    "relu",
    _relu,
    "maximum({0}, {zero})",
    (lambda y, x: 1.0,),
    types=ufunc_types(np.positive),
    masks=(lambda y, x: greater(x, 0.0),),
)

OPERATORS["pow"] = power
