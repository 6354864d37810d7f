"""Kernels that check every place they read or write: of all kinds of loops none leaves its arrays, and a wrong one is
found. The code is not optimised here: what is wrong would be wrong in it too, and it compiles in half the time."""

import numpy as np
import programs_small
import pytest
from kernels import Kernel, close
from op_samples import as_tuple, samples

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba import compile_native, native
from autodiff.backends.numba.cost import BLOCK, MOST_BLOCKS
from autodiff.backends.numba.llvm import print_llvm
from autodiff.backends.numba.nest import (
    Access,
    Alias,
    Buffer,
    Constant,
    Guard,
    Guarded,
    Index,
    KernelPlan,
    LoopNest,
    Store,
)
from autodiff.config import config
from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ops import OPS
from autodiff.transforms.reverse import vjp

F64 = np.dtype("f8")
LONG = 3 * BLOCK + 5  # in four blocks, the last of them short
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _checked(monkeypatch):
    before = ad.get_num_threads()
    monkeypatch.setattr(config, "bounds", True)
    monkeypatch.setattr(compile_native, "compiled", lambda text: native.compiled(text, quick=True))
    yield
    ad.set_num_threads(before)


# ---- all is well ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(programs_small.PROGRAMS))
def test_small_programs(name):
    pulled = vjp(programs_small.traced(name), programs_small.floats(name))
    given = [*programs_small.arguments(name), 0.7]
    close(Kernel(pulled).compiled(given), run(pulled, given))


@pytest.mark.parametrize(
    "names",
    [
        ("take", "scatter_add", "take_along", "put_along"),
        ("cumsum", "recurrence", "argmax", "argmin", "argsort", "searchsorted"),
        ("pad", "part", "overwrite", "concatenate", "slice", "flip", "transpose"),
        ("sum", "max", "prod", "matmul"),
    ],
    ids=lambda names: names[0],
)
def test_samples_of_ops(names):
    """Sizes 0, 1 and others; one kernel of many steps."""
    found = [s for name in names for s in samples(OPS[name])]
    arrays = [a for s in found for a in s.arrays]
    with building(map(aval_of, arrays)) as b:
        given, results = iter(b.params), []
        for s in found:
            results += as_tuple(s.op(*[next(given) for _ in s.arrays], **s.params))
        block = b.block(results)
    with np.errstate(all="ignore"):
        close(Kernel(block).compiled(arrays), run(block, arrays))


