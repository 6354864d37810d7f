"""The decorators: forms of arguments and results, composition, dtypes, and the path for plain arrays."""

import collections
import copy
import functools
import gc
import pickle
import weakref

import numba
import numpy as np
import optree
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.errors import ArgumentError, DTypeError, ShapeError

A = np.array([1.0, 2.0, 3.0])
Pair = collections.namedtuple("Pair", "w b")


@pytest.fixture
def interpreted(monkeypatch):
    """Compile nothing: these tests are about arguments, not kernels."""
    monkeypatch.setattr(config, "jit", False)


quick = pytest.mark.usefixtures("interpreted")


def same(found, expected):
    """Equal structure, types, dtypes and values."""
    assert optree.tree_structure(found) == optree.tree_structure(expected)
    for a, b in zip(optree.tree_leaves(found), optree.tree_leaves(expected), strict=True):
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-14)


def weighted(x, y):
    return np.sum(x * y * y)


@ad.grad
def cubes_slope(x):
    return np.sum(x**3)


# ---- which arguments --------------------------------------------------------------------------


@quick
def test_argnums_and_argnames_choose_the_arguments():
    by_x, by_y = A * A, 2 * A * A
    for options, expected in [
        ({}, by_x),
        ({"argnums": 1}, by_y),
        ({"argnums": -1}, by_y),
        ({"argnums": (1, 0)}, (by_y, by_x)),
        ({"argnums": [0]}, (by_x,)),
        ({"argnames": "y"}, by_y),
        ({"argnames": ("y",)}, (by_y,)),
        ({"argnums": 0, "argnames": "y"}, (by_x, by_y)),
        ({"argnums": (0,), "argnames": ["y"]}, (by_x, by_y)),
        ({"argnums": (0, 0)}, (by_x, by_x)),
    ]:
        same(ad.grad(weighted, **options)(A, A), expected)


@quick
def test_arguments_by_keyword():
    same(ad.grad(weighted)(x=A, y=A), A * A)
    same(ad.grad(weighted)(A, y=A), A * A)
    same(ad.grad(weighted, argnums=1)(A, y=A), 2 * A * A)
    same(ad.grad(weighted, argnums=(0, 1))(y=A, x=2 * A), (A * A, 4 * A * A))
    same(ad.grad(lambda x, *, y: weighted(x, y), argnames="y")(A, y=A), 2 * A * A)
    same(ad.grad(lambda x, **rest: weighted(x, rest["y"]), argnames="y")(A, y=A), 2 * A * A)


@quick
def test_any_number_of_arguments():
    same(ad.grad(lambda *xs: np.sum(xs[0] * xs[2]), argnums=(0, 2))(A, A, 2 * A), (2 * A, A))


@quick
def test_defaults():
    same(ad.grad(lambda x, k=3.0: np.sum(k * x))(A), np.full(3, 3.0))
    with pytest.raises(ArgumentError, match="argnames='k'"):
        ad.grad(lambda x, k=3.0: np.sum(k * x), argnames="k")(A)


@quick
def test_decorator_syntax_with_options():
    @ad.value_and_grad(argnums=1, has_aux=True)
    def loss(x, y):
        return weighted(x, y), x + y

    same(loss(A, A), ((np.float64(36.0), 2 * A), 2 * A * A))
    assert loss.__name__ == "loss"
    assert "value_and_grad of" in repr(loss)


@quick
def test_static_arguments():
    def power(x, n=2, *, mode="sum"):
        assert isinstance(n, int)
        return np.sum(x**n) if mode == "sum" else np.mean(x**n)

    for f in (
        ad.grad(power, static_argnums=1, static_argnames="mode"),
        ad.grad(power, static_argnames=("n", "mode")),
        ad.grad(power, static_argnums=-1, static_argnames=["mode"]),
    ):
        same(f(A, 3), 3 * A**2)
        same(f(A, n=3), 3 * A**2)
        same(f(A, 3, mode="mean"), A**2)
        same(f(A, 2), 2 * A)
        same(f(n=2, mode="sum", x=A), 2 * A)
    same(ad.grad(lambda kind, x: np.sum(x), static_argnums=0)("any", A), np.ones(3))


