"""Shape rules, values and errors: an op agrees with NumPy, and leaves its arguments alone."""

import builtins
import itertools

import numpy as np
import pytest
from kernels import close
from op_samples import (
    ALL,
    DOMAIN,
    F64,
    LAYOUTS,
    SHAPES,
    Sample,
    arity,
    draw,
    elementwise,
    laid_out,
    one_op,
    random,
    samples,
)

from autodiff.backends.interpreter import run
from autodiff.errors import AutodiffError, DTypeError
from autodiff.ir.aval import aval_of
from autodiff.ops import OPS
from autodiff.ops.families import Elementwise

DTYPES = [np.dtype(t) for t in ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c16", "c8")]
ELEMENTWISE = [name for name in ALL if isinstance(OPS[name], Elementwise)]
CHECKS = {"bounded", "within", "agreed"}
UFUNCS = [name for name in ELEMENTWISE if isinstance(OPS[name].numpy, np.ufunc)]


@pytest.mark.parametrize("name", ALL)
def test_has_samples(name):
    found = samples(OPS[name])
    assert found, f"{name} does not say how it is tested: give it a domain or examples"
    if name == "bounded":
        return  # takes numbers only: of many indices `within` checks each
    assert any(max(np.shape(a), default=0) > 8 for s in found for a in s.arrays), f"{name}: no example with a long axis"


@pytest.mark.parametrize("name", ALL)
def test_shape_rule_agrees_with_evaluation(name):
    for dtype in DTYPES:
        for sample in samples(OPS[name], dtype):
            block = one_op(sample)
            with np.errstate(all="ignore"):
                try:
                    results = run(block, sample.arrays)
                except ValueError:
                    # NumPy refuses values that no dtype tells: integers to negative powers.
                    assert dtype.kind == "i"
                    continue
            assert [aval_of(y) for y in results] == [y.aval for y in block.results], str(sample)
            # The op itself must keep its rule too: the interpreter only converts scalars.
            instr = block.instrs[-1]
            if len(block.instrs) == 1:
                with np.errstate(all="ignore"):
                    raw = instr.op.evaluate(*sample.arrays, **sample.params)
                assert [np.asarray(y).dtype for y in raw] == [y.aval.dtype for y in block.results], str(sample)


@pytest.mark.parametrize("name", UFUNCS)
def test_agrees_with_numpy(name):
    op = OPS[name]
    for dtype in DTYPES:
        for shape in SHAPES:
            sample = elementwise(op, shape, dtype)
            if sample is None:
                continue
            with np.errstate(all="ignore"):
                try:
                    expected = op.numpy(*sample.arrays)
                except ValueError:
                    continue
                (found,) = run(one_op(sample), sample.arrays)
            assert (np.shape(found), found.dtype) == (np.shape(expected), expected.dtype), str(sample)
            np.testing.assert_array_equal(found, expected, err_msg=str(sample))


@pytest.mark.parametrize("name", UFUNCS)
def test_dtypes_of_results_are_numpys(name):
    """Of every combination of dtypes; what NumPy refuses is refused, with a TypeError too."""
    op = OPS[name]
    for dtypes in itertools.product(DTYPES, repeat=arity(op)):
        arrays = [np.ones(2, t) for t in dtypes]
        try:
            with np.errstate(all="ignore"):
                expected = op.numpy(*arrays).dtype
        except TypeError:
            expected = None
        try:
            found = run_types(op, dtypes)
        except DTypeError:
            # Complex numbers are refused where their derivative is not known.
            assert expected is None or any(t.kind == "c" for t in dtypes), f"{name} {dtypes}"
        else:
            assert found == expected, f"{name} {dtypes}"


def run_types(op, dtypes):
    """The dtype of the result of an elementwise op."""
    operands, result = op.types(tuple(dtypes))
    op.check(tuple(aval_of(np.ones(2, t)) for t in operands))
    return result


# ---- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_layout_does_not_matter(name):
    """Nor is an argument changed, or handed back as a result, however it lies in memory."""
    for sample in samples(OPS[name]):
        block = one_op(sample)
        expected = run(block, sample.arrays)
        for layout in LAYOUTS.values():
            arrays = laid_out(sample.arrays, layout)
            results = run(block, arrays)
            close(results, expected, str(sample))
            for a, b in zip(arrays, sample.arrays, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=str(sample))
                assert not any(np.shares_memory(r, a) for r in results), str(sample)
            assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(results, 2)), str(sample)


# ---- errors ------------------------------------------------------------------------------------

# The calls of NumPy that an op answers to, where its own function is another one.
NUMPYS = {
    "concatenate": lambda *arrays, axis: np.concatenate(arrays, axis),
    "pad": lambda x, *, low, high, interior: np.pad(x, list(zip(low, high, strict=True))),
    "take": lambda x, i, *, axis: np.take(x, i, axis),
    "take_along": lambda x, i, *, axis: np.take_along_axis(x, i, axis),
    "put_along": lambda u, i, *, shape, axis: np.put_along_axis(np.zeros(shape), i, u, axis),
    "scatter_add": lambda u, i, *, shape, axis: np.add.at(np.zeros(shape), (slice(None),) * axis + (i,), u),
    "sigmoid": np.exp,
    "softplus": np.exp,
}


def bad_arrays(op, bad):
    rng = random(op)
    return [draw(rng, a, F64, DOMAIN) if isinstance(a, tuple) else a for a in bad.operands]


def refusal(op, bad):
    """The error that an op raises, when it is emitted or when it runs."""
    arrays = bad_arrays(op, bad)
    with pytest.raises(AutodiffError) as caught, np.errstate(all="ignore"):
        run(one_op(Sample(op, tuple(arrays), bad.params)), arrays)
    return caught.value


@pytest.mark.parametrize("name", ALL)
def test_has_errors(name):
    assert OPS[name].bad_examples(), f"{name} does not say what it refuses: give it `errors`"


@pytest.mark.parametrize("name", ALL)
def test_errors(name):
    for bad in OPS[name].bad_examples():
        error = refusal(OPS[name], bad)
        assert type(error) is bad.error, f"{bad}: {error!r}"
        for word in bad.says if name in CHECKS else (name, *bad.says):  # those say what NumPy says of `x[i]`
            assert word in error.what, f"{bad}: {error}"
        assert error.remedy, f"{bad}: {error}"


@pytest.mark.parametrize("name", ALL)
def test_errors_are_numpys_too(name):
    """Who catches what NumPy raises for the same call catches ours."""
    for bad in OPS[name].bad_examples():
        if any(getattr(a, "dtype", F64).kind == "U" for a in bad.operands) and name not in UFUNCS:
            continue  # what strings raise is Python's affair: float("one")
        try:
            with np.errstate(all="ignore"):
                NUMPYS.get(name, OPS[name].evaluate)(*bad_arrays(OPS[name], bad), **bad.params)
        except AutodiffError:
            continue  # the op's own function found out
        except Exception as error:
            kinds = [t for t in type(error).__mro__ if vars(builtins).get(t.__name__) is t and t is not object]
            assert issubclass(bad.error, tuple(kinds)), f"{bad}: NumPy raises {error!r}"
            assert issubclass(bad.error, kinds[0]), f"{bad}: NumPy raises {error!r}"
