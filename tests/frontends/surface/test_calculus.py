"""gradient, trapezoid, ediff1d, interp, polynomials, statistics, products of sequences."""

import numpy as np
import pytest
from surface_checks import check_compiled, check_gradient, check_value

import autodiff as ad
from autodiff.errors import AutodiffError

RNG = np.random.default_rng(11)
X, Y, Z = RNG.standard_normal(6), RNG.standard_normal(4), RNG.standard_normal(1)
M, T = RNG.standard_normal((4, 5)), RNG.standard_normal((3, 4, 3))
PLACES = np.array([0.0, 0.7, 1.0, 2.5, 3.1, 4.0])
AT = np.array([[0.3, 0.9, 1.7], [2.6, 3.9, -1.0], [5.0, 3.4, 0.1]])

CALCULUS = {
    "gradient": (lambda f: np.gradient(f), [X]),
    "gradient distance": (lambda f: np.gradient(f, 0.3, edge_order=2), [X]),
    "gradient coordinates": (lambda f, x: np.gradient(f, x), [X, PLACES]),
    "gradient coordinates, second order": (lambda f, x: np.gradient(f, x, edge_order=2), [X, PLACES]),
    "gradient of all axes": (lambda f: np.gradient(f), [M]),
    "gradient of axes": (lambda f, x: np.gradient(f, x, 0.5, axis=(1, 0)), [M, PLACES[:5]]),
    "gradient of an axis": (lambda f: np.gradient(f, 2.0, axis=-1), [M]),
    "gradient of two": (lambda f: np.gradient(f), [X[:2]]),
    "gradient of three": (lambda f, x: np.gradient(f, x, edge_order=2), [X[:3], PLACES[:3]]),
    "trapezoid": (lambda y: np.trapezoid(y), [X]),
    "trapezoid distance": (lambda y: np.trapezoid(y, dx=0.1, axis=0), [M]),
    "trapezoid places": (lambda y, x: np.trapezoid(y, x), [X, PLACES]),
    "trapezoid along an axis": (lambda y, x: np.trapezoid(y, x, axis=0), [M, PLACES[:4]]),
    "trapezoid of a table": (lambda y, x: np.trapezoid(y, x, axis=1), [M, M**2]),
    "ediff1d": (lambda x: np.ediff1d(x), [M]),
    "ediff1d ends": (lambda x, y: np.ediff1d(x, to_begin=y, to_end=-99.0), [X, Y]),
    "interp": (lambda x, xp, fp: np.interp(x, xp, fp), [AT, PLACES, X]),
    "interp outside": (lambda x, xp, fp: np.interp(x, xp, fp, left=-7.0, right=fp[0] * 2.0), [AT, PLACES, X]),
    "interp one number": (lambda xp, fp: np.interp(1.2, xp, fp), [PLACES, X]),
    "interp one sample": (lambda x, xp, fp: np.interp(x, xp, fp), [AT, PLACES[:1], X[:1]]),
}
POLYNOMIALS = {
    "polyval": (lambda p, x: np.polyval(p, x), [Y, X]),
    "polyval of a number": (lambda p: np.polyval(p, 0.5), [Y]),
    "polyval of a table": (lambda p, x: np.polyval(p, x), [Y, M]),
    "vander": (lambda x: np.vander(x), [Y]),
    "vander increasing": (lambda x: np.vander(x, 3, increasing=True), [Y]),
    **{
        f"{name} {mode} {a.size} {v.size}": (
            lambda a, v, name=name, mode=mode: getattr(np, name)(a, v, mode=mode),
            [a, v],
        )
        for name in ("convolve", "correlate")
        for mode in ("full", "same", "valid")
        for a, v in ((X, Y), (Y, X), (X, X[:3] + 1.0), (X[:5], Y), (X, Z))
    },
    "correlate by default": (lambda a, v: np.correlate(a, v), [X, Y]),
    "convolve by default": (lambda a, v: np.convolve(a, v), [X, Y]),
}
STATISTICS = {
    "cov": (lambda m: np.cov(m), [M]),
    "cov of columns": (lambda m: np.cov(m, rowvar=False, bias=True), [M]),
    "cov of one": (lambda m: np.cov(m, ddof=0), [X]),
    "cov of two": (lambda m, y: np.cov(m, y), [X, X**2]),
    "corrcoef": (lambda m: np.corrcoef(m), [M]),
    "corrcoef of two": (lambda x, y: np.corrcoef(x, y), [X, X**2]),
    "bincount": (lambda w: np.bincount([0, 3, 1, 1, 0, 5], w), [X]),
    "bincount minimum": (lambda w: np.bincount([0, 3, 1, 1, 0, 5], weights=w, minlength=9), [X]),
    "cross": (lambda a, b: np.cross(a, b), [X[:3], X[3:]]),
    "cross of rows": (lambda a, b: np.cross(a, b), [T, X[:3]]),
    "cross along an axis": (lambda a, b: np.cross(a, b, axis=0), [T, T**2]),
    "cross axes": (lambda a, b: np.cross(a, b, axisa=0, axisb=2, axisc=1), [T[:, :, :2], T[:2].transpose(1, 0, 2)]),
}
ALL = {**CALCULUS, **POLYNOMIALS, **STATISTICS}
CONSTANT = {
    "gradient of integers": (lambda f: np.gradient(f), [np.array([1, 4, 9, 16])]),
    "trapezoid of integers": (lambda f: np.trapezoid(f), [np.array([1, 4, 9, 16])]),
    "interp float32": (lambda x: np.interp(x, PLACES, X), [np.array([0.5, 1.5], np.float32)]),
    "interp nan and repeated places": (
        lambda x: np.interp(x, np.array([0.0, 1.0, 1.0, 2.0]), X[:4]),
        [np.array([np.nan, 1.0, 0.5, 2.0, 0.0])],
    ),
    "convolve integers": (lambda a, v: np.convolve(a, v), [np.array([1, 2, 3]), np.array([0, 1])]),
    "vander integers": (lambda x: np.vander(x), [np.array([1, 2, 3])]),
    "bincount counts": (lambda x: np.bincount(x), [np.array([0, 2, 2])]),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), ALL.values(), ids=ALL)
