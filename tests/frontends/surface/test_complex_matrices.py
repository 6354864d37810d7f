"""Linear algebra of complex matrices: NumPy's values, gradients as differences in both parts give them."""

import numpy as np
import pytest
import scipy.linalg
from surface_checks import close, plain

import autodiff as ad
from autodiff.config import config
from autodiff.errors import NotDifferentiableError
from autodiff.scipy import linalg

RNG = np.random.default_rng(11)


def complex_matrix(*shape, shift=0.0):
    a = RNG.normal(size=shape) + 1j * RNG.normal(size=shape)
    return a + shift * np.eye(*shape[-2:]) if shift else a


A, STACK = complex_matrix(3, 3, shift=3.0), complex_matrix(2, 3, 3, shift=3.0)
TALL, B, V = complex_matrix(4, 2), complex_matrix(3, 2), complex_matrix(3)
WIDE = TALL.T.copy()


def adjoint(z):
    return np.conj(np.swapaxes(z, -1, -2))


def hermitian(z):
    return z + adjoint(z)


def definite(z):
    return z @ adjoint(z) + np.eye(z.shape[-1])


def spectral(function):
    """A function of a Hermitian matrix, by its eigenvectors: nothing in it depends on their phases."""

    def of(z):
        w, v = np.linalg.eigh(hermitian(z))
        return (v * function(w)[..., None, :]) @ adjoint(v)

    return of


def sizes(vectors):
    return np.real(vectors * np.conj(vectors))


ANALYTIC = {
    "solve": (np.linalg.solve, [A, B]),
    "solve a vector": (np.linalg.solve, [A, V]),
    "solve a stack": (np.linalg.solve, [STACK, B]),
    "inv": (np.linalg.inv, [STACK]),
    "det": (np.linalg.det, [STACK]),
    "det of rank 2": (np.linalg.det, [A[:, :2] @ A[:2]]),
    "matrix_power": (lambda z: np.linalg.matrix_power(z, 3), [A]),
    "matrix_power negative": (lambda z: np.linalg.matrix_power(z, -2), [A]),
    "multi_dot": (lambda z, w: np.linalg.multi_dot([z, w, adjoint(w), z]), [A, B]),
    "tensorinv": (lambda z: np.linalg.tensorinv(z, 1), [A]),
}
OTHERS = {
    "slogdet": (np.linalg.slogdet, [STACK]),
    "cholesky": (lambda z: np.linalg.cholesky(definite(z)), [STACK]),
    "cholesky upper": (lambda z: np.linalg.cholesky(definite(z), upper=True), [A]),
    "qr": (np.linalg.qr, [TALL]),
    "qr wide": (np.linalg.qr, [WIDE]),
    "qr square": (np.linalg.qr, [STACK]),
    "qr r": (lambda z: np.linalg.qr(z, "r"), [TALL]),
    "pinv": (np.linalg.pinv, [TALL]),
    "pinv wide": (np.linalg.pinv, [WIDE]),
    "lstsq": (lambda z, w: np.linalg.lstsq(z, w)[:2], [TALL, complex_matrix(4, 2)]),
    "lstsq values": (lambda z: np.linalg.lstsq(z, z)[3], [TALL]),
    "eigvalsh": (lambda z: np.linalg.eigvalsh(hermitian(z)), [STACK]),
    "eigh U": (lambda z: np.linalg.eigh(hermitian(z), "U")[0], [A]),
    "eigh, sizes of vectors": (lambda z: sizes(np.linalg.eigh(hermitian(z))[1]), [A]),
    "eigh, put together": (spectral(np.sin), [A]),
    "eigh, a stack": (spectral(np.sin), [STACK]),
    "svdvals": (np.linalg.svdvals, [STACK]),
    "svd, sizes of vectors": (lambda z: [sizes(m) for m in np.linalg.svd(z, False)[::2]], [WIDE]),
    "svd, put together": (lambda z: (lambda u, s, vh: (u * np.sin(s)) @ vh)(*np.linalg.svd(z, False)), [TALL]),
    "polar factor": (lambda z: (lambda u, s, vh: u @ vh)(*np.linalg.svd(z)), [A]),
    **{f"norm {p}": (lambda z, p=p: np.linalg.norm(z, p), [TALL]) for p in ("fro", "nuc", 1, 2, -2, np.inf)},
    "cond": (np.linalg.cond, [A]),
    "eig": (np.linalg.eig, [STACK]),
    "eigvals": (np.linalg.eigvals, [A]),
}
NUMPY = {**ANALYTIC, **OTHERS}
SCIPY = {
    **{name: (name, [0.3 * A], {}) for name in ("expm", "sinm", "cosm", "tanm", "sinhm", "coshm", "tanhm")},
    "logm": ("logm", [A], {}),
    "sqrtm": ("sqrtm", [A], {}),
    "lu": ("lu", [TALL], {}),
    "lu wide": ("lu", [WIDE], {}),
    "solve_triangular": ("solve_triangular", [A, V], {"lower": True}),
    "solve_triangular transposed": ("solve_triangular", [A, B], {"trans": 1}),
    "solve_triangular adjoint": ("solve_triangular", [A, B], {"trans": "C", "lower": True}),
    "solve_sylvester": ("solve_sylvester", [A, A + 1, B @ B.T], {}),
    "solve_continuous_lyapunov": ("solve_continuous_lyapunov", [A, B @ B.T], {}),
    "solve_discrete_lyapunov": ("solve_discrete_lyapunov", [0.1 * A, B @ B.T], {}),
    "polar": ("polar", [A], {}),
    "toeplitz": ("toeplitz", [V, B[:, 0]], {}),
    "circulant": ("circulant", [V], {}),
    "block_diag": ("block_diag", [A, B], {}),
}


