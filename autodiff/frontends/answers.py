"""What a tape is asked: derivatives of recorded values with respect to other recorded values.

A source stands for a *group* of values on the tape: for itself, for every tensor that reads of a variable
returned, or for none when it was not watched. Its derivative is the sum over the group.

There are two ways to compute one:

* alone: the recording is looked up by its graph, and its program run (`frontends/replay.py`);
* while something else records (another tape, a traced function): the adjoint is emitted as ordinary
  instructions, so it can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.frontends import replay, tapes
from autodiff.frontends.surface.storage import AsRecorded
from autodiff.frontends.tensor import RECORDER, Tensor
from autodiff.frontends.tracer import Tracer
from autodiff.ir.aval import aval_of
from autodiff.ir.build import emitter, emitting_to
from autodiff.ir.core import Instr
from autodiff.ops.arithmetic import tie
from autodiff.ops.families import full
from autodiff.transforms.jacobian import rows
from autodiff.transforms.reverse import pullback

Groups = Sequence[Sequence[Any]]


def gradients(recording: Any, targets: list[Any], cotangents: list[Any], groups: Groups) -> list[Any]:
    """The gradient of the sum of the targets with respect to each source, None where unconnected."""
    sources = [part for group in groups for part in group]
    if _is_emitted(targets, sources):
        found = _emitted(recording.instrs, targets, cotangents, sources)
    else:
        found = _computed(recording, targets, cotangents, sources)
    if len(groups) == len(found) and all(groups):  # each stands for one value
        return found
    parts = iter(found)
    return [_added([next(parts) for _ in group]) for group in groups]


def jacobians(instrs: Sequence[Instr], target: Any, groups: Groups) -> list[Any]:
    """The Jacobian of one target with respect to each source, None where unconnected."""
    sources = [part for group in groups for part in group]
    if _is_emitted([target], sources):
        with emitting_to(AsRecorded(emitter())):
            emitted = rows(replay.relevant(instrs, [target]), target, sources)
            found = iter([None if j is None else tie(j, s) for j, s in zip(emitted, sources, strict=True)])
    else:
        arrays = replay.jacobians(instrs, target, sources)
        found = iter([None if a is None else Tensor(aval_of(a), a) for a in arrays])
    return [_added([next(found) for _ in group]) for group in groups]


def _computed(recording: Any, targets: list[Any], cotangents: list[Any], sources: list[Any]) -> list[Any]:
    given = [None if c is None else c.value() for c in cotangents]
    arrays = replay.gradients(recording, targets, given, sources)
    return [
        None if a is None else Tensor(s.aval, a, None, f"ct_{s.hint}" if s.hint else "")
        for a, s in zip(arrays, sources, strict=True)
    ]


def _emitted(instrs: Sequence[Instr], targets: list[Any], cotangents: list[Any], sources: list[Any]) -> list[Any]:
    instrs = replay.relevant(instrs, targets)
    seeds = [(t, full(t.aval, 1) if c is None else c) for t, c in zip(targets, cotangents, strict=True)]
    with emitting_to(AsRecorded(emitter())):
        cts = pullback(instrs, seeds, sources)
        # Tied to its source, a constant derivative has derivative 0 instead of none.
        return [None if ct is None else tie(ct, s) for ct, s in zip(cts, sources, strict=True)]


def _is_emitted(targets: list[Any], sources: list[Any]) -> bool:
    """Inside a trace, or while a tape records, a derivative is part of a program."""
    if emitter() is not RECORDER or tapes.active():
        return True
    for x in targets:
        if isinstance(x, Tracer):
            return True
    for x in sources:  # noqa: SIM110 - a third of the time of `any` and a generator
        if isinstance(x, Tracer):
            return True
    return False


def _added(parts: list[Any]) -> Any:
    """The sum of the cotangents of all reads of a variable; None when none is connected."""
    known = [p for p in parts if p is not None]
    if not known:
        return None
    total = known[0]
    for part in known[1:]:
        total = total + part
    return total
