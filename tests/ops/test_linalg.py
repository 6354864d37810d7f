"""Linear algebra where it is delicate: singular matrices, equal eigenvalues, errors in both tiers."""

import numpy as np
import pytest
from kernels import Kernel

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.errors import LinearAlgebraError, NotDifferentiableError
from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ops import OPS
from autodiff.testing import check_grads

RNG = np.random.default_rng(4)
A = RNG.uniform(-1, 1, (4, 4))
ROTATION = np.linalg.qr(A)[0]
SINGULAR = {
    "rank n - 1": ROTATION @ np.diag([2.0, 1.0, 0.5, 0.0]) @ ROTATION[::-1],
    "rank n - 2": ROTATION @ np.diag([2.0, 1.0, 0.0, 0.0]) @ ROTATION[::-1],
    "rank 1": np.outer(A[0], A[1]),
    "zero": np.zeros((4, 4)),
    "unit": np.eye(4),
}


def by_minors(a):
    out = np.empty_like(a)
    for i, j in np.ndindex(*a.shape):
        out[i, j] = (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1))
    return out


@pytest.mark.parametrize("a", SINGULAR.values(), ids=SINGULAR)
def test_gradient_of_det_is_the_cofactors(a):
    np.testing.assert_allclose(ad.grad(np.linalg.det)(a), by_minors(a), atol=1e-14)


@pytest.mark.parametrize("a", SINGULAR.values(), ids=SINGULAR)
def test_second_derivative_of_det(a):
    """det is a polynomial: central differences of its gradient along a line of degree 3 need two steps."""
    e, weights = np.cos(np.arange(16.0)).reshape(4, 4), np.sin(np.arange(16.0)).reshape(4, 4)
    found = ad.grad(lambda x: np.sum(weights * ad.grad(np.linalg.det)(x)))(a)
    slope = [np.sum(weights * (by_minors(a + h * e) - by_minors(a - h * e))) / (2 * h) for h in (0.1, 0.2)]
    np.testing.assert_allclose(np.sum(found * e), (4 * slope[0] - slope[1]) / 3, atol=1e-13)


def test_det_of_two_by_two():
    np.testing.assert_allclose(ad.grad(np.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])), [[4, -2], [-2, 1]])


SPECTRUM = ROTATION @ np.diag([1.0, 1.0, 2.0, 5.0]) @ ROTATION.T
WEIGHTS = np.cos(np.arange(16.0)).reshape(4, 4)


def test_projector_on_equal_eigenvalues():
    """The projector on the space of the double eigenvalue 1 moves as perturbation theory says."""

    def loss(a):
        v = np.linalg.eigh(a)[1][:, :2]
        return np.sum(WEIGHTS * (v @ v.T))

    found = ad.grad(loss)(SPECTRUM)
    # dP = sum over pairs inside and outside of v_i (v_i' dA v_j) v_j' / (w_i - w_j), and its transpose.
    expected = np.zeros((4, 4))
    w, v = [1.0, 1.0, 2.0, 5.0], ROTATION
    for i in (0, 1):
        for j in (2, 3):
            part = np.outer(v[:, i], v[:, j]) / (w[i] - w[j])
            expected += (v[:, i] @ (WEIGHTS + WEIGHTS.T) @ v[:, j]) * (part + part.T) / 2
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("a", [np.eye(3), np.zeros((3, 3)), np.diag([2.0, 2.0, 1.0])], ids=["unit", "zero", "double"])
def test_values_alone_never_divide(a):
    np.testing.assert_allclose(ad.grad(lambda x: np.sum(np.linalg.eigvalsh(x)))(a), np.eye(3), atol=1e-15)
    gradient = ad.grad(lambda x: np.sum(np.linalg.svd(x, compute_uv=False)))(a)
    assert np.all(np.isfinite(gradient))


