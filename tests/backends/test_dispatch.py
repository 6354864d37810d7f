"""Calls: what the short cut takes, what falls back to the full path, and that nothing is read that is not there."""

import collections
import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
from threads import wrong_in_threads

import autodiff as ad
from autodiff.backends.numba.arena import ARENA, KEPT, PATIENCE
from autodiff.backends.numba.call_table import FIELD
from autodiff.frontends import tapes


def weighted(x, w):
    return np.sum(x**2 * w)


@pytest.fixture
def f():
    return ad.value_and_grad(weighted)


def answered_natively(f, *args, **kwargs):
    """The result, after checking that the second of two equal calls does not enter Python."""
    f(*args, **kwargs)
    calls = []
    sys.setprofile(lambda frame, event, arg: calls.append(frame.f_code.co_qualname) if event == "call" else None)
    try:
        result = f(*args, **kwargs)
    finally:
        sys.setprofile(None)
    assert not calls
    return result


def check(f, x, w):
    """The value and the gradient of `weighted`, whatever the layout of the arguments."""
    value, gradient = f(x, w)
    plain = np.array(x, dtype=float), np.array(w, dtype=float)
    np.testing.assert_allclose(value, np.sum(plain[0] ** 2 * plain[1]), rtol=1e-6)
    expected = np.broadcast_to(2 * plain[0] * plain[1], np.broadcast_shapes(np.shape(x), np.shape(w)))
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
    return value, gradient


# ---- what arrays there are -----------------------------------------------------------------------


def misaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def mapped(array):
    found = array.view(np.memmap)
    assert type(found) is np.memmap
    return found


