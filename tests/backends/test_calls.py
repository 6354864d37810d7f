"""Steps of kernels that are no loop nests: native code, against the interpreter; and calls of the host."""

import itertools
import threading
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from kernels import Kernel, close
from op_samples import as_tuple
from threads import wrong_in_threads

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba.arena import ARENA
from autodiff.backends.numba.llvm_calls import NATIVE, asks_host, is_hosted
from autodiff.backends.numba.llvm_ordering import FEW
from autodiff.backends.numba.nest import NativeCall
from autodiff.errors import AxisError, LinearAlgebraError
from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ops import OPS

FLOATS = ("f8", "f4")
INTEGERS = ("i8", "i4", "i2", "i1", "u4", "u2", "u1")
# Sizes 0 and 1 are in the text of a kernel, others are not.
SHAPES = [((7,), 0), ((5, 4), 0), ((5, 4), 1), ((3, 5, 4), 1), ((3, 1, 4), 1), ((1, 5, 1), 1), ((0, 3), 1), ((3, 0), 0)]


class Case(NamedTuple):
    """One use of an op."""

    name: str
    arrays: tuple
    params: dict


def case(name, *arrays, **params):
    return Case(name, arrays, params)


def together(cases):
    """One kernel of many steps (compiling one for each takes ten times as long), and the interpreter's results."""
    arrays = [a for c in cases for a in c.arrays]
    with building(map(aval_of, arrays)) as b:
        given, results = iter(b.params), []
        for c in cases:
            results += as_tuple(OPS[c.name](*[next(given) for _ in c.arrays], **c.params))
        block = b.block(results)
    with np.errstate(all="ignore"):
        return Kernel(block), arrays, run(block, arrays)


def check(cases, hosted=False, exactly=True):
    kernel, arrays, expected = together(cases)
    assert {is_hosted(s) for s in kernel.plan.steps if isinstance(s, NativeCall)} <= {hosted}
    found = kernel.compiled(arrays)
    close(found, expected, str(cases))
    if exactly:
        for a, b, c in zip(found, expected, cases, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=str(c))


def one(name, *arrays, **params):
    kernel, _, expected = together([case(name, *arrays, **params)])
    return kernel, expected


