"""SciPy's special functions on recorded values: dispatch by name, derivatives in the tails and at kinks, refusals."""

import subprocess
import sys

import mpmath
import numpy as np
import pytest
import scipy.special as sp
from surface_checks import check_gradient, check_value

import autodiff as ad
from autodiff.errors import ArgumentError, NotDifferentiableError
from autodiff.ops.special import SCIPY_NAMES, polygamma

X, P = np.array([-1.3, -0.2, 0.4, 1.9]), np.array([0.07, 0.4, 0.93])
A, B = np.array([0.3, 1.4, 6.0]), np.array([2.5, 0.6, 1.1])

REAL = "erf erfc erfcx ndtr log_ndtr j0 j1 i0 i1 i0e i1e expit log_expit"
PARTS = "erfcinv ndtri logit entr gammaln gamma digamma psi"
PAIRS = "beta betaln rel_entr kl_div xlogy xlog1py"

CALLS = {
    **{name: (getattr(sp, name), [X]) for name in REAL.split()},
    **{name: (getattr(sp, name), [P]) for name in PARTS.split()},
    **{name: (getattr(sp, name), [A, B]) for name in PAIRS.split()},
    "erfinv": (sp.erfinv, [P - 0.5]),
    "gamma of negative numbers": (sp.gamma, [np.array([-0.5, -2.3])]),
    "digamma of negative numbers": (sp.digamma, [np.array([-0.5, -2.3])]),
    "zeta": (lambda x: sp.zeta(2.5, x), [A]),
    "gammainc": (lambda x: sp.gammainc(2.2, x), [A]),
    "gammaincc": (lambda x: sp.gammaincc(np.array([0.5, 1.0, 9.0]), x), [A]),
    "betainc": (lambda x: sp.betainc(0.7, 2.0, x), [P]),
    "gammainc of both": (sp.gammainc, [A, B]),
    "gammaincinv of both": (sp.gammaincinv, [A, P]),
    "betainc of all": (sp.betainc, [A, B, P]),
    "stdtr": (sp.stdtr, [A, X[:3]]),
    "stdtrit": (sp.stdtrit, [A, P]),
    "fdtr": (sp.fdtr, [A, B, P]),
    "fdtri": (sp.fdtri, [A, B, P]),
    "chdtr": (lambda v, x: sp.chdtr(v, x) * sp.chdtrc(v, x) + sp.chdtri(v, 0.3), [A, B]),
    "gdtr": (lambda a, b, x: sp.gdtr(a, b, x) * sp.gdtrc(b, a, x), [A, B, P]),
    "counts": (lambda p: sp.bdtr(2.0, 5, p) + sp.nbdtr(3, 2, p) * sp.bdtrc(1.0, 5, p) + sp.pdtr(2.0, p), [P]),
    "sici": (lambda x: sp.sici(x)[0] * sp.sici(x)[1], [A]),
    "shichi": (lambda x: sp.shichi(x)[0] * sp.shichi(x)[1], [A]),
    "fresnel": (lambda x: sp.fresnel(x)[0] * sp.fresnel(x)[1], [A]),
    "yn": (lambda x: sp.yn(2, x), [A]),
    "jv": (lambda x: sp.jv(2, x) + sp.iv(0.5, x) * sp.ive(1, x), [A]),
    "broadcasting": (lambda x, y: sp.xlogy(x[:, None], y), [A, B]),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), CALLS.values(), ids=CALLS)
def test_value_and_gradient(function, arrays):
    check_value(function, arrays)
    check_gradient(function, arrays, order=2)


def derivative(function, x, n=1):
    """The n-th derivative of a function of one number."""
    for _ in range(n):
        function = ad.grad(function)
    return float(function(x))


