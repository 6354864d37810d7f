"""NumPy's functions on recorded values give what they give on arrays: value, shape and dtype."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import AutodiffError

pytestmark = pytest.mark.usefixtures("interpreted")

A = np.arange(24.0).reshape(2, 3, 4) / 7.0 - 1.3
M = np.array([[1.5, -2.0, 0.5], [0.3, 4.0, -1.0], [2.5, 0.0, 1.0]])
V = np.array([3.0, -1.0, 2.0, 0.5])
E = np.ones((0, 3))
I4, B4 = np.array([2, 0, -1]), np.array([True, False, True, True])

MOST = ("sum", "prod", "max", "min", "mean", "var", "std")


def reduced(name, **arguments):
    """A reduction of NumPy's, by name."""
    return lambda np, x: getattr(np, name)(x, **arguments)


CALLS = {
    # moving elements
    "reshape -1": lambda np, x: np.reshape(x, (4, -1)),
    "reshape method": lambda np, x: x.reshape(6, -1) + x.reshape((6, 4)),
    "ravel": lambda np, x: np.ravel(x),
    "flatten": lambda np, x: x.flatten(),
    "transpose": lambda np, x: np.transpose(x),
    "transpose axes": lambda np, x: np.transpose(x, (1, -1, 0)),
    "transpose method": lambda np, x: x.transpose(2, 0, 1) * x.transpose((2, 0, 1)),
    "T": lambda np, x: x.T,
    "mT": lambda np, x: x.mT,
    "swapaxes": lambda np, x: np.swapaxes(x, 0, -1),
    "moveaxis": lambda np, x: np.moveaxis(x, 0, -1),
    "moveaxis many": lambda np, x: np.moveaxis(x, (0, 1), (-1, 0)),
    "rollaxis": lambda np, x: np.moveaxis(x, -1, 0),
    "expand_dims": lambda np, x: np.expand_dims(x, (0, -1)),
    "squeeze": lambda np, x: np.squeeze(x[:1, :, 1:2]),
    "squeeze axis": lambda np, x: np.squeeze(x[:1, :, 1:2], axis=-1),
    "broadcast_to": lambda np, x: np.broadcast_to(x, (5, 2, 3, 4)),
    "broadcast_arrays": lambda np, x: np.broadcast_arrays(x, x[0, 0])[1],
    "atleast_1d": lambda np, x: np.atleast_1d(x[0, 0, 0]),
    "atleast_2d": lambda np, x: np.atleast_2d(x[0, 0]),
    "concatenate": lambda np, x: np.concatenate([x, x[:, :1]], axis=1),
    "concatenate flat": lambda np, x: np.concatenate([x, x[0]], axis=None),
    "concatenate negative": lambda np, x: np.concatenate((x, x), axis=-1),
    "stack": lambda np, x: np.stack([x, x + 1.0], axis=1),
    "stack negative": lambda np, x: np.stack([x, x + 1.0], axis=-1),
    "vstack": lambda np, x: np.vstack([x[0, 0], x[0, 1]]),
    "hstack": lambda np, x: np.hstack([x[0, 0], x[0, 1]]),
    "hstack 2d": lambda np, x: np.hstack([x[0], x[1]]),
    "column_stack": lambda np, x: np.column_stack([x[0, 0], x[0, 1]]),
    "split": lambda np, x: np.split(x, 2, axis=2)[1],
    "split places": lambda np, x: np.split(x, [1, 3], axis=2)[1],
    "split beyond": lambda np, x: np.split(x, [1, 9], axis=2)[2],
    "split negative": lambda np, x: np.split(x, [-1], axis=2)[0],
    "flip": lambda np, x: np.flip(x),
    "flip axes": lambda np, x: np.flip(x, (0, -1)),
    "flipud": lambda np, x: np.flipud(x),
    "fliplr": lambda np, x: np.fliplr(x),
    "roll": lambda np, x: np.roll(x, 5),
    "roll axis": lambda np, x: np.roll(x, -1, axis=1),
    "roll axes": lambda np, x: np.roll(x, (1, -2), axis=(0, 2)),
    "roll one shift for all axes": lambda np, x: np.roll(x, 1, axis=(0, 2)),
    "roll several shifts of one axis": lambda np, x: np.roll(x, (1, 1), axis=2),
    "tile": lambda np, x: np.tile(x, (2, 1, 3)),
    "tile more": lambda np, x: np.tile(x[0], (2, 1, 1, 2)),
    "tile scalar": lambda np, x: np.tile(x[0], 2),
    "repeat": lambda np, x: np.repeat(x, 2),
    "repeat axis": lambda np, x: np.repeat(x, 2, axis=1),
    "repeat counts": lambda np, x: np.repeat(x, [1, 0, 2], axis=1),
    "pad": lambda np, x: np.pad(x, ((1, 0), (0, 2), (3, 1))),
    "pad scalar": lambda np, x: np.pad(x[0], 1),
    "pad pair": lambda np, x: np.pad(x[0], (1, 2)),
    "pad value": lambda np, x: np.pad(x[0], 1, constant_values=7.0),
    "pad values": lambda np, x: np.pad(x[0], 1, constant_values=(1.0, 2.0)),
    "pad edge": lambda np, x: np.pad(x[0], ((1, 1), (2, 0)), mode="edge"),
    "pad wrap": lambda np, x: np.pad(x[0], ((1, 1), (2, 0)), mode="wrap"),
    "pad reflect": lambda np, x: np.pad(x[0], ((1, 1), (2, 0)), mode="reflect"),
    "triu": lambda np, x: np.triu(x),
    "tril": lambda np, x: np.tril(x, -1),
    "diagonal": lambda np, x: np.diagonal(x, 1, 1, 2),
    "diagonal plain": lambda np, x: np.diagonal(x),
    "diag of a matrix": lambda np, x: np.diag(x[0], 1),
    "diag of a vector": lambda np, x: np.diag(x[0, 0]),
    "diag above": lambda np, x: np.diag(x[0, 0], 2),
    "diag below": lambda np, x: np.diag(x[0, 0], -1),
    "trace": lambda np, x: np.trace(x, 1, 1, 2),
    "trace method": lambda np, x: x.trace(),
    "zeros_like": lambda np, x: np.zeros_like(x),
    "ones_like": lambda np, x: np.ones_like(x, dtype=np.float32),
    "full_like": lambda np, x: np.full_like(x, 2.5),
    "full_like shape": lambda np, x: np.full_like(x, 3, shape=(2, 2)),
    # reductions
    **{name: reduced(name) for name in MOST},
    **{f"{name} axis": reduced(name, axis=(0, -1)) for name in MOST},
    **{f"{name} keepdims": reduced(name, axis=1, keepdims=True) for name in (*MOST, "argmax", "argmin", "ptp")},
    "sum method": lambda np, x: x.sum(1) + x.sum(axis=1),
    "sum dtype": lambda np, x: np.sum(x, dtype=np.float32),
    "sum no axes": lambda np, x: np.sum(x, axis=()),
    "var ddof": lambda np, x: np.var(x, ddof=1),
    "std ddof axis": lambda np, x: x.std(axis=0, ddof=1),
    "average": lambda np, x: np.average(x, axis=1),
    "average weights": lambda np, x: np.average(x, axis=2, weights=np.array([1.0, 2.0, 3.0, 4.0])),
    "average of all": lambda np, x: np.average(x, weights=abs(x) + 1.0),
    "average of integer weights": lambda np, x: np.average(x, axis=-1, weights=[1, 2, 3, 4]),
    "ptp": lambda np, x: np.ptp(x),
    "any": lambda np, x: np.any(x > 1.0, axis=1),
    "all": lambda np, x: np.all(x > -9.0),
    "count_nonzero": lambda np, x: np.count_nonzero(x > 0.0, axis=1),
    "argmax": lambda np, x: np.argmax(x),
    "argmin axis": lambda np, x: np.argmin(x, axis=-1),
    "cumsum": lambda np, x: np.cumsum(x),
    "cumsum axis": lambda np, x: np.cumsum(x, axis=-1),
    "cumprod": lambda np, x: np.cumprod(x, axis=1),
    "norm": lambda np, x: np.linalg.norm(x),
    "norm axis": lambda np, x: np.linalg.norm(x, axis=-1, keepdims=True),
    "norm axes": lambda np, x: np.linalg.norm(x, axis=(0, 2)),
    "norm fro": lambda np, x: np.linalg.norm(x[0], "fro"),
    "norm 3": lambda np, x: np.linalg.norm(x[0, 0], 3),
    "norm 0": lambda np, x: np.linalg.norm(x[0, 0], 0),
    "norm -inf": lambda np, x: np.linalg.norm(x[0, 0], -np.inf),
    "matrix norm 1": lambda np, x: np.linalg.norm(x[0], 1),
    "matrix norm inf": lambda np, x: np.linalg.norm(x[0], np.inf),
    "matrix norm -1 keepdims": lambda np, x: np.linalg.norm(x, -1, axis=(2, 0), keepdims=True),
    "matrix norm 1 other axes": lambda np, x: np.linalg.norm(x, 1, axis=(2, 0)),
    "add.reduce": lambda np, x: np.add.reduce(x),
    "add.reduce axis": lambda np, x: np.add.reduce(x, axis=(0, 1), keepdims=True),
    "maximum.reduce": lambda np, x: np.maximum.reduce(x, axis=1),
    "add.accumulate": lambda np, x: np.add.accumulate(x),
    "multiply.outer": lambda np, x: np.multiply.outer(x[0], x[1]),
    # indexing
    "index": lambda np, x: x[1, -1, 2],
    "slice": lambda np, x: x[:, 1:, ::2],
    "slice backwards": lambda np, x: x[::-1, ::-2, 3:0:-1],
    "slice beyond": lambda np, x: x[:, 5:, :],
    "newaxis": lambda np, x: x[:, None, 0, ..., None],
    "ellipsis": lambda np, x: x[..., 0],
    "empty index": lambda np, x: x[()],
    "index array": lambda np, x: x[..., I4],
    "index list": lambda np, x: x[[1, 0, 1]],
    "index 2d": lambda np, x: x[:, np.array([[0, 2], [1, -1]])],
    "index pair": lambda np, x: x[[0, 1], [2, 0]],
    "index apart": lambda np, x: x[[0, 1], :, [3, 0]],
    "index and int apart": lambda np, x: x[1, :, [3, 0]],
    "index broadcast": lambda np, x: x[np.array([[0], [1]]), [0, 2]],
    "index and newaxis": lambda np, x: x[None, [0, 1], None, [2, 0]],
    "mask": lambda np, x: x[..., B4],
    "mask all": lambda np, x: x[x > 0.5],
    "mask first": lambda np, x: x[np.array([True, False])],
    "mask and index": lambda np, x: x[np.array([True, True]), [0, 1]],
    "empty list": lambda np, x: x[[]],
    "bool": lambda np, x: x[True].reshape(-1),
    "take": lambda np, x: np.take(x, I4, axis=-1),
    "take flat": lambda np, x: np.take(x, [3, -5]),
    "take method": lambda np, x: x.take([1], axis=1),
    "take scalar": lambda np, x: np.take(x, 1, axis=1),
    "take clip": lambda np, x: np.take(x, [-3, 9], axis=2, mode="clip"),
    "take wrap": lambda np, x: np.take(x, [-3, 9], axis=2, mode="wrap"),
    "take_along_axis": lambda np, x: np.take_along_axis(x, np.argmax(x, axis=1, keepdims=True), axis=1),
    # products
    "matmul": lambda np, x: x @ x.mT,
    "matmul vector": lambda np, x: x @ x[0, 0],
    "vector matmul": lambda np, x: x[0, :, 0] @ x,
    "matmul broadcast": lambda np, x: np.matmul(x[:, None], x.mT[None]),
    "dot": lambda np, x: np.dot(x[0], x[1].T),
    "dot vectors": lambda np, x: x[0, 0].dot(x[0, 1]),
    "dot 3d": lambda np, x: np.dot(x, x[0].T),
    "dot 3d 3d": lambda np, x: np.dot(x, x.mT),
    "dot scalar": lambda np, x: np.dot(2.0, x),
    "vdot": lambda np, x: np.vdot(x[0], x[1]),
    "inner": lambda np, x: np.inner(x, x[0]),
    "outer": lambda np, x: np.outer(x[0], x[0, 0]),
    "kron": lambda np, x: np.kron(x[0], x[1, :2]),
    "kron ranks": lambda np, x: np.kron(x[0, 0], x[1, :2]),
    "tensordot": lambda np, x: np.tensordot(x, x, axes=([1, 2], [1, 2])),
    "tensordot 1": lambda np, x: np.tensordot(x, x[0].T, axes=1),
    "einsum": lambda np, x: np.einsum("bij,bkj->bik", x, x),
    "einsum implicit": lambda np, x: np.einsum("ij,jk", x[0], x[1].T),
    "einsum dots": lambda np, x: np.einsum("...j,j->...", x, x[0, 0]),
    "einsum three": lambda np, x: np.einsum("bij,bkj,k->i", x, x, x[0, :, 0]),
    "einsum trace": lambda np, x: np.einsum("iij->j", x[:, :2]),
    "einsum transposed": lambda np, x: np.einsum("bij->jbi", x),
    "einsum outer": lambda np, x: np.einsum("i,j->ij", x[0, 0], x[0, :, 0]),
    # elementwise and the rest
    "where": lambda np, x: np.where(x > 0.0, x, -1.0),
    "where number": lambda np, x: np.where(x, 1.0, 2.0),
    "clip": lambda np, x: np.clip(x, -0.5, 1.0),
    "clip none": lambda np, x: np.clip(x, None, 1.0) + x.clip(0.0),
    "clip names": lambda np, x: np.clip(x, min=-0.5, max=1.0),
    "diff": lambda np, x: np.diff(x, n=2),
    "diff axis": lambda np, x: np.diff(x, axis=0),
    "nan_to_num": lambda np, x: np.nan_to_num(np.log(x)),
    "isclose": lambda np, x: np.isclose(x, x + 1e-9),
    "round": lambda np, x: np.round(x, 2),
    "around": lambda np, x: np.around(x),
    "fix": lambda np, x: np.fix(x),
    "sinc": lambda np, x: np.sinc(x),
    "heaviside": lambda np, x: np.heaviside(x, 0.5),
    "logaddexp2": lambda np, x: np.logaddexp2(x, 1.0),
    "float_power": lambda np, x: np.float_power(abs(x), 2),
    "deg2rad": lambda np, x: np.deg2rad(x) + np.radians(x),
    "degrees": lambda np, x: np.degrees(x),
    "mod": lambda np, x: x % 0.7 + np.fmod(x, 0.7),
    "floordiv": lambda np, x: x // 0.7,
    "reverse operators": lambda np, x: 1 - 2 / (3 + 2**x) + (5.0 // abs(x)) + (5 % abs(x)),
    "comparisons": lambda np, x: (x < 1) ^ (x >= 0.5) | ~(x == x[0]) & (x != 1.0),
    "dtype argument": lambda np, x: np.exp(x, dtype=np.float32),
    "astype": lambda np, x: x.astype(np.float32) * 2.5,
    "integers": lambda np, x: x.astype(int) * 2 + 1,
    "integer division": lambda np, x: x.astype(int) / 2,
    "integer mean": lambda np, x: np.mean(x.astype(int)),
    "integer sum": lambda np, x: np.sum(x.astype(np.int32)),
    "bool sum": lambda np, x: np.sum(x > 0.0, axis=0),
    "bool times": lambda np, x: (x > 0.0) * x * True,
    "power of bool": lambda np, x: x**True,
    "power of integers": lambda np, x: x**2 + abs(x) ** -2 + x**3,
    "shape": lambda np, x: np.array([*np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)]),
}
# NumPy rounds these otherwise in the last bits: another order of additions, or of factors.
LOOSE = 1e-13


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_value_shape_and_dtype(call, watched):
    expected = call(np, A)
    x = ad.constant(A)
    with ad.GradientTape() as tape:
        if watched:
            tape.watch(x)
        found = call(np, x)
    found = found.numpy() if isinstance(found, ad.Tensor) else found
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    tolerance = 1e-6 if expected.dtype == np.float32 else LOOSE
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


