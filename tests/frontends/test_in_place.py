"""Writing into arrays: the same programs run by NumPy on copies, traced, and recorded on a tape.

`PROGRAMS` are plain NumPy. Each is compared in value, and its gradient with that of a complex
step or of central differences. Random programs of views and writes follow.
"""

import functools
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff.backends.interpreter import run as run_block
from autodiff.errors import ArgumentError, ConcretizationError, DTypeError, LeakedTracerError, ShapeError
from autodiff.frontends.tracer import trace
from autodiff.ir.aval import aval_of
from autodiff.passes.pipeline import optimize
from autodiff.transforms.reverse import value_and_gradient

X = np.array([0.7, -1.3, 2.1, 0.4, -0.6])
M = np.array([[0.5, -1.2, 0.3], [1.7, 0.9, -0.4]])

PROGRAMS = {}


def program(*arguments):
    def keep(function):
        PROGRAMS[function.__name__] = (function, arguments)
        return function

    return keep


# ---- items ---------------------------------------------------------------------------------


@program(X)
def set_item(x):
    y = np.zeros_like(x)
    y[1] = x[0] ** 2
    y[-1] = 3.0
    return y * x


@program(X)
def set_slice(x):
    y = np.empty_like(x)
    y[:] = 1.0
    y[1:3] = x[2:4] * x[0]
    y[::2] *= x[::2]
    return y


@program(X)
def set_backwards(x):
    y = x * 2
    y[::-1] = x**2
    y[3:0:-2] += x[:2]
    return y


@program(M)
def set_row_and_column(m):
    y = np.ones_like(m)
    y[0] = m[1] * 2
    y[:, 1] = m[:, 0] ** 2
    y[1, 2] *= m[0, 0]
    return y


@program(M)
def set_with_new_axes_and_ellipsis(m):
    y = m * 1.0
    y[..., None] = (m**2)[..., None]
    y[..., -1] += m[..., 0]
    y[None, 1] = m[0] * m[1]
    return y


@program(M)
def rows_of_a_loop(m):
    y = np.zeros_like(m)
    for k, row in enumerate(m):
        y[k] = row * row.sum()
    for row in y:
        row += 1.0
    return y


@program(X)
def recurrence(x):
    y = np.zeros_like(x)
    y[0] = x[0]
    for k in range(1, len(x)):
        y[k] = 0.5 * y[k - 1] + x[k] ** 2
    return y


@program(X)
def broadcast_into(x):
    y = np.zeros_like(x, shape=(3, 5))
    y[:] = x
    y[1:, 2:4] = x[0]
    y[2] = [1.0, 2.0, 3.0, 4.0, 5.0]
    return y * x


@program(X)
def leading_ones_are_dropped(x):
    y = x * 1.0
    y[1:3] = (x[:2] ** 2).reshape(1, 1, 2)
    return y


@program(X)
def empty_part(x):
    y = x * 1.0
    y[2:2] = 7.0
    y[5:] *= 3.0
    return y


# ---- index arrays and masks ------------------------------------------------------------------


@program(X)
def set_at_indices(x):
    y = np.zeros_like(x)
    y[[0, 3]] = x[[1, 2]] ** 2
    y[np.array([1, 1, 1])] = x[:3] * 3  # the last one counts
    return y


@program(X)
def add_at_repeated_indices(x):
    y = x**2
    y[[0, 0, 1]] += x[:3]
    np.add.at(y, [2, 2, 3], x[:3])
    np.subtract.at(y, np.array([4, 4]), x[0])
    return y


@program(X)
def other_ufuncs_at(x):
    y = x * 1.0
    np.multiply.at(y, [0, 0, 2], x[1:4])
    np.maximum.at(y, [1, 1], x[2:4])
    np.negative.at(y, [3])
    return y


@program(M)
def set_at_pairs(m):
    y = m * 2
    y[[0, 1], [2, 0]] = m[0, :2] ** 2
    y[1, [0, 1]] *= m[0, 1]
    y[[1, 0], 1:] -= m[:, :2]
    return y


@program(X)
def set_under_a_plain_mask(x):
    mask = np.array([True, False, True, False, True])
    y = x * 1.0
    y[mask] = x[:3] ** 2
    y[~mask] *= 5.0
    return y


@program(X)
def set_under_a_mask(x):
    y = x * 1.0
    y[x < 0] = 0.0
    y[y > 1] = x[0]
    return y