LAYOUTS = {
    "plain": lambda a: a,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "misaligned": misaligned,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "memmap": mapped,
    "float32": lambda a: a.astype(np.float32),
    "other descr": lambda a: a.view(np.dtype(a.dtype, metadata={"unit": "m"})),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(f, layout):
    plain = np.arange(1.0, 13.0).reshape(3, 4)
    w = np.linspace(0.5, 1.5, 12).reshape(3, 4)
    given = LAYOUTS[layout](plain)
    check(f, given, w)
    check(f, plain, w)  # the short cut of the plain call is open now ...
    check(f, given, w)  # ... and must not take this one for it
    check(f, plain, LAYOUTS[layout](w))


def test_read_only_arrays_are_not_copied(f):
    x, w = read_only(np.ones(1000)), read_only(np.ones(1000))
    value, gradient = answered_natively(f, x, w)
    assert (value, gradient[0]) == (1000.0, 2.0)
    big = np.broadcast_to(np.zeros(1), 1000)  # one element in memory: reading it as 1000 would be out of bounds
    np.testing.assert_array_equal(f(x, big)[1], np.zeros(1000))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_matrices_are_arrays(f):
    x = np.arange(1.0, 5.0).reshape(2, 2)
    check(f, x, x)
    value, gradient = f(np.asmatrix(x), x)
    assert value == f(x, x)[0]
    assert type(gradient) is np.ndarray


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_arrays(f, shape):
    value, gradient = answered_natively(f, np.ones(shape), np.ones(shape))
    assert value == 0.0
    assert gradient.shape == shape


@pytest.mark.parametrize(
    "x",
    [2.0, np.float64(2.0), np.float32(2.0), np.array(2.0), np.array(2.0, np.float32), np.array(2.0, ">f8")],
    ids=["float", "float64", "float32", "0-d", "0-d float32", "0-d byte-swapped"],
)
def test_scalars(x):
    f = ad.value_and_grad(lambda x: x**3)
    for _ in range(3):
        value, gradient = f(x)
        assert (value, gradient) == (8.0, 12.0)
        assert gradient.dtype == np.asarray(x).dtype.newbyteorder("=")
        f(5.0)


INTEGERS = [True, 3, np.int8(3), np.uint8(250), np.int16(-3), np.uint32(2**32 - 1), np.int64(-(2**40)), np.bool_(True)]


@pytest.mark.parametrize("n", INTEGERS, ids=[repr(n) for n in INTEGERS])
def test_integers_and_booleans(n):
    f = ad.jit(lambda x, n: (x * n, n + n))
    x = np.array([1.5, -2.0])
    scaled, twice = answered_natively(f, x, n)
    expected = np.asarray(n) + np.asarray(n)
    np.testing.assert_array_equal(scaled, x * n)
    np.testing.assert_array_equal(twice, expected)


def test_a_number_that_fits_no_word_falls_back():
    f = ad.jit(lambda n: n + 1)
    assert f(3) == 4
    with pytest.raises(ad.errors.AutodiffError):
        f(2**70)
    assert f(3) == 4


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_complex_arguments(dtype):
    f = ad.jit(lambda z, c: (z * c, np.sum(z)))
    z, c = np.array([1 + 2j, 3 - 1j], dtype), dtype(0.5j)
    product, total = answered_natively(f, z, c)
    np.testing.assert_allclose(product, z * c)
    assert (total, total.dtype, product.dtype) == (np.sum(z), dtype, dtype)


# ---- what is not what was traced -----------------------------------------------------------------


def test_other_shapes_dtypes_and_ranks_are_traced(f):
    x, w = np.ones((2, 3)), np.ones((2, 3))
    for other in (np.ones((2, 2)), np.ones(6), np.ones((1, 2, 3)), np.float32(2.0)):
        f(x, w)
        check(f, other, np.ones(np.shape(other)))
    with pytest.raises(ad.errors.AutodiffError):
        f(x, np.ones((3, 2)))  # as NumPy would
    with pytest.raises(ad.errors.DTypeError):
        f(np.ones((2, 3), int), w)
    with pytest.raises(TypeError):
        f(x)
    with pytest.raises(TypeError):
        f(x, w, w)
    check(f, x, w)


def test_a_few_shapes_in_turn_have_short_cuts(f):
    inputs = [np.ones(n) for n in (2, 3, 4)]
    for x in inputs * 2:
        check(f, x, x)
    for x in inputs:
        assert answered_natively(f, x, x)[0] == x.size
    for n in range(5, 20):
        check(f, np.ones(n), np.ones(n))
    assert answered_natively(f, np.ones(19), np.ones(19))[0] == 19.0
    f.cache_clear()
    check(f, inputs[0], inputs[0])


def test_the_bare_kernel_refuses_what_it_was_not_bound_for(f):
    x = np.ones((2, 3))
    f(x, x)
    run = f._last.program.native.function()
    for bad in (x.T, x[:1], np.ones(6), x.astype(np.float32), 1.0, None, "x", x.astype(">f8"), x.view(np.int64)):
        with pytest.raises(TypeError, match="a kernel takes"):
            run(bad, x)
    with pytest.raises(TypeError, match="a kernel takes"):
        run(x)
    assert run(x, x)[0] == 6.0


def test_a_changed_object_is_seen():
    x, w = np.ones(4), np.ones(4)
    f = ad.value_and_grad(lambda x: np.sum(x * w))
    assert f(x)[0] == f(x)[0] == 4.0
    w[:] = 2.0
    assert f(x)[0] == 8.0
    x.shape = (2, 2)
    with pytest.raises(ad.errors.AutodiffError):
        f(x)
    w.shape = (2, 2)
    assert f(x)[0] == 8.0


def test_globals_closures_and_containers_are_watched():
    factor, settings, terms = 2.0, {"power": 2}, [1.0, 2.0]

    def helper(x):
        return x ** settings["power"]

    f = ad.jit(lambda x: factor * helper(x) + sum(terms))
    assert answered_natively(f, 3.0) == 21.0
    factor = 1.0
    assert f(3.0) == 12.0
    settings["power"] = 3
    assert f(3.0) == 30.0
    terms.append(4.0)
    assert f(3.0) == 34.0
    helper.__code__ = (lambda x: x * settings["power"]).__code__
    assert f(3.0) == 16.0
    factor = float("1.0")  # equal, another object
    assert f(3.0) == 16.0
    terms[0] = 2.0
    assert answered_natively(f, 3.0) == 17.0


def test_no_short_cut_while_a_tape_or_a_trace_is_at_work(f):
    x = np.ones(3)
    f(x, x)
    before = f.cache_info().runs
    assert tapes.busy.count == 0
    with ad.GradientTape() as tape:
        assert tapes.busy.count == 1
        watched = tape.watch(x)
        value, _ = f(watched, x)
    np.testing.assert_array_equal(tape.gradient(value, watched), 2 * x)
    assert tapes.busy.count == 0
    outer = ad.jit(lambda x: f(x, x)[0])
    assert outer(x) == 3.0
    assert f.cache_info().runs == before


# ---- arguments by name, containers ---------------------------------------------------------------


def test_arguments_by_name(f):
    x, w = np.arange(3.0), np.full(3, 2.0)
    for _ in range(2):
        for value, gradient in (
            answered_natively(f, x, w=w),
            answered_natively(f, w=w, x=x),
            answered_natively(f, x=x, w=w),
        ):
            assert value == 10.0
            np.testing.assert_array_equal(gradient, 4 * x)
    with pytest.raises(TypeError):
        f(x, v=w)


def test_static_arguments():
    f = ad.jit(lambda x, n, mode: x * n if mode == "times" else x**n, static_argnames=("n", "mode"))
    assert answered_natively(f, 3.0, 2, "times") == 6.0
    assert answered_natively(f, 3.0, 2, mode="power") == 9.0
    assert f(3.0, 3, mode="power") == 27.0
    assert f(3.0, 2, "times") == 6.0


def test_containers():
    def loss(p, data):
        x, (y, scale) = data
        return np.sum((x @ p["w"] + p["b"] - y) ** 2) * scale

    f = ad.value_and_grad(loss)
    rng = np.random.default_rng(0)
    p = {"w": rng.normal(size=3), "b": 0.5}
    data = [rng.normal(size=(4, 3)), (rng.normal(size=4), 2.0)]
    value, gradient = answered_natively(f, p, data)
    assert list(gradient) == ["w", "b"]
    assert value == pytest.approx(loss(p, data))
    error = data[0] @ p["w"] + p["b"] - data[1][0]
    np.testing.assert_allclose(gradient["w"], 4.0 * error @ data[0])
    assert gradient["b"] == pytest.approx(4.0 * error.sum())
    for wrong in ({"w": p["w"]}, {"w": p["w"], "c": 1.0}, [p["w"], 0.5], None):
        with pytest.raises((KeyError, TypeError, ad.errors.AutodiffError)):
            f(wrong, data)
    assert f({**p, "c": 1.0}, data)[1]["c"] == 0.0
    with pytest.raises((ValueError, TypeError)):
        f(p, data[:1])
    value_again, _ = f(dict(reversed(p.items())), data)  # the order of the keys says nothing
    assert value_again == value


Pair = collections.namedtuple("Pair", "a b")


def test_other_containers_go_through_optree():
    f = ad.value_and_grad(lambda p: np.sum(p.a * p.b))
    p = Pair(np.arange(3.0), np.ones(3))
    for _ in range(3):
        value, gradient = f(p)
        assert value == 3.0
        assert type(gradient) is Pair
        np.testing.assert_array_equal(gradient.b, p.a)
    assert f(Pair(np.ones(4), np.ones(4)))[0] == 4.0
    ordered = collections.OrderedDict(a=np.ones(2), b=2.0)
    g = ad.grad(lambda d: np.sum(d["a"]) * d["b"])
    for _ in range(2):
        assert type(g(ordered)) is collections.OrderedDict


def test_captured_variables_are_read_anew():
    v = ad.Variable(np.ones(3))
    f = ad.value_and_grad(lambda x: np.sum(x * v))
    assert f(np.ones(3))[0] == f(np.ones(3))[0] == 3.0
    v.assign(np.full(3, 2.0))
    assert f(np.ones(3))[0] == 6.0


def test_methods_have_a_short_cut_of_their_instance():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        @ad.value_and_grad
        def loss(self, x):
            return np.sum(x * self.scale)

    x = np.ones(3)
    kept = Model(5.0)
    for scale in range(20):  # instances at the same address, one after the other
        model = Model(float(scale))
        for _ in range(2):
            assert model.loss(x)[0] == 3.0 * scale
        gone = weakref.ref(model)
        del model
        gc.collect()
        assert gone() is None
    assert kept.loss(x)[0] == kept.loss(x)[0] == 15.0


# ---- memory and threads --------------------------------------------------------------------------


def centred(x):
    return np.sum((x - x.max(axis=1, keepdims=True)) ** 2)


def test_references_are_balanced(f):
    x, w, p = np.ones(3), np.ones(3), [np.ones(2), {"a": 1.5}]
    g = ad.jit(lambda p: {"y": p[0] * p[1]["a"], "z": [p[0], (p[1]["a"], p[0])]})
    f(x, w), g(p)
    objects = [x, w, x.dtype, *p, p[1]["a"], np.ndarray, type(None)]
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(1000):
        value, gradient = f(x, w)
        out = g(p)
        with pytest.raises(TypeError):
            f(x)
    assert sys.getrefcount(gradient) == 2
    assert sys.getrefcount(value) == 2
    assert sys.getrefcount(out) == 2
    del value, gradient, out
    after = [sys.getrefcount(o) for o in objects]
    assert all(abs(b - a) < 100 for a, b in zip(before, after, strict=True)), (before, after)


def test_functions_and_kernels_go_when_nobody_has_them():
    f = ad.grad(lambda x: np.sum(np.cos(x) * x))
    x = np.ones(3)
    f(x), f(x)
    gone = weakref.ref(f)
    run = f._last.program.run
    del f
    gc.collect()
    assert gone() is None
    np.testing.assert_allclose(run(x)[0], np.cos(1) - np.sin(1))


def test_runs_are_counted(f):
    x = np.ones(3)
    before = ad.cache_info().runs
    for k in range(5):
        f(x, x)
        assert f.cache_info().runs == k + 1
    assert ad.cache_info().runs == before + 5


def test_the_arena_grows_and_shrinks():
    f = ad.value_and_grad(centred)
    rng = np.random.default_rng(0)
    small, large = rng.normal(size=(3, 4)), np.zeros((KEPT // 8 + 8, 1))
    expected = f(small)
    f(large)
    assert ARENA.size > KEPT
    for _ in range(PATIENCE):
        value, gradient = f(small)
    assert ARENA.size < KEPT
    assert ARENA.used == 0
    assert value == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])


def test_a_kernel_that_finds_the_arena_in_use_has_its_own():
    f = ad.value_and_grad(centred)
    x = np.random.default_rng(0).normal(size=(5, 7))
    expected = f(x)
    start, size = ARENA.start, ARENA.size
    ARENA.used = 1
    try:
        value, gradient = f(x)
        assert (ARENA.used, ARENA.start, ARENA.size) == (1, start, size)
    finally:
        ARENA.used = 0
    assert value == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])


