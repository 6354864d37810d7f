"""The derivatives that the library documents where calculus leaves a choice."""

import math

import numpy as np
import pytest

from autodiff.backends.interpreter import run
from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ops import OPS
from autodiff.ops.families import select
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import value_and_gradient

INF = math.inf
# op, operands, derivative with respect to each operand
KINKS = [
    ("abs", (0.0,), (0.0,)),
    ("abs", (-0.0,), (0.0,)),
    ("relu", (0.0,), (0.0,)),
    ("maximum", (1.0, 1.0), (0.5, 0.5)),
    ("minimum", (1.0, 1.0), (0.5, 0.5)),
    ("fmax", (2.0, 2.0), (0.5, 0.5)),
    ("fmin", (2.0, 2.0), (0.5, 0.5)),
    ("clip", (1.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
    ("clip", (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
    ("clip", (3.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
    ("clip", (-3.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    ("sign", (0.0,), (0.0,)),
    ("floor", (1.0,), (0.0,)),
    ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ("arctan2", (0.0, 0.0), (0.0, 0.0)),
    ("pow", (0.0, 0.0), (0.0, 0.0)),
    ("pow", (0.0, 2.0), (0.0, 0.0)),
    ("pow", (0.0, 1.0), (1.0, 0.0)),
    ("pow", (-2.0, 2.0), (-4.0, 0.0)),
    ("pow", (0.0, 0.5), (INF, 0.0)),
    ("sqrt", (0.0,), (INF,)),
    ("logaddexp", (1.0, 1.0), (0.5, 0.5)),
    ("softplus", (-INF,), (0.0,)),
    ("sigmoid", (INF,), (0.0,)),
]


@pytest.mark.parametrize(("name", "operands", "expected"), KINKS, ids=lambda v: str(v))
def test_documented_derivative(name, operands, expected):
    arrays = [np.float64(x) for x in operands]
    with building(map(aval_of, arrays)) as b:
        block = b.block([OPS[name](*b.params)])
    wrt = range(len(arrays))
    assert run(value_and_gradient(block, wrt), arrays)[1:] == expected
    for k in wrt:
        assert run(jvp(block, [k]), [*arrays, np.float64(1.0)])[1] == expected[k]


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_share_the_cotangent(name):
    x = np.array([1.0, 3.0, 3.0, 1.0])
    with building([aval_of(x)]) as b:
        block = b.block([OPS[name](b.params[0], axes=(0,))])
    _, gradient = run(value_and_gradient(block, [0]), [x])
    chosen = x == (3.0 if name == "max" else 1.0)
    np.testing.assert_array_equal(gradient, np.where(chosen, 0.5, 0.0))


@pytest.mark.parametrize("through", ["nothing", "reshape", "transpose", "slice", "flip"])
def test_lanes_not_taken_do_not_leak(through):
    """`where(x > 0, log(x), 0)`: no nan from the lanes where x is 0, movements in between included."""
    x = np.array([[0.0, 1.0], [2.0, -1.0]])
    params = {
        "reshape": {"shape": (2, 2, 1)},
        "transpose": {"perm": (1, 0)},
        "slice": {"starts": (0, 0), "limits": (2, 2), "steps": (1, 1)},
        "flip": {"axes": (0,)},
    }
    with building([aval_of(x)]) as b:
        y, x_moved = OPS["log"](b.params[0]), b.params[0]
        if through != "nothing":
            y, x_moved = (OPS[through](v, **params[through]) for v in (y, x_moved))
        z = select(x_moved > 0.0, y, 0.0)
        block = b.block([OPS["sum"](z, axes=tuple(range(z.aval.ndim)))])
    _, gradient = run(value_and_gradient(block, [0]), [x])
    np.testing.assert_array_equal(gradient, [[0.0, 1.0], [0.5, 0.0]])


def test_nan_is_kept():
    """max of a nan is nan, in the gradient nobody wins."""
    x = np.array([1.0, np.nan])
    with building([aval_of(x)]) as b:
        block = b.block([OPS["max"](b.params[0], axes=(0,))])
    y, gradient = run(value_and_gradient(block, [0]), [x])
    assert np.isnan(y)
    assert not gradient.any()