def numbers(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "?":
        return np.asarray(rng.uniform(size=shape) > 0.4)[()]
    if np.dtype(dtype).kind == "f":
        return np.asarray(rng.normal(size=shape)).astype(dtype)[()]
    return np.asarray(rng.integers(0, 100, size=shape)).astype(dtype)[()]


def places(n, shape, dtype="i8", seed=1):
    """Indices of an axis of length n, from both ends where the dtype has a sign; none where it is empty."""
    low = -n if np.dtype(dtype).kind == "i" else 0
    found = np.random.default_rng(seed).integers(low, max(n, low + 1), size=shape if n else (0,))
    return np.asarray(found).astype(dtype)[()]


# ---- gather and scatter ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, "i8", "u1", "?"])
def test_take_and_scatter_add(dtype):
    """Added in the order of the indices, as NumPy does it: equal to the last bit."""
    takes, scatters = [], []
    for shape, axis in SHAPES:
        for found in ((), (1,), (30,), (2, 3)):
            where = places(shape[axis], found)
            updates = numbers((*shape[:axis], *np.shape(where), *shape[axis + 1 :]), dtype)
            takes.append(case("take", numbers(shape, dtype), where, axis=axis))
            scatters.append(case("scatter_add", updates, where, shape=shape, axis=axis))
    check(takes)
    check(scatters, hosted=dtype == "?")


@pytest.mark.parametrize("dtype", [*FLOATS, "i8", "?"])
def test_take_along_and_put_along(dtype):
    takes, puts = [], []
    for shape, axis in SHAPES:
        for m in (0, 1, 9):
            stack = (*shape[:axis], m if shape[axis] else 0, *shape[axis + 1 :])
            where = places(shape[axis] or 1, stack)
            takes.append(case("take_along", numbers(shape, dtype), where, axis=axis))
            puts.append(case("put_along", numbers(stack, dtype), where, shape=shape, axis=axis))
    check(takes)
    check(puts, hosted=dtype == "?")


def test_dtypes_of_indices():
    cases = []
    for dtype in INTEGERS:
        x, where = numbers((6, 3), "f8"), places(6, (8,), dtype)
        cases.append(case("take", x, where, axis=0))
        cases.append(case("scatter_add", numbers((8, 3), "f8"), where, shape=(6, 3), axis=0))
        cases.append(case("take_along", numbers((6,), "f8"), where, axis=0))
        cases.append(case("put_along", numbers((8,), "f8"), where, shape=(6,), axis=0))
    check(cases)


@pytest.mark.parametrize("name", ["within", "agreed"])
def test_checks_of_many_indices(name):
    """The same error as from the interpreter, word for word; the kernel works again afterwards."""
    cases = []
    for shape in ((0,), (1,), (30,), (3, 5)):
        lengths = abs(places(9, shape)) + 10
        cases.append(case(name, places(9, shape) if name == "within" else lengths, lengths, axis=0))
    check(cases)
    lengths = np.arange(3, 12)
    kernel, expected = one(name, lengths - (name == "within"), lengths, axis=1)
    for k in (0, 4, 8):
        bad = lengths - (name == "within")
        bad[k] = lengths[k] + 1
        with pytest.raises(AxisError) as mine:
            kernel.compiled([bad, lengths])
        with pytest.raises(AxisError) as theirs:
            run(kernel.block, [bad, lengths])
        assert mine.value.what == theirs.value.what
    close(kernel.compiled([lengths - (name == "within"), lengths]), expected)


@pytest.mark.parametrize("wrong", [6, -7, 2**40, np.iinfo("i8").max, np.iinfo("i8").min])
def test_index_out_of_range(wrong):
    """The same error as from the interpreter, word for word; the kernel works again afterwards."""
    x, good, bad = numbers((6,), "f8"), np.array([0, -1, 5]), np.array([0, wrong, 5])
    calls = {
        "take": ((x,), {"axis": 0}),
        "scatter_add": ((x[:3],), {"axis": 0, "shape": (6,)}),
        "take_along": ((x,), {"axis": 0}),
        "put_along": ((x[:3],), {"axis": 0, "shape": (6,)}),
    }
    for name, (arrays, params) in calls.items():
        kernel, expected = one(name, *arrays, good, **params)
        with pytest.raises(AxisError) as mine:
            kernel.compiled([*arrays, bad])
        with pytest.raises(AxisError) as theirs:
            run(kernel.block, [*arrays, bad])
        assert mine.value.what == theirs.value.what
        assert str(wrong) in mine.value.what
        close(kernel.compiled([*arrays, good]), expected)


# ---- scans, places, order ----------------------------------------------------------------------


def test_scans():
    sums, recurrences = [], []
    for shape, axis in SHAPES:
        sums += [case("cumsum", numbers(shape, dtype), axis=axis) for dtype in (*FLOATS, *INTEGERS, "?")]
        for dtype in FLOATS:
            a, b = numbers(shape, dtype), numbers(shape, dtype, seed=2)
            a[(slice(None),) * axis + (slice(0, 1),)] = np.inf  # nothing comes before the first
            recurrences.append(case("recurrence", a, b, axis=axis))
    check(sums)
    check(recurrences, exactly=False)


def test_the_first_of_a_sum_keeps_its_sign():
    kernel, _ = one("cumsum", np.array([-0.0, -0.0]), axis=0)
    assert np.all(np.signbit(kernel.compiled([np.array([-0.0, -0.0])])[0]))


AWKWARD = np.array([1.0, np.nan, 3.0, 3.0, -np.inf, 0.0, -0.0, np.nan, np.inf, np.inf, -np.inf, 2.0])


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_first_places(name):
    cases = []
    for dtype in (*FLOATS, *INTEGERS):
        cases += [case(name, numbers(s, dtype) // 20, axis=axis) for s, axis in SHAPES if s[axis]]
    cases += [case(name, numbers(s, "?"), axis=axis) for s, axis in SHAPES if s[axis]]
    for dtype in FLOATS:
        x = np.random.default_rng(3).choice(AWKWARD, size=(40, 5)).astype(dtype)
        cases += [case(name, x, axis=1), case(name, x.T.copy(), axis=0)]
    check(cases)


@pytest.mark.parametrize("dtype", [*FLOATS, "i8", "u1", "?"])
def test_argsort(dtype):
    """Few elements natively, many by the host: the same order, of equal elements and of nan too."""
    rng, cases = np.random.default_rng(4), []
    for n in (0, 1, 2, 3, FEW, FEW + 1):
        for shape, axis in (((n,), 0), ((3, n), 1), ((n, 3), 0), ((2, n, 2), 1)):
            x = rng.choice(AWKWARD, size=shape) if dtype in FLOATS else numbers(shape, dtype) % 7
            cases.append(case("argsort", x.astype(dtype), axis=axis))
    check(cases)


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(right):
    rng, cases = np.random.default_rng(5), []
    for dtype in (*FLOATS, "i8", "u1"):
        table = np.sort(rng.choice(AWKWARD, size=9) if dtype in FLOATS else numbers((9,), dtype)).astype(dtype)
        others = AWKWARD if dtype in FLOATS else numbers((12,), dtype)
        values = np.concatenate([table, others]).astype(dtype)
        stack = np.stack([table, np.sort(-table)])
        pairs = [(table[:n], values) for n in (0, 1, 2, 8, 9)]
        pairs += [(table, values[:20].reshape(4, 5)), (table, values[3])]
        pairs += [(stack, values[:14].reshape(2, 7)), (stack, values[:2])]
        cases += [case("searchsorted", a, v, right=right) for a, v in pairs]
    check(cases)


# ---- linear algebra ----------------------------------------------------------------------------


def regular(*shape, dtype):
    n = shape[-1]
    return (numbers(shape, "f8") + 3 * np.sqrt(n) * np.eye(n)).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 1), (40, 40), (0, 3, 3), (0, 0), (2, 3, 5, 5)], ids=str)