def test_static_numbers_are_no_arguments_of_the_kernel():
    f = ad.jit(lambda x, k: x * (2.0 if k > 1.0 else 3.0), static_argnums=1)
    for _ in range(2):
        same(f(A, 0.5), 3 * A)
        same(f(A, 1.5), 2 * A)


@quick
def test_static_values_that_compare_equal_are_told_apart():
    f = ad.jit(lambda x, n: x * 2 if isinstance(n, bool) else x / 1 if isinstance(n, float) else x, static_argnums=1)
    same(f(A, True), 2 * A)
    same(f(A, 1), A)
    same(f(A.astype(np.float32), 1.0), A.astype(np.float32))


@quick
def test_functions_and_strings_are_static_arguments():
    f = ad.grad(lambda x, function: np.sum(function(x)), static_argnums=1)
    same(f(A, np.exp), np.exp(A))
    same(f(A, np.sin), np.cos(A))


# ---- containers -------------------------------------------------------------------------------


def squares(p):
    return sum(np.sum(leaf * leaf) for leaf in optree.tree_leaves(p))


@quick
@pytest.mark.parametrize(
    "given",
    [
        {"w": A, "b": 2.0},
        {"b": 2.0, "w": A},
        Pair(A, 2.0),
        [A, None, (2.0, {})],
        collections.OrderedDict(w=A, b=2.0),
        collections.deque([A, A]),
        (),
        2.0,
    ],
    ids=str,
)
def test_the_gradient_has_the_structure_of_the_argument(given):
    found = ad.grad(lambda p, x: squares(p) + np.sum(x), argnums=(0, 1))(given, A)
    same(found, (optree.tree_map(lambda leaf: np.multiply(2.0, leaf), given), np.ones(3)))
    if isinstance(given, dict):
        assert list(found[0]) == list(given)


@quick
def test_results_in_containers():
    result = ad.jit(lambda x: {"y": [x, None, 2 * x], "n": (x.shape[0], True), "p": Pair(x[0], 1.5)})(A)
    same(
        result,
        {"y": [A, None, 2 * A], "n": (np.int64(3), np.True_), "p": Pair(np.float64(1.0), np.float64(1.5))},
    )
    assert ad.jit(lambda x: None)(A) is None
    assert ad.jit(lambda x: ())(A) == ()


@quick
def test_names_of_methods_of_arrays_mean_the_methods():
    square = np.arange(9.0).reshape(3, 3)
    same(ad.grad(lambda x: x.trace() + x.sum() + x.diagonal().max())(square), np.ones((3, 3)) + np.diag([1.0, 1, 2]))


@quick
def test_has_aux():
    def loss(x):
        return np.sum(x * x), {"x": x, "none": None, "count": 3}

    aux = {"x": A, "none": None, "count": np.int64(3)}
    same(ad.grad(loss, has_aux=True)(A), (2 * A, aux))
    same(ad.value_and_grad(loss, has_aux=True)(A), ((np.float64(14.0), aux), 2 * A))
    same(ad.value_and_grad(lambda x: [np.sum(x), x], has_aux=True)(A), ((np.float64(6.0), A), np.ones(3)))


@quick
def test_new_structures_shapes_and_dtypes_are_new_traces():
    f = ad.grad(squares)
    for given in (A, A[:2], [A], {"a": A}, A.astype(np.float32), 2.0, [1.0, 2.0], A.reshape(3, 1), A):
        same(f(given), optree.tree_map(lambda leaf: 2 * np.asarray(leaf)[()], given))


# ---- dtypes -----------------------------------------------------------------------------------


@quick
def test_float64_by_default():
    for given in (2.0, [1.0, 2.0], A):
        for leaf in optree.tree_leaves(ad.value_and_grad(squares)(given)):
            assert leaf.dtype == np.float64


