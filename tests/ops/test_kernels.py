"""Kernels of every op: value, tangent and cotangents, as Python source and compiled."""

import numpy as np
import pytest
from derivatives import directions
from kernels import Kernel, close
from op_samples import (
    ALL,
    AT_THE_DOOR,
    F64,
    LONG,
    LONGER,
    arity,
    as_tuple,
    carries_derivative,
    domains,
    draw,
    elementwise,
    grown,
    laid_out,
    one_op,
    random,
    samples,
)
from reference_table import COSTLY, SLOWEST

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.ir.aval import ArrayAval, aval_of, is_differentiable
from autodiff.ir.build import building, emitter
from autodiff.ops import OPS
from autodiff.ops.families import Elementwise, Reduction, cast, full
from autodiff.ops.op import Call
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import pullback, vjp

F32 = np.dtype(np.float32)
INTEGERS = [np.dtype(t) for t in ("i8", "i4", "u1", "?")]


def programs(sample):
    """(block, arguments): the op, with both derivatives where it has any."""
    block = one_op(sample)
    yield block, sample.arrays
    if sample.floats and block.results[0].aval.dtype.kind == "f":
        tangents = directions(sample.arrays, sample.floats)
        yield jvp(block, sample.floats), [*sample.arrays, *tangents]
        cts = directions(run(block, sample.arrays), [0], seed=2)
        yield vjp(block, sample.floats), [*sample.arrays, *cts]


def evaluated(block, args):
    """What the interpreter says; None where NumPy refuses the values."""
    with np.errstate(all="ignore"):
        try:
            return run(block, args)
        except ValueError:
            return None


@pytest.mark.parametrize("name", ALL)
def test_source_agrees_with_the_interpreter(name):
    for dtype in (np.dtype(np.float64), F32, *INTEGERS):
        found = list(samples(OPS[name], dtype))
        if name in COSTLY:
            found = found[:1]  # run as Python, the shape derivatives take a second an element
        elif dtype != np.float64:
            found = found[::3]  # how shapes and parameters are printed was seen in double precision
        for sample in found:
            for block, args in programs(sample):
                if any(i.results[0].aval.dtype == np.float16 for i in block.instrs):
                    continue
                expected = evaluated(block, args)
                if expected is None:
                    continue
                kernel = Kernel(block)
                close(kernel.python(args), expected, f"{sample} {dtype}\n{kernel.source}\n")


# ---- compiled ----------------------------------------------------------------------------------
# Compiling takes a second, so ops share kernels: elementwise ops of one domain read the same
# operands and fuse into one nest. Sizes have names, so one shape of a rank stands for all.


def emit_with_cotangents(op, operands, params, ct):
    """The results of an op, and the cotangents of its operands."""
    instrs = emitter().instrs
    start = len(instrs)
    ys = as_tuple(op(*operands, **params))
    wrt = [x for k, x in enumerate(operands) if carries_derivative(op, k, x.aval.dtype)]
    seeds = [(y, ct(y)) for y in ys if is_differentiable(y.aval.dtype)]
    if not wrt or not seeds:
        return [*ys]
    return [*ys, *(ct for ct in pullback(instrs[start:], seeds, wrt) if ct is not None)]


def elementwise_groups(dtype):
    """Ops with the same domain and dtypes, at most eight together: [[samples]]."""
    found = {}
    for op in OPS.values():
        sample = elementwise(op, (LONG,), dtype) if isinstance(op, Elementwise) else None
        if sample is not None and (dtype.kind == "f" or computes_on_integers(op, dtype)):
            found.setdefault((domains(op), tuple(a.dtype for a in sample.arrays)), []).append(op)
    return [ops[k : k + 8] for ops in found.values() for k in range(0, len(ops), 8)]


def computes_on_integers(op, dtype):
    """Not converted to floats, where other tests see it. (NumPy refuses negative powers of integers.)"""
    return op is not OPS["pow"] and op.types((dtype,) * arity(op))[0][-1].kind != "f"


def value_dtype(op, dtype):
    return one_op(elementwise(op, (LONG,), dtype)).results[0].aval.dtype


def names(ops):
    return "-".join(op.name for op in ops)


def shared_operands(ops, shape, dtype):
    """One block that applies all ops to the same operands; and arrays to run it on."""
    sample = elementwise(ops[0], shape, dtype)
    avals = list(map(aval_of, sample.arrays))
    with building([*avals, ArrayAval(np.broadcast_shapes(*(a.shape for a in avals)), dtype)]) as b:
        *operands, seed = b.params
        results = []
        for op in ops:
            results += emit_with_cotangents(op, operands, {}, lambda y: cast(seed, dtype=y.aval.dtype))
        block = b.block(results)
    return block, [*sample.arrays, directions([np.zeros(block.params[-1].aval.shape)], [0])[0].astype(dtype)]


def check_compiled(block, args, other=None, more=None, by="native"):
    """The kernel agrees with the interpreter; also on other sizes, for which it must be the same."""
    kernel = Kernel(block)
    close(kernel.compiled(args, by=by), run(block, args), kernel.source)
    if other is not None:
        program = Kernel(other)
        assert program.signature.text == kernel.signature.text
        close(kernel.compiled(more, program, by), run(other, more), kernel.source)


F64_GROUPS, F32_GROUPS, INT_GROUPS = (elementwise_groups(np.dtype(t)) for t in ("f8", "f4", "i8"))