TAILS = [
    (sp.log_ndtr, lambda x: mpmath.log(mpmath.ncdf(x)), (-1e3, -40.0, -3.0, 0.0, 5.0, 37.0)),
    (sp.erfcx, lambda x: mpmath.exp(x * x) * mpmath.erfc(x), (-2.0, 3.0, 29.9, 30.1, 1e3)),
    (sp.erfc, mpmath.erfc, (-5.0, 5.0, 20.0)),
    (sp.gammaln, mpmath.loggamma, (1e-3, 1e3, 1e8)),
    (sp.i0e, lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)), (-3.0, 1e2)),
    (sp.i1e, lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)), (-3.0, 1e2)),
    (sp.j1, lambda x: mpmath.besselj(1, x), (-30.0, 1e-8)),
    (lambda x: sp.gammainc(30.0, x), lambda x: mpmath.gammainc(30, 0, x, regularized=True), (3.0, 30.0, 90.0)),
    (lambda x: sp.betainc(20.0, 3.0, x), lambda x: mpmath.betainc(20, 3, 0, x, regularized=True), (0.1, 0.999)),
]


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("ours", "exact", "points"), TAILS)
def test_tails_against_mpmath(ours, exact, points):
    with mpmath.workdps(60):
        for x in points:
            expected = float(mpmath.diff(exact, mpmath.mpf(x)))
            assert derivative(ours, x) == pytest.approx(expected, rel=2e-10), x


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        (sp.i1, 0.0, (0.5, 0.0, 0.375)),
        (sp.j1, 0.0, (0.5, 0.0, -0.375)),
        (sp.j0, 0.0, (0.0, -0.5, 0.0)),
        (lambda x: polygamma(2, x), 1.0, (float(mpmath.polygamma(3, 1)), float(mpmath.polygamma(4, 1)))),
        (sp.gammaln, 2.0, [float(mpmath.polygamma(n, 2)) for n in range(4)]),
        (lambda x: polygamma(0, x), 1.5, (float(mpmath.polygamma(1, 1.5)),)),
    ],
)
def test_higher_orders(function, point, expected):
    for n, value in enumerate(expected, 1):
        assert derivative(function, point, n) == pytest.approx(value, rel=1e-13, abs=1e-15)


ZEROS = [
    (sp.xlogy, (0.0, 2.0), (np.log(2.0), 0.0)),
    (sp.xlogy, (0.0, 0.0), (0.0, 0.0)),
    (sp.xlog1py, (0.0, -1.0), (0.0, 0.0)),
    (sp.xlog1py, (0.0, 1.0), (np.log(2.0), 0.0)),
    (sp.entr, (0.0,), (np.inf,)),
    (sp.rel_entr, (0.0, 0.3), (-np.inf, 0.0)),
    (sp.rel_entr, (0.0, 0.0), (1.0, 0.0)),
    (sp.kl_div, (0.0, 0.3), (-np.inf, 1.0)),
    (sp.log_expit, (-1000.0,), (1.0,)),
    (sp.log_expit, (1000.0,), (0.0,)),
    (sp.i0e, (0.0,), (0.0,)),
    (sp.logit, (0.0,), (np.inf,)),
]


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "point", "expected"), ZEROS)
def test_beside_zero(function, point, expected):
    tensors = [ad.constant(x) for x in point]
    with ad.GradientTape() as tape:
        for x in tensors:
            tape.watch(x)
        y = function(*tensors)
    np.testing.assert_array_equal([g.numpy() for g in tape.gradient(y, tensors)], expected)


@pytest.mark.usefixtures("no_kernels")
def test_float32_stays():
    for name, op in SCIPY_NAMES.items():
        x = [np.full(2, 1.0, np.float32)] * len(op.partials)
        assert op(*x).dtype == np.float32, name


REFUSED = {
    "hyp1f1": lambda a: sp.hyp1f1(1.0, a, 0.5),
    "ellipeinc": lambda m: sp.ellipeinc(1.0, m / 4.0),
    "expn": lambda n: sp.expn(n, 1.0),
    "zeta": lambda a: sp.zeta(a, 1.0),
    "jv": lambda a: sp.jv(a, 1.0),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("name", REFUSED)
def test_unknown_derivatives_are_refused_by_name(name):
    function = REFUSED[name]
    assert ad.jit(function)(2.0) == function(2.0)
    with pytest.raises(NotDifferentiableError, match=rf"{name}: the derivative with respect to argument \d"):
        ad.grad(function)(2.0)
    with pytest.raises(NotDifferentiableError, match=name):
        ad.jvp(function, (2.0,), (1.0,))


@pytest.mark.parametrize("order", [-1, 1.5, True])
def test_order_of_polygamma(order):
    with pytest.raises(ArgumentError, match="polygamma"):
        polygamma(order, 1.0)


def test_no_rule():
    with pytest.raises(NotDifferentiableError, match="ellipj"):
        sp.ellipj(ad.constant(0.5), 0.5)


def test_scipy_is_imported_when_needed():
    code = (
        "import sys, numpy as np, autodiff as ad\n"
        "ad.grad(lambda x: np.sum(np.sort(x) ** 2))(np.ones(3))\n"
        "assert not any(m.startswith('scipy.special') for m in sys.modules)\n"
        "from autodiff.ops.special import gammaln\n"
        "ad.grad(lambda x: gammaln(x))(2.0)\n"
        "assert 'scipy.special' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
