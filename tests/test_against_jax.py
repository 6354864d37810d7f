"""First and second derivatives of whole programs against JAX in float64, where it is installed.

An oracle that shares no code with ours. Not part of the default run: JAX is no dependency
(`pip install jax`, then `make test-all`).
"""

import numpy as np
import pytest

import autodiff as ad

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
pytestmark = pytest.mark.slow


def attention(np, q, k):
    score = np.einsum("bqd,bkd->bqk", q, k)
    weight = np.exp(score - score.max(-1, keepdims=True))
    return np.sum((weight / np.sum(weight, -1, keepdims=True)) @ k)


def layer_norm(np, x, g):
    return np.sum(((x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * g) ** 3)


def stencil(np, x, y):
    inner = x[1:-1, 1:-1] * 4 - x[:-2, 1:-1] - x[2:, 1:-1] - x[1:-1, :-2] - x[1:-1, 2:]
    return np.sum(inner**2 * y)


def joins(np, x, y):
    rows = np.concatenate([x, y * 2, np.stack([x[0], y[1]])], axis=0)
    return (
        np.sum(rows**3) + np.sum(np.pad(x, ((1, 2), (0, 1))) * 1.5) + np.sum(np.roll(y, 1, 0) * np.tile(x[:1], (3, 1)))
    )


PROGRAMS = {
    "mlp": (lambda np, x, w: np.mean(np.tanh(x @ w) ** 2), [(7, 5), (5, 3)]),
    "attention": (attention, [(2, 4, 3), (2, 5, 3)]),
    "layer_norm": (layer_norm, [(4, 6), (6,)]),
    "stencil": (stencil, [(6, 7), (4, 5)]),
    "cumulative": (lambda np, x, y: np.sum(np.cumsum(x, axis=1) * np.cumprod(y, axis=0)), [(4, 5), (4, 5)]),
    "gather": (lambda np, x, y: np.sum(x[np.array([0, 2, 0, 1])] * y[:, ::-1] ** 2), [(3, 4), (4, 4)]),
    "where": (
        lambda np, x, y: np.sum(np.where(x > 0.1, np.log(np.abs(x) + 1), y * x) * np.minimum(x, y)),
        [(5,), (5,)],
    ),
    "tensordot": (lambda np, x, y: np.sum(np.tensordot(x, y, ([0, 2], [1, 0])) ** 2), [(3, 4, 5), (5, 3, 2)]),
    "reductions": (
        lambda np, x, y: np.prod(x) + np.max(x * y) - np.min(y, axis=0).sum() + np.std(x) * np.linalg.norm(y),
        [(3, 4), (3, 4)],
    ),
    "power": (lambda np, x, y: np.sum(np.abs(x) ** y + np.exp2(y) * np.log1p(x**2)), [(6,), (6,)]),
    "joins": (joins, [(3, 4), (3, 4)]),
    "trigonometry": (
        lambda np, x, y: np.sum(np.arctan2(x, y) * np.hypot(x, y) + np.sinh(x) * np.cosh(y) - np.arcsinh(x * y)),
        [(5,), (5,)],
    ),
    "sorting": (lambda np, x, y: np.sum(np.sort(x) * y) + np.median(x), [(7,), (7,)]),
}


@pytest.fixture(autouse=True)
def float64_in_jax():
    jax.config.update("jax_enable_x64", True)


@pytest.fixture(params=PROGRAMS)
def program(request):
    rng = np.random.default_rng(0)
    f, shapes = PROGRAMS[request.param]
    return f, [rng.normal(size=s) for s in shapes], [rng.normal(size=s) for s in shapes]


def close(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.max(np.abs(theirs))
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-10, atol=1e-12 * scale)


def hessian_times(f, args, directions):
    return jax.jvp(lambda *z: jax.grad(lambda *w: f(jnp, *w), argnums=(0, 1))(*z), tuple(args), tuple(directions))[1]


def test_value_and_gradient(program):
    f, args, _ = program
    value, gradient = ad.value_and_grad(lambda *z: f(np, *z), argnums=(0, 1))(*args)
    expected, slopes = jax.value_and_grad(lambda *z: f(jnp, *z), argnums=(0, 1))(*args)
    close([value, *gradient], [expected, *slopes])


def test_forward_over_reverse(program):
    f, args, directions = program
    gradient = ad.grad(lambda *z: f(np, *z), argnums=(0, 1))
    _, found = ad.jvp(lambda *z: gradient(*z), args, directions)
    close(found, hessian_times(f, args, directions))


def test_hessian(program):
    f, args, _ = program
    found = ad.hessian(lambda *z: f(np, *z), argnums=(0, 1))(*args)
    expected = jax.hessian(lambda *z: f(jnp, *z), argnums=(0, 1))(*args)
    scale = max(float(np.max(np.abs(block))) for row in expected for block in row)
    for ours, theirs in zip(found, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-9, atol=1e-12 * scale)


def test_gradients_of_a_batch(program):
    f, args, directions = program
    batches = [np.stack([a, d, a - d]) for a, d in zip(args, directions, strict=True)]
    found = ad.vmap(ad.grad(lambda *z: f(np, *z), argnums=(0, 1)), in_axes=(0, 0))(*batches)
    close(found, jax.vmap(jax.grad(lambda *z: f(jnp, *z), argnums=(0, 1)))(*batches))


def test_tape_over_tape(program):
    f, args, directions = program
    variables = [ad.Variable(a) for a in args]
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = f(np, *variables)
        along = sum(np.sum(g * d) for g, d in zip(inner.gradient(y, variables), directions, strict=True))
    found = [g.numpy() for g in outer.gradient(along, variables)]
    close(found, hessian_times(f, args, directions))


def test_float32_stays_float32(program):
    f, args, _ = program
    value, gradient = ad.value_and_grad(lambda *z: f(np, *z), argnums=(0, 1))(*[a.astype(np.float32) for a in args])
    assert {np.asarray(r).dtype for r in (value, *gradient)} == {np.dtype(np.float32)}