@program(X)
def update_under_a_mask(x):
    y = x**2
    y[x > 0] += 1.0
    y[x > 0] *= x[1]
    y[x < 0] = np.sin(x[x < 0]) * 2 + y[x < 0]
    return y


@program(M)
def mask_of_rows(m):
    y = m * 1.0
    y[m[:, 0] > 1] *= m[0]
    y[m[:, 0] <= 1] = m[1]
    return y


@program(X)
def reduce_under_a_mask(x):
    return (
        np.array(1.0) * x[x > 0].sum() * x + x[x < 0].mean() + x[x > 0].max() * np.min(x[x < 0]) + np.prod(x[x > 0.5])
    )


@program(X)
def sqrt_under_a_mask(x):
    y = np.zeros_like(x)
    mask = x > 0
    y[mask] = np.sqrt(x[mask])
    return y


@program(X)
def traced_positions(x):
    y = x * 1.0
    k = np.argmax(x)
    y[k] = x[0] ** 2
    order = np.argsort(x)
    y[order[:2]] *= 3.0
    z = np.zeros_like(x)
    z[order] = x
    z[order[[0, 0, 1]]] = x[:3] * 2  # the last one counts
    return y * z


@program(M)
def traced_row(m):
    y = m * 1.0
    row = y[np.argmax(m[:, 0])]
    row[0] = m[0, 1] ** 2
    y[np.argmin(m[:, 0]), 1:] = m[1, :2]
    return y


# ---- views and aliases -----------------------------------------------------------------------


@program(X)
def view_writes_through(x):
    y = x * 1.0
    part = y[1:4]
    part *= 2
    part[0] = x[4]
    return y


@program(X)
def view_sees_writes(x):
    y = x * 1.0
    part, back = y[1:4], y[::-1]
    y[2] = x[0] ** 2
    back[0] = x[1] * x[2]
    return part.sum() * back


@program(M)
def view_of_a_view(m):
    y = m * 1.0
    t = y.T
    part = t[1:]
    part[:, 0] = m[0, 0] ** 2
    corner = part[::-1, 1:]
    corner += m[0, 1]
    y[0] *= 2
    return y + t.T * part.sum()


@program(M)
def reshape_is_a_view(m):
    y = m * 1.0
    flat = y.reshape(-1)
    flat[1:3] = m[1, :2] ** 2
    flat.reshape(3, 2)[2] += 1.0
    np.ravel(y)[0] = m[0, 0] * m[0, 1]
    return y


@program(M)
def reshape_of_a_transpose_is_a_copy(m):
    y = m * 1.0
    flat = y.T.reshape(-1)
    flat[1] = m[0, 0] ** 2
    y[0, 0] = 9.0
    return y * flat.sum()


@program(M)
def ravel_of_every_second_is_a_copy(m):
    y = m[0] * 1.0
    part = y[::2].ravel()
    part[0] = m[0, 0] ** 2
    y[2] = 5.0
    return y * part.sum()


@program(M)
def flatten_copy_astype_are_copies(m):
    y = m[0] * 1.0
    a, b, c, d = y.flatten(), y.copy(), y.astype(float), np.array(1.0) * y
    y[0] = m[1, 0] ** 2
    a[1] = 3.0
    b[2] = 4.0
    c += 1.0
    return y + a * b * c * d


@program(M)
def fancy_index_is_a_copy(m):
    y = m * 1.0
    rows = y[[0, 1]]
    rows[0] = 5.0
    y[1] = m[0] ** 2
    return y * rows


@program(M)
def functions_that_give_views(m):
    y = m * 1.0
    np.transpose(y)[0] = 1.5 * m[:, 1]
    np.swapaxes(y, 0, 1)[2] *= m[:, 0]
    np.moveaxis(y, 0, 1)[1] += m[0, 0]
    np.expand_dims(y, 0)[0, 0, 0] = m[1, 1]
    np.squeeze(y[None])[1, 1] *= 2
    np.flip(y)[0, 0] = m[0, 1] ** 2
    np.flipud(y)[0] += 1
    np.fliplr(y)[:, 0] *= m[0, 2]
    return y


@program(M)
def parts_of_a_split_are_views(m):
    y = m * 1.0
    a, b, c = np.split(y, 3, axis=1)
    a[:] = m[:, :1] ** 2
    b *= c
    c[0] = 2.0
    return y


@program(M)
def diagonal_sees_writes(m):
    y = m[:, :2] * 1.0
    d = np.diagonal(y)
    y[1, 1] = m[0, 0] ** 2
    return y * d


