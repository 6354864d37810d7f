"""A function that calls itself as two loops over the tree of its calls."""

import numpy as np
import pytest

from autodiff.backends.interpreter import run as interpreted
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, literal
from autodiff.ops.arithmetic import less, sub
from autodiff.ops.cond import cond
from autodiff.ops.families import add, mul
from autodiff.ops.recursion import again
from autodiff.passes.recursion import NotATree, recursion

FLOAT, INT = ArrayAval((), np.dtype(np.float64)), ArrayAval((), np.dtype(np.int64))


def activation(calls):
    """`f(n, x) = x if n < 2 else <calls>` as a block."""
    with building([INT, FLOAT]) as b:
        n, x = b.params
        with building([INT, FLOAT]) as t:
            then = t.block([t.params[1]])
        with building([INT, FLOAT]) as o:
            otherwise = o.block([calls(*o.params)])
        return b.block(cond(less(n, 2), then, otherwise, [n, x]))


def again_of(n, x):
    (found,) = again([n, x], [FLOAT])
    return found


def run(body, n, x):
    with building([INT, FLOAT]) as b:
        block = b.block(recursion(body, b.params, []))
    (found,) = interpreted(block, [np.int64(n), np.float64(x)])
    return found


def fibonacci(n, x):
    return x if n < 2 else 0.5 * x + fibonacci(n - 1, 0.9 * x) * fibonacci(n - 2, x)


def test_a_tree():
    def calls(n, x):
        product = mul(again_of(sub(n, 1), mul(x, 0.9)), again_of(sub(n, 2), x))
        return add(mul(x, 0.5), product)

    for n in (0, 1, 2, 3, 7, 12):
        assert run(activation(calls), n, 1.3) == pytest.approx(fibonacci(n, 1.3), rel=1e-14)


def test_what_every_call_hands_on_is_no_state():
    body = activation(lambda n, x: mul(again_of(sub(n, 1), x), x))
    with building([INT, FLOAT]) as b:
        block = b.block(recursion(body, b.params, []))
    (apart,) = block.instrs
    explore = next(i for i in apart.params["body"].instrs if i.op.name == "while")
    # Number and count, the stack of n, that of first calls, and two of flags: x is not among them.
    assert explore.params["carry"] == 6
    assert run(body, 5, 1.1) == pytest.approx(1.1**5)


def test_an_argument_that_is_an_answer():
    with pytest.raises(NotATree, match="depends on the answer"):
        run(activation(lambda n, x: again_of(sub(n, 1), again_of(sub(n, 1), x))), 3, 1.0)


def test_a_call_without_a_condition():
    with building([FLOAT]) as b:
        (found,) = again([b.params[0]], [FLOAT])
        body = b.block([found])
    with building([FLOAT]) as b, pytest.raises(NotATree, match="whatever the values are"):
        recursion(body, [literal(1.0)], [])