ERRORS = {
    "reshape": (lambda x: np.reshape(x, (5, 5)), ValueError),
    "axis": (lambda x: np.sum(x, axis=3), IndexError),
    "axis twice": (lambda x: np.sum(x, axis=(0, 0)), ValueError),
    "permutation": (lambda x: np.transpose(x, (0, 0, 1)), ValueError),
    "squeeze": (lambda x: np.squeeze(x, 0), ValueError),
    "too many indices": (lambda x: x[0, 0, 0, 0], IndexError),
    "index": (lambda x: x[2], IndexError),
    "index array": (lambda x: x[[0, 2]], IndexError),
    "float index": (lambda x: x[1.5], TypeError),
    "float index array": (lambda x: x[..., [0.5]], TypeError),
    "mask shape": (lambda x: x[np.ones((2, 2), bool)], IndexError),
    "concatenate ranks": (lambda x: np.concatenate([x, x[0]]), ValueError),
    "concatenate shapes": (lambda x: np.concatenate([x, x[:, :, :2]]), ValueError),
    "stack": (lambda x: np.stack([x, x[0]]), ValueError),
    "split": (lambda x: np.split(x, 3, axis=0), ValueError),
    "take": (lambda x: np.take(x, [4], axis=2).numpy(), IndexError),
    "matmul": (lambda x: x @ x, ValueError),
    "matmul scalar": (lambda x: x @ 2.0, ValueError),
    "tensordot": (lambda x: np.tensordot(x, x, 2), ValueError),
    "einsum": (lambda x: np.einsum("ij->i", x), ValueError),
    "max of nothing": (lambda x: np.max(x[:0]), ValueError),
    "broadcast_to": (lambda x: np.broadcast_to(x, (3, 4)), ValueError),
    "out": (lambda x: np.add(x, 1.0, out=np.zeros(x.shape)), TypeError),
    "where": (lambda x: np.sum(x, where=np.ones((5, 1, 1, 1), bool)), ValueError),
    "where without initial": (lambda x: np.max(x, where=x > 0.0), ValueError),
    "string": (lambda x: x + "a", TypeError),
    "no rule": (lambda x: np.roots(x[0, 0]), LookupError),
    "no rule for a ufunc": (lambda x: np.nextafter(x, 1.0), LookupError),
    "order of memory": (lambda x: np.ravel(x, order="K"), ValueError),
    "einsum output": (lambda x: np.einsum("ijk->il", x), ValueError),
    "einsum dots": (lambda x: np.einsum("...k->k", x), ValueError),
    "pad mode": (lambda x: np.pad(x, 1, mode="some"), ValueError),
    "pad argument": (lambda x: np.pad(x, 1, mode="edge", constant_values=1.0), ValueError),
    "pad negative": (lambda x: np.pad(x, -1), ValueError),
    "average weights": (lambda x: np.average(x, weights=[1.0, 2.0]), TypeError),
    "hsplit": (lambda x: np.hsplit(x[0, 0, 0], 2), ValueError),
    "rollaxis": (lambda x: np.rollaxis(x, 0, 9), IndexError),
    "reduceat": (lambda x: np.add.reduceat(x, [9]), IndexError),
    "vecdot": (lambda x: np.vecdot(x, x[..., 1:]), ValueError),
    "linspace": (lambda x: np.linspace(x, 1.0, -1), ValueError),
    "piecewise": (lambda x: np.piecewise(x, [x > 0.0], [1.0, 2.0, 3.0]), ValueError),
    "integer logic": (lambda x: x & x, (TypeError, LookupError)),
}