@program(X)
def zero_dimensional_view(x):
    y = x * 1.0
    v = y[0, ...]
    v += 1.0
    v[...] = v * x[1]
    return y


@program(X)
def numbers_are_not_views(x):
    y = x * 1.0
    v = y[0]
    v += 1.0
    y[0] *= 3
    return y * v


@program(X)
def two_names(x):
    y = x * 1.0
    z = y
    z += 1
    y[0] = x[0] ** 3
    w = y
    w = w + 1
    return y * z + w


@program(X)
def overlap_of_source_and_target(x):
    y = x * 1.0
    y[1:] = y[:-1]
    y[::-1] += y
    y[:] = y[::-1] * x
    return y


@program(X)
def write_an_array_into_itself(x):
    y = x**2
    z = x * 3
    z[:] = y
    y[0] = 1.0
    y[...] = y
    z[1] = x[4]
    return y * z


@program(X)
def swap(x):
    y = x * 1.0
    y[0], y[1] = y[1], y[0]
    y[[2, 3]] = y[[3, 2]]
    return y * np.arange(5.0)


@program(X)
def list_of_views(x):
    y = np.zeros_like(x)
    views = [y[k : k + 2] for k in range(4)]
    for k, v in enumerate(views):
        v += x[k] ** 2
    return y


# ---- arguments -------------------------------------------------------------------------------


@program(X)
def write_into_an_argument(x):
    y = x**2
    x[0] = 5.0
    x *= 2
    return x * y


@program(X, X[::-1].copy())
def helper_that_writes(x, y):
    def scale(a, k):
        a *= k
        return a

    z = x * 1.0
    scale(z[1:3], y[0])
    return scale(z, 2.0) + y


# ---- in-place operators ------------------------------------------------------------------------


@program(X, np.abs(X) + 0.5)
def every_operator(x, y):
    a = x * 1.0
    a += y
    a -= 0.5
    a *= y
    a /= y + 1
    a **= 2
    b = x * 3
    b %= y
    c = x > 0
    c &= y > 1
    c |= x < -1
    c ^= y > 2
    d = np.zeros_like(x, shape=(2, 2)) + x[0]
    d @= np.array([[1.0, 2.0], [0.5, 1.0]])
    return a + b * c + d.sum()


@program(X)
def dtype_is_kept(x):
    y = np.zeros_like(x, dtype=np.float32)
    y += x
    y[0] = x[1] ** 2
    k = np.zeros_like(x, dtype=int)
    k[:] = 2.9
    k += 1
    return y.astype(float) * k


# ---- out= ------------------------------------------------------------------------------------


@program(X)
def ufuncs_with_out(x):
    z = np.zeros_like(x)
    r = np.add(x, 1.0, out=z)
    r[0] = x[1] * 2
    np.multiply(z, x, z)
    np.sin(x[:2], out=z[3:])
    return z


@program(X)
def out_broadcasts_and_masks(x):
    z = np.zeros_like(x, shape=(2, 5))
    np.multiply(x, 2.0, out=z)
    np.log(x, out=z[0], where=x > 0)
    return z


@program(M)
def functions_with_out(m):
    s, t = np.zeros_like(m, shape=3), np.zeros_like(m)
    np.sum(m, axis=0, out=s)
    m.mean(axis=1, out=t[:, 0])
    np.clip(m, 0.0, 1.0, out=m)
    np.cumsum(m[1], out=t[1])
    d = np.zeros_like(m, shape=(2, 2))
    np.dot(m, np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]]), out=d)
    return t * s + m * d.sum()


# ---- functions that write ----------------------------------------------------------------------


@program(X)
def copyto(x):
    y = np.zeros_like(x)
    np.copyto(y, x**2)
    np.copyto(y[:3], x[1], where=np.array([True, False, True]))
    np.copyto(y, 1.0, where=x < -1)
    return y * x


@program(M)
def put_and_kin(m):
    y = m * 1.0
    np.put(y, [0, -1, 7], m[0, :2] ** 2, mode="wrap")
    y.put([2], m[1, 1])
    np.putmask(y, m > 0.6, m[1] * 2)
    np.place(y, m < -1, m[0, 0])
    np.place(y, np.array([[True, False, True], [False, True, False]]), m[0] ** 2)
    return y


@program(M)
def fill_and_sort(m):
    y, z = m * 1.0, m**3
    y[0].fill(m[1, 0])
    z.sort(axis=0)
    z[1].sort()
    y[1].partition(1)
    return y * z


