"""One program, one kernel: whoever recorded it, and in whatever order its parts were named."""

import numpy as np

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.signature import signature
from autodiff.ops.families import reduce_sum
from autodiff.ops.transcendental import exp
from autodiff.passes.canonicalize import canonicalize
from autodiff.passes.generalize import generalize
from autodiff.runtime.kernels import KERNELS

F64 = np.dtype(np.float64)
SCALAR, VECTOR = ArrayAval((), F64), ArrayAval((12,), F64)


def program(order, results):
    """sum(a * exp(x)) and its pieces, parameters and results in the order asked for."""
    avals = {"a": SCALAR, "x": VECTOR, "unused": VECTOR}
    with building([avals[n] for n in order], order) as b:
        named = dict(zip(order, b.params, strict=True))
        e = exp(named["x"])
        found = {"e": e, "total": reduce_sum(named["a"] * e, axes=(0,)), "x": named["x"]}
        return b.block([found[r] for r in results])


def test_orders_do_not_matter():
    texts = set()
    for order, results in ((("a", "x"), ("total", "e")), (("unused", "x", "a"), ("e", "total"))):
        block, params, places = canonicalize(program(order, results))
        texts.add(signature(block).text)
        assert [order[k] for k in params] == ["x", "a"]
        assert [results[k] for k in places] == ["e", "total"]
    assert len(texts) == 1


def test_results_are_those_of_the_block():
    block = program(("unused", "x", "a"), ("x", "total", "e"))
    args = [np.zeros(12), np.linspace(0, 1, 12), 2.0]
    ordered, params, places = canonicalize(block)
    found = run(ordered, [args[k] for k in params])
    for k, result in zip(places, found, strict=True):
        np.testing.assert_array_equal(result, run(block, args)[k])


def test_a_literal_is_one_parameter_however_often_it_is_read():
    with building([VECTOR], ["x"]) as b:
        scaled = b.params[0] * 3.5
        literal = b.instrs[0].operands[1]
        block = b.block([scaled + literal, b.params[0] * 3.5])
    general, taken = generalize(block)
    assert len(taken) == 2  # the second 3.5 is another number of the program
    assert len(general.params) == 3


def test_tape_and_decorator_share_a_kernel():
    rng = np.random.default_rng(0)
    x, y, w, b = rng.normal(size=(20, 5)), rng.normal(size=(20, 3)), rng.normal(size=(5, 3)), np.zeros(3)

    @ad.value_and_grad
    def loss(p, x, y):
        return np.mean((np.tanh(x @ p["w"] + p["b"]) * 1.7 - y) ** 2)

    value, expected = loss({"w": w, "b": b}, x, y)
    compiled = KERNELS.info.compiled
    weights, bias = ad.Variable(w), ad.Variable(b)
    with ad.GradientTape() as tape:
        recorded = np.mean((np.tanh(x @ weights + bias) * 1.7 - y) ** 2)
    found = tape.gradient(recorded, [weights, bias])
    assert KERNELS.info.compiled == compiled
    assert float(recorded) == value
    np.testing.assert_array_equal(found[0].numpy(), expected["w"])
    np.testing.assert_array_equal(found[1].numpy(), expected["b"])