@quick
def test_float32_stays_float32():
    x = A.astype(np.float32)
    functions = [
        lambda x, k: np.sum(k * x**2 + 1) / 3,
        lambda x, k: np.mean(np.exp(-x) * 0.5 + k),
        lambda x, k: np.sum(np.where(x > 1.5, x, 2.0) * (x + 1) ** k),
        lambda x, k: np.linalg.norm(x - 1.0 + k),
    ]
    for f in functions:
        value, (by_x, _) = ad.value_and_grad(f, argnums=(0, 1))(x, 2.0)  # a Python number is weak
        assert value.dtype == np.float32
        assert by_x.dtype == np.float32


@quick
@pytest.mark.parametrize("function", [np.maximum, np.minimum, np.fmax, np.fmin, np.clip])
def test_ties_keep_float32(function):
    bounds = (1, 2.5) if function is np.clip else (2,)
    assert ad.grad(lambda x: np.sum(function(x, *bounds)))(A.astype(np.float32)).dtype == np.float32


@quick
def test_float64_numbers_of_numpy_widen_as_in_numpy():
    x = A.astype(np.float32)
    value, gradient = ad.value_and_grad(lambda x: np.sum(x * np.float64(2.0)))(x)
    assert value.dtype == np.sum(x * np.float64(2.0)).dtype == np.float64
    assert gradient.dtype == np.float32


@quick
def test_integers_may_be_arguments_that_are_not_differentiated():
    table = np.array([2, 0])
    same(ad.grad(lambda x, rows, n: np.sum(x[rows] * n))(A, table, 3), np.array([3.0, 0.0, 3.0]))


# ---- arrays of every kind ---------------------------------------------------------------------


def layouts():
    base = np.arange(24.0).reshape(4, 6) + 1.0
    read_only = base.copy()
    read_only.flags.writeable = False
    unaligned = np.zeros(24 * 8 + 1, np.uint8)[1:].view(np.float64).reshape(4, 6)
    unaligned[...] = base
    return {
        "fortran": np.asfortranarray(base),
        "transposed": base.reshape(6, 4).T,
        "strided": np.repeat(np.repeat(base, 2, 0), 3, 1)[::2, ::3],
        "negative": base[::-1, ::-1],
        "broadcast": np.broadcast_to(base[0], (4, 6)),
        "read_only": read_only,
        "swapped": base.astype(">f8"),
        "unaligned": unaligned,
        "matrix": base.view(np.matrix),
    }


def test_every_layout_gives_the_same_before_and_after_the_short_cut():
    f = ad.value_and_grad(lambda x: np.sum(x * x))
    plain = np.ones((4, 6))
    for x in layouts().values():
        kept = np.array(x)
        for _ in range(2):
            value, gradient = f(x)
            assert value == np.sum(kept * kept)
            assert type(gradient) is np.ndarray
            assert gradient.dtype == np.float64
            assert gradient.dtype.isnative
            np.testing.assert_array_equal(gradient, 2 * kept)
            np.testing.assert_array_equal(f(plain)[1], 2 * plain)
        np.testing.assert_array_equal(x, kept)


def test_the_short_cut_takes_only_what_it_was_made_for():
    f = ad.grad(lambda x: np.sum(x * x))
    for _ in range(2):
        for given in (A, A[:2], A.astype(np.float32), A.reshape(3, 1), 2.0, np.float64(2.0), np.float32(2.0)):
            same(f(given), optree.tree_map(lambda leaf: 2 * np.asarray(leaf)[()], given))
            same(f(given), optree.tree_map(lambda leaf: 2 * np.asarray(leaf)[()], given))
        assert isinstance(f(ad.constant(A)), ad.Tensor)
        with pytest.raises(DTypeError):
            f(np.array([1, 2, 3]))
        with pytest.raises(ArgumentError):
            f()
        with pytest.raises(TypeError):
            f(A, A)
    same(f(x=A), 2 * A)


def test_several_arguments_through_the_short_cut():
    f = ad.value_and_grad(lambda x, k, y: np.sum(x * y) * k, argnums=(0, 1))
    for k in (2.0, 3.0, np.float64(4.0), 5):
        expected = (np.float64(14.0 * k), (k * A, np.float64(14.0)))
        if isinstance(k, int):
            with pytest.raises(DTypeError):
                f(A, k, A)
        else:
            same(f(A, k, A), expected)
            same(f(A, k, A), expected)
    same(f(A[:2], 2.0, A[:2]), (np.float64(10.0), (2 * A[:2], np.float64(5.0))))


