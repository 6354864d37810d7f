"""`scipy.linalg`: banded and structured matrices on recorded arrays, and what is refused by name."""

import numpy as np
import pytest
import scipy.linalg
from surface_checks import check_gradient, close

import autodiff as ad
from autodiff.errors import LinearAlgebraError, NotDifferentiableError
from autodiff.frontends.surface.scipy_refused import REFUSED
from autodiff.scipy import linalg

RNG = np.random.default_rng(5)
BANDS, HALF = RNG.uniform(-1, 1, (4, 5)), RNG.uniform(-1, 1, (3, 5))
BANDS[2] += 4.0
UPPER, LOWER = HALF + np.array([[0.0], [0.0], [5.0]]), HALF + np.array([[5.0], [0.0], [0.0]])
V, B, C = RNG.uniform(-1, 1, 5), RNG.uniform(-1, 1, (5, 2)), RNG.uniform(-1, 1, 5) + 4.0 * np.eye(5)[0]
A, M = RNG.uniform(-1, 1, (3, 3)) + 2.0 * np.eye(3), RNG.uniform(-1, 1, (5, 3))
Z = V + 1j * C

CALLS = {
    "solve_banded": (lambda la, ab, b: la.solve_banded((1, 2), ab, b), [BANDS, V]),
    "solve_banded, columns": (lambda la, ab, b: la.solve_banded((1, 2), ab, b), [BANDS, B]),
    "solveh_banded": (lambda la, ab, b: la.solveh_banded(ab, b), [UPPER, V]),
    "solveh_banded lower": (lambda la, ab, b: la.solveh_banded(ab, b, lower=True), [LOWER, B]),
    "cholesky_banded": (lambda la, ab: la.cholesky_banded(ab) * [[0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [1] * 5], [UPPER]),
    "cholesky_banded lower": (
        lambda la, ab: la.cholesky_banded(ab, lower=True) * [[1] * 5, [1, 1, 1, 1, 0], [1, 1, 1, 0, 0]],
        [LOWER],
    ),
    "cho_solve_banded": (lambda la, ab, b: la.cho_solve_banded((la.cholesky_banded(ab), False), b), [UPPER, B]),
    "cho_solve_banded lower": (
        lambda la, ab, b: la.cho_solve_banded((la.cholesky_banded(ab, lower=True), True), b),
        [LOWER, V],
    ),
    "eigvalsh_tridiagonal": (lambda la, d, e: la.eigvalsh_tridiagonal(d, e), [V, B[:4, 0].copy()]),
    "eigh_tridiagonal": (lambda la, d, e: la.eigh_tridiagonal(d, e)[1] ** 2, [V, B[:4, 0].copy()]),
    "eigvals_banded": (lambda la, ab: la.eigvals_banded(ab), [UPPER]),
    "eig_banded": (lambda la, ab: la.eig_banded(ab, lower=True)[1] ** 2, [LOWER]),
    "solve_toeplitz": (lambda la, c, b: la.solve_toeplitz(c, b), [C, V]),
    "solve_toeplitz of two": (lambda la, c, r, b: la.solve_toeplitz((c, r), b), [C, V, B]),
    "matmul_toeplitz": (lambda la, c, r, x: la.matmul_toeplitz((c, r), x), [C, V, B]),
    "solve_circulant": (lambda la, c, b: la.solve_circulant(c, b), [C, V]),
    "solve_circulant, columns": (lambda la, c, b: la.solve_circulant(c, b), [C, B]),
    "companion": (lambda la, a: la.companion(a), [C]),
    "leslie": (lambda la, f, s: la.leslie(f, s), [V, B[:4, 0].copy()]),
    **{
        f"convolution_matrix {mode} {n}": (lambda la, a, n=n, mode=mode: la.convolution_matrix(a, n, mode), [V])
        for mode in ("full", "same", "valid")
        for n in (1, 3, 7, 8)
    },
    "fiedler": (lambda la, a: la.fiedler(a), [V]),
    "diagsvd": (lambda la, s: la.diagsvd(s, 5, 7), [V]),
    "khatri_rao": (lambda la, a, b: la.khatri_rao(a, b), [A, M]),
    "fractional_matrix_power": (lambda la, a: la.fractional_matrix_power(a, 0.3), [A @ A.T + np.eye(3)]),
    "fractional_matrix_power 3": (lambda la, a: la.fractional_matrix_power(a, 3), [A]),
    "signm": (lambda la, a: la.signm(a), [A * [1.0, -1.0, 1.0]]),
    "pinvh": (lambda la, a: la.pinvh(a), [A @ A.T]),
    "orthogonal_procrustes": (lambda la, a, b: la.orthogonal_procrustes(a, b), [M, M[::-1] ** 2]),
    "subspace_angles": (lambda la, a, b: la.subspace_angles(a, b), [M, B]),
    "subspace_angles, small": (lambda la, a, b: la.subspace_angles(a, a + 0.1 * b), [M, M[::-1] ** 2]),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("call", "arrays"), CALLS.values(), ids=CALLS)
def test_call(call, arrays):
    found, expected = ad.jit(lambda *xs: call(linalg, *xs))(*arrays), call(scipy.linalg, *arrays)
    close(found, expected, 1e-9)
    check_gradient(lambda *xs: call(linalg, *xs), arrays)


@pytest.mark.usefixtures("no_kernels")
def test_complex_bands():
    ab = BANDS + 1j * BANDS[::-1]
    hermitian = UPPER + 0.3j * UPPER[:, ::-1] * [[1], [1], [0]]
    for call, arrays in (
        (lambda la, z, b: la.solve_banded((1, 2), z, b), (ab, Z)),
        (lambda la, z, b: la.solveh_banded(z, b), (hermitian, Z)),
        (lambda la, z, b: la.solve_toeplitz(z, b), (Z + 4.0 * np.eye(5)[0], V)),
        (lambda la, z, b: la.solve_circulant(z, b), (Z + 4.0 * np.eye(5)[0], V)),
        (lambda la, z, b: la.toeplitz(z), (Z, V)),
    ):
        close(ad.jit(lambda z, b, call=call: call(linalg, z, b))(*arrays), call(scipy.linalg, *arrays), 1e-10)
        parts = (arrays[0].real.copy(), arrays[0].imag.copy())

        def loss(a, b, call=call, y=arrays[1]):
            return np.sum(np.abs(call(linalg, a + 1j * b, y)) ** 3)

        ad.testing.check_grads(loss, parts, order=2, verbose=False)


def test_long_bands_need_no_dense_matrix():
    """A dense matrix of this size would be 80 GB."""
    n = 100_000
    ab = np.stack([-np.ones(n), 2.5 * np.ones(n), -np.ones(n)])
    gradient = ad.grad(lambda b: np.sum(linalg.solve_banded((1, 1), ab, b)))(np.ones(n))
    np.testing.assert_allclose(gradient, scipy.linalg.solve_banded((1, 1), ab, np.ones(n)), rtol=1e-12)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    with pytest.raises(NotDifferentiableError, match=f"scipy.linalg.{name} ") as caught:
        ad.jit(getattr(linalg, name))(A)
    assert caught.value.remedy
    assert hasattr(scipy.linalg, name)


def test_nobody_is_forgotten():
    """Every function of SciPy's that takes arrays is answered or refused; the others take sizes or names."""
    takes_no_array = {
        "dft", "hadamard", "helmert", "hilbert", "invhilbert", "invpascal", "pascal",
        "find_best_blas_type", "get_blas_funcs", "get_lapack_funcs",
    }  # fmt: skip
    public = {n: getattr(scipy.linalg, n) for n in scipy.linalg.__all__}
    functions = {n for n, found in public.items() if callable(found) and not isinstance(found, type)}
    assert functions - takes_no_array - set(linalg._FUNCTIONS) == set()


def test_bad_shapes():
    for call in (
        lambda x: linalg.solve_banded((1, 1), x, V),
        lambda x: linalg.companion(x),
        lambda x: linalg.leslie(x[0], x[0]),
        lambda x: linalg.khatri_rao(x, A),
        lambda x: linalg.subspace_angles(x, A),
    ):
        with pytest.raises(LinearAlgebraError, match=r"shape|rates"):
            ad.jit(call)(BANDS)
