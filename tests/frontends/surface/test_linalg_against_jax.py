"""Gradients of linear algebra against JAX's, of real and of complex matrices. JAX gives the conjugate of ours."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.scipy import linalg

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.slow

RNG = np.random.default_rng(21)
A, B, C = RNG.normal(size=(3, 4, 4)) + 3.0 * np.eye(4), RNG.normal(size=(4, 2)), 0.3 * RNG.normal(size=(4, 4))
A, TALL = A[0], RNG.normal(size=(5, 3))
ZA, ZB, ZC, ZTALL = (x + 1j * RNG.normal(size=x.shape) for x in (A, B, C, TALL))


def definite(x):
    return x @ x.conj().T + np.eye(len(x))


def sizes(x):
    return x.real**2 + x.imag**2 if np.iscomplexobj(x) else x**2


# (np, la) -> function: `np` is NumPy or jax.numpy, `la` is autodiff.scipy.linalg or jax.scipy.linalg
CALLS = {
    "solve": (lambda np, la: lambda a, b: np.linalg.solve(a, b), (A, B), (ZA, ZB)),
    "inv": (lambda np, la: np.linalg.inv, (A,), (ZA,)),
    "det": (lambda np, la: np.linalg.det, (A,), (ZA,)),
    "slogdet": (lambda np, la: lambda a: np.linalg.slogdet(a)[1], (A,), (ZA,)),
    "cholesky": (lambda np, la: lambda a: np.linalg.cholesky(definite(a)), (A,), (ZA,)),
    "eigvalsh": (lambda np, la: lambda a: np.linalg.eigvalsh(definite(a)), (A,), (ZA,)),
    "eigh": (lambda np, la: lambda a: sizes(np.linalg.eigh(definite(a))[1]), (A,), (ZA,)),
    "svd": (lambda np, la: lambda a: np.linalg.svd(a, full_matrices=False)[1], (TALL,), (ZTALL,)),
    "singular vectors": (
        lambda np, la: lambda a: [sizes(m) for m in np.linalg.svd(a, full_matrices=False)[::2]],
        (TALL,),
        (ZTALL,),
    ),
    "qr": (lambda np, la: lambda a: list(np.linalg.qr(a)), (TALL,), (ZTALL,)),
    "pinv": (lambda np, la: np.linalg.pinv, (TALL,), (ZTALL,)),
    "matrix_power": (lambda np, la: lambda a: np.linalg.matrix_power(a, 3), (A,), (ZA,)),
    "norm": (lambda np, la: np.linalg.norm, (A,), (ZA,)),
    "norm nuc": (lambda np, la: lambda a: np.linalg.norm(a, "nuc"), (A,), (ZA,)),
    "norm 2": (lambda np, la: lambda a: np.linalg.norm(a, 2), (A,), (ZA,)),
    "eigvals": (lambda np, la: lambda a: np.sort(np.abs(np.linalg.eigvals(a))), (C,), (ZC,)),
    "multi_dot": (lambda np, la: lambda a, b: np.linalg.multi_dot([a, a, b]), (A, B), (ZA, ZB)),
    "lstsq": (lambda np, la: lambda a, b: np.linalg.lstsq(a, b)[0], (TALL, TALL[:, :2] ** 2), None),
    "expm": (lambda np, la: la.expm, (C,), (ZC,)),
    "solve_triangular": (lambda np, la: lambda a, b: la.solve_triangular(a, b, lower=True), (A, B), (ZA, ZB)),
    "lu": (lambda np, la: lambda a: list(la.lu(a)[1:]), (A,), (ZA,)),
    "cho_solve": (lambda np, la: lambda a, b: la.cho_solve(la.cho_factor(definite(a)), b), (A, B), (ZA, ZB)),
    "toeplitz": (lambda np, la: lambda c, r: la.toeplitz(c, r), (A[0], A[1]), None),
}
CASES = {
    **{f"{name} real": (make, real) for name, (make, real, _) in CALLS.items()},
    **{f"{name} complex": (make, z) for name, (make, _, z) in CALLS.items() if z is not None},
}


def loss(function, xp):
    def of(*args):
        found, total = function(*args), 0.0
        for k, y in enumerate(found if isinstance(found, list) else [found]):
            weights = np.cos(1.0 + k + np.arange(np.size(y))).reshape(np.shape(y))
            total = total + xp.sum(weights * (xp.real(y) + xp.real(y) ** 2 + xp.sin(xp.imag(y))))
        return total

    return of


@pytest.mark.parametrize(("make", "arrays"), CASES.values(), ids=CASES)
def test_gradient(make, arrays, monkeypatch):
    monkeypatch.setattr(config, "jit", False)
    every = tuple(range(len(arrays)))
    value, found = ad.value_and_grad(loss(make(np, linalg), np), argnums=every)(*arrays)
    with jax.enable_x64(True):
        theirs = loss(make(jax.numpy, jax.scipy.linalg), jax.numpy)
        expected_value, expected = jax.value_and_grad(theirs, argnums=every)(*arrays)
    np.testing.assert_allclose(value, expected_value, rtol=1e-10)
    for ours, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, np.conj(other), rtol=1e-8, atol=1e-9)
