"""NumPy's functions with all their arguments: value on tensors and traced, both derivatives."""

import numpy as np
import pytest
from surface_checks import check_compiled, check_gradient, check_value

RNG = np.random.default_rng(17)
X, Y, Z = RNG.standard_normal(6), RNG.standard_normal(4), RNG.uniform(0.5, 1.5, 5)
M, T = RNG.standard_normal((3, 4)), RNG.standard_normal((2, 3, 4))
MASK = M > -0.2
COUNTS = np.array([1, 2, 1, 3])

SPLITS = {
    "array_split": (lambda x: np.array_split(x, 4), [X]),
    "array_split places": (lambda x: np.array_split(x, [1, 3], axis=1), [M]),
    "hsplit": (lambda x: np.hsplit(x, 2), [M]),
    "hsplit vector": (lambda x: np.hsplit(x, 3), [X]),
    "vsplit": (lambda x: np.vsplit(x, [1]), [M]),
    "dsplit": (lambda x: np.dsplit(x, 2), [T]),
    "unstack": (lambda x: np.unstack(x, axis=1), [M]),
}
SHAPES = {
    "dstack": (lambda x, y: np.dstack([x, y]), [M, M + 1.0]),
    "dstack vectors": (lambda x, y: np.dstack([x, y]), [Y, Y + 1.0]),
    "atleast_3d": (lambda x: np.atleast_3d(x[0, 0], x[0], x), [M]),
    "rollaxis": (lambda x: np.rollaxis(x, 2), [T]),
    "rollaxis start": (lambda x: np.rollaxis(x, 0, 2), [T]),
    "matrix_transpose": (lambda x: np.matrix_transpose(x), [T]),
    "resize": (lambda x: np.resize(x, (3, 5)), [X]),
    "reshape F": (lambda x: np.reshape(x, (2, 6), order="F"), [M]),
    "reshape F -1": (lambda x: x.reshape(-1, 2, order="F"), [M]),
    "ravel F": (lambda x: np.ravel(x, order="F") * x.flatten("F"), [M]),
    "diagflat": (lambda x: np.diagflat(x, 1), [M[:2, :2]]),
    "triu of a vector": (lambda x: np.triu(x), [Y]),
    "tril of a vector": (lambda x: np.tril(x, 1), [Y]),
    "triu of matrices": (lambda x: np.triu(x, -1), [T]),
    "trace dtype": (lambda x: np.trace(x, dtype=np.float64), [M]),
    "expand_dims": (lambda x: np.expand_dims(x, (0, 2)), [X]),
    "ix_": (lambda x: x[np.ix_([0, 2], [1, 3])], [M]),
    "compress": (lambda x: np.compress([True, False, True], x, axis=0) * x.compress([1, 0, 1], axis=0), [M]),
    "extract": (lambda x: np.extract(MASK, x), [M]),
    "where of a known condition": (lambda x: x[np.where(MASK)], [M]),
    "astype": (lambda x: np.astype(x, np.float64) * 2.0, [X]),
}
PADS = {
    f"pad {mode} {sorted(options.items())}": (
        lambda x, mode=mode, options=options: np.pad(x, ((2, 1), (0, 3)), mode=mode, **options),
        [M],
    )
    for mode, options in (
        ("edge", {}),
        ("empty", {}),
        ("wrap", {}),
        ("constant", {"constant_values": ((1.0, 2.0), (3.0, 4.0))}),
        ("constant", {"constant_values": (5.0, 6.0)}),
        ("constant", {"constant_values": 7.0}),
        ("reflect", {}),
        ("reflect", {"reflect_type": "odd"}),
        ("symmetric", {}),
        ("symmetric", {"reflect_type": "odd"}),
        ("maximum", {}),
        ("maximum", {"stat_length": 2}),
        ("minimum", {"stat_length": ((1, 2), (2, 3))}),
        ("mean", {}),
        ("mean", {"stat_length": (2, 1)}),
        ("median", {"stat_length": 3}),
        ("linear_ramp", {}),
        ("linear_ramp", {"end_values": (1.0, -2.0)}),
    )
    if mode != "empty"
}
PADS |= {
    "pad recorded value": (lambda x, y: np.pad(x, 1, constant_values=(y[0], y[1])), [M, Y]),
    "pad recorded end": (lambda x, y: np.pad(x, (2, 3), mode="linear_ramp", end_values=y[0]), [X, Y]),
    "pad dictionary": (lambda x: np.pad(x, {-1: (1, 2)}), [M]),
    "pad far": (lambda x: np.pad(x, (7, 9), mode="reflect", reflect_type="odd"), [Y]),
}
REDUCTIONS = {
    **{
        f"{name} where": (lambda x, name=name: getattr(np, name)(x, axis=1, where=MASK, keepdims=True), [M])
        for name in ("sum", "prod", "mean", "var", "std", "nansum", "nanmean", "nanvar")
    },
    **{
        f"{name} initial": (lambda x, y, name=name: getattr(np, name)(x, axis=0, initial=y[0]), [M, Y])
        for name in ("sum", "prod", "max", "min", "nansum", "nanprod", "nanmax", "nanmin")
    },
    **{
        f"{name} where initial": (lambda x, name=name: getattr(np, name)(x, axis=1, where=MASK, initial=0.3), [M])
        for name in ("max", "min", "nanmax", "nanmin")
    },
    "where that broadcasts": (lambda x: np.sum(x, where=MASK[0]), [M]),
    "max of nothing with initial": (lambda x, y: np.max(x[:0], axis=0, initial=y[0]), [M, Y]),
    "var mean": (lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), [M]),
    "std correction": (lambda x: np.std(x, axis=(0, 1), correction=1.5), [M]),
    "var where ddof": (lambda x: np.var(x, ddof=1, where=MASK), [M]),
    "average returned": (lambda x, y: np.average(x, axis=1, weights=y**2, returned=True), [M, Y]),
    "average axes": (lambda x, w: np.average(x, axis=(2, 0), weights=np.exp(w)), [T, T[:, 0].T]),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1, include_initial=True), [M]),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, axis=-1), [M]),
    "cumulative_sum vector": (lambda x: np.cumulative_sum(x, include_initial=True), [X]),
}
METHODS = (
    "linear",
    "weibull",
    "hazen",
    "median_unbiased",
    "normal_unbiased",
    "interpolated_inverted_cdf",
    "lower",
    "higher",
    "nearest",
    "midpoint",
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
)
QUANTILES = {
    **{
        f"quantile {method}": (lambda x, m=method: np.quantile(x, [0.0, 0.13, 0.5, 0.77, 1.0], axis=1, method=m), [T])
        for method in METHODS
    },
    "quantile of q": (lambda x, q: np.quantile(x, q, axis=0), [M, np.array([0.1, 0.4, 0.85])]),
    "percentile of one q": (lambda x, q: np.percentile(x, q[0], method="hazen"), [M, np.array([41.0])]),
    "quantile keepdims": (lambda x: np.quantile(x, 0.3, axis=(0, 2), keepdims=True), [T]),
    "quantile table of q": (lambda x: np.quantile(x, np.array([[0.3], [0.6]]), keepdims=True), [M]),
    "nanquantile": (lambda x: np.nanquantile(np.where(x > -0.3, x, np.nan), [0.2, 0.7], axis=1), [M]),
    "nanpercentile": (lambda x: np.nanpercentile(np.where(x > -0.3, x, np.nan), 35.0, method="weibull"), [M]),
    "nanmedian": (lambda x: np.nanmedian(np.where(x > -0.3, x, np.nan), axis=0, keepdims=True), [M]),
}
UFUNC_METHODS = {
    **{
        f"{name}.accumulate": (lambda x, name=name: getattr(np, name).accumulate(x, axis=1), [M])
        for name in ("add", "multiply", "maximum", "minimum", "logaddexp")
    },
    **{
        f"{name}.reduce": (lambda x, name=name: getattr(np, name).reduce(x, axis=-1), [M])
        for name in ("add", "multiply", "maximum", "minimum", "logaddexp")
    },
    **{
        f"{name}.reduceat": (lambda x, name=name: getattr(np, name).reduceat(x, [0, 3, 1, 1], axis=2), [T])
        for name in ("add", "multiply", "maximum", "minimum", "logaddexp")
    },
    "add.reduce with everything": (lambda x: np.add.reduce(x, (0, 1), None, None, True, 2.0, MASK), [M]),
    "outer": (lambda x, y: np.subtract.outer(x, y) + np.arctan2.outer(x, y), [X, M]),
}
ELEMENTWISE = {
    "copysign": (lambda x, y: np.copysign(x, y), [X, X[::-1].copy()]),
    "modf": (lambda x: np.modf(3.0 * x), [X]),
    "divmod": (lambda x, y: np.divmod(x, 0.3 * y), [Z, Z[::-1].copy()]),
    "frexp": (lambda x: np.frexp(x)[0], [100.0 * X]),
    "ldexp": (lambda x: np.ldexp(x, np.array([1, -2, 3, 0, 5, -1])), [X]),
    "heaviside": (lambda x: np.heaviside(x, 0.5), [X]),
    "heaviside at zero": (lambda h: np.heaviside(np.array([-1.0, 0.0, 2.0, 0.0]), h), [Y]),
    "float_power": (lambda x, y: np.float_power(x, y), [Z, Z[::-1].copy()]),
    "logaddexp2": (lambda x, y: np.logaddexp2(x, y), [Z, Z[::-1].copy()]),
    "sinc": (lambda x: np.sinc(x), [X]),
    "i0": (lambda x: np.i0(x), [X]),
    "unwrap": (lambda x: np.unwrap(x, axis=0), [4.0 * M]),
    "unwrap period": (lambda x: np.unwrap(x, discont=1.3, period=2.0), [3.0 * X]),
    "nan_to_num": (lambda x: np.nan_to_num(np.where(x > 0.0, x, np.nan), nan=2.0), [X]),
    "real_if_close": (lambda x: np.real_if_close(x) + np.real(x) + np.imag(x), [X]),
    "clip": (lambda x, y: np.clip(x, y, 0.7), [M, -np.abs(Y) - 0.1]),
    "round": (lambda x: x + np.round(x, 1) + x.round(-1), [X]),
}
PRODUCTS = {
    "vecdot": (lambda x, y: np.vecdot(x, y), [T, M]),
    "vecdot axis": (lambda x, y: np.vecdot(x, y, axis=0), [M, M + 1.0]),
    "matvec": (lambda a, v: np.matvec(a, v), [T, Y]),
    "matvec batches": (lambda a, v: np.matvec(a, v), [T, T[:, 0]]),
    "vecmat": (lambda v, a: np.vecmat(v, a), [M[:, 0], T]),
    "einsum lists": (lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), [M, M.T + 1.0]),
    "einsum lists and dots": (lambda x, y: np.einsum(x, [..., 1], y, [1]), [T, Y]),
    "einsum path": (
        lambda x, y, z: np.einsum("ij,jk,kl->il", x, y, z, optimize=["einsum_path", (1, 2), (0, 1)]),
        [M, M.T, M],
    ),
    "einsum own path": (
        lambda x, y, z: np.einsum("ij,jk,kl", x, y, z, optimize=np.einsum_path("ij,jk,kl", x, y, z)[0]),
        [M, M.T, M],
    ),
    "einsum optimal": (lambda x, y: np.einsum("ij,jk,kl,lm->im", x, y, x, y, optimize="optimal"), [M, M.T]),
    "einsum all at once": (
        lambda x, y: np.einsum("ij,jk,kl->il", x, y, x, optimize=["einsum_path", (0, 1, 2)]),
        [M, M.T],
    ),
    "einsum diagonal": (lambda x: np.einsum("...ii->...i", x), [T[:, :, :3]]),
    "einsum number": (lambda x, y: np.einsum(",ij->j", x[0], y), [X, M]),
    "einsum broadcasts": (lambda x, y: np.einsum("...i,...i->...", x, y), [T, M]),
    "einsum dtype": (lambda x: np.einsum("ij->i", x, dtype=np.float64), [M]),
}
CALCULUS = {
    "diff prepend": (lambda x, y: np.diff(x, prepend=y[0], append=0.0), [X, Y]),
    "diff append": (lambda x, y: np.diff(x, 2, axis=0, append=y[None]), [M, Y]),
    "interp period": (lambda x, xp, fp: np.interp(x, xp, fp, period=2.0), [X * 3.0, Z, Z**2]),
    "cov weights": (lambda x, w: np.cov(x, aweights=w**2), [M, Y]),
    "cov frequencies": (lambda x: np.cov(x, fweights=COUNTS), [M]),
    "cov both": (lambda x, w: np.cov(x, fweights=COUNTS, aweights=w**2, ddof=1), [M, Y]),
    "cov both biased": (lambda x, w: np.cov(x, fweights=COUNTS, aweights=w**2, bias=True), [M, Y]),
    "poly": (lambda x: np.poly(x), [Y]),
    "polyadd": (lambda x, y: np.polyadd(x, y), [X, Y]),
    "polysub": (lambda x, y: np.polysub(y, x), [X, Y]),
    "polymul": (lambda x, y: np.polymul(x, y), [X, Y]),
    "polyder": (lambda x: np.polyder(x, 2), [X]),
    "polyint": (lambda x, k: np.polyint(x, 2, k[:2]), [X, Y]),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), [X, X[::-1].copy()]),
    "polyfit weights": (lambda x, y, w: np.polyfit(x, np.stack([y, y**2], 1), 1, w=w), [Z, Z[::-1].copy(), Z**2]),
    "searchsorted sorter": (lambda x: x + np.searchsorted(x, 0.1, sorter=np.argsort(X)), [X]),
}
CREATION = {
    "linspace": (lambda a, b: np.linspace(a, b, 5), [M, Y]),
    "linspace numbers": (lambda a: np.linspace(a[0], a[1], 7, endpoint=False), [X]),
    "linspace step": (lambda a, b: np.linspace(a, b, 4, retstep=True, axis=1), [M, Y]),
    "linspace one": (lambda a: np.linspace(a[0], a[1], 1), [X]),
    "logspace": (lambda a, b: np.logspace(a, b, 4), [M, Y]),
    "logspace base": (lambda a, b: np.logspace(a[0], a[1], 4, base=b), [X, Z]),
    "geomspace": (lambda a, b: np.geomspace(a, b, 5), [Z, Z[::-1].copy() * 7.0]),
    "geomspace negative": (lambda a: np.geomspace(-a[0], -a[1], 5, endpoint=False), [Z]),
    "empty_like": (lambda x: np.full_like(x, x[0, 0]) + np.zeros_like(x) + np.ones_like(x), [M]),
}
FUNCTIONAL = {
    "apply_along_axis": (lambda x: np.apply_along_axis(lambda v: np.cumsum(v) * v[0], 1, x), [T]),
    "apply_along_axis numbers": (lambda x: np.apply_along_axis(lambda v, k: np.sum(v**k), 0, x, 2), [M]),
    "apply_along_axis matrices": (lambda x: np.apply_along_axis(lambda v: np.outer(v, v), 1, x), [T]),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, 2]), [T]),
    "piecewise": (lambda x: np.piecewise(x, [x < -0.5, x > 0.5], [lambda v: v**2, np.exp, 3.0]), [M]),
    "piecewise one": (lambda x: np.piecewise(x, x > 0.0, [np.sqrt, lambda v: -v]), [X]),
    "piecewise known": (lambda x: np.piecewise(x, [MASK], [lambda v: v * np.sum(v), 0.0]), [M]),
    "piecewise overlapping": (lambda x: np.piecewise(x, [x > -1.0, x > 0.0], [lambda v, k: v * k, 7.0], 2.0), [M]),
}
GROUPS = {
    "splits": SPLITS,
    "shapes": SHAPES,
    "pads": PADS,
    "reductions": REDUCTIONS,
    "quantiles": QUANTILES,
    "ufunc methods": UFUNC_METHODS,
    "elementwise": ELEMENTWISE,
    "products": PRODUCTS,
    "calculus": CALCULUS,
    "creation": CREATION,
    "functional": FUNCTIONAL,
}
ALL = {name: case for group in GROUPS.values() for name, case in group.items()}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), ALL.values(), ids=ALL)
def test_value(function, arrays):
    check_value(function, arrays)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), ALL.values(), ids=ALL)
def test_gradient(function, arrays):
    check_gradient(function, arrays)


COMPILED = {
    "pads": ("pad reflect [('reflect_type', 'odd')]", "pad mean []", "pad linear_ramp []"),
    "quantiles": ("quantile of q", "nanquantile"),
    "scans": ("maximum.accumulate", "logaddexp.reduceat", "add.reduceat", "unwrap"),
    "elementwise": ("copysign", "modf", "ldexp"),
    "others": ("linspace", "interp period", "piecewise", "max where initial"),
}


@pytest.mark.parametrize("names", COMPILED.values(), ids=COMPILED)
def test_compiled(names, monkeypatch):
    check_compiled([ALL[name] for name in names], monkeypatch)
