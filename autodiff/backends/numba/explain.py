"""What became of a program, in words: for `AUTODIFF_LOGS=fusion`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from autodiff.backends.numba.nest import Accumulate, Buffer, KernelPlan, LoopNest, NativeCall, Statement, Step
from autodiff.backends.numba.recipe import numbers, roots_of


def explained(plan: KernelPlan, sizes: Mapping[str, int]) -> str:
    """The steps of a plan and the memory between them, in numbers for these sizes."""
    nests = [s for s in plan.steps if isinstance(s, LoopNest)]
    calls = [s for s in plan.steps if isinstance(s, NativeCall)]
    roots = roots_of(plan)
    results = {roots.get(b, b) for b in plan.results}
    stored = [b for b in plan.allocated if b not in results]
    given = [b for b in plan.allocated if b in results]
    memory = f"{_memory(stored, sizes)} stored between them, {_memory(given, sizes)} returned"
    lines = [f"{len(nests)} loop nests and {len(calls)} calls; {memory}"]
    lines += [f"  {_step(step)}" for step in plan.steps if isinstance(step, LoopNest | NativeCall)]
    lines += [f"  stored: {b.name} {'x'.join(b.shape)} {b.dtype}" for b in stored]
    return "\n".join(lines)


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
