"""Arithmetic, comparison and logic: one line an op.

Rules at kinks, the same everywhere: a tie of `maximum`/`minimum` gives each side half, an
operand that is nan and makes the result nan has slope 1, `abs` has slope 0 at 0, `clip` has
slope 1 on its bounds, `sign`, `floor` and their kind have slope 0 everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ir.build import literal
from autodiff.ir.core import OPERATORS, Literal
from autodiff.ops.families import (
    Elementwise,
    add,
    anywhere,
    equal,
    logical_and,
    mul,
    neg,
    select,
)
from autodiff.ops.families import (
    logical_or as logical_or,
)
from autodiff.ops.promotion import Kinds, bool_types, check_numbers, common_types

POSITIVE = ((0.2, 3.0),)
NONZERO = ((-2.0, 2.0), (0.5, 2.0))

sub = Elementwise("sub", np.subtract, "({0} - {1})", (lambda z, x, y: 1.0, lambda z, x, y: -1.0), takes_complex=True)
div = Elementwise(
    "div",
    np.true_divide,
    "({0} / {1})",
    (lambda z, x, y: 1.0 / y, lambda z, x, y: -z * (1.0 / y)),  # one division for the two
    domain=NONZERO,
    takes_complex=True,
    singular=lambda x, y: not isinstance(y, Literal),
)
floordiv = Elementwise("floordiv", np.floor_divide, "({0} // {1})", (None, None), domain=NONZERO)
mod = Elementwise(
    "mod", np.remainder, "mod({0}, {1})", (lambda z, x, y: 1.0, lambda z, x, y: -floordiv(x, y)), domain=NONZERO
)
fmod = Elementwise(
    "fmod",
    np.fmod,
    "fmod({0}, {1})",
    (lambda z, x, y: 1.0, lambda z, x, y: -trunc(x / y)),
    domain=NONZERO,
    variants={"i": "integer_fmod({0}, {1})", "u": "mod({0}, {1})"},
)


UNCHANGED = {"b": "{0}", "i": "{0}", "u": "{0}"}

absolute = Elementwise("abs", np.absolute, "abs({0})", (lambda y, x: sign(x),), variants={"b": "{0}", "u": "{0}"})
fabs = Elementwise("fabs", np.fabs, "abs({0})", (lambda y, x: sign(x),))
positive = Elementwise("pos", np.positive, "(+{0})", (lambda y, x: 1.0,), takes_complex=True)
square = Elementwise("square", np.square, "({0} * {0})", (lambda y, x: 2.0 * x,), takes_complex=True)
reciprocal = Elementwise(
    "reciprocal",
    np.reciprocal,
    "({one} / {0})",
    (lambda y, x: -y * y,),
    domain=POSITIVE,
    # Not by division: what a machine makes of 1 / 0 as an integer is its own affair.
    variants={"i": "({0} if ({0} == {one}) | ({0} == -{one}) else {zero})", "u": "({0} if {0} == {one} else {zero})"},
    takes_complex=True,
    singular=anywhere,
)

sign = Elementwise("sign", np.sign, "sign({0})", (None,))
floor = Elementwise("floor", np.floor, "floor({0})", (None,), variants=UNCHANGED)
ceil = Elementwise("ceil", np.ceil, "ceil({0})", (None,), variants=UNCHANGED)
rint = Elementwise("rint", np.rint, "rint({0})", (None,))
trunc = Elementwise("trunc", np.trunc, "trunc({0})", (None,), variants=UNCHANGED)


def _half_at_tie(z: Any, x: Any, y: Any) -> Any:
    """The slope where an operand counts; the masks of these ops say where."""
    # Two numbers of the text have no dtype of their own: one of them takes that of the operands.
    return select(equal(x, y), literal(0.5, x.aval.dtype), 1.0)


def _nan_or(counts: Any, x: Any) -> Any:
    return logical_or(counts, isnan(x))


maximum = Elementwise(
    "maximum",
    np.maximum,
    "maximum({0}, {1})",
    (_half_at_tie, _half_at_tie),
    masks=(lambda z, x, y: _nan_or(x >= y, x), lambda z, x, y: _nan_or(y >= x, y)),
)
minimum = Elementwise(
    "minimum",
    np.minimum,
    "minimum({0}, {1})",
    (_half_at_tie, _half_at_tie),
    masks=(lambda z, x, y: _nan_or(x <= y, x), lambda z, x, y: _nan_or(y <= x, y)),
)
fmax = Elementwise(
    "fmax",
    np.fmax,
    "fmax({0}, {1})",
    (_half_at_tie, _half_at_tie),
    masks=(lambda z, x, y: _nan_or(x >= y, y), lambda z, x, y: _nan_or(y >= x, x)),
)
fmin = Elementwise(
    "fmin",
    np.fmin,
    "fmin({0}, {1})",
    (_half_at_tie, _half_at_tie),
    masks=(lambda z, x, y: _nan_or(x <= y, y), lambda z, x, y: _nan_or(y <= x, x)),
)


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


clip = Elementwise(
    "clip",
    _clip,
    "minimum(maximum({0}, {1}), {2})",
    (lambda z, x, low, high: 1.0, lambda z, x, low, high: 1.0, lambda z, x, low, high: 1.0),
    domain=((-2.0, 2.0), (-1.0, -0.5), (0.5, 1.0)),
    types=common_types,
    masks=(
        lambda z, x, low, high: _nan_or(logical_and(x >= low, x <= high), x),
        lambda z, x, low, high: logical_and(x < low, low <= high),
        lambda z, x, low, high: logical_or(x > high, low > high),
    ),
)

less = Elementwise("less", np.less, "({0} < {1})", (None, None), blocked=(0, 1))
less_equal = Elementwise("less_equal", np.less_equal, "({0} <= {1})", (None, None), blocked=(0, 1))
greater = Elementwise("greater", np.greater, "({0} > {1})", (None, None), blocked=(0, 1))
greater_equal = Elementwise("greater_equal", np.greater_equal, "({0} >= {1})", (None, None), blocked=(0, 1))
logical_xor = Elementwise("logical_xor", np.logical_xor, "({0} ^ {1})", (None, None), types=bool_types, blocked=(0, 1))
NEVER, ALWAYS = dict.fromkeys("biu", "({0} != {0})"), dict.fromkeys("biu", "({0} == {0})")

isnan = Elementwise("isnan", np.isnan, "isnan({0})", (None,), blocked=(0,), variants=NEVER)
isinf = Elementwise("isinf", np.isinf, "isinf({0})", (None,), blocked=(0,), variants=NEVER)
isfinite = Elementwise("isfinite", np.isfinite, "isfinite({0})", (None,), blocked=(0,), variants=ALWAYS)


def _tie_types(kinds: Kinds) -> tuple[Any, Any]:
    check_numbers(kinds)
    return kinds, kinds[0]


# `tie(x, source)` is x, and connected to `source` with derivative zero: the gradient of a
# linear function is a constant, and its derivative is 0, not "unconnected".
tie = Elementwise(
    "tie",
    lambda x, source: np.broadcast_to(x, np.broadcast_shapes(np.shape(x), np.shape(source)))[()],
    "{0}",
    (lambda z, x, source: 1.0, None),
    types=_tie_types,
    takes_complex=True,
)


def _unchanged(x: Any) -> Any:
    return x


stop_gradient = Elementwise(
    "stop_gradient", _unchanged, "{0}", (None,), types=common_types, blocked=(0,), takes_complex=True
)
identity = Elementwise("identity", _unchanged, "{0}", (lambda y, x: 1.0,), types=common_types, takes_complex=True)


OPERATORS.update(
    {
        "add": add,
        "sub": sub,
        "mul": mul,
        "div": div,
        "floordiv": floordiv,
        "mod": mod,
        "neg": neg,
        "pos": positive,
        "abs": absolute,
        "less": less,
        "less_equal": less_equal,
        "greater": greater,
        "greater_equal": greater_equal,
    }
)