def test_containers_through_the_short_cut():
    f = ad.grad(lambda p, x: np.sum(p["w"] * x) * p["b"])
    for _ in range(2):
        for dtype in (np.float64, np.float32):
            x = A.astype(dtype)
            for b in (2.0, 3.0):
                same(f({"w": x, "b": b}, x), {"w": dtype(b) * x, "b": np.float64(14.0)})
                same(f({"b": b, "w": x}, x), {"b": np.float64(14.0), "w": dtype(b) * x})
        with pytest.raises(KeyError):
            f({"w": A}, A)
        with pytest.raises(DTypeError):
            f({"w": A, "b": 2}, A)
        with pytest.raises(TypeError):
            f({"w": A, "b": 2.0})
        same(f({"w": A, "b": 2.0, "extra": A}, A), {"w": 2 * A, "b": np.float64(14.0), "extra": np.zeros(3)})


@quick
def test_empty_arrays_and_arrays_without_axes():
    f = ad.value_and_grad(lambda x: np.sum(x * x))
    same(f(np.zeros((0, 3))), (np.float64(0.0), np.zeros((0, 3))))
    same(f(np.array(3.0)), (np.float64(9.0), np.float64(6.0)))
    same(f(np.float32(3.0)), (np.float32(9.0), np.float32(6.0)))


@pytest.mark.parametrize("jit", [True, False])
def test_results_share_memory_with_nothing(jit, monkeypatch):
    monkeypatch.setattr(config, "jit", jit)
    x, y = A.copy(), A.copy()
    f = ad.jit(lambda x: (x, x, x[::-1], x.reshape(3, 1), y))
    for _ in range(2):
        results = f(x)
        for k, result in enumerate(results):
            for other in (x, y, *results[:k]):
                assert not np.shares_memory(result, other)
            assert result.flags.writeable
            result[...] = -1.0
    np.testing.assert_array_equal(x, A)
    np.testing.assert_array_equal(y, A)


def test_the_same_array_twice():
    f = ad.grad(lambda x, y: np.sum(x * x * y), argnums=(0, 1))
    for _ in range(2):
        same(f(A, A), (2 * A * A, A * A))


def test_arguments_are_never_changed():
    def f(x):
        x += 1.0
        x *= 2.0
        return np.sum(x)

    x = A.copy()
    for _ in range(2):
        same(ad.grad(f)(x), np.full(3, 2.0))
        np.testing.assert_array_equal(x, A)


def test_a_new_batch_size_compiles_nothing():
    f = ad.value_and_grad(lambda w, x: np.mean(np.tanh(x @ w) ** 2))
    rng = np.random.default_rng(0)
    f(rng.standard_normal(40), rng.standard_normal((100, 40)))
    compiled = f.cache_info().compiled
    for n in (50, 77, 300):
        value, _ = f(rng.standard_normal(40), rng.standard_normal((n, 40)))
        assert 0 < value < 1
    assert f.cache_info().compiled == compiled


# ---- composition ------------------------------------------------------------------------------


@quick
def test_transforms_of_transforms():
    def f(x):
        return np.sum(x**3)

    same(ad.grad(ad.grad(lambda x: x**3))(2.0), np.float64(12.0))
    same(ad.grad(ad.grad(ad.grad(lambda x: x**3)))(2.0), np.float64(6.0))
    same(ad.jit(ad.grad(f))(A), 3 * A**2)
    same(ad.grad(ad.jit(f))(A), 3 * A**2)
    same(ad.grad(lambda x: np.sum(ad.grad(ad.jit(f))(x)))(A), 6 * A)
    same(ad.grad(lambda x: np.sum(ad.value_and_grad(f)(x)[1] * x) + ad.value_and_grad(f)(x)[0])(A), 12 * A**2)
    value, tangent = ad.jvp(ad.grad(f), (A,), (np.ones(3),))
    same((value, tangent), (3 * A**2, 6 * A))
    value, pullback = ad.vjp(ad.grad(f), A)
    same(pullback(np.ones(3)), (6 * A,))
    same(ad.grad(lambda x: ad.jvp(f, (x,), (np.ones(3),))[1])(A), 6 * A)
    same(ad.grad(lambda x: np.sum(ad.vjp(f, x)[1](1.0)[0]))(A), 6 * A)


