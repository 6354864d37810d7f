"""`numpy.linalg`, `scipy.linalg` and sparse matrices on recorded arrays: NumPy's values, types and errors."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
from surface_checks import check_gradient, check_value

import autodiff as ad
from autodiff.errors import ArgumentError, AutodiffError, DTypeError, LinearAlgebraError
from autodiff.scipy import linalg
from autodiff.scipy.sparse import csr_array
from autodiff.scipy.sparse.linalg import spsolve

RNG = np.random.default_rng(3)
A, B, M = RNG.uniform(-1, 1, (3, 3)) + 2 * np.eye(3), RNG.uniform(-1, 1, (3, 2)), RNG.uniform(-1, 1, (3, 4))
STACK, V = RNG.uniform(-1, 1, (2, 3, 3)) + 2 * np.eye(3), RNG.uniform(-1, 1, 3)
S = A @ A.T

NUMPY = {
    **{f"norm {ord}": (lambda x, ord=ord: np.linalg.norm(x, ord), [M]) for ord in (None, "fro", "nuc", 1, -1, 2, -2)},
    "norm inf": (lambda x: np.linalg.norm(x, np.inf), [M]),
    "norm -inf": (lambda x: np.linalg.norm(x, -np.inf), [M]),
    **{f"norm of a vector {p}": (lambda x, p=p: np.linalg.norm(x, p), [V]) for p in (1, 2, 3, 0.5, -1, -2.5)},
    "norm of vectors": (lambda x: np.linalg.norm(x, 3, axis=1, keepdims=True), [STACK]),
    "nuclear norms": (lambda x: np.linalg.norm(x, "nuc", axis=(2, 0), keepdims=True), [STACK]),
    "norms of matrices": (lambda x: np.linalg.norm(x, 1, axis=(2, 0)), [STACK]),
    "matrix_norm": (lambda x: np.linalg.matrix_norm(x, ord=2), [STACK]),
    "vector_norm": (lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=3), [STACK]),
    "solve vector": (lambda a, b: np.linalg.solve(a, b), [A, V]),
    "solve matrix": (lambda a, b: np.linalg.solve(a, b), [A, B]),
    "solve stack by vector": (lambda a, b: np.linalg.solve(a, b), [STACK, V]),
    "solve one by many": (lambda a, b: np.linalg.solve(a, b), [A, STACK]),
    "solve broadcast": (lambda a, b: np.linalg.solve(a, b), [STACK, B]),
    "inv": (lambda a: np.linalg.inv(a), [STACK]),
    "pinv": (lambda a: np.linalg.pinv(a), [M]),
    "det": (lambda a: np.linalg.det(a), [STACK]),
    "slogdet": (lambda a: np.linalg.slogdet(a), [STACK]),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, 5), [STACK]),
    "matrix_power negative": (lambda a: np.linalg.matrix_power(a, -2), [A]),
    "multi_dot": (lambda v, a, m, w: np.linalg.multi_dot([v, a, m, w]), [V, A, M, M[0]]),
    "multi_dot matrices": (lambda a, m: np.linalg.multi_dot([a, m, m.T, a]), [A, M]),
    "svd": (lambda a: np.linalg.svd(a, full_matrices=False), [M]),
    "svdvals": (lambda a: np.linalg.svdvals(a), [STACK]),
    "qr": (lambda a: np.linalg.qr(a), [M.T]),
    "qr wide": (lambda a: np.linalg.qr(a), [M]),
    "qr r": (lambda a: np.linalg.qr(a, mode="r"), [M]),
    "cond": (lambda a: np.linalg.cond(a), [STACK]),
    **{f"cond {p}": (lambda a, p=p: np.linalg.cond(a, p), [A]) for p in (-2, "fro", "nuc", 1, -1, np.inf)},
    "tensorinv": (lambda a: np.linalg.tensorinv(a, 1), [np.stack([A, S]).reshape(6, 3)[:3].reshape(3, 3)]),
    "tensorsolve": (lambda a, b: np.linalg.tensorsolve(a, b), [np.eye(6).reshape(2, 3, 6) + 0.1, B.T]),
    "tensorsolve axes": (lambda a, b: np.linalg.tensorsolve(a, b, (0,)), [A.reshape(3, 3), V]),
    "cross": (lambda a, b: np.linalg.cross(a, b), [A, V]),
    "outer": (lambda a, b: np.linalg.outer(a, b), [V, M[0]]),
    "vecdot": (lambda a, b: np.linalg.vecdot(a, b, axis=0), [A, S]),
    "trace": (lambda a: np.linalg.trace(a, offset=1), [STACK]),
    "diagonal": (lambda a: np.linalg.diagonal(a), [STACK]),
    "matrix_transpose": (lambda a: np.linalg.matrix_transpose(a), [STACK]),
}
SYMMETRIC = {
    "cholesky": (lambda x: np.linalg.cholesky(x + x.T), [S]),
    "cholesky upper": (lambda x: np.linalg.cholesky(x + x.T, upper=True), [S]),
    "eigh": (lambda x: np.linalg.eigh(x + x.T), [S]),
    "eigvalsh U": (lambda x: np.linalg.eigvalsh(x + x.T, "U"), [S]),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), {**NUMPY, **SYMMETRIC}.values(), ids={**NUMPY, **SYMMETRIC})
def test_numpy(function, arrays):
    check_value(function, arrays)
    check_gradient(function, arrays)


def test_result_types_are_numpys():
    for function in (np.linalg.svd, np.linalg.eigh, np.linalg.qr, np.linalg.slogdet):
        assert type(ad.jit(function)(S)) is type(function(S))
        assert type(function(ad.constant(S))) is type(function(S))


def test_matrix_rank():
    for a in (np.outer(V, V), np.stack([A, 0 * A]), V, 0 * V):
        np.testing.assert_array_equal(ad.jit(np.linalg.matrix_rank)(a), np.linalg.matrix_rank(a))


@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.det, np.linalg.svdvals, np.linalg.cholesky])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_], ids=str)
def test_dtypes(function, dtype):
    a = (10 * np.eye(3) + np.ones((3, 3))).astype(dtype) if dtype != np.bool_ else np.eye(3, dtype=bool)
    found, expected = function(ad.constant(a)).numpy(), function(a)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


ERRORS = {
    "solve": (lambda x: np.linalg.solve(x, x), LinearAlgebraError),
    "inv": (lambda x: np.linalg.inv(x), LinearAlgebraError),
    "det of a vector": (lambda x: np.linalg.det(x[0]), LinearAlgebraError),
    "norm": (lambda x: np.linalg.norm(x, "some"), ArgumentError),
    "norm of three axes": (lambda x: np.linalg.norm(x[None], 2), ArgumentError),
    "qr": (lambda x: np.linalg.qr(x, "raw"), ArgumentError),
    "half precision": (lambda x: np.linalg.inv(x[:, :3].astype(np.float16)), DTypeError),
    "multi_dot": (lambda x: np.linalg.multi_dot([x]), ArgumentError),
}


@pytest.mark.parametrize(("call", "error"), ERRORS.values(), ids=ERRORS)
def test_errors(call, error):
    with pytest.raises(error):
        call(ad.constant(M))
    try:
        call(M)
    except np.linalg.LinAlgError:
        assert issubclass(error, np.linalg.LinAlgError)
    except (ValueError, TypeError):
        assert error in (ArgumentError, DTypeError)


# ---- SciPy's ---------------------------------------------------------------------------------

NAMES = scipy.linalg.__dict__
SCIPY = {
    **{name: (name, [0.3 * A], {}) for name in ("expm", "sinm", "cosm", "tanm", "sinhm", "coshm", "tanhm")},
    "logm": ("logm", [S], {}),
    "sqrtm": ("sqrtm", [S], {}),
    "expm_frechet": ("expm_frechet", [A, S], {}),
    "solve_triangular": ("solve_triangular", [A, V], {"lower": True}),
    "solve_triangular transposed": ("solve_triangular", [A, B], {"trans": 1, "unit_diagonal": True}),
    "lu": ("lu", [M], {}),
    "lu tall": ("lu", [M.T], {"permute_l": True}),
    "polar": ("polar", [A], {}),
    "polar left": ("polar", [M], {"side": "left"}),
    "solve_sylvester": ("solve_sylvester", [A, S, A], {}),
    "solve_continuous_lyapunov": ("solve_continuous_lyapunov", [A, S], {}),
    "solve_discrete_lyapunov": ("solve_discrete_lyapunov", [0.2 * A, S], {}),
    "solve_discrete_lyapunov bilinear": ("solve_discrete_lyapunov", [0.2 * A, S], {"method": "bilinear"}),
    "block_diag": ("block_diag", [A, V, M], {}),
    "toeplitz": ("toeplitz", [V, M[0]], {}),
    "circulant": ("circulant", [V], {}),
    "hankel": ("hankel", [V, M[0]], {}),
    "pinv": ("pinv", [M], {}),
    "qr": ("qr", [M.T], {"mode": "economic"}),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("name", "arrays", "options"), SCIPY.values(), ids=SCIPY)
def test_scipy(name, arrays, options):
    function = getattr(linalg, name)
    found, expected = ad.jit(lambda *xs: function(*xs, **options))(*arrays), NAMES[name](*arrays, **options)
    for a, b in zip(_listed(found), _listed(expected), strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    check_gradient(lambda *xs: tuple(_listed(function(*xs, **options))), arrays)


def _listed(x):
    return list(x) if isinstance(x, tuple) else [x]


@pytest.mark.usefixtures("no_kernels")
def test_factors_and_their_solutions():
    for solution in (
        lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b),
        lambda a, b: linalg.lu_solve(linalg.lu_factor(a.T), b, trans=1),
        lambda a, b: linalg.cho_solve(linalg.cho_factor(a + a.T), b),
        lambda a, b: linalg.cho_solve(linalg.cho_factor(a + a.T, lower=True), b),
    ):
        check_value(lambda a, b, solution=solution: solution(a, b), [S, B])
        check_gradient(solution, [S, B])


def test_generalised_eigenvalues():
    b = S + np.eye(3)
    w, v = ad.jit(lambda x, y: linalg.eigh(x, y))(A + A.T, b)
    np.testing.assert_allclose(w, scipy.linalg.eigh(A + A.T, b, eigvals_only=True))
    np.testing.assert_allclose((A + A.T) @ v, b @ v * w, atol=1e-12)
    np.testing.assert_allclose(v.T @ b @ v, np.eye(3), atol=1e-12)


# ---- sparse ----------------------------------------------------------------------------------

DENSE = np.array([[3.0, 0.0, -1.0], [0.0, 2.0, 0.0], [0.5, 1.0, 4.0]])


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_constants(kind):
    a = kind(DENSE)
    pairs = [
        (lambda x: a @ x, lambda x: DENSE @ x, V),
        (lambda x: a @ x, lambda x: DENSE @ x, B),
        (lambda x: a.dot(x), lambda x: DENSE @ x, V),
        (lambda x: x @ a, lambda x: x @ DENSE, B.T),
        (lambda x: spsolve(a, x), lambda x: np.linalg.solve(DENSE, x), B),
    ]
    for sparse, dense, x in pairs:
        found, expected = (ad.value_and_grad(lambda x, f=f: np.sum(np.sin(f(x))))(x) for f in (sparse, dense))
        np.testing.assert_allclose(found[0], expected[0])
        np.testing.assert_allclose(found[1], expected[1], atol=1e-14)
        with ad.GradientTape() as tape:
            variable = ad.Variable(x)
            y = np.sum(np.sin(sparse(variable)))
        np.testing.assert_allclose(tape.gradient(y, variable), expected[1], atol=1e-14)


def test_sparse_numbers_vary():
    a = scipy.sparse.csr_array(DENSE)

    def of(data):
        return csr_array((data, a.indices, a.indptr), shape=a.shape)

    check_gradient(lambda data, x: of(data) @ x, [a.data, B])
    check_gradient(lambda data, x: of(data).T @ x, [a.data, V])
    check_gradient(lambda data, b: spsolve(of(data), b), [a.data, V], order=2)
    np.testing.assert_array_equal(ad.jit(lambda data: of(data).toarray())(a.data), DENSE)


def test_sparse_entries_in_any_order():
    """SuperLU sorts them; the caller's arrays stay as they are."""
    data, indices, indptr = np.array([2.0, 1.0, 4.0]), np.array([1, 0, 1]), np.array([0, 2, 3])
    before = indices.copy()
    b = np.array([1.0, 2.0])
    found = ad.jit(lambda d: spsolve(csr_array((d, indices, indptr)), b))(data)
    np.testing.assert_allclose(found, np.linalg.solve([[1.0, 2.0], [0.0, 4.0]], b))
    np.testing.assert_array_equal(indices, before)


def test_sparse_errors():
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        ad.jit(lambda b: spsolve(scipy.sparse.csr_array(np.diag([1.0, 0.0])), b))(np.ones(2))
    with pytest.raises(AutodiffError, match="tocsr"):
        ad.jit(lambda x: scipy.sparse.coo_array(DENSE) @ x)(V)
    with pytest.raises(AutodiffError, match="indptr"):
        csr_array((V, [0, 1, 2], [0, 1, 2]))
