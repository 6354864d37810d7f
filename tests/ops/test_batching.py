"""Batching of every op, of its derivatives, and twice: against a loop over the batch and np.stack."""

import itertools

import numpy as np
import pytest
from derivatives import directions
from kernels import agree
from op_samples import ALL, domains, draw, is_smooth, one_op, random, samples
from reference_table import COSTLY

from autodiff.backends.interpreter import run
from autodiff.errors import NoBatchingRuleError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ops import OPS
from autodiff.ops.families import Elementwise, Reduction
from autodiff.ops.op import Call
from autodiff.transforms.batch import batch
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import vjp

SMOOTH = [name for name in ALL if is_smooth(OPS[name])]


def small(name):
    """Samples of which many variations can be run: some special functions take a millisecond a number."""
    found = [s for s in samples(OPS[name]) if sum(np.size(a) for a in s.arrays) < 60]
    # The rule is the family's: of a costly member a number, an array and a broadcast do.
    return found[::3] if name in COSTLY and isinstance(OPS[name], Elementwise) else found


def is_sorted(a):
    return a.ndim == 1 and a.size > 1 and bool(np.all(np.diff(a) >= 0))


def variation(sample, k, b, rng):
    """Operand `k` of the sample in entry `b` of the batch: other numbers that the op takes as well."""
    a, op = np.asarray(sample.arrays[k]), sample.op
    if isinstance(op, Elementwise | Reduction):
        domain = domains(op)[k] if isinstance(op, Elementwise) else op.domain
        return np.asarray(draw(rng, a.shape, a.dtype, domain))
    if op.name == "agreed":
        return a
    if a.dtype.kind in "iu":
        # Indices stay indices, sorted tables sorted.
        return a - b if is_sorted(a) else np.roll(a, b) if a.ndim else a + np.asarray(b, a.dtype)
    # Smaller, but of the same kind: symmetric, triangular, positive definite, sorted.
    return a if a.dtype == np.bool_ else a * np.asarray(1 - b / 8, a.dtype)


def stacked_operands(sample, flags, size):
    """The operands, with `size` variations along a new first axis where flagged."""
    rng = random(sample.op)
    found = []
    for k, (a, flag) in enumerate(zip(sample.arrays, flags, strict=True)):
        entries = [variation(sample, k, b, rng) for b in range(size)]
        found.append(np.array(entries, a.dtype).reshape(size, *np.shape(a)) if flag else a)
    return found


def entry(args, flags, b):
    return [a[b] if flag else a for a, flag in zip(args, flags, strict=True)]


def looped(block, args, flags, size):
    """What `batch(block)` has to give: a loop and np.stack."""
    rows = [run(block, entry(args, flags, b)) for b in range(size)]
    avals = [r.aval for r in block.results]
    return [np.array([row[k] for row in rows], a.dtype).reshape(size, *a.shape) for k, a in enumerate(avals)]


def check(block, args, flags, size, note):
    batched = batch(block, flags, size)
    found, expected = run(batched, args), looped(block, args, flags, size)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        a = np.asarray(a)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{note} result {k}"
        if a.dtype.kind not in "fc":
            np.testing.assert_array_equal(a, b, err_msg=f"{note} result {k}")
            continue
        tolerance = 50 * float(np.finfo(a.dtype).eps)
        scale = tolerance * float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=scale, err_msg=f"{note} result {k}")
    return batched


def choices(n):
    """Every way to batch at least one of n operands."""
    return [flags for flags in itertools.product((True, False), repeat=n) if any(flags)]


@pytest.mark.parametrize("name", ALL)
def test_every_op_has_a_rule(name):
    for sample in samples(OPS[name])[:1]:
        batch(one_op(sample), [True] * len(sample.arrays), 2)


@pytest.mark.parametrize("name", ALL)
def test_batch_against_a_loop(name):
    for sample in small(name):
        every = choices(len(sample.arrays))
        for flags, size in [*((flags, 3) for flags in every), (every[0], 1), (every[-1], 1), (every[0], 0)]:
            args = stacked_operands(sample, flags, size)
            check(one_op(sample), args, flags, size, f"{sample} batched {flags} size {size}")


@pytest.mark.parametrize("dtype", ["f4", "i8", "?"])
@pytest.mark.parametrize("name", ALL)
def test_other_dtypes(name, dtype):
    for sample in samples(OPS[name], np.dtype(dtype))[:6]:
        flags = [True] * len(sample.arrays)
        try:
            args = stacked_operands(sample, flags, 2)
            looped(one_op(sample), args, flags, 2)
        except (TypeError, ValueError, np.linalg.LinAlgError):
            continue  # NumPy refuses the dtype, or negative powers of integers
        check(one_op(sample), args, flags, 2, f"{sample} {dtype}")


def derivative_flags(n, extra):
    """Everything batched, the directions alone, the primals alone."""
    return [(True,) * (n + extra), (False,) * n + (True,) * extra, (True,) * n + (False,) * extra]