def loss_of(function):
    """A real number that depends on all of every result, and not linearly."""

    def loss(*args):
        found, total = function(*args), 0.0
        for k, y in enumerate(found if isinstance(found, tuple | list) else [found]):
            weights = np.cos(1.0 + k + np.arange(np.size(y))).reshape(np.shape(y))
            total = total + np.sum(weights * (np.real(y) + np.sin(np.imag(y)) + np.real(y) * np.imag(y)))
        return total

    return loss


def check(function, arrays, order=2):
    """Both modes and differences agree, along the real and along the imaginary axis; the whole is re + i im."""
    loss, n = loss_of(function), len(arrays)
    parts = [*(z.real.copy() for z in arrays), *(z.imag.copy() for z in arrays)]

    def of_parts(*ab):
        return loss(*(a + 1j * b for a, b in zip(ab[:n], ab[n:], strict=True)))

    ad.testing.check_grads(of_parts, parts, order=order, verbose=False)
    by_parts = ad.grad(of_parts, argnums=tuple(range(2 * n)))(*parts)
    whole = ad.grad(loss, argnums=tuple(range(n)))(*arrays)
    for k, gradient in enumerate(whole):
        np.testing.assert_allclose(gradient, by_parts[k] + 1j * by_parts[n + k], rtol=1e-9, atol=1e-11)


ORDERS = [1, pytest.param(2, marks=pytest.mark.slow)]  # the second looks at the first again


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("function", "arrays"), NUMPY.values(), ids=NUMPY)
def test_numpy(function, arrays, order):
    close(list(plain(ad.jit(lambda *zs: _listed(function(*zs)))(*arrays))), list(_listed(function(*arrays))))
    check(function, arrays, order)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("name", "arrays", "options"), SCIPY.values(), ids=SCIPY)
def test_scipy(name, arrays, options, order):
    ours = getattr(linalg, name)
    found = ad.jit(lambda *zs: _listed(ours(*zs, **options)))(*arrays)
    for a, b in zip(found, _listed(getattr(scipy.linalg, name)(*arrays, **options)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)
    check(lambda *zs: ours(*zs, **options), arrays, order=1 if name in ("tanm", "tanhm") else order)


def _listed(x):
    return list(x) if isinstance(x, tuple | list) else [x]


@pytest.mark.usefixtures("no_kernels")
def test_factors_and_their_solutions():
    for solution in (
        lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b),
        lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans=1),
        lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans=2),
        lambda a, b: linalg.cho_solve(linalg.cho_factor(definite(a)), b),
        lambda a, b: linalg.cho_solve(linalg.cho_factor(definite(a), lower=True), b),
    ):
        np.testing.assert_allclose(ad.jit(solution)(A, B), _plain_solution(solution), rtol=1e-10)
        check(solution, [A, B], order=1)


def _plain_solution(solution):
    return np.asarray(solution(A, B))


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("dtype", [np.complex64, np.float32], ids=str)
def test_single_precision_stays_single(dtype):
    a = A.astype(dtype) if dtype == np.complex64 else A.real.astype(dtype)
    for function in (np.linalg.eig, np.linalg.svd, np.linalg.slogdet, lambda z: np.linalg.eigh(hermitian(z))):
        for found, expected in zip(ad.jit(function)(a), function(a), strict=True):
            assert found.dtype.itemsize == (8 if found.dtype.kind == "c" else 4), (function, expected.dtype)
    for function in (np.linalg.eigvals, np.linalg.inv, np.linalg.svdvals):
        assert ad.grad(lambda z, f=function: np.sum(np.abs(f(z))))(a).dtype == dtype


# ---- eigenvalues of general matrices -----------------------------------------------------------

