"""Reductions without nan: values, and no derivative through the missing elements."""

import numpy as np
import pytest
from surface_checks import check_compiled, check_gradient, check_value, plain

import autodiff as ad

RNG = np.random.default_rng(3)
X = RNG.uniform(0.5, 2.0, (3, 4))
M = np.array([[1.0, np.nan, 2.5], [np.nan, -0.5, 4.0], [0.3, 0.2, np.nan]])


def holes(x):
    """With nan where it is small, so that it can be differentiated by differences."""
    return np.where(x < 1.0, np.nan, x)


SMOOTH = {
    "nansum": (lambda x: np.nansum(holes(x)), [X]),
    "nansum axis": (lambda x: np.nansum(holes(x), axis=0, keepdims=True), [X]),
    "nanprod": (lambda x: np.nanprod(holes(x), axis=1), [X]),
    "nancumsum": (lambda x: np.nancumsum(holes(x), axis=1), [X]),
    "nancumprod": (lambda x: np.nancumprod(holes(x)), [X]),
    "nanmean": (lambda x: np.nanmean(holes(x), axis=1), [X]),
    "nanmean flat": (lambda x: np.nanmean(holes(x)), [X]),
    "nanvar": (lambda x: np.nanvar(holes(x)), [X]),
    "nanvar ddof": (lambda x: np.nanvar(holes(x), ddof=1, keepdims=True), [X]),
    "nanstd": (lambda x: np.nanstd(holes(x), axis=0), [X + 0.4]),
    "nanmax": (lambda x: np.nanmax(holes(x), axis=1), [X]),
    "nanmin": (lambda x: np.nanmin(holes(x)), [X]),
}
CONSTANT = {
    **{
        f"{name} of all axes": (lambda x, name=name: getattr(np, name)(x), [M])
        for name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanargmax", "nanargmin")
    },
    "nanargmax axis": (lambda x: np.nanargmax(x, axis=1), [M]),
    "nanargmin axis": (lambda x: np.nanargmin(x, axis=0, keepdims=True), [M]),
    "nansum of integers": (lambda x: np.nansum(x, axis=0), [np.arange(6).reshape(2, 3)]),
    "nanmax of integers": (lambda x: np.nanmax(x), [np.arange(6)]),
    "nanmean of integers": (lambda x: np.nanmean(x), [np.arange(6)]),
    "nanmean float32": (lambda x: np.nanmean(x), [np.array([1.0, np.nan, 3.0], np.float32)]),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), [*SMOOTH.values(), *CONSTANT.values()], ids=[*SMOOTH, *CONSTANT])
def test_value(function, arrays):
    check_value(function, arrays)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), SMOOTH.values(), ids=SMOOTH)
def test_gradient(function, arrays):
    check_gradient(function, arrays)


def test_compiled(monkeypatch):
    check_compiled([SMOOTH[name] for name in ("nanvar", "nanmax")], monkeypatch)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("name", ["nanmean", "nanmax", "nanmin", "nanvar", "nanstd"])
@pytest.mark.filterwarnings("ignore:.*(slice|NaN|freedom):RuntimeWarning")
def test_a_row_of_nan(name):
    x = np.array([[np.nan, np.nan], [1.0, np.nan]])
    found = plain(getattr(np, name)(ad.constant(x), axis=1))
    np.testing.assert_array_equal(found, getattr(np, name)(x, axis=1))


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("name", ["nansum", "nanmean", "nanmax", "nanstd"])
def test_missing_elements_have_derivative_zero(name):
    found = ad.grad(lambda x: np.sum(getattr(np, name)(x, axis=1)))(M)
    assert np.all(found[np.isnan(M)] == 0.0)
    assert np.all(np.isfinite(found))
