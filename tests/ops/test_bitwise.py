"""The bits of integers against NumPy: every dtype, every number of places, on every tier."""

import itertools
import operator

import numpy as np
import pytest
from kernels import Kernel

import autodiff as ad
from autodiff.config import config
from autodiff.errors import DTypeError
from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ops import OPS

DTYPES = [np.dtype(t) for t in ("i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")]
BINARY = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
UPDATES = [operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift]
PLACES = [-100, -64, -3, -1, 0, 1, 5, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65, 100]


def numbers(dtype):
    if dtype == np.bool_:
        return np.array([False, True, True])
    info = np.iinfo(dtype)
    return np.array([info.min, info.max, 0, 1, 2, 5, 100, info.max // 3, info.min // 5], dtype)


def places(dtype):
    if dtype == np.bool_:
        return np.array([False, True])
    return np.array([p for p in PLACES if np.iinfo(dtype).min <= p <= np.iinfo(dtype).max], dtype)


@pytest.mark.parametrize("by", ["interpreter", "source", "numba", "native"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_shifts_by_any_number_of_places(dtype, by):
    """By fewer than none, and by more than there are bits, as well; in loops along an axis and in scalars."""
    x, y = (a.reshape(-1) for a in np.broadcast_arrays(numbers(dtype)[:, None], places(dtype)))
    for arrays in ((x, y), (x[0], y[0]), (x[-1], y[-1])):
        with building(map(aval_of, arrays)) as b:
            block = b.block([OPS["left_shift"](*b.params), OPS["right_shift"](*b.params)])
        if by == "interpreter":
            found = ad.backends.interpreter.run(block, arrays)
        else:
            kernel = Kernel(block)
            found = kernel.python(arrays) if by == "source" else kernel.compiled(arrays, by=by)
        for z, expected in zip(found, (np.left_shift(*arrays), np.right_shift(*arrays)), strict=True):
            assert z.dtype == expected.dtype
            np.testing.assert_array_equal(z, expected)


def test_a_shift_by_what_is_no_number_of_places():
    """What the documentation says: no bits are left, but those of a sign."""
    f = ad.jit(lambda x, y: (x << y, x >> y))
    for y in (-1, 64, 1000):
        assert f(np.array([5, -5]), y)[0].tolist() == [0, 0]
        assert f(np.array([5, -5]), y)[1].tolist() == [0, -1]


@pytest.mark.parametrize("jit", [False, True])
def test_operators_promote_as_numpys(jit, monkeypatch):
    monkeypatch.setattr(config, "jit", jit)
    pairs = [(a, b) for a, b in itertools.product(DTYPES, DTYPES) if np.result_type(a, b).kind in "biu"]
    xs = [(numbers(a)[:2], numbers(b)[:2]) for a, b in pairs]

    def every(op):
        return ad.jit(lambda pairs: [op(x, y) for x, y in pairs])

    for op in BINARY[:1] + BINARY[-1:] if jit else BINARY:  # a kernel of a hundred pairs takes seconds
        for found, (x, y) in zip(every(op)(xs), xs, strict=True):
            expected = op(x, y)
            assert found.dtype == expected.dtype, (op, x.dtype, y.dtype)
            np.testing.assert_array_equal(found, expected)
    inverted = ad.jit(lambda xs: [~x for x in xs])([numbers(t) for t in DTYPES])
    for found, dtype in zip(inverted, DTYPES, strict=True):
        np.testing.assert_array_equal(found, ~numbers(dtype))


@pytest.mark.parametrize("op", BINARY)
def test_numbers_of_the_text_adapt(op):
    for dtype in DTYPES[:-1]:
        x = numbers(dtype)
        for found, expected in (
            (ad.jit(lambda x: op(x, 3))(x), op(x, 3)),
            (ad.jit(lambda x: op(3, x & 3))(x), op(3, x & 3)),
        ):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("op", UPDATES)
def test_updates_in_place(op):
    def f(x):
        view = x[1:]
        view = op(view, 2)
        x[0] = op(x[0], 1)
        return x

    for dtype in DTYPES[:-1]:
        given = numbers(dtype)
        found = ad.jit(f)(given)
        np.testing.assert_array_equal(found, f(given.copy()))
        np.testing.assert_array_equal(given, numbers(dtype))
        assert found.dtype == dtype


def test_numpys_names():
    x, y = np.array([12, -7, 255]), np.array([10, 3, 1])
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"):
        f = getattr(np, name)
        np.testing.assert_array_equal(ad.jit(f)(x, y), f(x, y))
        np.testing.assert_array_equal(ad.vmap(f)(x, y), f(x, y))
    for f in (np.invert, np.bitwise_not):
        np.testing.assert_array_equal(ad.jit(f)(x), f(x))
    for f in (np.logical_and, np.logical_or, np.logical_xor):
        np.testing.assert_array_equal(ad.jit(f)(x, y - 1), f(x, y - 1))


def test_floats_have_no_bits():
    for f in (lambda x: x & 1, lambda x: ~x, lambda x: x << 2, lambda x: 2 >> x, lambda x: (x > 0) | x):
        with pytest.raises(DTypeError, match=r"float64.*\n.*\n.*compare first.*astype") as caught:
            ad.jit(f)(np.ones(3))
        assert isinstance(caught.value, TypeError)  # as NumPy's


# ---- in loops ------------------------------------------------------------------------------------------------


def by_squaring(x, n):
    power = 1.0
    while n > 0:
        if n & 1:
            power = power * x
        x = x * x
        n >>= 1
    return power


def random_walk(x, seed):
    total = 0.0
    for _ in range(40):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        if (seed >> 16) & 1:
            total += x * (seed ^ 3 | 1) / 2**31
        else:
            total = total * x - (~seed >> 20) * 1e-4
    return total


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("f", "ks"), [(by_squaring, [0, 1, 13, 31]), (random_walk, [42, 7, 123456])])
def test_loops_over_bits_are_traced_once(f, ks, jit, monkeypatch):
    monkeypatch.setattr(config, "jit", jit)
    given, x = np.array(ks), 1.1
    slopes = [np.imag(f(x + 1e-30j, int(k))) / 1e-30 for k in ks]
    for k, slope in zip(given, slopes, strict=True):
        value, found = ad.value_and_grad(f)(x, k)
        np.testing.assert_allclose(value, f(x, int(k)), rtol=1e-13)
        np.testing.assert_allclose(found, slope, rtol=1e-12)
    assert any(word in ad.jit(f).ir(x, given[-1]) for word in ("while", "loop"))
    np.testing.assert_allclose(ad.vmap(ad.grad(f), in_axes=(None, 0))(x, given), slopes, rtol=1e-12)
