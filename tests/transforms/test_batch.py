"""`vmap`, `jacobian` and their kind: against loops and np.stack, and what they refuse."""

import collections

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(5)
A, W, X, Y = RNG.normal(size=(3, 3)), RNG.normal(size=3), RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
SIZES = (4, 1, 0)
Pair = collections.namedtuple("Pair", ["a", "b"])


def close(a, b, rtol=1e-13):
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.max(np.abs(b), initial=0.0))


def looped(f, *args):
    return np.stack([f(*entry) for entry in zip(*args, strict=True)])


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def select(x, y):
    return np.where(x > 0, np.sqrt(np.abs(x)) * y, y[::-1])


def places(x, y):
    return np.sort(x)[np.argmin(y)] + np.take_along_axis(y, np.argsort(x)[:2], 0)


def joined(x, y):
    return np.concatenate([x, y * 2]).reshape(2, 3).T @ np.stack([np.sum(x), np.prod(y)])


PROGRAMS = {
    "elementwise": lambda x, y: np.tanh(x) * y,
    "numbers": lambda x, y: x @ y,
    "quadratic": lambda x, y: x @ A @ y,
    "outer": np.outer,
    "softmax": lambda x, y: softmax(x) - y,
    "select": select,
    "places": places,
    "joined": joined,
    "scan": lambda x, y: np.cumsum(x) + np.cumprod(y),
    "reductions": lambda x, y: np.max(x) + np.std(y) + np.linalg.norm(x - y),
    "einsum": lambda x, y: np.einsum("i,ij,j->i", x, A, y),
    "gather": lambda x, y: x[np.array([2, 0])] * y[1:],
    "interp": lambda x, y: np.interp(x, np.array([-1.0, 0.0, 2.0]), np.array([0.0, 1.0, 3.0])) * y,
}


@pytest.fixture(autouse=True)
def _interpreted(request, monkeypatch):
    """Most tests here are about what is emitted: they run it without compiling."""
    monkeypatch.setattr(config, "jit", "kernels" in request.fixturenames)


@pytest.fixture
def kernels():
    """Asked for by tests that run kernels."""


@pytest.fixture(params=PROGRAMS)
def program(request):
    return PROGRAMS[request.param]


# ---- values ------------------------------------------------------------------------------------


def test_both_batched(program):
    close(ad.vmap(program)(X, Y), looped(program, X, Y))


def test_one_batched(program):
    close(ad.vmap(program, in_axes=(0, None))(X, W), looped(lambda x: program(x, W), X))
    close(ad.vmap(program, in_axes=(None, 0))(W, X), looped(lambda y: program(W, y), X))


def test_batch_on_another_axis(program):
    expected = looped(program, X, Y)
    close(ad.vmap(program, in_axes=(1, -1))(X.T.copy(), Y.T.copy()), expected)
    close(ad.vmap(program, out_axes=-1)(X, Y), np.moveaxis(expected, 0, -1))


@pytest.mark.parametrize("size", SIZES)
def test_sizes(program, size):
    found = ad.vmap(program)(X[:size], Y[:size])
    assert found.shape == (size, *np.shape(program(X[0], Y[0])))
    if size:
        close(found, looped(program, X[:size], Y[:size]))


def test_float32_stays_float32(program):
    f = ad.vmap(lambda x, y: program(x, y.astype(np.float32) if program is PROGRAMS["interp"] else y))
    assert f(X.astype(np.float32), Y.astype(np.float32)).dtype == program(np.float32(W), np.float32(W)).dtype


def test_gradients_of_each_entry(program, kernels):
    def loss(x, y):
        return np.sum(program(x, y) ** 2)

    gradient = ad.grad(loss, argnums=(0, 1))
    found = ad.vmap(gradient)(X, Y)
    for k in range(2):
        close(found[k], looped(lambda x, y, k=k: gradient(x, y)[k], X, Y), 1e-12)


def test_gradient_of_a_batch(program):
    def loss(batched):
        return lambda x, y: np.sum(batched(x, y) ** 3)

    def by_hand(x, y):
        return np.stack([program(x[k], y[k]) for k in range(4)])

    close(ad.grad(loss(ad.vmap(program)))(X, Y), ad.grad(loss(by_hand))(X, Y), 1e-12)


def test_second_order(program):
    def along(x, y):
        return ad.jvp(lambda x: ad.grad(lambda x: np.sum(program(x, y) ** 2))(x), (x,), (y,))[1]

    close(ad.vmap(along)(X, Y), looped(along, X, Y), 1e-11)