@program(M)
def fill_diagonal(m):
    y, z = m * 1.0, np.zeros_like(m, shape=(3, 3))
    np.fill_diagonal(y, m[1, 1] ** 2)
    np.fill_diagonal(z, m[0])
    t = np.zeros_like(m, shape=(5, 2))
    np.fill_diagonal(t, m[0, :2], wrap=True)
    return y @ z + t.sum()


@program(M)
def put_along_axis(m):
    y, z = m * 1.0, m * 2.0
    np.put_along_axis(y, np.array([[0], [2]]), m[:, :1] ** 2, axis=1)
    np.put_along_axis(z, np.argsort(m, axis=1), m * m[0, 0], axis=1)
    return y * z


@program(X)
def nan_to_num_in_place(x):
    y = x * 1.0
    np.nan_to_num(y[1:], copy=False)
    y[0] = x[1] ** 2
    return y


@program(X)
def overwritten_values_do_not_matter(x):
    y = np.sqrt(x - x[3])  # infinite slope at x[3], nan at the negative ones
    y[3] = 1.0
    y[[1, 4]] = x[0]
    y[:1] = x[2]
    return y


@program(X)
def conditionals_and_order(x):
    y = np.zeros_like(x)
    for k in range(5):
        if k % 2:
            y[k] = x[k]
        else:
            y[k] -= x[k] ** 2
    y[0] = y[0] + y.sum()
    y[1] = y[0] * y[1]
    return y


@program(M)
def gaussian_elimination(m):
    a = np.zeros_like(m, shape=(3, 3))
    a[:2] = m
    a[2] = [0.3, -0.2, 1.5]
    for j in range(3):
        a[j] /= a[j, j]
        for i in range(3):
            if i != j:
                a[i] -= a[i, j] * a[j] * 0.5
    return a


@program(X)
def moving_window(x):
    y = np.zeros_like(x, shape=(3, 3))
    for k in range(3):
        y[k] = x[k : k + 3]
    y -= y.mean(axis=1, keepdims=True)
    y[1:, 1:] *= y[:-1, :-1]
    return y


@program(M)
def higher_rank(m):
    y = np.zeros_like(m, shape=(2, 3, 2))
    y[:, :, 0] = m
    y[..., 1] = m**2
    v = y.transpose(2, 0, 1)[::-1, 1]
    v[0] *= 3.0
    y[[0, 1], 1] = m[:, 1:]
    y[0].T[1, ::2] = m[0, 0]
    return y


def run(function, arguments):
    """By NumPy, on copies."""
    return np.asarray(function(*[np.array(a) for a in arguments]))


WEIGHTS = np.cos(np.arange(100.0)) + 0.3


def loss(function):
    """A function to one number in which every element of the result counts differently."""

    @functools.wraps(function)
    def total(*arguments):
        y = function(*arguments)
        return np.sum(y * WEIGHTS[: y.size].reshape(y.shape))

    return total


def differences(function, arguments, h=1e-6):
    """Central differences of the loss in the first argument, by NumPy."""
    x, *rest = arguments
    slopes = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[k] = h
        high, low = (loss(function)(x + s, *map(np.array, rest)) for s in (step, -step))
        slopes[k] = (high - low) / (2 * h)
    return slopes


@pytest.fixture(params=sorted(PROGRAMS))
def written(request):
    return PROGRAMS[request.param]


pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_values_are_those_of_numpy(written):
    function, arguments = written
    found = ad.jit(function)(*arguments)
    expected = run(function, arguments)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("tier", ["interpreted", pytest.param("compiled", marks=pytest.mark.slow)])
def test_gradients(written, tier, monkeypatch):
    monkeypatch.setattr(ad.config, "jit", tier == "compiled")
    function, arguments = written
    if function is overwritten_values_do_not_matter or function is dtype_is_kept:
        pytest.skip("no differences: tested below")
    found = ad.grad(loss(function))(*arguments)
    np.testing.assert_allclose(found, differences(function, arguments), rtol=2e-6, atol=2e-7)


