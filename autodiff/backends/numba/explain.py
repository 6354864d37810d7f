"""What became of a program, in words: for `AUTODIFF_LOGS=fusion` and `f.explain()`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from autodiff.backends.numba.nest import (
    Accumulate,
    Branch,
    Buffer,
    Cycle,
    KernelPlan,
    LoopNest,
    NativeCall,
    Statement,
    Step,
    every_step,
    inner_steps,
)
from autodiff.backends.numba.recipe import numbers, roots_of
from autodiff.errors import describe_location
from autodiff.ir.core import Instr


def explained(plan: KernelPlan, sizes: Mapping[str, int]) -> str:
    """The steps of a plan and the memory between them, in numbers for these sizes."""
    every = [*every_step(plan.steps)]
    nests = [s for s in every if isinstance(s, LoopNest)]
    calls = [s for s in every if isinstance(s, NativeCall)]
    roots = roots_of(plan)
    results = {roots.get(b, b) for b in plan.results}
    stored = [b for b in plan.allocated if b not in results and not b.stack]
    given = [b for b in plan.allocated if b in results]
    memory = f"{_memory(stored, sizes)} stored between them, {_memory(given, sizes)} returned"
    lines = [f"{len(nests)} loop nests and {len(calls)} calls; {memory}"]
    lines += _steps(plan.steps, "  ")
    lines += [f"  stored: {b.name} {'x'.join(b.shape)} {b.dtype}" for b in stored]
    lines += [f"  stored for the derivative, one a trip: {b.name} {b.dtype}" for b in plan.allocated if b.stack]
    return "\n".join(lines)


def _steps(steps: list[Step], indent: str) -> list[str]:
    """A line a step, those within loops and branches further to the right."""
    lines = []
    for step in steps:
        if isinstance(step, LoopNest | NativeCall):
            lines.append(indent + _step(step))
        elif isinstance(step, Cycle):
            kind = "while" if step.test else "loop backwards" if step.reverse else "loop"
            lines.append(f"{indent}{kind}, carries {len(step.cells)} numbers in registers{_line(step.instr)}")
        elif isinstance(step, Branch):
            lines.append(f"{indent}branch{_line(step.instr)}")
        for inner in inner_steps(step):
            lines += _steps(inner, indent + "  ")
    return lines


def _line(instr: Instr) -> str:
    return f"  ({describe_location(instr.location)})" if instr.location else ""


def _memory(buffers: list[Buffer], sizes: Mapping[str, int]) -> str:
    total = sum(math.prod(numbers(b.shape, sizes)) * b.dtype.itemsize for b in buffers)
    return f"{len(buffers)} arrays ({total} bytes)"


def _step(step: Step) -> str:
    if isinstance(step, NativeCall):
        return f"call {step.instr.op.name} -> {', '.join(b.name for b in step.outs)}"
    assert isinstance(step, LoopNest)
    fused = [s.instr.op.name for s in step.body if isinstance(s, Statement) and s.instr is not None]
    sums = [s.buffer.name for s in step.body if isinstance(s, Accumulate)]
    text = f"nest over {'x'.join(step.domain) or 'nothing'}: {len(fused)} operations fused ({', '.join(fused)})"
    return text + (f"; reduces to {', '.join(sums)}" if sums else "")