def test_linear_algebra(shape, dtype):
    a, n = regular(*shape, dtype=dtype), shape[-1]
    definite = a @ np.swapaxes(a, -1, -2)
    cases = [case("inv", a), case("cholesky", definite)]
    cases += [case("cholesky", np.tril(definite) + np.triu(7 * a, 1))]  # the other triangle is not read
    for k in (0, 1, 3):
        b = numbers((*shape[:-1], k), dtype)
        cases.append(case("solve", a, b))
        for is_lower, transposed in itertools.product((False, True), repeat=2):
            params = {"is_lower": is_lower, "transposed": transposed}
            cases.append(case("triangular_solve", a, b, unit=False, **params))
    cases.append(case("triangular_solve", a / (2 * n + 1), b, unit=True, **params))
    check(cases, exactly=False)


SINGULAR = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("name", "others", "params"),
    [
        ("solve", (np.ones((3, 1)),), {}),
        ("solve", (np.ones((3, 2)),), {}),
        ("inv", (), {}),
        ("cholesky", (), {}),
        ("triangular_solve", (np.ones((3, 2)),), {"is_lower": True, "transposed": False, "unit": False}),
    ],
)
def test_singular_matrices(name, others, params):
    """The same error as from the interpreter, also for the second of a stack; and work goes on afterwards."""
    good = np.diag([3.0, 2.0, 1.0])
    for wrap in (lambda *m: m[-1], lambda *m: np.stack(m)):
        rest = [wrap(o, o) for o in others]
        kernel, expected = one(name, wrap(good, good), *rest, **params)
        with pytest.raises(LinearAlgebraError) as mine:
            kernel.compiled([wrap(good, SINGULAR), *rest])
        with pytest.raises(LinearAlgebraError) as theirs:
            run(kernel.block, [wrap(good, SINGULAR), *rest])
        assert mine.value.what == theirs.value.what
        close(kernel.compiled([wrap(good, good), *rest]), expected)


