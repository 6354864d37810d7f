"""Running what was recorded: values and gradients of recorded instructions.

A recording is looked up by its raw key (ops, wiring, avals, parameters; Python floats are
inputs, not part of it), so recording the same graph again costs one dictionary look-up: no
differentiation, no optimisation, no compilation. When all of the recording is one that was there
before, the look-up is at the end of its path (`frontends/paths.py`), and the key is not even made.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from autodiff.config import config
from autodiff.ir.build import building, inline
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ops.families import full
from autodiff.passes.generalize import is_kept
from autodiff.passes.pipeline import optimize
from autodiff.passes.stabilize import stabilize
from autodiff.runtime.tiers import Program
from autodiff.transforms.jacobian import rows
from autodiff.transforms.reverse import pullback

_PLANS: OrderedDict[Any, _Plan] = OrderedDict()
PLAN_LIMIT = 1024
_lock = threading.Lock()


class _Plan:
    """A program for one recording, and which of the sources it gives cotangents for."""

    __slots__ = ("connected", "program")

    def __init__(self, program: Program, connected: tuple[bool, ...]) -> None:
        self.program = program
        self.connected = connected


class _Listing:
    """Instructions numbered in order: a key, and the leaves to feed in.

    `steps` lists, for every instruction, its op, what it reads, and its parameters if it has some. What it
    reads is the number of a value, or for a leaf that is new the number and the aval.
    """

    def __init__(self, instrs: Sequence[Instr]) -> None:
        self.instrs = instrs
        self.slots: dict[Operand, int] = {}
        self.leaves: list[Any] = []
        self.steps: list[Any] = []
        slots, steps, known = self.slots, self.steps, self.slots.get
        for instr in instrs:  # one long loop: of what a gradient costs besides its kernel, this is a third
            steps.append(instr.op)
            for o in instr.operands:
                slot = known(o)
                steps.append(self._leaf(o) if slot is None else slot)
            if instr.params:
                steps.append(tuple(instr.params.items()))
            for result in instr.results:
                slots[result] = len(slots)

    def _leaf(self, operand: Any) -> Any:
        """What is read for the first time; a special literal stands for itself."""
        if type(operand) is Literal:  # never numbered: each use is a leaf of its own
            if is_kept(operand):
                return repr(operand.value), operand.aval
            self.leaves.append(operand)
            return "literal", operand.aval
        slot = self.slots[operand] = len(self.slots)
        self.leaves.append(operand)
        return slot, operand.aval

    def key(self, *extra: Any) -> Any:
        return (*self.steps, extra)

    def rebuilt(self, params: Sequence[Value], target: Any) -> dict[Operand, Any]:
        """Emit the instructions again, over block parameters; what became of each operand."""
        # Literals are met again in the same order, so the next parameter is the right one.
        fresh = iter([p for p, leaf in zip(params, self.leaves, strict=False) if isinstance(leaf, Literal)])
        env: dict[Operand, Any] = {
            leaf: p for p, leaf in zip(params, self.leaves, strict=False) if not isinstance(leaf, Literal)
        }
        for instr in self.instrs:
            operands = tuple([_operand(o, env, fresh) for o in instr.operands])
            for old, new in zip(instr.results, target.emit(instr.op, operands, instr.params), strict=True):
                new.hint = old.hint
                env[old] = new
        return env


def _operand(operand: Operand, env: dict[Operand, Any], fresh: Any) -> Any:
    if isinstance(operand, Literal):
        return operand if is_kept(operand) else next(fresh)
    return env[operand]


def relevant(instrs: Sequence[Instr], targets: Iterable[Any]) -> list[Instr]:
    """The instructions that lead to the targets, in order."""
    needed, kept = set(targets), []
    keep, need, is_irrelevant = kept.append, needed.update, needed.isdisjoint
    for instr in reversed(instrs):
        if not is_irrelevant(instr.results):
            keep(instr)
            need(instr.operands)
    kept.reverse()
    return kept


def force(tensor: Any) -> None:
    """Compute a deferred tensor, and with it nothing but what it needs."""
    producer = tensor.producer
    if producer is None:
        return  # another thread was faster
    instrs = pending(producer)
    recording = _Listing(instrs)
    key = recording.key("value", recording.slots[tensor])
    plan = _lookup(key)
    if plan is None:
        with building([leaf.aval for leaf in recording.leaves]) as b:
            env = recording.rebuilt(b.params, b)
            block = b.block([env[tensor]])
        plan = _remember(key, _Plan(Program(optimize(block), compile_after=config.hot_after), ()))
    (value,) = plan.program(*arguments(recording.leaves))
    tensor.settle(value)


def pending(last: Instr) -> list[Instr]:
    """Instructions still to run up to and with `last`, in an order that works."""
    found: dict[Instr, None] = {}
    stack = [(last, False)]
    while stack:
        instr, ready = stack.pop()
        if instr in found:
            continue
        if ready:
            found[instr] = None
            continue
        stack.append((instr, True))
        for operand in instr.operands:
            producer = getattr(operand, "producer", None)
            if producer is not None and producer not in found:
                stack.append((producer, False))
    return list(found)


def gradients(recording: Any, targets: Sequence[Any], cotangents: Sequence[Any], sources: Sequence[Any]) -> list[Any]:
    """Cotangents of `sources` as arrays, None where unconnected; settles the targets' values.

    `recording` is a tape's; `cotangents` holds an array per target, or None for ones.
    """
    seeds = [c for c in cotangents if c is not None]
    given = tuple([c is not None for c in cotangents]) if seeds else ()
    slots, step = recording.slots, recording.step
    place = tuple(map(slots.get, targets)), tuple(map(slots.get, sources)), given
    followed = step is not None and None not in place[0]
    known = step.plans.get(place) if followed else None
    if known is None:
        listing = _Listing(relevant(recording.instrs, targets))
        plan = _gradient_of(listing, targets, cotangents, sources, given)
        leaves, recorded = listing.leaves, [t in listing.slots for t in targets]
        numbers = _numbers_of(leaves, recording.leaves) if followed else None
        if numbers is not None:
            step.plans[place] = plan, numbers, recorded
    else:
        plan, numbers, recorded = known
        every = recording.leaves
        leaves = [every[k] for k in numbers]
    outs = iter(plan.program(*arguments(leaves), *seeds))
    for target, is_recorded in zip(targets, recorded, strict=True):
        if is_recorded:
            value = next(outs)
            if target.producer is not None:
                target.settle(value)
    return [next(outs) if connected else None for connected in plan.connected]


def _gradient_of(
    listing: _Listing, targets: Sequence[Any], cotangents: Sequence[Any], sources: Sequence[Any], given: Any
) -> _Plan:
    """The program for a gradient, made if there is none for this graph."""
    slots = listing.slots
    asked, reached = tuple(map(slots.get, sources)), tuple(map(slots.get, targets))
    # What the graph says nothing of: targets that nothing was recorded for.
    loose = tuple([(t.aval, *[s is t for s in sources]) for t in targets]) if None in reached else ()
    key = listing.key("gradient", asked, reached, given, loose)
    plan = _lookup(key)
    if plan is None:
        plan = _remember(key, _gradient_plan(listing, targets, [c is not None for c in cotangents], sources))
    return plan


def _numbers_of(leaves: Sequence[Any], every: Sequence[Any]) -> list[int] | None:
    """The places of some leaves of a recording among all of them; None when one of these is there twice."""
    found = {id(leaf): k for k, leaf in enumerate(every)}
    return [found[id(leaf)] for leaf in leaves] if len(found) == len(every) else None


def arguments(leaves: Sequence[Any]) -> list[Any]:
    """What a program is given for the leaves of its recording."""
    return [x.aval.dtype.type(x.value) if type(x) is Literal else x.recorded() for x in leaves]


def jacobians(instrs: Sequence[Instr], target: Any, sources: Sequence[Any]) -> list[Any]:
    """Derivatives of all elements of a target by sources as arrays, None where unconnected; settles its value."""
    recording = _Listing(relevant(instrs, [target]))
    asked = tuple(recording.slots.get(s) for s in sources)
    same = tuple(s is target for s in sources)
    key = recording.key("jacobian", asked, recording.slots.get(target), same, target.aval)
    plan = _lookup(key)
    if plan is None:
        plan = _remember(key, _jacobian_plan(recording, target, sources))
    outs = iter(plan.program(*arguments(recording.leaves)))
    if target in recording.slots:
        value = next(outs)
        if target.producer is not None:
            target.settle(value)
    return [next(outs) if connected else None for connected in plan.connected]


def _jacobian_plan(recording: _Listing, target: Any, sources: Sequence[Any]) -> _Plan:
    forward, wanted = _forward(recording, [target], sources)
    with building([leaf.aval for leaf in recording.leaves], [getattr(x, "hint", "") for x in recording.leaves]) as b:
        env = {leaf: p for leaf, p in zip(recording.leaves, b.params, strict=True) if not isinstance(leaf, Literal)}
        env.update(zip(wanted, inline(forward, b.params), strict=True))
        recorded = target in env
        # A target that nothing was recorded for is connected to itself alone.
        y = env.setdefault(target, Value(target.aval))
        found = rows(list(b.instrs), y, [env.get(s) or Value(s.aval) for s in sources])
        block = b.block([*([y] if recorded else []), *(j for j in found if j is not None)])
    program = Program(optimize(block), compile_after=config.hot_after)
    return _Plan(program, tuple(j is not None for j in found))


def _gradient_plan(recording: _Listing, targets: Sequence[Any], given: Sequence[bool], sources: Sequence[Any]) -> _Plan:
    seeds = [t.aval for t, is_given in zip(targets, given, strict=True) if is_given]
    hints = [*(getattr(leaf, "hint", "") or "c" for leaf in recording.leaves), *("ct" for _ in seeds)]
    avals = [*(leaf.aval for leaf in recording.leaves), *seeds]
    forward, wanted = _forward(recording, targets, sources)
    with building(avals, hints) as b:
        n = len(recording.leaves)
        env = {leaf: p for leaf, p in zip(recording.leaves, b.params, strict=False) if not isinstance(leaf, Literal)}
        env.update(zip(wanted, inline(forward, b.params[:n]), strict=True))
        fresh = iter(b.params[n:])
        # A target that nothing was recorded for is connected to itself alone.
        stand_in = {t: Value(t.aval) for t in targets if t not in env}
        env.update(stand_in)
        pairs = [
            (env[t], next(fresh) if is_given else full(t.aval, 1)) for t, is_given in zip(targets, given, strict=True)
        ]
        cts = pullback(list(b.instrs), pairs, [env.get(s) or Value(s.aval) for s in sources])
        values = [env[t] for t in targets if t not in stand_in]
        block = b.block([*values, *(ct for ct in cts if ct is not None)])
    program = Program(optimize(block), compile_after=config.hot_after)
    return _Plan(program, tuple(ct is not None for ct in cts))


def _forward(recording: _Listing, targets: Sequence[Any], sources: Sequence[Any]) -> tuple[Block, list[Any]]:
    """The recording as a block, and which tensors its results are: targets, intermediate sources."""
    leaves = set(recording.leaves)
    wanted = dict.fromkeys(x for x in (*targets, *sources) if x in recording.slots and x not in leaves)
    with building([leaf.aval for leaf in recording.leaves]) as b:
        env = recording.rebuilt(b.params, b)
        block = b.block([env[x] for x in wanted])
    # A source in the middle must stay in the middle: `log(s)` of a source s has no sigmoid in it.
    inner = any(s in wanted for s in sources)
    return (block if inner else stabilize(block)), list(wanted)


def _lookup(key: Any) -> _Plan | None:
    with _lock:
        plan = _PLANS.get(key)
        if plan is not None:
            _PLANS.move_to_end(key)
    return plan


def _remember(key: Any, plan: _Plan) -> _Plan:
    with _lock:
        _PLANS[key] = plan
        while len(_PLANS) > PLAN_LIMIT:
            _PLANS.popitem(last=False)
    return plan
