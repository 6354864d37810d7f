"""One test for each invariant at the head of `ir.core`: `verify` raises when it is broken."""

import numpy as np
import pytest

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, literal
from autodiff.ir.core import Block, Instr, Value
from autodiff.ir.verify import verify
from autodiff.ops.families import add, mul

VECTOR, SCALAR = ArrayAval((3,), np.dtype(np.float64)), ArrayAval((), np.dtype(np.float64))


def test_accepts_what_builders_make():
    with building([VECTOR, SCALAR], "xy") as b:
        x, y = b.params
        block = b.block([x * y + 1.0, x, 2.0])
    assert verify(block) is block


def test_operand_from_outside():
    x, stranger = Value(VECTOR), Value(VECTOR)
    y = Value(VECTOR)
    with pytest.raises(InternalError, match="not closed"):
        verify(Block((x,), [Instr(add, (x, stranger), {}, (y,))], (y,)))


def test_result_from_outside():
    x, stranger = Value(VECTOR), Value(VECTOR)
    with pytest.raises(InternalError, match="not closed"):
        verify(Block((x,), [], (stranger,)))


def test_operand_defined_later():
    x, y, z = Value(VECTOR), Value(VECTOR), Value(VECTOR)
    first, second = Instr(add, (x, y), {}, (z,)), Instr(add, (x, x), {}, (y,))
    verify(Block((x,), [second, first], (z,)))
    with pytest.raises(InternalError, match="not closed"):
        verify(Block((x,), [first, second], (z,)))


def test_value_assigned_twice():
    x, y = Value(VECTOR), Value(VECTOR)
    once = Instr(add, (x, x), {}, (y,))
    with pytest.raises(InternalError, match="twice"):
        verify(Block((x,), [once, Instr(mul, (x, x), {}, (y,))], (y,)))
    with pytest.raises(InternalError, match="twice"):
        verify(Block((x, x), [], (x,)))


@pytest.mark.parametrize("wrong", [SCALAR, ArrayAval((3,), np.dtype(np.float32)), ArrayAval((1, 3), VECTOR.dtype)])
def test_result_is_not_what_the_shape_rule_says(wrong):
    x, y = Value(VECTOR), Value(wrong)
    with pytest.raises(InternalError, match="shape rule"):
        verify(Block((x,), [Instr(add, (x, x), {}, (y,))], (y,)))


def test_number_of_results():
    x, y, z = Value(VECTOR), Value(VECTOR), Value(VECTOR)
    with pytest.raises(InternalError, match="shape rule"):
        verify(Block((x,), [Instr(add, (x, x), {}, (y, z))], (y,)))


def test_literal_is_defined_everywhere():
    one = literal(1.0)
    y = Value(SCALAR)
    verify(Block((), [Instr(add, (one, one), {}, (y,))], (y, one)))