def test_an_error_frees_the_arena():
    f = ad.jit(lambda x, i: np.sum(np.tanh(x[i]) * np.cumsum(x[i])))
    x = np.ones(5)
    expected = f(x, np.array([1, 2]))
    for _ in range(3):
        with pytest.raises(ad.errors.AutodiffError, match="index 7"):
            f(x, np.array([1, 7]))
        assert ARENA.used == 0
    assert f(x, np.array([1, 2])) == expected


def test_threads_share_kernels_and_arena():
    f = ad.value_and_grad(centred)
    inputs = [np.random.default_rng(k).normal(size=(5 + k, 7)) for k in range(4)]
    assert not wrong_in_threads(f, inputs, 200)
    assert ARENA.used == 0


def test_the_table_says_how_often_it_may_be_called(f):
    """A short cut is a function with its table as `self`: what the tests above look at is what runs."""
    x = np.ones(3)
    f(x, x)
    table = f.__call__.__self__
    assert table[FIELD["positional"]] == 2
    assert table[FIELD["leaves_count"]] == 2
    assert table[FIELD["results_count"]] == 2


def test_a_process_with_kernels_ends_well_and_without_numba():
    code = (
        "import sys, numpy as np, autodiff as ad\n"
        "f = ad.grad(lambda x: np.sum(np.exp(x)))\n"
        "f(np.zeros(2)); print(f(np.zeros(2)), 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[1. 1.] False"
