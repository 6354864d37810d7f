"""Structured ops: values, derivatives of both orders, batches, segments and all tiers against one another."""

import numpy as np
import pytest
from loop_blocks import POINTS, PROGRAMS, TRIP, F, N, V, of

from autodiff.backends.interpreter import run
from autodiff.backends.numba.compile import plan_kernel, print_source, python_kernel, size_origins
from autodiff.config import config
from autodiff.errors import AxisError, LoopStateError, MemoryLimitError
from autodiff.ir.build import building, inline
from autodiff.ir.core import Block
from autodiff.ops.extents import index_of
from autodiff.ops.families import full, reduce_sum
from autodiff.ops.loop import loop
from autodiff.ops.trip import AT
from autodiff.ops.while_loop import while_loop
from autodiff.ops.window import set_window, window
from autodiff.passes.checkpoint import checkpointed, lengths
from autodiff.passes.pipeline import optimize
from autodiff.runtime.tiers import Program
from autodiff.transforms.batch import batch
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import value_and_gradient

NAMES = sorted(PROGRAMS)


def floats(block):
    return [k for k, p in enumerate(block.params) if p.aval.dtype.kind == "f"]


def gradient(block):
    return value_and_gradient(block, floats(block))


def squared_gradient(block):
    """The sum of the squared gradient: its gradient is a second derivative."""
    g = gradient(block)
    with building([p.aval for p in g.params]) as b:
        total = 0.0
        for ct in inline(g, b.params)[1:]:
            total = total + (reduce_sum(ct * ct, axes=(0,)) if ct.aval.shape else ct * ct)
        return b.block([total])


def differences(block, args, k, h=1e-6):
    a = np.array(args[k], float)
    found = np.zeros_like(a)
    for i in np.ndindex(a.shape):
        up, down = a.copy(), a.copy()
        up[i] += h
        down[i] -= h
        values = [run(block, [*args[:k], x[()], *args[k + 1 :]])[0] for x in (up, down)]
        found[i] = (values[0] - values[1]) / (2 * h)
    return found


def derivatives(name):
    """Blocks that loops are in, and arguments: value, first and second derivative, a batch of gradients."""
    block, args = PROGRAMS[name]()
    yield block, args
    yield gradient(block), args
    yield gradient(squared_gradient(block)), args
    many = [
        np.stack([np.asarray(a) * (1 + 0.1 * k) if np.asarray(a).dtype.kind == "f" else a - k for k in range(3)])
        for a in args
    ]
    yield batch(gradient(block), [True] * len(args), 3), many


