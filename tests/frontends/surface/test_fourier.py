"""numpy.fft and complex numbers: values as NumPy's, gradients as differences and as the two real parts give them."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.errors import ArgumentError, DTypeError, NonScalarLossError

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4))
Z = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    """The rules are tested here, and by many programs; `test_kernels` compiles some of them."""
    monkeypatch.setattr(config, "jit", False)


ONE = [
    {},
    {"axis": 0},
    {"norm": "ortho"},
    {"norm": "forward", "axis": 0},
    {"n": 3},
    {"n": 6, "axis": 0, "norm": "ortho"},
    {"n": 1},
]
MANY = [{}, {"axes": (0,)}, {"s": (2, 5), "axes": (0, 1)}, {"axes": (1, 0), "norm": "ortho"}, {"norm": "forward"}]
CALLS = [(name, kw) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft") for kw in ONE]
CALLS += [
    (name, kw) for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn") for kw in MANY
]
CALLS += [(name, kw) for name in ("fftshift", "ifftshift") for kw in ({}, {"axes": 0}, {"axes": (0, 1)})]
REAL = ("rfft", "ihfft", "rfft2", "rfftn")


def loss(y):
    """A real number that depends on every part of y, and not linearly."""
    weights = np.cos(np.arange(y.size)).reshape(y.shape)
    return np.sum(weights * (np.real(y) ** 2 + np.real(y) * np.imag(y) + np.sin(np.imag(y))))


@pytest.mark.parametrize(("name", "kw"), CALLS, ids=lambda v: str(v))
def test_transform(name, kw):
    function, x = getattr(np.fft, name), X if name in REAL else Z
    expected, found = function(x, **kw), ad.jit(lambda x: function(x, **kw))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    assert found.dtype == expected.dtype
    # Both parts of the input, as two real arrays.
    ad.testing.check_grads(
        lambda a, b: loss(function(a if name in REAL else a + 1j * b, **kw)), (X, X[::-1] + 1), order=2
    )


@pytest.mark.parametrize("name", ["fft", "rfft", "irfft"])
def test_single_precision_stays_single(name):
    function, x = getattr(np.fft, name), X.astype(np.float32)
    found = ad.jit(lambda x: function(x))(x)
    assert found.dtype == function(x).dtype
    assert ad.grad(lambda x: np.sum(np.abs(function(x))))(x).dtype == np.float32


def test_bad_arguments_raise_what_numpy_raises():
    for call in (
        lambda x: np.fft.fft(x, n=0),
        lambda x: np.fft.fft(x, norm="of course"),
        lambda x: np.fft.fft(x, axis=5),
    ):
        with pytest.raises((ValueError, IndexError)) as numpys:
            call(X)
        with pytest.raises(numpys.type):
            ad.jit(call)(X)
    with pytest.raises(DTypeError, match="complex128"):
        ad.jit(np.fft.rfft)(Z)
    with pytest.raises(ArgumentError, match="different lengths"):
        ad.jit(lambda x: np.fft.fftn(x, s=(2, 2), axes=(0,)))(X)


# ---- complex numbers ----------------------------------------------------------------------------

ANALYTIC = {
    "square": np.square,
    "reciprocal": np.reciprocal,
    "negative": np.negative,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "power": lambda z: z**2.5,
    "power of a complex exponent": lambda z: z ** (1.5 - 0.5j),
    "complex power": lambda z: (2.0 + 1j) ** z,
    "self power": lambda z: z**z,
    "quotient": lambda z: (z + 1j) / (z * z - 3.0),
    "product": lambda z: np.matmul(z, z.T * 1j),
    "cumsum": lambda z: np.cumsum(z * z, axis=1),
    "where": lambda z: np.where(z.real > 0, z * z, 1 / z),
    "indexing": lambda z: z[[0, 2, 2], 1:] ** 2,
    "concatenate": lambda z: np.concatenate([z, z * z], axis=1),
}


@pytest.mark.parametrize("name", ANALYTIC)
def test_analytic(name):
    """dL/da + i dL/db, against the derivative along the real and along the imaginary axis."""
    f, h = ANALYTIC[name], 1e-6

    def real_loss(z):
        return loss(f(z))

    np.testing.assert_allclose(ad.jit(f)(Z), f(Z), rtol=1e-13)
    found = ad.grad(real_loss)(Z)
    for k in np.ndindex(Z.shape):
        e = np.zeros(Z.shape)
        e[k] = h
        slopes = [(real_loss(Z + d * e) - real_loss(Z - d * e)) / (2 * h) for d in (1, 1j)]
        np.testing.assert_allclose([found[k].real, found[k].imag], slopes, rtol=2e-6, atol=2e-6)
    ad.testing.check_grads(lambda a, b: loss(f(a + 1j * b)), (Z.real, Z.imag), order=2)


PARTS = {
    "abs": np.abs,
    "real": np.real,
    "imag": np.imag,
    "angle": np.angle,
    "conj": lambda z: np.real(np.conj(z) * (2 + 1j)),
    "std": np.std,
    "var": lambda z: np.var(z, axis=0),
    "norm": np.linalg.norm,
    "norm 1": lambda z: np.linalg.norm(z, 1, axis=0),
    "vdot": lambda z: np.vdot(z, z * 1j + 1).imag,
    "correlate": lambda z: np.abs(np.correlate(z[0], z[1] * 1j, "full")),
    "correlate, shorter first": lambda z: np.correlate(z[0, :2], z[1], "full").imag,
    "cov": lambda z: np.real(np.cov(z)),
    "attributes": lambda z: z.real * z.imag + z.conj().imag,
}


@pytest.mark.parametrize("name", PARTS)
def test_not_analytic(name):
    f = PARTS[name]
    np.testing.assert_allclose(ad.jit(f)(Z), f(Z), rtol=1e-13)
    ad.testing.check_grads(lambda a, b: np.sum(np.sin(f(a + 1j * b))), (Z.real, Z.imag), order=2)
    whole = ad.grad(lambda z: np.sum(np.sin(f(z))))(Z)
    a, b = ad.grad(lambda a, b: np.sum(np.sin(f(a + 1j * b))), argnums=(0, 1))(Z.real, Z.imag)
    np.testing.assert_allclose(whole, a + 1j * b, rtol=1e-12, atol=1e-14)


def test_convention():
    """The gradient of an analytic function's value is conj(f'): a step along it ascends."""
    z = np.array(0.3 - 0.7j)
    assert ad.grad(lambda z: np.abs(z) ** 2)(z) == pytest.approx(2 * z)
    with ad.GradientTape() as tape:
        t = tape.watch(ad.constant(z))
        y = np.exp(t)
    assert tape.gradient(y, t).numpy() == pytest.approx(np.conj(np.exp(z)))


def test_what_has_no_complex_meaning_is_refused():
    with pytest.raises(NonScalarLossError, match="complex128"):
        ad.grad(np.sum)(Z)
    with pytest.raises(DTypeError, match="imaginary part"):
        ad.jit(lambda z: z.astype(float))(Z)
    for f in (np.max, np.sort, np.prod, lambda z: np.maximum(z, 0)):
        with pytest.raises(DTypeError, match="complex"):
            ad.jit(f)(Z)


def test_zero():
    zero = np.zeros(2, complex)
    for f in (np.abs, np.angle):
        np.testing.assert_array_equal(ad.grad(lambda z, f=f: np.sum(f(z)))(zero), zero)


COMPILED = ("quotient", "product", "exp", "complex power", "cumsum", "where", "indexing", "concatenate")


@pytest.mark.parametrize("name", COMPILED)
def test_kernels(name, monkeypatch):
    f = ANALYTIC[name]

    def real_loss(z):
        return loss(np.fft.ifft(f(z), axis=0))

    expected = ad.value_and_grad(real_loss)(Z)
    monkeypatch.setattr(config, "jit", True)
    compiled = ad.value_and_grad(real_loss)
    for got, wanted in zip(compiled(Z), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
    assert compiled.cache_info().runs == 1


def test_kernel_arguments_and_results(monkeypatch):
    monkeypatch.setattr(config, "jit", True)
    f = ad.jit(lambda z, c: (z * c, np.sum(z), c * 2, z.T, z.real))
    for z in (Z, Z.T, Z[::2, ::-1], Z.astype(np.complex64), Z[:0]):
        for c in (2 - 1j, np.complex64(1j), np.array(0.5j)):
            for _ in range(2):
                for got, wanted in zip(f(z, c), (z * c, np.sum(z), c * 2, z.T, z.real), strict=True):
                    assert (np.shape(got), np.asarray(got).dtype) == (np.shape(wanted), np.asarray(wanted).dtype)
                    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert f.cache_info().interpreted_runs == 0
