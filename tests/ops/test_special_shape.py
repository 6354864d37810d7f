"""Derivatives in the shape parameters of incomplete gamma and beta functions, over many magnitudes, against mpmath."""

import itertools

import numpy as np
import pytest
import scipy.special as sp
from mpmath import mp, mpf

import autodiff as ad
from autodiff.errors import NotDifferentiableError
from autodiff.ops.special_shape import betainc_shape, gammainc_shape

STEP = mpf(10) ** -25  # its square is far below float64's rounding, and the digits left far above
SHAPES = (1e-3, 0.3, 0.99, 1.0, 2.5, 40.0, 1e3, 1e4)
POINTS = (1e-30, 1e-3, 0.3, 0.6, 2.0, 20.0)


def mass_gamma(a, x):
    """P(s, x) as a function of s, or -Q(s, x) in the upper tail: the same up to a constant."""
    if x < a:
        return lambda s: mp.gammainc(s, 0, mpf(x), regularized=True)
    return lambda s: -mp.gammainc(s, mpf(x), mp.inf, regularized=True)


def mass_beta(a, b, x):
    """I_x(s, r) as a function of s and r, or minus the mass above."""
    if x < a / (a + b):
        return lambda s, r: mp.betainc(s, r, 0, mpf(x), regularized=True)
    return lambda s, r: -mp.betainc(r, s, 0, 1 - mpf(x), regularized=True)


def slope(f, a, order=1):
    """A central difference of order one or two, in 80 digits."""
    up, down = f(a + STEP), f(a - STEP)
    return (up - down) / (2 * STEP) if order == 1 else (up - 2 * f(a) + down) / STEP**2


def points_beside(a, spread):
    return [a + c * spread for c in (-5.0, -1.0, -0.1, 0.02, 1.0, 5.0) if a + c * spread > 0.0]


@pytest.mark.parametrize("a", SHAPES)
def test_gammainc_in_a(a):
    for x in (*POINTS, *points_beside(a, np.sqrt(a))):
        with mp.workdps(80):
            exact = [float(slope(mass_gamma(a, x), mpf(a), n)) for n in (1, 2)]
        assert gammainc_shape(np.float64(a), np.float64(x), 1) == pytest.approx(exact[0], rel=2e-13, abs=1e-300)
        # The second derivative has zeros: there its error is that of its surroundings.
        size = abs(exact[0]) * min(1.0 / a + 1.0, 1.0 / np.sqrt(a) + 1.0 / a)
        assert gammainc_shape(np.float64(a), np.float64(x), 2) == pytest.approx(exact[1], rel=1e-11, abs=1e-11 * size)


KINDS = {"a": (1, False, False), "b": (1, False, True), "aa": (2, False, False), "bb": (2, False, True)}


@pytest.mark.parametrize("kind", KINDS)
def test_betainc_in_a_and_b(kind):
    for a, b in itertools.product((1e-2, 0.9, 3.0, 300.0), repeat=2):
        mean = a / (a + b)
        spread = np.sqrt(a * b / (a + b + 1.0)) / (a + b)
        for x in (1e-20, 0.3, 1.0 - 1e-12, *points_beside(mean, spread)):
            if not x < 1.0:
                continue
            with mp.workdps(80):
                mass = mass_beta(a, b, x)
                if kind[0] == "a":
                    exact = float(slope(lambda s, b=b, f=mass: f(s, mpf(b)), mpf(a), len(kind)))
                else:
                    exact = float(slope(lambda r, a=a, f=mass: f(mpf(a), r), mpf(b), len(kind)))
            found = betainc_shape(*map(np.float64, (a, b, x)), *KINDS[kind])
            assert found == pytest.approx(exact, rel=2e-12 if len(kind) == 1 else 1e-9, abs=1e-290), (a, b, x)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("x", [0.0, np.inf])
def test_ends_of_gammainc(x):
    for function in (sp.gammainc, sp.gammaincc):
        assert ad.grad(function, argnums=0)(2.5, x) == 0.0
        assert ad.grad(ad.grad(function, argnums=0), argnums=0)(2.5, x) == 0.0
    assert ad.grad(ad.grad(sp.gammainc, argnums=0), argnums=1)(2.5, 0.0) == 0.0


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("x", [0.0, 1.0])
def test_ends_of_betainc(x):
    for k in (0, 1):
        assert ad.grad(sp.betainc, argnums=k)(2.5, 1.5, x) == 0.0
        assert ad.grad(ad.grad(sp.betainc, argnums=k), argnums=1 - k)(2.5, 1.5, x) == 0.0


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("a", "x"), [(-1.0, 1.0), (0.0, 1.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.nan)])
def test_outside_is_nan(a, x):
    assert np.isnan(ad.grad(sp.gammainc, argnums=0)(a, x))


@pytest.mark.usefixtures("no_kernels")
def test_orders_beyond_are_refused():
    f = sp.gammainc
    for _ in range(3):
        f = ad.grad(f, argnums=0)
    assert np.isfinite(f(1.5, 2.0))
    with pytest.raises(NotDifferentiableError, match="gammainc_aaa: the derivative with respect to argument 1"):
        ad.grad(f, argnums=0)(1.5, 2.0)
    g = ad.grad(ad.grad(sp.betainc, argnums=0), argnums=1)
    with pytest.raises(NotDifferentiableError, match="betainc_ab"):
        ad.grad(g, argnums=0)(1.5, 2.0, 0.3)


def test_student_at_zero():
    # d2F / (dv dt) at t = 0 is the slope of the density at its top, in v.
    v, h = 3.0, 1e-5
    found = ad.grad(ad.grad(sp.stdtr, argnums=0), argnums=1)(v, 0.0)

    def top(v):
        return float(mp.gamma((v + 1) / 2) / (mp.sqrt(v * mp.pi) * mp.gamma(v / 2)))

    assert found == pytest.approx((top(v + h) - top(v - h)) / (2 * h), rel=1e-8)


def test_kernels_agree_with_the_interpreter(monkeypatch):
    a, b, x = np.array([0.3, 2.0, 50.0]), np.array([1.5, 0.2, 9.0]), np.array([0.2, 0.6, 0.9])

    def loss(a, b, x):
        return np.sum(sp.gammainc(a, 3.0 * x) * np.array([1.0, 2.0, 3.0]) + sp.betainc(a, b, x))

    program = ad.grad(loss, argnums=(0, 1, 2))
    compiled = program(a, b, x)
    assert program.cache_info().interpreted == 0
    monkeypatch.setattr(ad.config, "jit", False)
    for found, expected in zip(compiled, ad.grad(loss, argnums=(0, 1, 2))(a, b, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