def agree(found, expected, tolerance=1e-12):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.max(np.abs(b), initial=0.0)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", [gradient, lambda block: gradient(squared_gradient(block))], ids=["first", "second"])
def test_derivatives_against_differences(name, order):
    block, args = PROGRAMS[name]()
    primal = block if order is gradient else squared_gradient(block)
    found = run(order(block), args)[1:]
    for k, ct in zip(floats(block), found, strict=True):
        np.testing.assert_allclose(ct, differences(primal, args, k), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_forward_mode_is_the_transpose_of_reverse_mode(name):
    block, args = PROGRAMS[name]()
    which = floats(block)
    rng = np.random.default_rng(1)
    tangents = [rng.normal(size=np.shape(args[k]))[()] for k in which]
    _, tangent = run(jvp(block, which), (*args, *tangents))
    cts = run(gradient(block), args)[1:]
    np.testing.assert_allclose(tangent, sum(np.sum(c * t) for c, t in zip(cts, tangents, strict=True)), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_a_loop_over_it(name):
    block, _ = PROGRAMS[name]()
    *_, (many, stacks) = derivatives(name)
    found = run(many, stacks)
    one = gradient(block)
    agree(found, [np.stack(rows) for rows in zip(*(run(one, [s[k] for s in stacks]) for k in range(3)), strict=True)])


@pytest.mark.parametrize("name", NAMES)
def test_kernels_agree_with_the_interpreter(name):
    for block, args in derivatives(name):
        program = Program(optimize(block))
        agree(program(*args), run(block, args), 1e-11)
        assert not program.reason


@pytest.mark.parametrize("name", NAMES)
def test_source_agrees_with_the_interpreter(name):
    for block, args in derivatives(name):
        program = Program(optimize(block))
        made, literals, signature = program.generalized()
        plan = plan_kernel(made, signature.sizes)
        values = [*args, *(x.aval.dtype.type(x.value) for x in literals)]
        sizes = [signature.sizes.values[n] for n in size_origins(plan)[1]]
        found = python_kernel(print_source(plan))(*(values[k] for k in program._order), *sizes)
        found = found if isinstance(found, tuple) else (found,)
        agree([found[program._places.index(k)] for k in range(len(found))], run(block, args), 1e-11)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", [2, 3, 5])
def test_segments_change_no_bit(name, how):
    block, args = PROGRAMS[name]()
    found = run(gradient(checkpointed(block, how)), args)
    for a, b in zip(found, run(gradient(block), args), strict=True):
        np.testing.assert_array_equal(a, b)


def test_segments_are_of_equal_length_and_few():
    assert lengths(10**6, 8000, "auto") == [16] * 5
    assert lengths(1000, 8, "auto") == [1000]
    assert np.prod(lengths(5000, 8, 40)) >= 5000
    assert sum(lengths(5000, 8, 60)) <= 60


def test_one_kernel_for_every_number_of_trips():
    body = of([TRIP, F, F], lambda t, s, x: [s * x])
    signatures = set()
    for trips in (9, 10, 10_000):
        block = gradient(of([F, F], lambda s, x, trips=trips: loop(body, trips, [s], [x])))
        signatures.add(Program(optimize(block)).generalized()[2].text)
    assert len(signatures) == 1


def test_an_index_out_of_range():
    body = of([TRIP, V], lambda t, a: [set_window(a, 1.0, index_of(t + 3, 0, N), **AT)])
    block = of([V], lambda a: loop(body, N, [a]))
    for call in (lambda: run(block, (POINTS,)), lambda: Program(optimize(block))(POINTS)):
        with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 7"):
            call()
    assert issubclass(AxisError, IndexError)


def test_state_that_changes_its_type():
    body = of([TRIP, V], lambda t, a: [window(a, t, **AT)])
    with pytest.raises(LoopStateError, match=r"f64\[7\] to f64\[\]"):
        of([V], lambda a: loop(body, N, [a]))


def test_the_caller_keeps_its_arrays():
    block, args = PROGRAMS["arrays_in_branches"]()
    before = [np.array(a) for a in args]
    Program(optimize(gradient(block)))(*args)
    for a, b in zip(args, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_memory_is_refused_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(config, "memory", 1)
    body = of([TRIP, V], lambda t, a: [a * a])
    block = of([V], lambda a: [reduce_sum(loop(body, 100_000, [a])[0], axes=(0,))])
    with pytest.raises(MemoryLimitError, match=r"(?s)100,000 trips keeps 56 bytes a trip.*checkpoint"):
        gradient(block)


def test_memory_of_a_loop_of_unknown_length(monkeypatch):
    monkeypatch.setattr(config, "memory", 1)
    body = of([V, F], lambda a, n: [a * 0.999, n + 1.0])
    test = of([V, F], lambda a, n: [n < 100_000.0])
    block = gradient(of([V], lambda a: [reduce_sum(y * y, axes=(0,)) for y in while_loop(test, body, [a, 0.0])[:1]]))
    assert not any("push" in str(i) for i in block.instrs)  # linear: nothing is kept
    square = of([V, F], lambda a, n: [a * a, n + 1.0])
    kept = gradient(of([V], lambda a: [reduce_sum(y, axes=(0,)) for y in while_loop(test, square, [a, 0.0])[:1]]))
    with pytest.raises(MemoryError, match=r"items of 56 bytes.*checkpoint"):
        Program(optimize(kept))(0.5 * POINTS)


def test_elements_are_written_in_place():
    """No array is copied in a trip: the plan has no loop over an array within its cycles."""
    from autodiff.backends.numba.nest import Cycle, LoopNest, every_step

    for name in ("recurrence", "histogram"):
        block, _ = PROGRAMS[name]()
        made, _, signature = Program(optimize(gradient(block))).generalized()
        cycles = [s for s in plan_kernel(made, signature.sizes).steps if isinstance(s, Cycle)]
        assert cycles
        assert not [s for c in cycles for s in every_step(c.body) if isinstance(s, LoopNest) and s.domain]


def test_a_constant_of_a_loop_is_computed_once():
    body = of([TRIP, F, V], lambda t, s, x: [s * full(F, 1.0) + window(x, t, **AT) * 2.0])
    block = optimize(of([F, V], lambda s, x: loop(body, N, [s], [x])))
    assert isinstance(block, Block)
    agree(run(block, (0.5, POINTS)), [0.5 + 2 * POINTS.sum()])