def test_nested(program):
    found = ad.vmap(ad.vmap(program, in_axes=(None, 0)), in_axes=(0, None))(X, Y)
    close(found, np.stack([looped(lambda y, x=x: program(x, y), Y) for x in X]))


def test_twice_over_the_same_arguments(program):
    X2, Y2 = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 4, 3))
    close(ad.vmap(ad.vmap(program))(X2, Y2), np.stack([looped(program, x, y) for x, y in zip(X2, Y2, strict=True)]))


def test_inside_jit(program):
    f = ad.jit(lambda x, y: ad.vmap(program)(x, y) * 2.0)
    close(f(X, Y), 2.0 * looped(program, X, Y))


def test_on_a_tape(program):
    x = ad.Variable(X)
    with ad.GradientTape() as tape:
        y = np.sum(ad.vmap(program)(x, Y) ** 2)
    expected = ad.grad(lambda x: np.sum(ad.vmap(program)(x, Y) ** 2))(X)
    close(tape.gradient(y, x).numpy(), expected)


# ---- containers, keywords, statics ---------------------------------------------------------------


def test_containers():
    def f(p, y):
        return {"out": p["w"][0] * y, "same": p["w"][1]}

    found = ad.vmap(f, in_axes=({"w": (0, None)}, 1), out_axes={"out": 1, "same": None})({"w": (X, W)}, Y.T.copy())
    close(found["out"], (X * Y).T)
    close(found["same"], W)


def test_axes_of_a_whole_container():
    found = ad.vmap(lambda p, y: p.a @ p.b + y, in_axes=(Pair(0, None), None))(Pair(X, W), 1.0)
    close(found, X @ W + 1.0)
    close(ad.vmap(lambda p: p[0] + p[1], in_axes=(1,))((X.T.copy(), Y.T.copy())), X + Y)


def test_keywords_are_batched_on_axis_0():
    close(ad.vmap(lambda x, *, y: x * y, in_axes=None)(W, y=Y), W * Y)


def test_statics_and_methods():
    class Model:
        scale = 3.0

        @ad.vmap
        def times(self, x):
            return self.scale * x @ W

    close(Model().times(X), 3.0 * X @ W)
    power = ad.vmap(lambda x, n: x**n, static_argnames="n")
    close(power(X, 3), X**3)


def test_as_a_decorator_with_options():
    @ad.vmap(in_axes=(0, None))
    def f(x, w):
        return x @ w

    close(f(X, W), X @ W)
    assert repr(f).startswith("<vmap of ")


def test_captured_arrays_are_the_same_for_the_whole_batch():
    close(ad.grad(lambda w: np.sum(ad.vmap(lambda x: np.tanh(x @ w))(X)))(W), X.T @ (1 - np.tanh(X @ W) ** 2))


def test_results_that_do_not_depend_on_the_batch():
    f = ad.vmap(lambda x: (x, W * 2, 1.0), out_axes=(0, None, None))
    found = f(X)
    close(found[1], W * 2)
    assert found[2] == 1.0
    repeated = ad.vmap(lambda x: (W, 1.0))(X)
    close(repeated[0], np.tile(W, (4, 1)))
    close(repeated[1], np.ones(4))


def test_axis_size_alone():
    close(ad.vmap(lambda: W, axis_size=2)(), np.stack([W, W]))


def test_indices_of_each_entry(kernels):
    i, j = np.array([2, 0, -1, 1]), np.array([[0, 0], [1, -1], [2, 1], [-3, 2]])
    close(ad.vmap(lambda x, k: x[k])(X, i), X[np.arange(4), i])
    close(ad.vmap(lambda x, k: x[k] ** 2)(X, j), np.take_along_axis(X, j, 1) ** 2)
    close(ad.vmap(lambda x, k: x[k], in_axes=(None, 0))(W, j), W[j])
    close(ad.vmap(lambda x, k: x[:, k], in_axes=(None, 0))(A, j), np.moveaxis(A[:, j], 1, 0))
    found = ad.vmap(ad.grad(lambda x, k: np.sum(x[k] ** 2)))(X, j)
    close(found, looped(lambda x, k: ad.grad(lambda x: np.sum(x[k] ** 2))(x), X, j))


def test_a_new_batch_size_compiles_nothing(kernels):
    f = ad.vmap(ad.grad(lambda w, x: np.sum(np.tanh(w * x))), in_axes=(None, 0))
    f(RNG.normal(size=20), RNG.normal(size=(40, 20)))
    compiled = f.cache_info().compiled
    f(RNG.normal(size=20), RNG.normal(size=(50, 20)))
    assert f.cache_info().compiled == compiled