@quick
def test_inner_functions_see_the_variables_of_outer_ones():
    same(ad.grad(lambda x: x * ad.grad(lambda y: x + y)(1.0))(1.0), np.float64(1.0))
    same(ad.grad(lambda x: x * ad.grad(lambda y: x * y * y)(3.0))(2.0), np.float64(24.0))
    same(ad.grad(lambda x: ad.grad(lambda y: ad.grad(lambda z: x * y**2 * z**3)(2.0))(3.0))(5.0), np.float64(72.0))

    def outer(x):
        @ad.jit
        def inner(y):
            return np.sum(x * y)

        return inner(x) + inner(2.0 * x)

    same(ad.grad(outer)(A), 6 * A)


@quick
def test_a_tape_around_decorated_functions():
    v, x = ad.Variable(A), ad.Variable(2.0 * A)
    slope = ad.grad(lambda x: np.sum(v * x * x))
    with ad.GradientTape(persistent=True) as tape:
        by_argument = np.sum(slope(x))
        captured_only = np.sum(slope(A))
        whole = ad.jit(lambda x: np.sum(v * x))(A)
    assert isinstance(by_argument, ad.Tensor)
    np.testing.assert_allclose(tape.gradient(by_argument, [v, x])[0].numpy(), 4 * A)
    np.testing.assert_allclose(tape.gradient(by_argument, [v, x])[1].numpy(), 2 * A)
    np.testing.assert_allclose(tape.gradient(captured_only, v).numpy(), 2 * A)
    np.testing.assert_allclose(tape.gradient(whole, v).numpy(), A)


@quick
def test_a_tape_inside_a_decorated_function():
    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = np.sum(x**3)
        return np.sum(tape.gradient(y, x) * x)

    same(ad.grad(f)(A), 9 * A**2)


@quick
def test_tensors_and_variables_as_arguments():
    f = ad.value_and_grad(lambda x: np.sum(x * x))
    for x in (ad.constant(A), ad.Variable(A)):
        value, gradient = f(x)
        assert isinstance(value, ad.Tensor)
        assert isinstance(gradient, ad.Tensor)
        np.testing.assert_allclose(gradient.numpy(), 2 * A)


@quick
def test_jvp_and_vjp():
    def f(x, p):
        return {"y": p["k"] * x, "s": np.sum(x)}

    primals = (A, {"k": 2.0})
    value, tangent = ad.jvp(f, primals, (np.ones(3), {"k": 1.0}))
    same(value, {"y": 2 * A, "s": np.float64(6.0)})
    same(tangent, {"y": A + 2.0, "s": np.float64(3.0)})
    value, pullback = ad.vjp(f, *primals)
    same(value, {"y": 2 * A, "s": np.float64(6.0)})
    same(pullback({"y": np.ones(3), "s": 1.0}), (np.full(3, 3.0), {"k": np.float64(6.0)}))
    value, tangent = ad.jvp(f, [A, {"k": 2.0}], [np.ones(3), {"k": 0.0}])
    same(tangent, {"y": np.full(3, 2.0), "s": np.float64(3.0)})
    x32 = A.astype(np.float32)
    _, tangent = ad.jvp(lambda x: x * x, (x32,), (np.ones(3),))
    assert tangent.dtype == np.float32


@quick
@pytest.mark.parametrize("transform", ["jvp", "vjp"])
def test_directions_must_match(transform):
    def apply(direction):
        if transform == "jvp":
            return ad.jvp(lambda x: 2 * x, (A,), (direction,))
        return ad.vjp(lambda x: 2 * x, A)[1](direction)

    with pytest.raises(ShapeError, match=rf"{transform}: .*\(4,\).*\(3,\)"):
        apply(np.ones(4))
    with pytest.raises(ArgumentError, match=f"{transform}: .*structure"):
        apply([A])