def test_norms_at_their_corners():
    zero = np.zeros((2, 3))
    for ord in (None, "fro", "nuc", 1, np.inf):
        np.testing.assert_array_equal(ad.grad(lambda x, ord=ord: np.linalg.norm(x, ord))(zero), zero)
    # Of rank 1: the subgradient of least norm.
    rank_one = np.outer([3.0, 4.0], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(ad.grad(lambda x: np.linalg.norm(x, "nuc"))(rank_one), rank_one / 5, atol=1e-14)
    # A tie of the largest singular value: equal shares.
    np.testing.assert_allclose(ad.grad(lambda x: np.linalg.norm(x, 2))(np.eye(2)), np.eye(2) / 2, atol=1e-15)


def test_polar_factor_at_equal_singular_values():
    """u v' is a smooth function of a regular matrix, whatever its singular values."""

    def factor(a):
        u, _, vh = np.linalg.svd(a)
        return np.sum(WEIGHTS * (u @ vh))

    skew = (WEIGHTS - WEIGHTS.T) / 2
    np.testing.assert_allclose(ad.grad(factor)(3.0 * np.eye(4)), skew / 3, atol=1e-14)


def test_gradients_of_symmetric_matrices_are_symmetric():
    spd = A @ A.T + np.eye(4)
    for function in (np.linalg.cholesky, np.linalg.eigvalsh, lambda x: np.linalg.eigh(x, "U")[0]):
        gradient = ad.grad(lambda x, function=function: np.sum(np.sin(function(x))))(spd)
        np.testing.assert_array_equal(gradient, gradient.T)


def test_pinv_keeps_the_rank():
    """Along matrices of rank 2 the derivative is that of the pseudo-inverse."""
    left, right = RNG.uniform(-1, 1, (4, 2)), RNG.uniform(-1, 1, (2, 3))
    check_grads(lambda x, y: np.sum(np.sin(np.linalg.pinv(x @ y, rcond=1e-10))), (left, right), verbose=False)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)], ids=str)
def test_lstsq(shape):
    a, b = RNG.uniform(-1, 1, shape) + 2.0 * np.eye(*shape), RNG.uniform(-1, 1, (shape[0], 2))

    def loss(x, y):
        solution, residuals, _, s = np.linalg.lstsq(x, y)
        return np.sum(np.sin(solution)) + np.sum(residuals**2) + np.sum(np.cos(s))

    check_grads(loss, (a, b), verbose=False)
    for found, expected in zip(ad.jit(np.linalg.lstsq)(a, b), np.linalg.lstsq(a, b), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_third_derivatives_of_det():
    def third(x):
        return ad.grad(lambda y: np.sum(np.sin(ad.grad(lambda z: np.linalg.det(z) ** 2)(y))))(x)

    check_grads(lambda x: np.sum(third(x) * WEIGHTS), (A + 2.0 * np.eye(4),), verbose=False)


# ---- what is refused ---------------------------------------------------------------------------


def emitted(name, arrays, params):
    with building(map(aval_of, arrays)) as b:
        results = OPS[name](*b.params, **params)
        return b.block(results if isinstance(results, tuple) else [results])


BAD = {
    "solve": ([np.ones((3, 3)), np.ones((3, 1))], {}, "singular"),
    "inv": ([np.zeros((2, 3, 3))], {}, "singular"),
    "cholesky": ([-np.eye(3)], {}, "not positive definite"),
    "triangular_solve": (
        [np.diag([1.0, 0.0]), np.ones((2, 1))],
        {"is_lower": True, "transposed": False, "unit": False},
        "entry 1 of the diagonal is 0",
    ),
    "solve_sylvester": ([np.eye(2), -np.eye(2), np.ones((2, 2))], {}, "not unique"),
    "logm": ([np.diag([1.0, -1.0])], {}, "complex"),
    "sqrtm": ([np.diag([1.0, -1.0])], {}, "complex"),
}


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize("name", BAD)
def test_matrices_that_have_no_answer(name, tier):
    arrays, params, says = BAD[name]
    block = emitted(name, arrays, params)
    with pytest.raises(np.linalg.LinAlgError, match=says) as caught:
        run(block, arrays) if tier == "interpreted" else Kernel(block).compiled(arrays)
    assert isinstance(caught.value, LinearAlgebraError)
    assert name in str(caught.value)


def test_vectors_that_are_arbitrary_are_refused():
    tall = RNG.uniform(-1, 1, (4, 2))
    with pytest.raises(NotDifferentiableError, match="full_matrices=False"):
        ad.grad(lambda x: np.sum(np.linalg.svd(x)[0]))(tall)
    with pytest.raises(NotDifferentiableError, match="mode='reduced'"):
        ad.grad(lambda x: np.sum(np.linalg.qr(x, "complete")[0]))(tall)
    # The values, and r, have derivatives all the same.
    for function in (lambda x: np.linalg.svd(x)[1], lambda x: np.linalg.qr(x, "complete")[1]):
        check_grads(lambda x, function=function: np.sum(np.sin(function(x))), (tall,), verbose=False)