def test_value(function, arrays):
    check_value(function, arrays)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), ALL.values(), ids=ALL)
def test_gradient(function, arrays):
    check_gradient(function, arrays)


COMPILED = {
    "calculus": ("gradient of two", "interp"),
    "polynomials": ("polyval of a table", "convolve same 6 4", "correlate valid 4 6"),
    "statistics": ("cov", "bincount", "cross"),
}


@pytest.mark.parametrize("names", COMPILED.values(), ids=COMPILED)
def test_compiled(names, monkeypatch):
    check_compiled([ALL[name] for name in names], monkeypatch)


@pytest.mark.parametrize(("function", "arrays"), CONSTANT.values(), ids=CONSTANT)
def test_other_dtypes_on_tensors(function, arrays):
    expected = function(*arrays)
    found = function(*map(ad.constant, arrays)).numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12)


ERRORS = {
    "gradient too short": lambda x: np.gradient(x[:1]),
    "gradient edge_order": lambda x: np.gradient(x, edge_order=3),
    "gradient spacings": lambda x: np.gradient(x, 1.0, 2.0),
    "gradient coordinates": lambda x: np.gradient(x, x[1:]),
    "interp shapes": lambda x: np.interp(0.0, x, x[1:]),
    "interp period": lambda x: np.interp(0.0, x, x, period=0.0),
    "convolve mode": lambda x: np.convolve(x, x, mode="some"),
    "convolve nothing": lambda x: np.convolve(x, x[:0]),
    "cross": lambda x: np.cross(x[:2], x[:2]),
    "bincount negative": lambda x: np.bincount(np.array([-1]), x[:1]),
    "bincount lengths": lambda x: np.bincount(np.array([1]), x),
    "cov weights": lambda x: np.cov(x, aweights=x[1:]),
    "diff order": lambda x: np.diff(x, -1),
    "polyint constants": lambda x: np.polyint(x, 3, x[:2]),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_errors(call):
    with pytest.raises(ValueError) as caught:
        call(ad.constant(X))
    assert isinstance(caught.value, AutodiffError)


def test_bincount_needs_known_places():
    with pytest.raises(AutodiffError, match="shape of the result"):
        ad.jit(lambda x: np.bincount(x))(np.array([1, 2]))
