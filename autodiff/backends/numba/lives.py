"""When the memory of a plan is in use: whose it is, and from which step to which."""

from __future__ import annotations

from collections.abc import Mapping

from autodiff.backends.numba.nest import Accumulate, Alias, Buffer, KernelPlan, LoopNest, NativeCall, Step, accesses


def roots_of(plan: KernelPlan) -> dict[Buffer, Buffer]:
    """For each alias, whose memory it is."""
    roots: dict[Buffer, Buffer] = {}
    for step in plan.steps:
        if isinstance(step, Alias):
            roots[step.buffer] = roots.get(step.base, step.base)
    return roots


def lives_of(plan: KernelPlan, roots: Mapping[Buffer, Buffer]) -> dict[Buffer, tuple[int, int]]:
    """The first and the last step that touches each buffer."""
    lives: dict[Buffer, tuple[int, int]] = {}
    for k, step in enumerate(plan.steps):
        for buffer in buffers_of(step):
            root = roots.get(buffer, buffer)
            lives[root] = (lives[root][0] if root in lives else k, k)
    return lives


def buffers_of(step: Step) -> list[Buffer]:
    """The memory that a step reads or writes, in order of appearance."""
    if isinstance(step, NativeCall):
        return list(dict.fromkeys((*(b for b, _ in step.operands), *step.outs, *step.work)))
    if not isinstance(step, LoopNest):
        return []
    found: dict[Buffer, None] = {}
    for item in step.body:
        found.update({a.buffer: None for a in accesses(item) if a.buffer.shape})
        if isinstance(item, Accumulate) and item.buffer.shape:
            found[item.buffer] = None
    return list(found)