def test_nan_in_matrices():
    a = regular(3, 3, dtype="f8")
    a[1, 1] = np.nan
    given = a, np.ones((3, 2))
    check([case("solve", *given), case("triangular_solve", *given, is_lower=True, transposed=False, unit=False)])


# ---- the list, and the host --------------------------------------------------------------------


def test_native_ops_have_examples_here():
    """Whoever adds native code adds a test of its dtypes and sizes."""
    tested = "take scatter_add take_along put_along within agreed cumsum recurrence argmax argmin argsort searchsorted "
    tested += "solve inv cholesky triangular_solve matmul"
    assert {op.name for op in NATIVE} == set(tested.split())


def test_what_the_host_runs():
    kernel, _ = one("cumsum", np.ones(5), axis=0)
    assert not any(map(asks_host, kernel.plan.steps))
    kernel, _ = one("take", np.ones(5), np.array([2]), axis=0)
    assert [is_hosted(s) for s in kernel.plan.steps if asks_host(s)] == [False]
    kernel, _ = one("svd", np.eye(3), full_matrices=False)
    assert any(map(is_hosted, kernel.plan.steps))


@pytest.mark.parametrize("name", ["take", "take_along"])
def test_uint64_indices_are_the_hosts(name):
    check([case(name, np.arange(3.0), np.array([1, 2], "u8"), axis=0)], hosted=True)


def test_a_step_of_the_host_between_nests():
    """What NumPy warns of is the program's own affair, in kernels as in the interpreter."""

    def program(x):
        s = np.linalg.svd(np.exp(x), full_matrices=False)[1]
        return np.sum(np.tanh(s)) + np.sum(np.sort(x, axis=None)[:2])

    x = numbers((9, 9), "f8")
    f = ad.jit(ad.value_and_grad(program))
    expected = ad.value_and_grad(program)(x)
    for _ in range(3):
        again = f(x)
        np.testing.assert_allclose(again[0], expected[0], rtol=1e-13)
        np.testing.assert_allclose(again[1], expected[1], rtol=1e-10, atol=1e-12)
    assert f.cache_info().interpreted == 0


def test_threads_do_not_share_intermediates():
    """The host's functions give the lock away; each thread's numbers stay its own."""
    f = ad.jit(ad.value_and_grad(lambda x: np.sum(np.linalg.eigvalsh(x @ x.T) ** 2) + np.sum(np.tanh(x))))
    inputs = [numbers((60, 60), "f8", seed=k) for k in range(4)]
    assert not wrong_in_threads(f, inputs, 12)


def test_errors_of_threads_are_their_own():
    f = ad.jit(lambda x, i: np.sum(np.exp(x)[i]))
    x, good, bad = np.zeros(5), np.array([1, 2]), np.array([1, 7])
    f(x, good)
    seen = {"good": 0, "bad": 0}

    def call(indices, key):
        for _ in range(200):
            try:
                assert f(x, indices) == 2.0
                seen[key] += key == "good"
            except AxisError:
                seen[key] += key == "bad"

    threads = [threading.Thread(target=call, args=a) for a in ((good, "good"), (bad, "bad"))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert seen == {"good": 200, "bad": 200}


def test_intermediates_are_not_allocated_again():
    f = ad.jit(lambda x, i: np.sum(np.tanh(x[i]) ** 2))
    x, i = np.zeros(1000), np.zeros(100_000, np.int64)
    f(x, i), f(x, i)
    tracemalloc.start()
    try:
        f(x, i)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert ARENA.used == 0
