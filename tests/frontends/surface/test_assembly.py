"""append, insert, delete, block, rot90, meshgrid, select, choose."""

import numpy as np
import pytest
from surface_checks import check_compiled, check_gradient, check_value

import autodiff as ad
from autodiff.errors import AutodiffError

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal(5), RNG.standard_normal(3)
M, R, T = RNG.standard_normal((3, 4)), RNG.standard_normal((1, 4)), RNG.standard_normal((2, 3, 4))
WHICH = np.array([[0, 2, 1, 0], [1, 1, 0, 2], [2, 0, 0, 1]])

CASES = {
    "append": (lambda x, y: np.append(x, y), [M, Y]),
    "append axis": (lambda x, y: np.append(x, y, axis=0), [M, R]),
    "delete": (lambda x: np.delete(x, 2), [X]),
    "delete many": (lambda x: np.delete(x, [0, -1], axis=1), [M]),
    "delete slice": (lambda x: np.delete(x, slice(0, 3, 2), axis=0), [M]),
    "delete mask": (lambda x: np.delete(x, np.array([True, False, True, False, False])), [X]),
    "delete flat": (lambda x: np.delete(x, 3), [M]),
    "delete nothing": (lambda x: np.delete(x, []), [X]),
    "insert": (lambda x: np.insert(x, 1, 7.0), [X]),
    "insert recorded": (lambda x, y: np.insert(x, 1, y), [X, Y]),
    "insert negative": (lambda x, y: np.insert(x, -1, y[0]), [X, Y]),
    "insert at the end": (lambda x, y: np.insert(x, 5, y[0]), [X, Y]),
    "insert many": (lambda x, y: np.insert(x, [0, 2, 2], y), [X, Y]),
    "insert one of many": (lambda x, y: np.insert(x, [1], y), [X, Y]),
    "insert rows": (lambda x, y: np.insert(x, 1, y, axis=0), [M, R]),
    "insert columns": (lambda x, y: np.insert(x, 2, y, axis=1), [M, Y]),
    "insert number of columns": (lambda x: np.insert(x, [1, 3], 5.0, axis=1), [M]),
    "insert column table": (lambda x, y: np.insert(x, [2], y, axis=1), [M, Y[:, None]]),
    "insert slice": (lambda x, y: np.insert(x, slice(0, 3), y), [X, Y]),
    "insert flat": (lambda x: np.insert(x, 3, 1.0), [M]),
    "block": (lambda x, y: np.block([[x, y], [y, x]]), [M, M**2]),
    "block row": (lambda x, y: np.block([x, y, 2.0]), [X, Y]),
    "block mixed": (lambda x, y: np.block([[x], [y]]), [M, R[0]]),
    "block of blocks": (lambda x: np.block([[[x]], [[x * 2.0]]]), [M]),
    "rot90": (lambda x: np.rot90(x), [M]),
    "rot90 twice": (lambda x: np.rot90(x, 2), [M]),
    "rot90 back": (lambda x: np.rot90(x, -1, axes=(1, 2)), [T]),
    "rot90 not": (lambda x: np.rot90(x, 4) * 1.0, [M]),
    "meshgrid": (lambda x, y: np.meshgrid(x, y), [X, Y]),
    "meshgrid ij": (lambda x, y: np.meshgrid(x, y, X, indexing="ij"), [X, Y]),
    "meshgrid three": (lambda x, y: np.meshgrid(x, y, X), [X, Y]),
    "meshgrid sparse": (lambda x, y: np.meshgrid(x, y, sparse=True), [X, Y]),
    "meshgrid one": (lambda x: np.meshgrid(x), [X]),
    "select": (lambda x, y: np.select([x < -0.5, x > 0.5], [x * y[0], y[1] ** 2], x), [M, Y]),
    "select default": (lambda x: np.select([x < 0.0], [x**2]), [M]),
    "select first": (lambda x: np.select([x < 1.0, x < 2.0], [x, 3.0 * x], -1.0), [M]),
    "choose": (lambda x, y: np.choose(WHICH, [x, y, 3.0]), [M, R]),
    "choose wrap": (lambda x, y: np.choose(WHICH - 3, [x, y], mode="wrap"), [M, R]),
    "choose clip": (lambda x, y: np.choose(WHICH - 1, [x, y], mode="clip"), [M, R]),
}


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), CASES.values(), ids=CASES)
def test_value(function, arrays):
    check_value(function, arrays)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(("function", "arrays"), CASES.values(), ids=CASES)
def test_gradient(function, arrays):
    check_gradient(function, arrays)


def test_compiled(monkeypatch):
    names = ("insert many", "rot90 back", "select", "choose")
    check_compiled([CASES[name] for name in names], monkeypatch)


ERRORS = {
    "rot90 axes": lambda x: np.rot90(x, 1, (0, 0)),
    "block depths": lambda x: np.block([[x], x]),
    "meshgrid indexing": lambda x: np.meshgrid(x[0], x[1], indexing="yx"),
    "select lengths": lambda x: np.select([x > 0.0], [x, x]),
    "select condition": lambda x: np.select([x], [x]),
    "choose mode": lambda x: np.choose(WHICH, [x, x, x], mode="some"),
    "choose beyond": lambda x: np.choose(WHICH, [x, x]).numpy(),
    "insert beyond": lambda x: np.insert(x, 9, 1.0, axis=0),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_errors(call):
    with pytest.raises((ValueError, IndexError)):
        call(ad.constant(M))


def test_insert_needs_known_places():
    with pytest.raises(AutodiffError, match="shape of the result"):
        ad.jit(lambda x, k: np.insert(x, k, 1.0))(X, np.array([1]))