@pytest.mark.parametrize(("call", "error"), ERRORS.values(), ids=ERRORS)
def test_errors_are_named_and_are_those_of_numpy(call, error):
    x = ad.constant(A)
    with ad.GradientTape() as tape, pytest.raises(error) as caught:
        tape.watch(x)
        call(x)
    assert isinstance(caught.value, AutodiffError)


COMPLEX_POWERS = {
    "** 2": lambda z: z**2,
    "** 2.0": lambda z: z**2.0,
    "** 3": lambda z: z**3,
    "power": lambda z: np.power(z, 2),
    "of an element": lambda z: z[7] ** 2,
    "of some elements": lambda z: np.where(True, _where_large(z), 0.0),
}


def _where_large(z):
    z = z.copy()
    z[abs(z) > 0.5] = z[abs(z) > 0.5] ** 2
    return z


@pytest.mark.parametrize("power", COMPLEX_POWERS.values(), ids=COMPLEX_POWERS)
def test_powers_of_complex_numbers_round_as_numpys(power):
    rng = np.random.default_rng(0)
    z = rng.normal(size=500) + 1j * rng.normal(size=500)
    np.testing.assert_array_equal(ad.jit(power)(z), power(z))


def test_gradients_of_squares_of_complex_numbers():
    z = np.array([1.5 - 0.5j, -2.0 + 1j, 0.0])
    found = ad.grad(lambda z: np.sum((1.0 - 2.0j) * _where_large(z)).real)(z)
    expected = np.where(abs(z) > 0.5, 2.0 * z, 1.0) * (1.0 - 2.0j)
    np.testing.assert_allclose(found, expected.conj(), rtol=1e-14)
