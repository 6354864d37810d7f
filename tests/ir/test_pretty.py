"""Printed IR: names, literals and params."""

import numpy as np
import pytest

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, literal
from autodiff.ir.pretty import Namer, format_literal, format_param, identifier, pretty
from autodiff.ops.families import broadcast, cast, reduce_sum

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def test_block():
    with building([ArrayAval((3,), F64), ArrayAval((), F32)], ["x", "scale"]) as b:
        x, scale = b.params
        total = reduce_sum(x * cast(scale, dtype=F64) + 0.5, axes=(0,))
        total.hint = "total"
        block = b.block([total, 2.0, broadcast(total, shape=(2, 3), dims=())])
    assert pretty(block).splitlines() == [
        "(x: f64[3], scale: f32[]) {",
        "  v0: f64[] = cast[dtype=f64] scale",
        "  v1: f64[3] = mul x v0",
        "  v2: f64[3] = add v1 0.5",
        "  total: f64[] = sum[axes=(0,)] v2",
        "  v3: f64[2,3] = broadcast[shape=(2, 3), dims=()] total",
        "  return total, 2.0, v3",
        "}",
    ]


def test_printing_is_stable():
    with building([ArrayAval((3,), F64)], ["x"]) as b:
        block = b.block([b.params[0] * 2.0])
    assert pretty(block) == pretty(block)


def test_equal_hints_are_told_apart():
    with building([ArrayAval((), F64)] * 3, ["x", "x", "x_1"]) as b:
        block = b.block(b.params)
    assert pretty(block).splitlines()[0] == "(x: f64[], x_1: f64[], x_1_1: f64[]) {"


def test_names_avoid_what_is_reserved():
    name = Namer(("x", "v0"))
    assert (name.fresh("x"), name.fresh(), name.fresh()) == ("x_1", "v1", "v2")


@pytest.mark.parametrize(
    ("hint", "name"), [("w[0]", "w_0_"), ("lambda", "lambda_"), ("2x", "v2x"), ("", ""), ("é", "_"), ("a.b c", "a_b_c")]
)
def test_hints_become_identifiers(hint, name):
    assert identifier(hint) == name


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (1.5, "f8", "1.5"),
        (1.5, "f4", "1.5:f32"),
        (2, "i8", "2"),
        (2, "u1", "2:u8"),
        (True, "?", "True"),
        (-0.0, "f8", "-0.0"),
    ],
)
def test_literals_say_their_dtype_unless_it_is_pythons(value, dtype, text):
    assert format_literal(literal(value, np.dtype(dtype))) == text


def test_params():
    assert format_param((1,)) == "(1,)"
    assert format_param(((1, 2), (3, 4))) == "((1, 2), (3, 4))"
    assert format_param(F32) == "f32"
    assert format_param("text") == "'text'"