# ---- what vmap refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ad.vmap(np.add)(X, Y[:2]), ShapeError, r"x1? has 4 \(axis 0 of shape \(4, 3\)\), .* has 2"),
        (lambda: ad.vmap(lambda x: x, axis_size=3)(X), ShapeError, "axis_size is 3"),
        (lambda: ad.vmap(lambda x: x)(1.0), ShapeError, "argument x of .* is a number, which has no axis 0"),
        (lambda: ad.vmap(lambda x: x, in_axes=2)(X), ShapeError, "no axis 2"),
        (lambda: ad.vmap(lambda x: x)([1.0, 2.0]), ShapeError, r"argument x\[0\] .* is a number"),
        (lambda: ad.vmap(lambda x: x, in_axes=None)(X), ArgumentError, "no argument .* has a batch axis"),
        (lambda: ad.vmap(lambda: W)(), ArgumentError, "without any array"),
        (lambda: ad.vmap(lambda x, y: x, in_axes=(0,))(X, Y), ArgumentError, "in_axes has 1 entries"),
        (lambda: ad.vmap(lambda x: x, in_axes=((0, 1),))(X), ArgumentError, "in_axes is a tuple"),
        (lambda: ad.vmap(lambda x: x, in_axes=({"a": 0},))({"b": X}), ArgumentError, "in_axes is a dict"),
        (lambda: ad.vmap(lambda x: x, in_axes=0.0), ArgumentError, "ints and None"),
        (lambda: ad.vmap(lambda x: x, axis_size=-1), ArgumentError, "axis_size"),
        (lambda: ad.vmap(lambda x: x, out_axes=None)(X), ArgumentError, "not the same for the whole batch"),
        (lambda: ad.vmap(lambda x: (x, x), out_axes=(0, None))(X), ArgumentError, r"result\[1\]"),
        (lambda: ad.vmap(lambda x: (x, x), out_axes=(0,))(X), ArgumentError, "out_axes is a tuple"),
        (lambda: ad.vmap(lambda x: x, out_axes=2)(X), ShapeError, "out_axes is 2"),
        (lambda: ad.vmap(3), DTypeError, "expected a function"),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_value_of_an_entry_cannot_be_asked_for():
    for ask in (bool, float, int, lambda x: x.item(), lambda x: range(x), lambda x: [3.0, 4.0][x]):
        with pytest.raises(ad.errors.ConcretizationError):
            ad.vmap(lambda x, ask=ask: x * len(str(ask(x[0].astype(int)))))(X)


def test_an_expression_that_depends_on_the_entry_is_decided_for_each():
    found = ad.vmap(lambda x: x if x[0] > 0 else -x)(X)
    np.testing.assert_array_equal(found, np.where(X[:, :1] > 0, X, -X))


# ---- Jacobians -------------------------------------------------------------------------------------

MODES = [ad.jacobian, ad.jacrev, ad.jacfwd]