@pytest.mark.parametrize("ops", F64_GROUPS, ids=names)
@pytest.mark.parametrize("shapes", [((LONG,), (LONGER,)), ((), ())], ids=["array", "scalar"])
def test_compiled_elementwise(ops, shapes):
    first, second = shapes
    check_compiled(*shared_operands(ops, first, F64), *shared_operands(ops, second, F64))


@pytest.mark.parametrize("ops", F32_GROUPS, ids=names)
def test_compiled_elementwise_float32(ops):
    check_compiled(*shared_operands(ops, (LONG,), F32))


@pytest.mark.parametrize("ops", INT_GROUPS, ids=names)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_compiled_elementwise_int(ops, dtype):
    taken = [op for op in ops if elementwise(op, (LONG,), dtype) and value_dtype(op, dtype) != np.float16]
    if taken:
        check_compiled(*shared_operands(taken, (LONG,), dtype))


def some_by_default(groups):
    """Numba takes ten times as long to compile: every third group runs by default, the others on demand."""
    return [pytest.param(g, marks=[pytest.mark.slow] if k % 3 else []) for k, g in enumerate(groups)]


@pytest.mark.parametrize("ops", some_by_default(F64_GROUPS), ids=names)
def test_compiled_by_numba(ops):
    """The fallback for machines on which the native path does not work."""
    check_compiled(*shared_operands(ops, (LONG,), F64), by="numba")


@pytest.mark.parametrize("ops", some_by_default(INT_GROUPS), ids=names)
def test_compiled_by_numba_int(ops):
    check_compiled(*shared_operands(ops, (LONG,), np.dtype(np.int64)), by="numba")


SHAPES_OF_TWO = [((2, 3), (2, 3)), ((0, 3), (3,)), ((1,), (1,)), ((LONG, 1), (LONG,)), ((), (3,)), ((0,), (0,))]


@pytest.mark.parametrize("shapes", SHAPES_OF_TWO, ids=str)
def test_compiled_shapes(shapes):
    check_compiled(*shared_operands([OPS["mul"], OPS["maximum"]], shapes, F64))


@pytest.mark.parametrize("name", [name for name in ALL if isinstance(OPS[name], Reduction)])
def test_compiled_reductions(name):
    """Over the first axis, the last, and both, in one nest."""
    op, found = OPS[name], []
    for shape in ((10, LONG), (LONG, LONGER)):
        x = draw(random(op), shape, F64, op.domain)
        with building([aval_of(x)]) as b:
            results = [op(*b.params, axes=axes) for axes in ((0,), (0, 1))]
            results += emit_with_cotangents(op, b.params, {"axes": (1,)}, lambda y: full(y.aval, 0.7))
            found += [b.block(results), [x]]
    check_compiled(*found)


@pytest.mark.parametrize("name", [name for name in ALL if OPS[name].examples])
def test_compiled_examples(name):
    """Examples as they are, those with a long axis with their cotangents and on other sizes too.

    Complex numbers are pairs to a kernel: those that are not, are tested through the front door.
    """
    found = [s for s in samples(OPS[name]) if not has_complex(s)]
    if not found:
        pytest.skip("complex examples only")
    check_compiled(*together(found), *together([s if name in OF_ITS_SIZE else grown(s) or s for s in found]))


# The number of rows is a parameter of `row_order`, not a size: other sizes have other kernels.
OF_ITS_SIZE = ("lu", "row_order")


def has_complex(sample):
    block = one_op(sample)
    return any(v.aval.dtype.kind == "c" for v in (*block.params, *block.results))


def is_long(sample):
    return any(n > 8 for a in sample.arrays for n in np.shape(a))


def chunks(items, n):
    return [items[k : k + n] for k in range(0, len(items), n)]


def is_hosted(name):
    """Whether kernels call the op itself: which those from LLVM IR can do, and those from Numba cannot."""
    return isinstance(OPS[name], Call)


QUICKLY = [name for name in ALL if name not in SLOWEST and any(is_long(s) for s in samples(OPS[name]))]
HOSTED, OWN = [n for n in QUICKLY if is_hosted(n)], [n for n in QUICKLY if not is_hosted(n)]


@pytest.mark.parametrize("ops", [*chunks(HOSTED, 12), *chunks(OWN, 12)], ids="-".join)
def test_layout_does_not_matter(ops):
    """Kernels read C order: the front door sees to that, for every layout, and leaves arguments as they were."""
    found = [next(s for s in samples(OPS[name]) if is_long(s)) for name in ops]

    def program(*arrays):
        rest, results = iter(arrays), []
        for s in found:
            results += as_tuple(s.op(*[next(rest) for _ in s.arrays], **s.params))
        return results

    compiled = ad.jit(program)
    arrays = [a for s in found for a in s.arrays]
    expected = compiled(*arrays)
    assert compiled.cache_info().interpreted == 0
    for layout in AT_THE_DOOR.values():
        given = laid_out(arrays, layout)
        results = compiled(*given)
        for a, b in zip(results, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        for a, b in zip(given, arrays, strict=True):
            np.testing.assert_array_equal(a, b)
            assert not any(np.shares_memory(r, a) for r in results)


def together(found):
    """One block with an instruction for each sample."""
    arrays = [a for sample in found for a in sample.arrays]
    with building(map(aval_of, arrays)) as b:
        params, results = iter(b.params), []
        for sample in found:
            operands = [next(params) for _ in sample.arrays]
            if is_long(sample):
                results += emit_with_cotangents(sample.op, operands, sample.params, lambda y: full(y.aval, 0.7))
            else:
                results += as_tuple(sample.op(*operands, **sample.params))
        return b.block(results), arrays
