"""What each pass does, as text, and the rules it may not break."""

import numpy as np
import pytest

from autodiff.backends.interpreter import run
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.pretty import pretty
from autodiff.ops import arithmetic as ar
from autodiff.ops import families as fa
from autodiff.ops import movement, reduction
from autodiff.ops import transcendental as tr
from autodiff.passes.cse import cse
from autodiff.passes.dce import dce
from autodiff.passes.expand import expand
from autodiff.passes.generalize import generalize
from autodiff.passes.pipeline import optimize
from autodiff.passes.simplify import simplify

F64 = np.dtype(np.float64)
X, Y, S = ArrayAval((3,), F64), ArrayAval((2, 3), F64), ArrayAval((), F64)


def made(make, *avals, hints="xyz"):
    with building(avals, hints[: len(avals)]) as b:
        result = make(*b.params)
        return b.block(result if isinstance(result, tuple) else [result])


def before_and_after(block, rewrite):
    return f"{pretty(block)}\n\n# {rewrite.__name__}\n\n{pretty(rewrite(block))}"


def algebra(x, y):
    return (
        (x * 1.0) + (-y),
        fa.neg(-x),
        fa.times(x, -1.0),
        x / 1.0,
        x**2.0 + x**3.0 + x**0.5 + x**-1.0,
        ar.tie(x, y),
        ar.stop_gradient(x) * y,
    )


def choices(x, y):
    p = x > 0.5
    return (
        fa.select(fa.logical_not(p), x, y),
        fa.select(p, fa.select(p, x, y), y),
        fa.select(p, x, x),
        fa.logical_and(p, p),
    )


def movements(x, y):
    return (
        movement.transpose(movement.transpose(y, perm=(1, 0)), perm=(1, 0)),
        fa.reshape(fa.reshape(y, shape=(3, 2)), shape=(6,)),
        fa.broadcast(fa.broadcast(x, shape=(2, 3), dims=(1,)), shape=(4, 2, 3), dims=(1, 2)),
        fa.broadcast(x, shape=(2, 3), dims=(1,)) + y,
        movement.slice_(y, starts=(0, 0), limits=(2, 3), steps=(1, 1)),
        fa.reduce_sum(y, axes=()),
        reduction.reduce_max(y, axes=()),
        fa.cast(x, dtype=F64),
    )


@pytest.mark.parametrize("make", [algebra, choices, movements])
def test_simplify(make, golden):
    block = made(make, *((X, X) if make is not movements else (X, Y)))
    golden(before_and_after(block, simplify), f"simplify_{make.__name__}")


def test_cse(golden):
    block = made(lambda x: (tr.sin(x) + 2.0, tr.sin(x) + 2.0, tr.sin(x) * 0.0, tr.sin(x) * -0.0), X)
    golden(before_and_after(block, cse), "cse")


def test_dce(golden):
    block = made(lambda x, y: (tr.sin(x) + tr.cos(y), tr.exp(x))[1], X, X)
    golden(before_and_after(block, dce), "dce")


def test_expand(golden):
    golden(before_and_after(made(lambda y: reduction.logsumexp(y, axes=(1,)), Y), expand), "expand")


def test_generalize(golden):
    block = made(lambda x: (0.1 * x + 2.0 * x - 0.1, 0.25, x + float("inf")), X)
    general, literals = generalize(block)
    golden(f"{pretty(block)}\n\n{pretty(general)}\n\n{[lit.value for lit in literals]}", "generalize")


def test_simplify_keeps_signed_zeros_and_nan():
    x = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0])
    block = made(algebra, ArrayAval((6,), F64), ArrayAval((6,), F64))
    args = [x, x[::-1].copy()]
    for a, b in zip(run(simplify(block), args), run(block, args), strict=True):
        np.testing.assert_array_equal(a, b)
        known = ~np.isnan(a)
        np.testing.assert_array_equal(np.signbit(a[known]), np.signbit(b[known]))


def test_zero_times_x_is_not_zero():
    """0 * inf is nan: only structural zeros may disappear."""
    (found,) = run(optimize(made(lambda x: x * 0.0, X)), [np.array([1.0, np.inf, np.nan])])
    np.testing.assert_array_equal(found, [0.0, np.nan, np.nan])


def test_cse_tells_signed_zeros_apart():
    a, b = run(cse(made(lambda x: (x * 0.0, x * -0.0), X)), [np.ones(3)])
    assert not np.signbit(a).any()
    assert np.signbit(b).all()


def test_dce_keeps_parameters():
    block = dce(made(lambda x, y: x, X, Y))
    assert len(block.params) == 2
    assert block.instrs == []


def test_passes_do_not_change_their_input():
    block = made(movements, X, Y)
    text = pretty(block)
    for rewrite in (simplify, cse, dce, expand, optimize, lambda b: generalize(b)[0]):
        rewrite(block)
        assert pretty(block) == text