@quick
def test_stop_gradient():
    same(ad.grad(lambda x: np.sum(x * ad.stop_gradient({"x": x})["x"]))(A), A)


# ---- functions of every kind ------------------------------------------------------------------


class Model:
    """Methods decorated in a class."""

    def __init__(self, w):
        self.w = w

    @ad.grad
    def slope(self, x):
        return np.sum(self.w * x * x)

    @functools.partial(ad.grad, argnums=1, static_argnums=0)
    def counted(self, x):
        return np.sum(self.w * x * x)

    @ad.value_and_grad(argnames="k")
    def by_name(self, x, k=1.0):
        return np.sum(self.w * x) * k

    @staticmethod
    @ad.grad
    def alone(x):
        return np.sum(x * x)

    def plain(self, x):
        return np.sum(self.w * x * x)

    def __call__(self, x):
        return self.plain(x)


class Slotted:
    """Instances that take neither hashes nor weak references."""

    __slots__ = ("w",)
    slope, by_name, alone, plain = (vars(Model)[name] for name in ("slope", "by_name", "alone", "plain"))
    __init__, __call__ = Model.__init__, Model.__call__

    def __eq__(self, other):
        return isinstance(other, Slotted)


@quick
@pytest.mark.parametrize("kind", [Model, Slotted])
def test_methods(kind):
    one, two = kind(A), kind(3 * A)
    for _ in range(2):
        same(one.slope(A), 2 * A * A)
        same(two.slope(A), 6 * A * A)
        same(kind.slope(one, A), 2 * A * A)
        same(one.by_name(A, k=2.0), (np.float64(28.0), np.float64(14.0)))
    if kind is Model:
        same(one.counted(A), 2 * A * A)
    same(one.alone(A), 2 * A)
    same(ad.grad(one.plain)(A), 2 * A * A)
    same(ad.grad(one)(A), 2 * A * A)
    with pytest.raises(ArgumentError, match="static"):
        ad.grad(Model.plain, static_argnums=0, argnums=0)(one, A)
    assert "parameters" not in one.slope.ir()


@quick
def test_instances_are_not_kept_alive_by_their_methods():
    model = Model(A)
    model.slope(A)
    gone = weakref.ref(model)
    Model(A).slope(A)  # the last trace is kept for `.ir()`
    del model
    gc.collect()
    assert gone() is None


@quick
def test_partials_builtins_and_compiled_functions():
    same(ad.grad(functools.partial(lambda k, x: np.sum(k * x), 2.0))(A), np.full(3, 2.0))
    same(ad.grad(functools.partial(lambda x, k: np.sum(k * x), k=2.0))(A), np.full(3, 2.0))
    same(ad.grad(np.sum)(A), np.ones(3))
    same(ad.jit(np.add)(A, A), 2 * A)
    same(ad.grad(numba.njit(lambda x: np.sum(x * x)))(A), 2 * A)


@quick
def test_decorated_functions_are_pickled():
    by_name = pickle.loads(pickle.dumps(cubes_slope))
    assert by_name is cubes_slope
    by_parts = pickle.loads(pickle.dumps(ad.value_and_grad(weighted, argnums=1)))
    same(by_parts(A, A), (np.float64(36.0), 2 * A * A))
    same(copy.deepcopy(by_parts)(A, A), (np.float64(36.0), 2 * A * A))


@quick
def test_looking_inside():
    f = ad.grad(lambda x: np.sum(x * x))
    with pytest.raises(ArgumentError, match="has not been called yet"):
        f.ir()
    assert "mul x x" in f.ir(A)
    f(A)
    assert f.adjoint_ir() == f.adjoint_ir(A)
    assert "def kernel" in f.source()
    f.cache_clear()
    with pytest.raises(ArgumentError):
        f.source()


def test_an_array_that_is_looked_at_later_has_not_changed():
    f, x = ad.value_and_grad(lambda x: np.sum(x * x)), A.copy()
    value, gradient = f(x)
    x[...] = 0.0
    assert value == 14.0
    np.testing.assert_array_equal(gradient, 2 * A)