REAL = {
    "real eigenvalues": np.diag([1.0, 2.0, 4.0]) + 0.1 * RNG.normal(size=(3, 3)),
    "complex eigenvalues": np.array([[0.5, 1.0, 0.2], [-1.5, 0.3, 0.0], [0.4, -0.2, 2.0]]),
    "stack": np.stack([[[0.2, 1.5], [-1.0, 0.3]], [[1.0, 2.0], [0.5, 4.0]]]),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("a", REAL.values(), ids=REAL)
def test_eig_of_real_matrices(a):
    expected, found = np.linalg.eig(a), ad.jit(np.linalg.eig)(a)
    assert type(found) is type(expected)
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == np.complex128
        np.testing.assert_allclose(x, y, rtol=1e-13, atol=1e-14)
    ad.testing.check_grads(loss_of(np.linalg.eig), (a,), order=2, verbose=False)
    ad.testing.check_grads(lambda x: np.sum(np.abs(np.linalg.eigvals(x)) ** 3), (a,), order=2, verbose=False)
    ad.testing.check_grads(lambda x: np.max(np.linalg.eigvals(x).real), (a,), order=2, verbose=False)
    of_trace = ad.grad(lambda x: np.sum(np.linalg.eigvals(x).real))(a)
    np.testing.assert_allclose(of_trace, np.broadcast_to(np.eye(a.shape[-1]), a.shape), atol=1e-12)


@pytest.mark.usefixtures("no_kernels")
def test_eig_of_scipy():
    a = REAL["complex eigenvalues"]
    w, v = ad.jit(linalg.eig)(a)
    np.testing.assert_allclose(w, scipy.linalg.eig(a)[0])
    np.testing.assert_allclose(np.abs(v), np.abs(scipy.linalg.eig(a)[1]))
    b = np.eye(3) + 0.1 * a @ a
    found, expected = ad.jit(linalg.eigvals)(a, b), scipy.linalg.eigvals(a, b)
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(expected))
    ad.testing.check_grads(lambda x, y: np.sum(np.abs(linalg.eigvals(x, y))), (a, b), order=2, verbose=False)
    with pytest.raises(ad.errors.ArgumentError, match="left"):
        ad.jit(lambda x: linalg.eig(x, left=True))(a)


@pytest.mark.usefixtures("no_kernels")
def test_batches_of_eigenvalues():
    stack = RNG.normal(size=(4, 3, 3))
    loss = lambda x: np.sum(np.abs(np.linalg.eigvals(x)) ** 2)  # noqa: E731
    expected = np.stack([ad.grad(loss)(a) for a in stack])
    np.testing.assert_allclose(ad.vmap(ad.grad(loss))(stack), expected, rtol=1e-10)
    np.testing.assert_allclose(ad.grad(loss)(stack), expected, rtol=1e-10)


def test_equal_eigenvalues():
    """A sum over all of them has a derivative all the same; that of one eigenvalue of a Jordan block is infinite."""
    np.testing.assert_allclose(ad.grad(lambda x: np.sum(np.linalg.eigvals(x) ** 2).real)(np.eye(3)), 2 * np.eye(3))
    block = np.array([[0.5, 1.0], [0.0, 0.5]])
    assert np.max(np.abs(ad.grad(lambda x: np.linalg.eigvals(x)[0].real)(block))) > 1e14


# ---- phases ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vectors",
    [lambda z: np.linalg.eigh(hermitian(z))[1], lambda z: np.linalg.svd(z)[0], lambda z: np.linalg.svd(z)[2]],
    ids=["eigh", "u", "vh"],
)
@pytest.mark.parametrize("jit", [False, True], ids=["interpreted", "compiled"])
def test_a_loss_of_phases_is_refused(vectors, jit, monkeypatch):
    monkeypatch.setattr(config, "jit", jit)
    with pytest.raises(NotDifferentiableError, match="phase"):
        ad.grad(lambda z: np.sum(np.real(vectors(z)[1])))(A)


@pytest.mark.usefixtures("no_kernels")
def test_fixed_phases_are_differentiable():
    def fixed(z):
        v = np.linalg.eigh(hermitian(z))[1]
        return v * np.exp(-1j * np.angle(v[0]))

    check(fixed, [A])


# ---- kernels -----------------------------------------------------------------------------------

COMPILED = ("solve", "slogdet", "cholesky", "qr", "eigh, put together", "svd, put together", "eig", "norm nuc")


@pytest.mark.parametrize("name", COMPILED)
def test_kernels(name, monkeypatch):
    function, arrays = NUMPY[name]
    program = ad.value_and_grad(loss_of(function), argnums=tuple(range(len(arrays))))
    monkeypatch.setattr(config, "jit", False)
    expected = program(*arrays)
    monkeypatch.setattr(config, "jit", True)
    compiled = ad.value_and_grad(loss_of(function), argnums=tuple(range(len(arrays))))
    close(compiled(*arrays), expected, 1e-10)
    assert compiled.cache_info().interpreted_runs == 0
