"""Signatures: what shares a kernel and what does not."""

import numpy as np

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.signature import signature
from autodiff.ops import families as fa
from autodiff.ops.contraction import matmul
from autodiff.ops.movement import concatenate, slice_, transpose

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def of(make, *shapes, dtype=F64, hints=()):
    """The signature of the program that `make` emits for parameters of these shapes."""
    with building([ArrayAval(s, dtype) for s in shapes], hints) as b:
        result = make(*b.params)
        return signature(b.block(result if isinstance(result, tuple) else [result]))


def test_sizes_are_taken_out():
    first, second = (of(lambda x: x * 2.0 + x, (n,)) for n in (10, 99))
    assert first.text == second.text
    assert list(first.sizes.values.values()) == [10]
    assert list(second.sizes.values.values()) == [99]


def test_sizes_that_happen_to_be_equal_are_kept_apart():
    """A layer as wide as the batch is long shares the kernel of any other batch."""
    square, wide = (of(matmul, (n, 64), (64, 32)) for n in (64, 48))
    assert square.text == wide.text


def test_sizes_that_must_be_equal_share_a_name():
    found = of(lambda x, y: x + y, (10, 20), (10, 20)).text
    assert found.splitlines()[0] == "%0:f64[n0,n1] %1:f64[n0,n1]"


def test_zero_and_one_stay_in():
    texts = {of(lambda x, y: x * y, (n, 5), (7, 5) if n == 7 else (1, 5)).text for n in (0, 1, 7)}
    assert len(texts) == 3
    assert of(lambda x: x * 2.0, (1, 0)).sizes.values == {}


def test_ranks_dtypes_ops_and_wiring_matter():
    texts = {
        of(lambda x, y: x - y, (10,), (10,)).text,
        of(lambda x, y: y - x, (10,), (10,)).text,
        of(lambda x, y: x + y, (10,), (10,)).text,
        of(lambda x, y: x - y, (10, 10), (10, 10)).text,
        of(lambda x, y: x - y, (10,), (10,), dtype=F32).text,
        of(lambda x, y: (x - y, x), (10,), (10,)).text,
    }
    assert len(texts) == 6


def test_literals_matter_names_do_not():
    assert of(lambda x: x * 2.0, (10,)).text != of(lambda x: x * 3.0, (10,)).text
    assert of(lambda x: x * 0.0, (10,)).text != of(lambda x: x * -0.0, (10,)).text
    assert of(lambda x: x * 2.0, (10,), hints=["x"]).text == of(lambda x: x * 2.0, (10,), hints=["weights"]).text


def test_static_params_matter():
    assert (
        of(lambda x: fa.reduce_sum(x, axes=(0,)), (10, 10)).text
        != of(lambda x: fa.reduce_sum(x, axes=(1,)), (10, 10)).text
    )


def test_starts_of_slices_are_taken_out():
    def last_five(n):
        return of(lambda x: slice_(x, starts=(n - 5,), limits=(n,), steps=(1,)), (n,))

    assert last_five(20).text == last_five(30).text
    assert 15 in last_five(20).sizes.values.values()


def test_transposed_axes_keep_their_names():
    lines = of(lambda x: transpose(x, perm=(1, 0)), (10, 20)).text.splitlines()
    assert lines[0] == "%0:f64[n0,n1]"
    assert lines[1].startswith("%1:f64[n1,n0]=")


def test_concatenated_axis_is_new():
    lines = of(lambda x, y: concatenate(x, y, axis=0), (10, 5), (10, 5)).text.splitlines()
    assert lines[0] == "%0:f64[n0,n1] %1:f64[n2,n1]"
    assert lines[1].startswith("%2:f64[n3,n1]=")