def test_arguments_are_never_changed(written):
    function, arguments = written
    given = [a.copy() for a in arguments]
    ad.jit(function)(*given)
    for a, b in zip(given, arguments, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("no_kernels")
def test_forward_mode_and_second_order(written):
    function, arguments = written
    x, *rest = arguments
    t = np.cos(np.arange(x.size)).reshape(x.shape)
    f = loss(function)
    gradient = ad.grad(f)(x, *rest)
    _, slope = ad.jvp(lambda x: f(x, *rest), (x,), (t,))
    exact = function is not dtype_is_kept  # which computes in float32
    np.testing.assert_allclose(slope, np.sum(gradient * t), rtol=1e-10 if exact else 1e-5, atol=1e-12)
    if not exact:
        return
    second = ad.grad(lambda x: np.sum(ad.grad(f)(x, *rest) * t))(x)
    h = 1e-6
    expected = (ad.grad(f)(x + h * t, *rest) - ad.grad(f)(x - h * t, *rest)) / (2 * h)
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-5)


def test_what_is_overwritten_does_not_matter():
    x = np.array([4.0, 1.0, 9.0, 1.0, 0.5])
    found = ad.grad(loss(overwritten_values_do_not_matter))(x)
    np.testing.assert_allclose(found, [WEIGHTS[1] + WEIGHTS[4], 0.0, WEIGHTS[0] + WEIGHTS[2] * 0.5 / np.sqrt(8.0),
                                       -WEIGHTS[2] * 0.5 / np.sqrt(8.0), 0.0])  # fmt: skip


# ---- random programs -------------------------------------------------------------------------


class Unsuitable(Exception):
    """The step has no meaning for the arrays there are."""


def _slice(x, a, b, c):
    if not x.ndim:
        raise Unsuitable
    parts = [slice(None)] * x.ndim
    parts[a % x.ndim] = slice(b % 4 or None, None, (1, 2, -1, -2)[c % 4]) if c % 8 < 4 else slice(None, 1 + b % 4)
    return tuple(parts)


def _number(x):
    """Some number of an array."""
    return x[(0,) * x.ndim] if x.size else 0.25


