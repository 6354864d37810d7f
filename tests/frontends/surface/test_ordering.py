"""Sorting, searching, quantiles: values, derivatives, ties and nan."""

import numpy as np
import pytest
from surface_checks import check_compiled, check_gradient, check_value, plain

import autodiff as ad
from autodiff.errors import AutodiffError, NotDifferentiableError

RNG = np.random.default_rng(7)
X, M, T = RNG.standard_normal(7), RNG.standard_normal((3, 5)), RNG.standard_normal((2, 4, 3))

SMOOTH = {
    "sort": (lambda x: np.sort(x), [X]),
    "sort first axis": (lambda x: np.sort(x, axis=0), [M]),
    "sort middle axis": (lambda x: np.sort(x, axis=1, kind="stable"), [T]),
    "sort flat": (lambda x: np.sort(x, axis=None), [M]),
    "partition": (lambda x: np.sort(np.partition(x, 2)), [X]),
    "sorted by another": (lambda x, y: np.take_along_axis(y, np.argsort(x, axis=1), axis=1), [M, M**2]),
    "median odd": (lambda x: np.median(x), [X]),
    "median even": (lambda x: np.median(x, axis=1), [T]),
    "median axes": (lambda x: np.median(x, axis=(0, 2), keepdims=True), [T]),
    "quantile": (lambda x: np.quantile(x, 0.3), [X]),
    "quantile axis": (lambda x: np.quantile(x, 0.85, axis=0), [M]),
    "quantile list": (lambda x: np.quantile(x, [0.0, 0.25, 1.0], axis=1, keepdims=True), [M]),
    "quantile table": (lambda x: np.quantile(x, [[0.1, 0.2], [0.3, 0.9]], axis=-1), [M]),
    "quantile flat": (lambda x: np.quantile(x, [0.5, 0.6]), [T]),
    "percentile": (lambda x: np.percentile(x, 75.0), [M]),
    "percentile axis": (lambda x: np.percentile(x, [10, 50], axis=1), [M]),
    "nanmedian": (lambda x: np.nanmedian(x), [X]),
    "nanmedian axis": (lambda x: np.nanmedian(np.where(x > 1.0, np.nan, x), axis=1), [M]),
    "nanmedian first axis": (lambda x: np.nanmedian(x, axis=0, keepdims=True), [M]),
}
CONSTANT = {
    "argsort": (lambda x: np.argsort(x, kind="stable"), [X]),
    "argsort axis": (lambda x: np.argsort(x, axis=0, kind="stable"), [M]),
    "argsort ties": (lambda x: np.argsort(x, kind="stable"), [np.array([2.0, 1.0, 2.0, 1.0, 1.0])]),
    "argsort integers": (lambda x: np.argsort(x, kind="stable"), [np.array([3, 1, 3, -2])]),
    "argsort bools": (lambda x: np.argsort(x, kind="stable"), [np.array([True, False, True, False])]),
    "sort nan": (lambda x: np.sort(x), [np.array([np.nan, 2.0, -np.inf, np.nan, np.inf])]),
    "sort nothing": (lambda x: np.sort(x), [np.zeros(0)]),
    "sort float32": (lambda x: np.sort(x), [X.astype(np.float32)]),
    "searchsorted": (lambda a, v: np.searchsorted(a, v), [np.sort(X), M]),
    "searchsorted right": (lambda a, v: np.searchsorted(a, v, side="right"), [np.arange(4.0), np.arange(-1.0, 5.0)]),
    "searchsorted scalar": (lambda a: np.searchsorted(a, 0.1), [np.sort(X)]),
    "searchsorted nan": (
        lambda a, v: np.searchsorted(a, v, side="right") + np.searchsorted(a, v),
        [np.array([0.0, 1.0, np.nan]), np.array([np.nan, 0.5, np.inf])],
    ),
    "median nan": (lambda x: np.median(x, axis=1), [np.array([[1.0, np.nan, 2.0], [3.0, 4.0, 5.0]])]),
    "median integers": (lambda x: np.median(x), [np.array([3, 1, 2, 7])]),
    "quantile nan": (lambda x: np.quantile(x, 0.5), [np.array([1.0, np.nan])]),
    "quantile inf": (lambda x: np.quantile(x, [0.0, 0.5]), [np.array([1.0, 2.0, 4.0])]),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), [*SMOOTH.values(), *CONSTANT.values()], ids=[*SMOOTH, *CONSTANT])
def test_value(function, arrays):
    check_value(function, arrays)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), SMOOTH.values(), ids=SMOOTH)
def test_gradient(function, arrays):
    check_gradient(function, arrays)


@pytest.mark.usefixtures("no_kernels")
def test_argpartition_is_a_partition():
    order = plain(np.argpartition(ad.constant(X), 3))
    assert X[order[:3]].max() <= X[order[3]] <= X[order[4:]].min()


def test_compiled(monkeypatch):
    names = ("sort middle axis", "quantile axis")
    places = (lambda x: x[np.argsort(x)] * np.searchsorted(x, 0.1), [np.sort(X)])
    check_compiled([*(SMOOTH[name] for name in names), places], monkeypatch)


@pytest.mark.usefixtures("no_kernels")
def test_ties_follow_the_stable_order():
    weights = np.array([1.0, 10.0, 100.0])
    found = ad.grad(lambda x: np.sum(np.sort(x) * weights))(np.array([3.0, 3.0, 1.0]))
    np.testing.assert_array_equal(found, [10.0, 100.0, 1.0])


@pytest.mark.usefixtures("no_kernels")
def test_nan_passes_no_derivative_through_a_median():
    x = np.array([[1.0, np.nan, 2.0], [3.0, 4.0, 5.0]])
    found = ad.grad(lambda x: np.sum(np.where(np.isnan(np.median(x, axis=1)), 0.0, np.median(x, axis=1))))(x)
    np.testing.assert_array_equal(found, [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    found = ad.grad(lambda x: np.sum(np.nanmedian(x, axis=1)))(x)
    np.testing.assert_array_equal(found, [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])


@pytest.mark.usefixtures("no_kernels")
def test_sort_of_a_row_of_nan_has_a_nan_median():
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        expected = np.nanmedian(np.full((2, 3), np.nan), axis=1)
    np.testing.assert_array_equal(plain(np.nanmedian(ad.constant(np.full((2, 3), np.nan)), axis=1)), expected)


REFUSALS = {
    "unique": lambda x: np.unique(x),
    "trim_zeros": lambda x: np.trim_zeros(x),
    "histogram2d": lambda x: np.histogram2d(x, x),
    "lexsort": lambda x: np.lexsort((x, x)),
    "quantile weights": lambda x: np.quantile(x, 0.5, weights=x, method="inverted_cdf"),
}


@pytest.mark.parametrize("call", REFUSALS.values(), ids=REFUSALS)
def test_refused_by_name(call):
    with pytest.raises(NotDifferentiableError, match=r"np\.\w+"):
        call(ad.constant(X))


ERRORS = {
    "quantile range": lambda x: np.quantile(x, 1.5),
    "quantile method": lambda x: np.quantile(x, 0.5, method="best"),
    "kth": lambda x: np.partition(x, 9),
    "side": lambda x: np.searchsorted(x, 0.0, side="middle"),
    "two axes": lambda x: np.searchsorted(np.stack([x, x]), 0.0),
    "empty median": lambda x: np.median(x[:0]),
    "axis": lambda x: np.sort(x, axis=1),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_errors(call):
    with pytest.raises((ValueError, IndexError)) as caught:
        call(ad.constant(X))
    assert isinstance(caught.value, AutodiffError)
