"""The skeleton of the passes: what two blocks share, and what a rule may not do."""

import numpy as np
import pytest

from autodiff.errors import InternalError
from autodiff.frontends.tracer import Tracer, trace
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.core import Value
from autodiff.ir.pretty import pretty
from autodiff.ir.verify import verify
from autodiff.ops import families as fa
from autodiff.ops import transcendental as tr
from autodiff.passes.pipeline import lowerable, optimize
from autodiff.passes.rewrite import rewrite

X = ArrayAval((3,), np.dtype(np.float64))


@pytest.fixture
def block():
    with building([X, X], ["x", "y"]) as b:
        x, y = b.params
        return b.block([tr.exp(x) * y, tr.tanh(tr.sin(x))])


def no_rule(instr, operands, new):
    return None


def exp_as_cos(instr, operands, new):
    return (tr.cos(*operands),) if instr.op is tr.exp else None


def test_what_no_rule_touches_is_shared(block):
    new = rewrite(block, no_rule)
    assert new.instrs == block.instrs
    assert new.instrs is not block.instrs
    assert new.results == block.results


def test_the_old_block_stays_as_it_was(block):
    before, instrs = pretty(block), list(block.instrs)
    operands = [i.operands for i in instrs]
    new = rewrite(block, exp_as_cos)
    assert pretty(block) == before
    assert block.instrs == instrs
    assert [i.operands for i in block.instrs] == operands
    assert "cos" in pretty(verify(new))
    assert "exp" not in pretty(new)


def test_who_reads_what_was_replaced_is_new_and_the_rest_is_shared(block):
    _, mul, sin, tanh = block.instrs
    new = rewrite(block, exp_as_cos)
    cos, other_mul, *rest = new.instrs
    assert rest == [sin, tanh]
    assert other_mul is not mul
    assert other_mul.results == mul.results
    assert other_mul.operands[0] is cos.results[0]


def test_producers_are_those_of_the_new_block(block):
    seen = []

    def rule(instr, operands, new):
        seen.extend((o, new.producers[o].op) for o in operands if o in new.producers)
        return exp_as_cos(instr, operands, new)

    rewrite(block, rule)
    assert [op for _, op in seen] == [tr.cos, tr.sin]


def test_a_rule_that_changes_a_shape_is_an_error(block):
    def rule(instr, operands, new):
        return (fa.reduce_sum(operands[0], axes=(0,)),) if instr.op is tr.exp else None

    with pytest.raises(InternalError, match=r"f64\[3\] by one f64\[\]"):
        rewrite(block, rule)


def test_the_values_of_a_trace_do_not_stay():
    traced, _ = trace(lambda x: [np.exp(x) * 2.0], [(X, "x", False)], "f")
    assert all(type(v) is Tracer for i in traced.instrs for v in i.results)
    for passed in (optimize(traced), lowerable(traced)):
        values = [*passed.params, *passed.results, *(v for i in passed.instrs for v in i.results)]
        assert all(type(v) is Value for v in values)
        assert [i.location for i in passed.instrs] == [i.location for i in traced.instrs]
    assert type(traced.params[0]) is Tracer
