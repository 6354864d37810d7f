"""Logarithms beside zeros: entropies, log-odds.

At kinks: `xlogy(x, y)` has derivative log(y) in x, also at x = 0, and derivative 0 where both
are 0; `entr` has derivative inf at 0, as its value bends down there.
"""

from __future__ import annotations

from typing import Any

from autodiff.ops.families import equal, logical_and, select
from autodiff.ops.special_error import UNIT_INTERVAL
from autodiff.ops.special_family import special
from autodiff.ops.transcendental import POSITIVE, log, log1p, sigmoid


def _both_zero(x: Any, y: Any) -> Any:
    return logical_and(equal(x, 0.0), equal(y, 0.0))


def _ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where both are 0. Not wherever x is 0: there the slope 1 / y in x would be lost."""
    both = _both_zero(x, y)
    return select(both, 0.0, x / select(both, 1.0, y))


def _log_ratio(x: Any, y: Any) -> Any:
    both = _both_zero(x, y)
    return select(both, 0.0, log(select(both, 1.0, x)) - log(select(both, 1.0, y)))


def _xlogy_factor(x: Any, y: Any) -> Any:
    both = _both_zero(x, y)
    return select(both, 0.0, log(select(both, 1.0, y)))


def _xlog1py_factor(x: Any, y: Any) -> Any:
    both = _both_zero(x, y + 1.0)
    return select(both, 0.0, log1p(select(both, 0.0, y)))


# `y == y`: 0 * log(nan) is nan, in SciPy too.
xlogy = special(
    "xlogy",
    (lambda z, x, y: _xlogy_factor(x, y), lambda z, x, y: _ratio(x, y)),
    domain=((-2.0, 2.0), (0.2, 3.0)),
    scalar="({zero} if ({0} == {zero}) & ({1} == {1}) else {0} * log({1}))",
)
xlog1py = special(
    "xlog1py",
    (lambda z, x, y: _xlog1py_factor(x, y), lambda z, x, y: _ratio(x, y + 1.0)),
    domain=((-2.0, 2.0), (-0.7, 3.0)),
    scalar="({zero} if ({0} == {zero}) & ({1} == {1}) else {0} * log1p({1}))",
)
entr = special("entr", (lambda y, x: -log(x) - 1.0,), domain=POSITIVE)
rel_entr = special("rel_entr", (lambda z, x, y: _log_ratio(x, y) + 1.0, lambda z, x, y: -_ratio(x, y)), domain=POSITIVE)
kl_div = special("kl_div", (lambda z, x, y: _log_ratio(x, y), lambda z, x, y: 1.0 - _ratio(x, y)), domain=POSITIVE)
logit = special("logit", (lambda y, x: 1.0 / x + 1.0 / (1.0 - x),), domain=UNIT_INTERVAL)
log_expit = special("log_expit", (lambda y, x: sigmoid(-x),), scalar="(-softplus(-{0}))")

OPS_HERE = (xlogy, xlog1py, entr, rel_entr, kl_div, logit, log_expit)