def _shaped(x, a):
    n = x.size
    divisors = [d for d in range(1, n + 1) if n % d == 0] or [1]
    d = divisors[a % len(divisors)]
    return (d, n // d) if a % 3 else (n // d, 1, d)


VIEWS = (
    lambda x, a, b, c: x[_slice(x, a, b, c)],
    lambda x, a, b, c: x.T,
    lambda x, a, b, c: x.reshape(_shaped(x, a)),
    lambda x, a, b, c: x.reshape(-1),
    lambda x, a, b, c: x.ravel(),
    lambda x, a, b, c: x[a % x.shape[0]],
    lambda x, a, b, c: x[..., b % x.shape[-1]],
    lambda x, a, b, c: np.flip(x, a % x.ndim),
    lambda x, a, b, c: x[:, None],
    lambda x, a, b, c: np.moveaxis(x, a % x.ndim, b % x.ndim),
    lambda x, a, b, c: np.squeeze(x),
    lambda x, a, b, c: np.array_split(x, 2, axis=a % x.ndim)[b % 2],
    lambda x, a, b, c: np.diagonal(x),
    lambda x, a, b, c: np.broadcast_to(x, (2, *x.shape)),
    lambda x, a, b, c: np.atleast_2d(x),
    lambda x, a, b, c: np.rot90(x, a),
)
COPIES = (
    lambda x, y, a: x.copy(),
    lambda x, y, a: x.flatten(),
    lambda x, y, a: x.astype(float),
    lambda x, y, a: x[[a % x.shape[0], 0]],
    lambda x, y, a: x * 0.5,
    lambda x, y, a: x + y if x.shape == y.shape else x - _number(y),
    lambda x, y, a: np.concatenate([x, x]) if x.size < 20 else x[:1] * 1.0,
    lambda x, y, a: np.zeros_like(x),
)


def _fitting(x, y):
    return y if x.shape == y.shape else _number(y)


def _set_slice(x, y, a, b, c):
    x[_slice(x, a, b, c)] = _number(y) * 0.5


def _copy_slice(x, y, a, b, c):
    place = _slice(x, a, b, c)
    x[place] = x[place][::-1]


def _update_slice(x, y, a, b, c):
    x[_slice(x, a, b, c)] *= 0.5


def _set_all(x, y, a, b, c):
    x[...] = _fitting(x, y)


def _set_row(x, y, a, b, c):
    x[a % x.shape[0]] = x[b % x.shape[0]] * 0.5


def _set_at(x, y, a, b, c):
    x[[a % x.shape[0], b % x.shape[0], 0]] += _number(y)


def _add_at(x, y, a, b, c):
    x[...] = x  # NumPy's ufunc.at forgets to ask whether it may write
    np.add.at(x, [a % x.shape[0], a % x.shape[0]], _number(y) * 0.5)


def _set_masked(x, y, a, b, c):
    x[np.resize([True, False, a % 2 == 0], x.shape)] *= 0.5


def _copyto(x, y, a, b, c):
    np.copyto(x, _fitting(x, y))


def _out(x, y, a, b, c):
    np.multiply(x, 0.5, out=x)


def _fill(x, y, a, b, c):
    x.fill(_number(y))


def _put(x, y, a, b, c):
    np.put(x, [a % x.size, b % x.size], [0.25, 0.5])


def _add_in_place(x, y, a, b, c):
    x += _fitting(x, y)


def _sort(x, y, a, b, c):
    x.sort(axis=0)


WRITES = (
    _set_slice, _copy_slice, _update_slice, _set_all, _set_row, _set_at, _add_at, _set_masked, _copyto, _out, _fill,
    _put, _sort, _add_in_place,
)  # fmt: skip


def run_steps(steps, arrays, writes=WRITES):
    """All arrays that the steps made: views and copies join the list, writes change what is there."""
    arrays = list(arrays)
    for kind, which, i, j, a, b, c in steps:
        x, y = arrays[i % len(arrays)], arrays[j % len(arrays)]
        if not x.ndim:
            continue
        try:
            if kind == 0:
                made = VIEWS[which % len(VIEWS)](x, a, b, c)
            elif kind == 1:
                made = COPIES[which % len(COPIES)](x, y, a)
            else:
                writes[which % len(writes)](x, y, a, b, c)
                continue
        except (Unsuitable, ZeroDivisionError, IndexError, ValueError) as error:
            if "not known here" in str(error):
                raise
            continue  # NumPy refuses, and so do we: the results show whether both did
        if np.ndim(made):
            arrays.append(made)
    return arrays


def steps_of(kinds):
    number = st.integers(0, 60)
    return st.lists(st.tuples(st.sampled_from(kinds), *[number] * 6), min_size=3, max_size=14)


STEPS = steps_of([0, 0, 0, 1, 2, 2])
GIVEN = (np.cos(np.arange(12.0)).reshape(3, 4), np.sin(np.arange(4.0) + 1))


def traced_steps(steps, result=list):
    """The block of the program, and all its arguments; None when the program is refused."""
    avals = [(aval_of(a), name, False) for a, name in zip(GIVEN, "xy", strict=True)]
    try:
        block, builder = trace(lambda *arrays: result(run_steps(steps, arrays)), avals, "steps")
    except ArgumentError as error:
        assert "order of its elements in memory" in str(error)  # refused, as it must be, and never wrong
        return None
    return block, [*GIVEN, *builder.captured]


def compare_values(steps):
    expected = run_steps(steps, [g.copy() for g in GIVEN])
    traced = traced_steps(steps)
    if traced is None:
        return
    found = run_block(*traced)
    assert [np.shape(f) for f in found] == [np.shape(e) for e in expected]
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(f, e)


common = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@settings(common, max_examples=200)
@given(STEPS)
def test_random_programs_do_what_numpy_does(steps):
    compare_values(steps)


@pytest.mark.slow
@settings(common, max_examples=5000)
@given(STEPS)
def test_many_random_programs(steps):
    compare_values(steps)


def total(arrays):
    """A number in which every element of every array counts differently."""
    return sum(np.sum(a * np.resize(WEIGHTS, np.shape(a))) for a in arrays)


def difference(steps, tangents, writes=WRITES, h=1e-6):
    """The slope of the total along the tangents, by NumPy."""
    moved = [[g + s * t for g, t in zip(GIVEN, tangents, strict=True)] for s in (h, -h)]
    high, low = (total(run_steps(steps, arrays, writes)) for arrays in moved)
    return (high - low) / (2 * h)


@settings(common, max_examples=50)
@given(STEPS)
def test_random_programs_have_the_right_gradient(steps):
    traced = traced_steps(steps, lambda arrays: [total(arrays)])
    if traced is None:
        return
    block, arguments = traced
    _, *cts = run_block(optimize(value_and_gradient(block, [0, 1])), arguments)
    tangents = [np.sin(3 * np.arange(g.size)).reshape(g.shape) for g in GIVEN]
    slope = sum(np.sum(ct * t) for ct, t in zip(cts, tangents, strict=True))
    np.testing.assert_allclose(slope, difference(steps, tangents), rtol=1e-5, atol=1e-5)


@settings(common, max_examples=60)
@given(STEPS, st.booleans())
def test_random_programs_on_a_tape(steps, recorded):
    writes = WRITES[:-1]  # t += v is a new tensor
    expected = run_steps(steps, [g.copy() for g in GIVEN], writes)
    given = [ad.constant(g) for g in GIVEN]
    with ad.GradientTape() as tape:
        watched = tape.watch(given) if recorded else given
        try:
            found = run_steps(steps, [w * 1.0 for w in watched], writes)
        except ArgumentError as error:
            assert "order of its elements in memory" in str(error)
            return
        target = total(found)
    try:
        values = [f.numpy() for f in found]
    except ArgumentError as error:
        assert "order of its elements in memory" in str(error)
        return
    for f, e in zip(values, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-14)
    if recorded:
        grads = [0.0 if g is None else g.numpy() for g in tape.gradient(target, given)]
        tangents = [np.sin(3 * np.arange(g.size)).reshape(g.shape) for g in GIVEN]
        slope = sum(np.sum(g * t) for g, t in zip(grads, tangents, strict=True))
        np.testing.assert_allclose(slope, difference(steps, tangents, writes), rtol=1e-5, atol=1e-5)


# ---- what is refused -------------------------------------------------------------------------

SQUARE = np.arange(16.0).reshape(4, 4) + 0.5
REFUSED = {
    "growing": (lambda x: x.__iadd__(np.ones((2, 4, 4))), ShapeError, "output operand"),
    "value too large": (lambda x: x.__setitem__(0, np.ones((2, 2))), ShapeError, "(2, 2)"),
    "index": (lambda x: x.__setitem__(4, 1.0), IndexError, "out of bounds"),
    "float into int": (lambda x: np.zeros_like(x, dtype=int).__iadd__(0.5), DTypeError, "same_kind"),
    "division of int": (lambda x: np.zeros_like(x, dtype=int).__itruediv__(2), DTypeError, "same_kind"),
    "lost derivative": (lambda x: np.zeros_like(x, dtype=int).__setitem__(0, x[0]), DTypeError, "lose the derivative"),
    "diagonal": (lambda x: np.diagonal(x).__setitem__(0, 1.0), ArgumentError, "read-only"),
    "broadcast": (lambda x: np.broadcast_to(x, (2, 4, 4)).__setitem__(0, 1.0), ArgumentError, "read-only"),
    "diagonal by einsum": (lambda x: np.einsum("ii->i", x).__setitem__(0, 1.0), ArgumentError, "read-only"),
    "plain out": (lambda x: np.add(x, 1.0, out=np.eye(4)), DTypeError, "autodiff.numpy.zeros"),
    "plain +=": (lambda x: np.eye(4).__iadd__(x), DTypeError, "autodiff.numpy.zeros"),
    "where without out": (lambda x: np.log(x, where=x > 1), ArgumentError, "out="),
    "selected shape": (lambda x: x[x > 1].shape, ConcretizationError, "depends on its values"),
    "selected result": (lambda x: x[x > 1], ConcretizationError, "depends on its values"),
    "other mask": (lambda x: x.__setitem__(x > 1, x[x > 2]), ConcretizationError, "masks"),
    "as many as selected": (lambda x: x.__setitem__(x > 1, np.ones(3)), ConcretizationError, "depends on its values"),
    "at traced": (lambda x: np.maximum.at(x, np.argmax(x, axis=0), 1.0), ArgumentError, "not known"),
}


@pytest.mark.parametrize(("write", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_refused(write, error, says):
    with pytest.raises(error, match=re.escape(says)):
        ad.jit(write)(SQUARE)


def test_writing_into_a_plain_array_from_outside_says_how_to_make_one_that_can_hold_it():
    y = np.zeros(5)

    def f(x):
        y[0] = x[0]
        return y

    with pytest.raises(DTypeError, match=r"y\[0\] = x\[0\]") as caught:
        ad.jit(f)(X)
    assert "np.zeros(shape)" in str(caught.value)


def test_an_order_of_elements_that_is_not_known_is_never_guessed():
    def unknown(x):
        y = x.T + 1.0
        flat = y.reshape(-1)
        flat[0] = 0.0
        return y

    with pytest.raises(ArgumentError, match="order of its elements in memory"):
        ad.jit(unknown)(SQUARE)

    def nobody_looks(x):
        flat = (x.T + 1.0).reshape(-1)
        flat[0] = 0.0
        return flat

    np.testing.assert_array_equal(ad.jit(nobody_looks)(SQUARE), nobody_looks(SQUARE))


def test_an_array_of_another_function_is_not_written_to():
    def outer(x):
        y = x * 1.0

        @ad.jit
        def inner(z):
            y[0] = z[0]
            return z

        return inner(x) + y

    with pytest.raises(DTypeError, match="by a function inside"):
        ad.jit(outer)(X)


def test_an_inner_decorated_function_does_not_change_its_arguments():
    @ad.jit
    def inner(z):
        z[0] = 100.0
        return z

    found = ad.jit(lambda x: inner(x) + x)(X)
    np.testing.assert_array_equal(found, [100.0 + X[0], *(2 * X[1:])])


def test_written_arrays_reach_inner_functions_as_they_are():
    def outer(x):
        y = x * 1.0
        part = y[1:]
        y[1] = x[0] ** 2
        return ad.jit(lambda z: z * part[0] + np.sum(y))(x)

    def plain(x):
        return x * x[0] ** 2 + np.sum(np.array([x[0], x[0] ** 2, *x[2:]]))

    np.testing.assert_allclose(ad.jit(outer)(X), plain(X), rtol=1e-14)


def test_a_leaked_array_is_not_written_to():
    kept = []
    ad.jit(lambda x: kept.append(x * 2.0) or x)(X)
    with pytest.raises(LeakedTracerError):
        kept[0][0] = 1.0


# ---- tensors ---------------------------------------------------------------------------------


def test_tensors_are_written_to_as_arrays_are():
    t = ad.constant(X)
    part, same = t[1:3], t
    part[0] = 5.0
    np.testing.assert_array_equal(same.numpy(), [X[0], 5.0, *X[2:]])
    before = t
    t += 1.0
    assert before is not t and float(before[0]) == X[0]
    np.testing.assert_array_equal(np.asarray(part), [5.0, X[2]])


def test_writes_are_recorded():
    x = ad.constant(X)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = np.zeros_like(x)
        early = y * 3.0 + x
        y[1:] = x[1:] ** 2
        y[0] = early[2]
        z = np.sum(y * np.arange(5.0) + early)
    np.testing.assert_allclose(tape.gradient(z, x).numpy(), 2 * X * [0, 1, 2, 3, 4] + 1, rtol=1e-14)
    np.testing.assert_array_equal(tape.gradient(z, y).numpy(), np.arange(5.0))


def test_rules_read_what_was_recorded_not_what_arrays_hold_by_now():
    x = ad.constant(X)
    with ad.GradientTape() as outer:
        outer.watch(x)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = x * 2.0
            z = np.sum(y**3)
            y[:] = 0.0
        (slope,) = inner.gradient(z, [x])
    np.testing.assert_allclose(slope.numpy(), 24 * X**2, rtol=1e-14)
    np.testing.assert_allclose(outer.gradient(slope, x).numpy(), 48 * X, rtol=1e-14)


def test_what_a_tape_watches_is_not_written_to():
    x, v = ad.constant(X), ad.Variable(X)
    part = x[1:]
    with ad.GradientTape() as tape:
        tape.watch(part)
        for a in (x, part, v.read_value(), v[1:]):
            with pytest.raises(DTypeError, match="copy"):
                a[0] = 1.0


def test_a_derivative_on_a_tape_is_not_lost_in_an_integer():
    x, k = ad.constant(X), ad.constant(np.zeros(5, int))
    k[0] = x[2]  # no tape: NumPy's truncation
    assert k.numpy()[0] == 2
    with ad.GradientTape() as tape, pytest.raises(DTypeError, match="lose the derivative"):
        tape.watch(x)
        k[1] = x[2]


def test_a_captured_tensor_is_read_anew():
    t = ad.constant(X)
    part = t[:2]
    f = ad.jit(lambda x: x * np.sum(part))
    assert f(1.0) == pytest.approx(X[:2].sum())
    t[0] = 10.0
    assert f(1.0) == pytest.approx(10.0 + X[1])


# ---- cost ------------------------------------------------------------------------------------


def test_reading_records_what_it_did_before():
    """Views, and copies that move nothing, cost no instruction."""

    def f(x):
        y = x.T.reshape(-1)[1:].astype(float)
        return y.flatten().ravel() + np.atleast_1d(y)[:]

    assert [line.split()[3].split("[")[0] for line in ad.jit(f).ir(M).splitlines()[1:-2]] == [
        "transpose", "reshape", "slice", "add",
    ]  # fmt: skip