def agrees(f, *args):
    """Value and gradients by a kernel and by the interpreter, twice: sizes of a kernel's program may be others."""
    program = ad.value_and_grad(f, argnums=tuple(range(len(args))))
    found = program(*args)
    assert program.cache_info().interpreted_runs == 0
    config.jit = False
    try:
        expected = ad.value_and_grad(f, argnums=tuple(range(len(args))))(*args)
    finally:
        config.jit = True
    for a, b in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11 * float(np.max(np.abs(b), initial=0.0)))


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks(threads):
    ad.set_num_threads(threads)

    def numbers(x, y):
        return np.sum(np.tanh(x) * y) + np.max(x * y) + np.sum(x[1:] * y[:-1])

    def rows(x, y):
        return np.sum(np.sum(x * x, axis=1) * y) + np.sum(np.sum(x, axis=0) ** 2) + np.max(x)

    agrees(numbers, *rng.normal(size=(2, LONG)))
    agrees(rows, rng.normal(size=(LONG // 3, 3)), rng.normal(size=LONG // 3))


def test_more_rows_than_blocks():
    """Long enough that blocks are longer than `BLOCK`: there must not be more of them than `MOST_BLOCKS`."""
    agrees(lambda x: np.sum(x * x) + np.max(x), rng.normal(size=(MOST_BLOCKS * 16 + 1, BLOCK // 16 + 1)))


STENCILS = {
    "roll": lambda x: np.sum((np.roll(x, 1, axis=0) - 2 * x + np.roll(x, -2, axis=0)) ** 2),
    "diff": lambda x: np.sum(np.diff(x, axis=0) ** 2) + np.sum(np.abs(np.diff(x, n=2, axis=-1))),
    "pad": lambda x: np.sum(np.tanh(np.pad(x, 1)[2:, :-2] * np.pad(x, ((2, 0), (0, 2)))[:-2, 2:])),
    "concatenate": lambda x: np.sum(np.concatenate([x[::2], x[1::3], x[:1]]) ** 3),
    "flip": lambda x: np.sum(np.flip(x, 0)[1:] * x[:-1, ::-1]),
    "transposed": lambda x: np.sum(np.sum(np.tanh(x.T) * 2.0, axis=0) * x[:, 0]) + np.sum(x.T[1:] * x.T[:-1]),
}


@pytest.mark.parametrize("name", STENCILS)
def test_stencils(name):
    for shape in ((5, 4), (31, 17)):
        agrees(STENCILS[name], rng.normal(size=shape))


def test_batched_products():
    def f(x, y):
        product = np.matmul(np.transpose(x, (1, 0, 2)), np.transpose(y, (1, 2, 0)))
        return np.sum(product**2) + np.sum(np.matmul(np.transpose(product, (2, 0, 1)), x[:, 0, :4].T[:3]))

    agrees(f, rng.normal(size=(3, 5, 12)), rng.normal(size=(4, 5, 12)))


# ---- something is wrong --------------------------------------------------------------------------


def one_nest(domain, target, value, shape=("n0",), steps=()):
    """The kernel `y[target] = value` over a domain, of x and y of the same shape."""
    x, y = Buffer("x", shape, F64), Buffer("y", shape, F64)
    nest = LoopNest(domain, [Store(Access(y, target), value(x))])
    plan = KernelPlan([x], [y], [*steps, nest], [y], ("n0",))
    return compile_native.compile_plan(plan).load(())


def at(*index):
    return lambda x: Access(x, index)


WRONG = {
    "read": (("n0",), (Index(0),), at(Index(0, "1")), "axis 0 of x"),
    "read before": (("n0",), (Index(0),), at(Index(0, "-1")), "axis 0 of x"),
    "write": (("n0",), (Index(0, "1"),), at(Index(0)), "axis 0 of y"),
    "step": (("n0",), (Index(0),), at(Index(0, "0", 2)), "axis 0 of x"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("n", [1, 7, LONG])
def test_a_wrong_place_is_found(name, n):
    domain, target, value, message = WRONG[name]
    x = np.arange(float(n))
    kernel = one_nest(domain, target, value).bind([], {"n0": n})
    if name == "step" and n == 1:  # the only place there is, is right
        assert kernel(x)[0] == x
        return
    for _ in range(2):
        with pytest.raises(RuntimeError, match=message):
            kernel(x)


def test_the_axis_is_named_and_the_next_call_is_right():
    n, shape = 6, ("n0", "3")
    kernel = one_nest(("n0", "2"), (Index(0), Index(1)), at(Index(0), Index(1, "1")), shape).bind([], {"n0": n})
    x = np.arange(18.0).reshape(n, 3)
    np.testing.assert_array_equal(kernel(x)[0][:, :2], x[:, 1:])
    wrong = one_nest(("n0", "3"), (Index(0), Index(1)), at(Index(0), Index(1, "1")), shape).bind([], {"n0": n})
    with pytest.raises(RuntimeError, match=r"axis 1 of x\['n0', '3'\]"):
        wrong(x)
    np.testing.assert_array_equal(kernel(x)[0][:, :2], x[:, 1:])


def test_guards():
    """A guard keeps its read inside; one that is too wide does not."""

    def guarded(size):
        def value(x):
            return Guarded(Access(x, (Index(0, "2"),)), (Guard(Index(0, "2"), size),), Constant(0.0, F64))

        return one_nest(("n0",), (Index(0),), value).bind([], {"n0": 9})

    x = np.arange(9.0)
    np.testing.assert_array_equal(guarded("n0")(x)[0], [*x[2:], 0, 0])
    with pytest.raises(RuntimeError, match="axis 0 of x"):
        guarded("n0 + 1")(x)


def test_names_of_memory_are_equally_long():
    x, y, z = Buffer("x", ("n0",), F64), Buffer("y", ("n0",), F64), Buffer("z", ("n0", "2"), F64)
    nest = LoopNest(("n0", "2"), [Store(Access(z, (Index(0), Index(1))), Access(x, (Index(0),)))])
    plan = KernelPlan([x], [y], [Alias(z, y), nest], [y], ("n0",))
    kernel = compile_native.compile_plan(plan).load(()).bind([], {"n0": 4})
    # What is written there is inside of z, and beyond y: only the comparison of the two can tell.
    with pytest.raises(RuntimeError, match="z is another size than y"):
        kernel(np.ones(4))


def test_nothing_is_checked_by_default():
    config.bounds = False
    x, y = Buffer("x", ("n0",), F64), Buffer("y", ("n0",), F64)
    nest = LoopNest(("n0",), [Store(Access(y, (Index(0),)), Access(x, (Index(0),)))])
    assert "out_of_bounds" not in print_llvm(KernelPlan([x], [y], [nest], [y], ("n0",)))