def with_directions(sample, flags, avals, size):
    """Batched operands, then directions of the given avals, each batched where flagged."""
    n = len(sample.arrays)
    args = stacked_operands(sample, flags[:n], size)
    given = [np.zeros((size, *a.shape) if f else a.shape, a.dtype) for a, f in zip(avals, flags[n:], strict=True)]
    return [*args, *directions(given, range(len(given)), seed=4)]


@pytest.mark.parametrize("transform", [jvp, vjp])
@pytest.mark.parametrize("name", SMOOTH)
def test_batch_of_derivatives(name, transform):
    for sample in small(name):
        if not sample.floats or any(r.aval.dtype.kind != "f" for r in one_op(sample).results):
            continue
        block, n = transform(one_op(sample), sample.floats), len(sample.arrays)
        avals = [p.aval for p in block.params[n:]]
        for flags in derivative_flags(n, len(avals)):
            args = with_directions(sample, flags, avals, 2)
            check(block, args, flags, 2, f"{transform.__name__} of {sample} batched {flags}")


@pytest.mark.slow
@pytest.mark.parametrize("transform", [jvp, vjp])
@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_of_a_batch(name, transform):
    """The derivative of the batched op is the batch of its derivatives."""
    for sample in small(name):
        block = one_op(sample)
        if not sample.floats or any(r.aval.dtype.kind != "f" for r in block.results):
            continue
        flags = (True,) * len(sample.arrays)
        inner = transform(block, sample.floats)
        extra = [p.aval for p in inner.params[len(flags) :]]
        every = (True,) * len(inner.params)
        args = with_directions(sample, every, extra, 2)
        outer = transform(batch(block, flags, 2), sample.floats)
        for a, b in zip(run(outer, args), looped(inner, args, every, 2), strict=True):
            np.testing.assert_allclose(
                a, b, rtol=1e-12, atol=1e-13 * np.max(np.abs(b), initial=0.0), err_msg=str(sample)
            )


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_batch_of_a_batch(name):
    for sample in small(name):
        n = len(sample.arrays)
        block = one_op(sample)
        for flags in choices(n):
            outer_flags = tuple(not f for f in flags) if not all(flags) else flags
            inner = batch(block, flags, 2)
            args = stacked_operands(sample, flags, 2)
            args = [
                np.stack([a, a[::-1] if f else a, a]) if o else a
                for a, f, o in zip(args, flags, outer_flags, strict=True)
            ]
            check(inner, args, outer_flags, 3, f"{sample} batched {flags} and {outer_flags}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_kernels_of_batches(name):
    for sample in small(name)[:3]:
        for flags in choices(len(sample.arrays)):
            args = stacked_operands(sample, flags, 3)
            if any(np.iscomplexobj(a) for a in [*args, *run(one_op(sample), sample.arrays)]):
                continue  # kernels take pairs of real numbers
            agree(batch(one_op(sample), flags, 3), args, f"{sample} batched {flags}")


def test_an_op_without_a_rule_is_named():
    op = Call("nameless", np.copy, lambda x: x)
    try:
        with building([ArrayAval((3,), np.dtype(float))]) as b:
            block = b.block([op(*b.params)])
        with pytest.raises(NoBatchingRuleError, match="nameless"):
            batch(block, [True], 2)
    finally:
        del OPS["nameless"]


def test_what_does_not_depend_on_the_batch_is_computed_once():
    with building([ArrayAval((3,), np.dtype(float))] * 2, "xy") as b:
        x, y = b.params
        block = b.block([OPS["mul"](OPS["sin"](x), y), OPS["exp"](x)])
    batched = batch(block, [False, True], 4)
    sine = next(i for i in batched.instrs if i.op is OPS["sin"])
    assert sine.results[0].aval.shape == (3,)
    assert [r.aval.shape for r in batched.results] == [(4, 3), (4, 3)]


def test_one_table_is_not_repeated_for_the_batch():
    """A matrix that is the same for the whole batch meets it in one product."""
    with building([ArrayAval((4, 3), np.dtype(float)), ArrayAval((3, 1), np.dtype(float))], "ab") as b:
        block = b.block([OPS["matmul"](*b.params)])
    batched = batch(block, [False, True], 5)
    (product,) = [i for i in batched.instrs if i.op is OPS["matmul"]]
    assert product.results[0].aval.shape == (5, 4)


@pytest.mark.parametrize("name", ["take", "scatter_add"])
@pytest.mark.parametrize("index", [3, -4])
def test_an_index_out_of_range_does_not_reach_into_the_next_entry(name, index):
    params = {"axis": 0} if name == "take" else {"axis": 0, "shape": (3,)}
    with building([ArrayAval((3,) if name == "take" else (1,), np.dtype(float)), ArrayAval((1,), np.dtype(int))]) as b:
        block = b.block([OPS[name](*b.params, **params)])
    batched = batch(block, [True, True], 2)
    x = np.ones((2, block.params[0].aval.shape[0]))
    with pytest.raises(IndexError):
        run(batched, [x, np.array([[index], [0]])])