def by_differences(f, x, h=1e-5):
    f0 = np.asarray(f(x))
    found = np.zeros(f0.shape + np.shape(x))
    for k in np.ndindex(np.shape(x)):
        step = np.zeros(np.shape(x))
        step[k] = h
        found[(..., *k)] = (f(x + step) - f(x - step)) / (2 * h)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_jacobian_against_differences(program, mode):
    for x, y in [(W, X[0]), (X[1], Y[1])]:
        found = mode(program)(x, y)
        expected = by_differences(lambda x, y=y: program(x, y), x)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_modes_agree(program):
    found = [mode(program, argnums=(0, 1))(W, X[0]) for mode in MODES]
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            close(a, b, 1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_shapes(mode):
    assert mode(lambda x: np.sum(x**2))(X).shape == (4, 3)
    assert mode(lambda x: x * X)(2.0).shape == (4, 3)
    assert np.shape(mode(lambda x: x**2)(2.0)) == ()
    assert mode(lambda x: x[:, None] * X.T)(np.ones(3)).shape == (3, 4, 3)
    assert mode(lambda x: x * 2)(np.zeros((0, 2))).shape == (0, 2, 0, 2)
    close(mode(lambda x: x)(X), np.eye(12).reshape(4, 3, 4, 3))
    assert mode(lambda x: x.astype(np.float32) ** 2)(W).dtype == np.float64
    assert mode(lambda x: x * X)(np.float32(2.0)).dtype == np.float32


@pytest.mark.parametrize("mode", MODES)
def test_structure(mode):
    def f(p, y):
        return {"a": p["w"] * y, "b": (np.sum(p["w"]), y @ y)}

    found = mode(f, argnums=(0, 1))({"w": W}, X[0])
    assert set(found) == {"a", "b"}
    close(found["a"][0]["w"], np.diag(X[0]))
    close(found["a"][1], np.diag(W))
    close(found["b"][0][0]["w"], np.ones(3))
    close(found["b"][0][1], np.zeros(3))
    close(found["b"][1][0]["w"], np.zeros(3))
    close(found["b"][1][1], 2 * X[0])
    close(mode(f, argnames="y")({"w": W}, X[0])["a"], np.diag(W))


@pytest.mark.parametrize("mode", MODES)
def test_aux_and_constants(mode):
    found, aux = mode(lambda x: (x**2, {"n": 3, "y": x + 1}), has_aux=True)(W)
    close(found, np.diag(2 * W))
    close(aux["y"], W + 1)
    close(mode(lambda x: (1.0, np.floor(x)))(W)[1], np.zeros((3, 3)))
    close(mode(lambda x: (1.0, np.floor(x)))(W)[0], np.zeros(3))


@pytest.mark.parametrize("mode", MODES)
def test_jacobian_within_others(mode):
    def determinant(x):
        j = mode(lambda z: np.stack([z[0] * z[1], z[0] + z[1] ** 2]))(x)
        return j[0, 0] * j[1, 1] - j[0, 1] * j[1, 0]

    x = np.array([0.7, -1.3])
    close(determinant(x), 2 * x[1] ** 2 - x[0])
    close(ad.grad(determinant)(x), np.array([-1.0, 4 * x[1]]))
    close(ad.vmap(determinant)(np.stack([x, 2 * x])), np.array([determinant(x), determinant(2 * x)]))
    close(ad.vmap(mode(lambda z: np.tanh(A @ z)))(X), looped(mode(lambda z: np.tanh(A @ z)), X))
    close(mode(mode(lambda z: z**3))(W), 6 * np.einsum("i,ij,ik->ijk", W, np.eye(3), np.eye(3)))


@pytest.mark.parametrize("mode", MODES)
def test_jacobian_refuses(mode):
    with pytest.raises(DTypeError, match=r"result\[1\] of .* has dtype int64"):
        mode(lambda x: (x, np.argmax(x)))(W)
    with pytest.raises(DTypeError, match="not differentiable"):
        mode(lambda x: x * 1.0)(np.arange(3))
    with pytest.raises(ArgumentError, match="pair"):
        mode(lambda x: x, has_aux=True)(W)
    with pytest.raises(ArgumentError, match="argnums=3"):
        mode(lambda x: x, argnums=3)(W)


def test_jacobian_takes_the_shorter_way():
    """Few results: reverse; few arguments: forward. Told by the size of the identity in the program."""

    def biggest(f, x):
        j = ad.jacobian(f)
        j(x)
        return max(i.results[0].aval.size for i in j._last.block.instrs)

    assert biggest(lambda x: np.stack([np.sum(np.sin(x)), np.prod(x)]), np.ones(50)) < 50 * 50
    assert biggest(lambda t: np.tanh(t[0] * np.ones(50)) + t[1], np.ones(2)) < 50 * 50


def test_one_kernel_for_all_directions(kernels):
    f = ad.jacrev(lambda x: np.tanh(A @ x))
    f(W)
    assert f.cache_info().compiled + f.cache_info().hits == 1


# ---- Hessians --------------------------------------------------------------------------------------


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def test_hessian_of_rosenbrock(kernels):
    x = RNG.normal(size=6)
    found = ad.hessian(rosenbrock)(x)
    expected = by_differences(ad.grad(rosenbrock), x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)
    close(found, found.T)


def test_hessian_of_programs(program):
    def loss(x, y):
        return np.sum(program(x, y) ** 2)

    found = ad.hessian(loss, argnums=(0, 1))(W, X[0])
    for k in range(2):
        gradient = ad.grad(loss, argnums=k)
        np.testing.assert_allclose(
            found[k][0], by_differences(lambda x, g=gradient: g(x, X[0]), W), rtol=1e-5, atol=1e-6
        )
    close(found[0][1], found[1][0].T, 1e-11)


def test_hessian_structure():
    found = ad.hessian(lambda p: p["a"] @ p["b"] + np.sum(p["a"] ** 3))({"a": W, "b": X[0]})
    close(found["a"]["a"], np.diag(6 * W))
    close(found["a"]["b"], np.eye(3))
    close(found["b"]["b"], np.zeros((3, 3)))
    value, aux = ad.hessian(lambda x: (x @ x, x), has_aux=True)(W)
    close(value, 2 * np.eye(3))
    close(aux, W)
    assert np.shape(ad.hessian(lambda x: x**3)(2.0)) == ()
    assert float(ad.hessian(lambda x: x**3)(2.0)) == 12.0
