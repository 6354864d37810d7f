"""Bessel functions (DLMF 10). The derivative in the order has no closed form: it is refused.

Derivatives go to neighbours in order, which stays right at 0 where I1(x) / x does not. `i0e` has
derivative 0 at 0.
"""

from __future__ import annotations

from typing import Any

from autodiff.ops.arithmetic import sign
from autodiff.ops.special_family import special
from autodiff.ops.transcendental import POSITIVE


def _j_slope(y: Any, v: Any, x: Any) -> Any:
    """DLMF 10.6.1."""
    return 0.5 * (jv(v - 1.0, x) - jv(v + 1.0, x))


def _i_slope(y: Any, v: Any, x: Any) -> Any:
    """DLMF 10.29.1."""
    return 0.5 * (iv(v - 1.0, x) + iv(v + 1.0, x))


def _ie_slope(y: Any, v: Any, x: Any) -> Any:
    """That of exp(-|x|) I_v(x)."""
    return 0.5 * (ive(v - 1.0, x) + ive(v + 1.0, x)) - sign(x) * y


def _k_slope(y: Any, v: Any, x: Any) -> Any:
    """DLMF 10.29.1."""
    return -0.5 * (kv(v - 1.0, x) + kv(v + 1.0, x))


def _ke_slope(y: Any, v: Any, x: Any) -> Any:
    """That of exp(x) K_v(x)."""
    return y - 0.5 * (kve(v - 1.0, x) + kve(v + 1.0, x))


def _y_slope(y: Any, v: Any, x: Any) -> Any:
    """DLMF 10.6.1."""
    return 0.5 * (yv(v - 1.0, x) - yv(v + 1.0, x))


ORDERS = ((0.0, 3.0), (0.3, 3.0))

jv = special("jv", (None, _j_slope), domain=ORDERS, refused=(0,))
iv = special("iv", (None, _i_slope), domain=ORDERS, refused=(0,))
ive = special("ive", (None, _ie_slope), domain=ORDERS, refused=(0,))
yv = special("yv", (None, _y_slope), domain=ORDERS, refused=(0,))
kv = special("kv", (None, _k_slope), domain=ORDERS, refused=(0,))
kve = special("kve", (None, _ke_slope), domain=ORDERS, refused=(0,))
j0 = special("j0", (lambda y, x: -j1(x),))
j1 = special("j1", (lambda y, x: 0.5 * (j0(x) - jv(2.0, x)),))
i0 = special("i0", (lambda y, x: i1(x),))
i1 = special("i1", (lambda y, x: 0.5 * (i0(x) + iv(2.0, x)),))
i0e = special("i0e", (lambda y, x: i1e(x) - sign(x) * y,))
i1e = special("i1e", (lambda y, x: 0.5 * (i0e(x) + ive(2.0, x)) - sign(x) * y,))
y0 = special("y0", (lambda y, x: -y1(x),), domain=POSITIVE)
y1 = special("y1", (lambda y, x: 0.5 * (y0(x) - yv(2.0, x)),), domain=POSITIVE)
k0 = special("k0", (lambda y, x: -k1(x),), domain=POSITIVE)
k1 = special("k1", (lambda y, x: -0.5 * (k0(x) + kv(2.0, x)),), domain=POSITIVE)
k0e = special("k0e", (lambda y, x: y - k1e(x),), domain=POSITIVE)
k1e = special("k1e", (lambda y, x: y - 0.5 * (k0e(x) + kve(2.0, x)),), domain=POSITIVE)

OPS_HERE = (jv, iv, ive, yv, kv, kve, j0, j1, i0, i1, i0e, i1e, y0, y1, k0, k1, k0e, k1e)
