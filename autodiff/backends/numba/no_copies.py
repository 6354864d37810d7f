"""Let arrays that are copies of one another be one: writes happen in place.

An instruction that writes into an array makes a new one, so its first step is a copy. Two arrays can share their
memory when nobody reads the one after the other was written: a walk through the plan, loops twice, finds out. What is
left of the copies at the end of a loop's trip becomes an exchange of two pointers where the array that the trip
fills is of no use to anybody else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from autodiff.backends.numba.late_stores import merge_stores
from autodiff.backends.numba.lives import buffers_of, loose, reads_of, roots_of, whole_of, writes_of
from autodiff.backends.numba.nest import (
    Access,
    Alias,
    Begin,
    Branch,
    Buffer,
    Cycle,
    KernelPlan,
    Locate,
    LoopNest,
    NativeCall,
    Reserve,
    Source,
    Step,
    Store,
    every_step,
    inner_steps,
    sources,
    unguarded,
)

Root = Callable[[Buffer], Buffer]


class Clash(Exception):
    """Two arrays have different contents that are both needed."""


def without_copies(plan: KernelPlan) -> KernelPlan:
    """The plan with as few copies as possible."""
    if not any(isinstance(s, Cycle | Branch) or _copy_of(s) for s in plan.steps):
        return plan
    shared = _Shared(plan)
    root, made = shared.root, shared.made
    results = [root(b) for b in plan.results if b.shape]
    own = {b for b in plan.allocated if not b.zeroed and not b.stack}
    for step in every_step(plan.steps):
        pair = _copy_of(step)
        if pair is None:
            continue
        dst, src = map(root, pair)
        if dst is src or dst not in own or src not in own or (dst in results and src in results):
            continue
        if _can_share(plan, src, dst, shared):
            shared.join(*((src, dst) if src in results else (dst, src)))
    if made:
        _store_last(plan.steps, set(made.values()), root)
    aliases: list[Step] = [Alias(gone, root(gone)) for gone in made]
    plan = replace(
        plan, steps=[*aliases, *_dropped(plan.steps, root)], allocated=[b for b in plan.allocated if b not in made]
    )
    _exchange(plan, root, set(results))
    return merge_stores(plan, root)


def _copy_of(step: Step) -> tuple[Buffer, Buffer] | None:
    """(to, from) when a step does nothing but copy an array to another one like it."""
    if not isinstance(step, LoopNest) or len(step.body) != 1 or not isinstance(step.body[0], Store):
        return None
    target, source = step.body[0].target, step.body[0].value
    if not isinstance(source, Access) or not target.buffer.shape:
        return None
    whole = whole_of(step)
    same = target.buffer.shape == source.buffer.shape == step.domain and target.buffer.dtype == source.buffer.dtype
    return (target.buffer, source.buffer) if same and target.index == source.index == whole else None


def _dropped(steps: Sequence[Step], root: Root) -> list[Step]:
    """The steps without copies of an array to itself."""
    kept = []
    for step in steps:
        pair = _copy_of(step)
        if pair is not None and root(pair[0]) is root(pair[1]):
            continue
        if isinstance(step, Cycle):
            step.body = _dropped(step.body, root)
            if step.test is not None:
                step.test = _dropped(step.test[0], root), step.test[1]
        elif isinstance(step, Branch):
            step.sides = tuple((_dropped(side, root), found) for side, found in step.sides)  # type: ignore[assignment]
        kept.append(step)
    return kept


# ---- may two arrays share their memory? --------------------------------------------------------------

Valid = frozenset[Buffer]  # whose contents the shared memory would hold


class _Shared:
    """Which arrays are one by now, and where each is touched."""

    def __init__(self, plan: KernelPlan) -> None:
        self.roots = roots_of(plan)
        self.made: dict[Buffer, Buffer] = {}
        self.top = id(plan.steps)
        self.places: dict[int, dict[Buffer, list[int]]] = {}  # by list of steps: where in it
        self._look(plan.steps)

    def _look(self, steps: list[Step]) -> None:
        found = self.places[id(steps)] = {}
        for k, step in enumerate(steps):
            for buffer in dict.fromkeys(self.roots.get(b, b) for b in buffers_of(step)):
                found.setdefault(buffer, []).append(k)
            for inner in inner_steps(step):
                self._look(inner)

    def root(self, buffer: Buffer) -> Buffer:
        buffer = self.roots.get(buffer, buffer)
        found = self.made.get(buffer)
        while found is not None:
            further = self.made.get(found)
            if further is not None:
                self.made[buffer] = further  # half the way next time
            buffer, found = found, further
        return buffer

    def join(self, kept: Buffer, gone: Buffer) -> None:
        """Let two arrays be one."""
        self.made[gone] = kept
        for places in self.places.values():
            few, many = sorted((places.pop(gone, []), places.get(kept, [])), key=len)
            for k in few:
                at = bisect_left(many, k)
                if many[at : at + 1] != [k]:
                    many.insert(at, k)
            if many:
                places[kept] = many

    def touched(self, steps: list[Step], pair: Valid) -> list[int]:
        """Where in a list of steps one of the two is touched.

        In the outermost list, which runs once, only from where both are in use to where the first no longer is.
        """
        one, other = (self.places[id(steps)].get(b, []) for b in pair)
        if id(steps) == self.top and one and other:
            begin, end = max(one[0], other[0]), min(one[-1], other[-1])
            one, other = (x[bisect_left(x, begin) : bisect_right(x, end) + 1] for x in (one, other))
        return sorted({*one, *other})


def _can_share(plan: KernelPlan, a: Buffer, b: Buffer, shared: _Shared) -> bool:
    pair = frozenset((a, b))
    try:
        valid = _walk(plan.steps, pair, pair, shared)
        for result in plan.results:
            _need(shared.root(result), pair, valid)
    except Clash:
        return False
    return True


def _need(buffer: Buffer, pair: Valid, valid: Valid) -> None:
    if buffer in pair and buffer not in valid:
        raise Clash


def _walk(steps: list[Step], pair: Valid, valid: Valid, shared: _Shared) -> Valid:
    for k in shared.touched(steps, pair):
        step = steps[k]
        if isinstance(step, Cycle):
            valid = _walk_cycle(step, pair, valid, shared)
        elif isinstance(step, Branch):
            _read([step.condition], pair, valid, shared.root)
            one, other = (_walk_side(side, found, pair, valid, shared) for side, found in step.sides)
            valid = one & other
        elif isinstance(step, Locate | Reserve | Begin):
            _read(loose(step), pair, valid, shared.root)
        else:
            valid = _after(step, pair, valid, shared.root)
    return valid


def _walk_side(steps: list[Step], found: Sequence[Source | None], pair: Valid, valid: Valid, shared: _Shared) -> Valid:
    """Steps, and then single elements that are read."""
    valid = _walk(steps, pair, valid, shared)
    _read(found, pair, valid, shared.root)
    return valid


def _read(found: Sequence[Source | None], pair: Valid, valid: Valid, root: Root) -> None:
    for source in found:
        element = None if source is None else unguarded(source)
        if isinstance(element, Access):
            _need(root(element.buffer), pair, valid)


def _walk_cycle(step: Cycle, pair: Valid, valid: Valid, shared: _Shared) -> Valid:
    _read([step.trips, *(c.first for c in step.cells)], pair, valid, shared.root)
    while True:
        after = valid
        if step.test is not None:
            after = _walk_side(step.test[0], [step.test[1]], pair, valid, shared)
        again = _walk_side(step.body, [c.next for c in step.cells], pair, after, shared)
        if valid <= again:
            return after
        valid &= again


def _after(step: Step, pair: Valid, valid: Valid, root: Root) -> Valid:
    """What is valid after a step that touches one of the two, or both."""
    copied = _copy_of(step)
    if copied is not None and {root(copied[0]), root(copied[1])} == pair:
        _need(root(copied[1]), pair, valid)
        return pair
    if not isinstance(step, LoopNest):
        return _after_call(step, pair, valid, root)
    reads, writes = list(reads_of(step)), list(writes_of(step))
    whole = whole_of(step)
    for access in reads:
        _need(root(access.buffer), pair, valid)
    written = {root(w) for w, _ in writes} & pair
    if not written:
        return valid
    if len(written) > 1:
        raise Clash
    (target,) = written
    for access in reads:
        apart = access.index != whole or access.buffer.shape != step.domain or access.buffer in _guarded(step)
        if root(access.buffer) in pair - written and apart:
            raise Clash
    if not all(all_of_it for w, all_of_it in writes if root(w) is target):
        _need(target, pair, valid)
        if any(root(access.buffer) in pair - written for access in reads):
            raise Clash
    return frozenset((target,))


def _after_call(step: Step, pair: Valid, valid: Valid, root: Root) -> Valid:
    if not isinstance(step, NativeCall):
        raise Clash
    read = {root(b) for b, _ in step.operands} & pair
    written = {root(b) for b in (*step.outs, *step.work)} & pair
    for buffer in read:
        _need(buffer, pair, valid)
    if written and (read or len(written) > 1):
        raise Clash
    return frozenset(written) if written else valid


def _guarded(nest: LoopNest) -> set[Buffer]:
    found = set()
    for item in nest.body:
        for source in sources(item):
            inner = unguarded(source)
            if inner is not source and isinstance(inner, Access):
                found.add(inner.buffer)
    return found


def _store_last(steps: list[Step], joined: set[Buffer], root: Root) -> None:
    """Where an array is read and written by one nest, write it when all else has been read."""
    for step in every_step(steps):
        if isinstance(step, LoopNest) and len(step.body) > 1:
            read = {root(a.buffer) for a in reads_of(step)} & joined
            last = [s for s in step.body if isinstance(s, Store) and root(s.target.buffer) in read]
            if last:
                step.body[:] = [*(s for s in step.body if s not in last), *last]


# ---- exchanges ---------------------------------------------------------------------------------------


def _exchange(plan: KernelPlan, root: Root, results: set[Buffer]) -> None:
    """Let copies at the end of trips be exchanges of pointers."""
    for cycle in [s for s in every_step(plan.steps) if isinstance(s, Cycle)]:
        swaps = []
        while cycle.body:
            pair = _copy_of(cycle.body[-1])
            if pair is None:
                break
            held, made = map(root, pair)
            if held not in plan.allocated or made not in plan.allocated or made in results:
                break
            rest = cycle.body[:-1]
            if not _is_filled_first(rest, made, root) or _touched_outside(plan.steps, cycle, made, root):
                break
            if any(held in swap or made in swap for swap in swaps) or held.zeroed or made.zeroed:
                break
            swaps.append((held, made))
            cycle.body = rest
        cycle.swaps = tuple(swaps)


def _is_filled_first(steps: Sequence[Step], buffer: Buffer, root: Root) -> bool:
    """Whether the first step that touches an array writes all of it, and reads nothing of it."""
    for step in steps:
        if any(root(b) is buffer for inner in [step, *_within(step)] for b in buffers_of(inner)):
            if isinstance(step, NativeCall):
                return buffer in [root(b) for b in step.outs] and buffer not in [root(b) for b, _ in step.operands]
            if not isinstance(step, LoopNest) or any(root(a.buffer) is buffer for a in reads_of(step)):
                return False
            return any(root(w) is buffer and whole for w, whole in writes_of(step))
    return False


def _within(step: Step) -> list[Step]:
    return [s for inner in inner_steps(step) for s in every_step(inner)]


def _touched_outside(steps: Sequence[Step], cycle: Cycle, buffer: Buffer, root: Root) -> bool:
    for step in steps:
        if step is cycle:
            continue
        if any(_touched_outside(inner, cycle, buffer, root) for inner in inner_steps(step)):
            return True
        if not inner_steps(step) and any(root(b) is buffer for b in buffers_of(step)):
            return True
    return False
