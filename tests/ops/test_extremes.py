"""Zeros of both signs, infinities, nan, the smallest and the largest numbers: kernels give what NumPy and SciPy give.

nan where they give nan, infinities and zeros with their sign; finite numbers bit for bit in arithmetic,
and within a few units in the last place for functions. Integers wrap around as theirs do.
"""

import itertools

import numpy as np
import pytest
from kernels import Kernel
from op_samples import ALL, F32, F64, arity, elementwise
from reference_table import SLOWEST

from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ops import OPS
from autodiff.ops.families import Elementwise

USUAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, "tiny", "max", 0.5)
NUMBERS = (*USUAL, -2.5, "least", "-max", "-tiny", 3.0, 800.0)
MORE = (1e-5, 20.0, -20.0, -800.0, 1e10, -1e10, 1e30)
TAKEN = {1: (*NUMBERS, *MORE), 2: NUMBERS, 3: USUAL}
INTEGERS = [np.dtype(t) for t in ("i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")]
# Which of two zeros of different sign is the larger is left open, by C and by NumPy.
EITHER_ZERO = {"fmax", "fmin"}
# Arithmetic is exact to the bit. Of a function, NumPy, the C library and our vector functions each have their own
# last digits: measured are 2 units, and NumPy's own functions differ by as many between machines.
FUNCTIONS = 4
ARITHMETIC = {
    *("add", "sub", "mul", "div", "floordiv", "mod", "fmod", "neg", "pos", "abs", "fabs", "square", "reciprocal"),
    *("sign", "floor", "ceil", "rint", "trunc", "maximum", "minimum", "fmax", "fmin", "clip", "select", "sqrt", "root"),
    *("relu", "tie", "identity", "stop_gradient", "one_minus_square"),
}
# SciPy warns of most of these numbers, or takes minutes for one of them; and its float32 versions overflow where ours,
# which go by way of float64, do not.
ODD = {"expn", "hyp0f1", "hyp1f1", "hyp2f1", "hyperu", "betainc", "betaincc", "zeta", "yv"}
ODD_FLOAT32 = {"powm1", "stdtr", "kv"}


def number(name, dtype):
    """A number of the table; the limits by their names."""
    if not isinstance(name, str):
        return name
    info = np.finfo(dtype)
    limits = {"tiny": info.tiny, "max": info.max, "least": info.smallest_subnormal}
    return -limits[name[1:]] if name.startswith("-") else limits[name]


def combinations(values, dtypes):
    """Every combination of the values, as one array for each operand."""
    columns = zip(*itertools.product(values, repeat=len(dtypes)), strict=True)
    return [np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)]


def groups(dtype, keep):
    """Ops that take the same dtypes, ten together in one kernel: [(dtypes, [op])]."""
    found = {}
    for name in ALL:
        op = OPS[name]
        tested = isinstance(op, Elementwise) and name not in SLOWEST | ODD | (ODD_FLOAT32 if dtype == F32 else set())
        sample = elementwise(op, (3,), dtype) if tested else None
        # What takes integers alone has a sample of those.
        asked = sample is not None and all(a.dtype.kind in (dtype.kind, "b") for a in sample.arrays)
        if asked and keep(op):
            found.setdefault(tuple(a.dtype for a in sample.arrays), []).append(op)
    return [(dtypes, ops[k : k + 10]) for dtypes, ops in found.items() for k in range(0, len(ops), 10)]


def named(value):
    return "-".join(op.name for op in value[1])


def both(ops, arrays):
    """(op, what its kernel gives, what NumPy gives) for each."""
    with building(map(aval_of, arrays)) as b:
        block = b.block([op(*b.params) for op in ops])
    with np.errstate(all="ignore"):
        found = Kernel(block).compiled(arrays)
        for op, y in zip(ops, found, strict=True):
            (expected,) = op.evaluate(*arrays)
            assert (y.shape, y.dtype) == (expected.shape, expected.dtype), op.name
            yield op, y, expected


def units_apart(a, b):
    """How many floating-point numbers lie between."""
    kind = np.dtype(f"i{a.dtype.itemsize}")
    ranks = [np.where(x.view(kind) < 0, np.iinfo(kind).min - x.view(kind), x.view(kind)) for x in (a, b)]
    return np.abs(ranks[0].astype(np.longdouble) - ranks[1].astype(np.longdouble))


def check_floats(op, arrays, found, expected):
    def at(bad):
        return f"{op.name}{tuple(a[bad][0] for a in arrays)}: {found[bad][0]!r}, not {expected[bad][0]!r}"

    numbers = ~np.isnan(expected)
    wrong = np.isnan(found) == numbers
    assert not wrong.any(), at(wrong)
    endless = numbers & (np.isinf(found) | np.isinf(expected))
    wrong = endless & (found != expected)
    assert not wrong.any(), at(wrong)
    zero = (found == 0) & (expected == 0)
    wrong = zero & (np.signbit(found) != np.signbit(expected)) & (op.name not in EITHER_ZERO)
    assert not wrong.any(), at(wrong)
    finite = numbers & ~endless & ~zero
    wrong = np.where(finite, units_apart(found, expected), 0) > (0 if op.name in ARITHMETIC else FUNCTIONS)
    assert not wrong.any(), at(wrong)


@pytest.mark.parametrize(
    ("dtype", "group"),
    [(dtype, group) for dtype in (F64, F32) for group in groups(dtype, lambda op: True)],
    ids=lambda v: named(v) if isinstance(v, tuple) else str(v),
)
def test_floats(dtype, group):
    dtypes, ops = group
    arrays = combinations([number(x, dtype) for x in TAKEN[len(dtypes)]], dtypes)
    for op, found, expected in both(ops, arrays):
        if found.dtype.kind == "f":
            check_floats(op, arrays, found, expected)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=op.name)


def computes_on(dtype):
    """Ops that do not convert integers to floats; NumPy refuses powers with negative exponents."""
    return lambda op: op.name != "pow" and all(t.kind != "f" for t in op.types((dtype,) * arity(op))[0])


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers(dtype):
    for dtypes, ops in groups(dtype, computes_on(dtype)):
        info = None if dtype == np.bool_ else np.iinfo(dtype)
        values = [False, True] if info is None else [info.min, info.min + 1, max(info.min, -1), 0, 1, 2, info.max]
        arrays = combinations(values, dtypes)
        for op, found, expected in both(ops, arrays):
            # What a machine makes of 1 / 0 as an integer is its own affair.
            told = arrays[0] != 0 if op.name == "reciprocal" else ...
            np.testing.assert_array_equal(found[told], expected[told], err_msg=op.name)
