"""Every stage from Python to LLVM's text does work in proportion to the program: counted in bytecodes, not timed."""

import sys

import numpy as np
import pytest

from autodiff.backends.numba.compile import plan_kernel
from autodiff.backends.numba.llvm import KernelPrinter
from autodiff.backends.numba.llvm_calls import with_work
from autodiff.config import config
from autodiff.frontends.tracer import trace
from autodiff.ir.aval import ArrayAval
from autodiff.ir.pretty import pretty
from autodiff.ir.signature import signature
from autodiff.passes.canonicalize import canonicalize
from autodiff.passes.generalize import generalize
from autodiff.passes.pipeline import lowerable, optimize
from autodiff.passes.stabilize import stabilize
from autodiff.transforms.reverse import value_and_gradient

SHORT, LONG = 8, 40
F64 = np.dtype(np.float64)


def chain(n):
    def run(x):
        y = x
        for k in range(n):
            y = y * (1 + 0.001 * k) + x
        return [np.sum(y)]

    return run, [(100,)]


def transcendental(n):
    def run(x):
        y = x
        for k in range(n):
            y = (np.sin, np.exp, np.tanh, np.log1p)[k % 4](y) * 0.1 + x
        return [np.sum(y)]

    return run, [(100,)]


def recurrent(n):
    def run(x, h, w, u):
        for t in range(n):
            h = np.tanh(h @ w + x[t] @ u)
        return [np.sum(h**2)]

    return run, [(n, 32), (16,), (16, 16), (32, 16)]


def heat(n):
    def run(u):
        for _ in range(n):
            inner = u[1:-1] + 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
            u = np.concatenate([u[:1], inner, u[-1:]])
        return [np.sum(u**2)]

    return run, [(200,)]


def written(n):
    def run(u):
        for _ in range(n):
            v = u.copy()
            v[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
            u = v
        return [np.sum(u**2)]

    return run, [(200,)]


def stages(program, n):
    """(name, thunk) of each stage; a thunk returns what the next stages take."""
    run, shapes = program(n)
    avals = [(ArrayAval(shape, F64), "x", False) for shape in shapes]
    made = {}

    def stage(name, function, of):
        def thunk():
            made[name] = function(made[of]) if of else function()

        return name, thunk

    return [
        stage("trace", lambda: trace(run, avals, "run")[0], ""),
        stage("stabilize", stabilize, "trace"),
        stage("reverse", lambda block: value_and_gradient(block, range(len(shapes))), "stabilize"),
        stage("optimize", optimize, "reverse"),
        stage("lowerable", lowerable, "optimize"),
        stage("generalize", lambda block: generalize(block)[0], "lowerable"),
        stage("canonicalize", lambda block: canonicalize(block)[0], "generalize"),
        stage("signature", signature, "canonicalize"),
        stage("pretty", pretty, "canonicalize"),
        stage("plan", lambda block: plan_kernel(block, signature(block).sizes), "canonicalize"),
        stage("print", lambda plan: KernelPrinter(with_work(plan)), "plan"),
    ]


def bytecodes(thunk):
    """How many bytecodes run in a call."""
    count = 0

    def traced(frame, event, _):
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        thunk()
    finally:
        sys.settrace(before)
    return count


@pytest.fixture(autouse=True)
def unverified(monkeypatch):
    """Checking every block is not part of the work."""
    monkeypatch.setattr(config, "verify", False)


SLOW = [pytest.param(p, marks=pytest.mark.slow) for p in (recurrent, heat)]


@pytest.mark.parametrize("program", [chain, transcendental, written, *SLOW])
def test_work_grows_with_the_program_and_no_faster(program):
    for _, thunk in stages(program, SHORT):
        thunk()  # what is kept between programs (shape rules, uses of ops) is not counted
    short = {name: bytecodes(thunk) for name, thunk in stages(program, SHORT)}
    long = {name: bytecodes(thunk) for name, thunk in stages(program, LONG)}
    growth = {name: long[name] / short[name] for name in short}
    assert all(g < 1.3 * LONG / SHORT for g in growth.values()), growth


def test_quadratic_work_is_seen():
    def quadratic(n):
        return sum(1 for _ in range(n) for _ in range(n))

    assert bytecodes(lambda: quadratic(160)) > 30 * bytecodes(lambda: quadratic(20))


def test_long_programs_need_no_stack():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        for _, thunk in stages(chain, 1000):
            thunk()
    finally:
        sys.setrecursionlimit(limit)
