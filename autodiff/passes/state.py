"""Drop what loops carry for nobody, and what branches compute for nobody.

The adjoint asks a loop to keep more than it may need in the end, and an outer loop that runs an inner one again
does not read what the first run kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autodiff.ir.core import Block, Instr, Operand, blocks_of
from autodiff.ops.checkpoint import Checkpoint
from autodiff.ops.cond import Cond
from autodiff.ops.loop import Loop
from autodiff.ops.region import read_for
from autodiff.ops.while_loop import While
from autodiff.passes.rewrite import inside


def without_dead_state(block: Block) -> Block:
    """The block without dead instructions, its loops without dead state; parameters stay."""
    block = _with_constants(inside(block, without_dead_state))
    live: set[Operand] = set(block.results)
    kept: list[Instr] = []
    for instr in reversed(block.instrs):
        if live.isdisjoint(instr.results):
            continue
        if blocks_of(instr):
            instr = _pruned(instr, live)
        kept.append(instr)
        live.update(instr.operands)
    return Block(block.params, kept[::-1], block.results)


def _with_constants(block: Block) -> Block:
    """The block, its loops without state that never changes."""
    if not any(blocks_of(instr) for instr in block.instrs):
        return block
    replaced: dict[Operand, Any] = {}
    instrs = []
    for instr in block.instrs:
        if any(o in replaced for o in instr.operands):
            instr = instr.reading(tuple([replaced.get(o, o) for o in instr.operands]))
        if blocks_of(instr):
            instr, found = _settled(instr)
            replaced.update(found)
        instrs.append(instr)
    return Block(block.params, instrs, tuple([replaced.get(r, r) for r in block.results]))


def _settled(instr: Instr) -> tuple[Instr, dict[Operand, Any]]:
    """A loop whose state that never changes is a constant; and what the results for it are.

    Of a branch: the results that are an operand, whichever side runs.
    """
    op: Any = instr.op
    if isinstance(op, Cond | Checkpoint):
        return instr, _passed_on(instr, lead=int(isinstance(op, Cond)))
    lead, n = int(isinstance(op, Loop)), instr.params["carry"]
    body: Block = instr.params["body"]
    same = [k for k in range(n) if body.results[k] is body.params[lead + k]]
    if not same:
        return instr, {}
    moving = [k for k in range(n) if k not in same]
    params = dict(instr.params)
    for key in ("body",) if lead else ("test", "body"):
        own = instr.params[key]
        places = [*range(lead), *(lead + k for k in (*moving, *same)), *range(lead + n, len(own.params))]
        results = tuple(own.results[k] for k in moving) if key == "body" else own.results
        params[key] = Block(tuple(own.params[k] for k in places), own.instrs, results)
    params["carry"] = len(moving)
    operands = tuple(instr.operands[k] for k in places)
    made = Instr(instr.op, operands, params, tuple(instr.results[k] for k in moving), instr.location)
    return made, {instr.results[k]: instr.operands[lead + k] for k in same}


def _passed_on(instr: Instr, lead: int) -> dict[Operand, Any]:
    """The results of a block that runs once, or of either of two, that are operands as they are."""
    given = [dict(zip(block.params, instr.operands[lead:], strict=True)) for block in blocks_of(instr)]
    found = {}
    for k, result in enumerate(instr.results):
        first, *others = (own.get(block.results[k]) for own, block in zip(given, blocks_of(instr), strict=True))
        if first is not None and all(other is first for other in others):
            found[result] = first
    return found


def _pruned(instr: Instr, live: set[Operand]) -> Instr:
    op: Any = instr.op
    wanted = [r in live for r in instr.results]
    if isinstance(op, Loop):
        return _pruned_loop(instr, wanted, lead=1, blocks=("body",))
    if isinstance(op, While):
        return _pruned_loop(instr, wanted, lead=0, blocks=("test", "body"))
    if isinstance(op, Checkpoint):
        return _pruned_branch(instr, wanted, lead=0, blocks=("body",))
    return _pruned_branch(instr, wanted, lead=1, blocks=("then", "otherwise"))


def _pruned_loop(instr: Instr, wanted: list[bool], lead: int, blocks: tuple[str, ...]) -> Instr:
    """The loop without the state that neither its results nor its test need, nor other state that they need."""
    n = instr.params["carry"]
    body: Block = instr.params["body"]
    state = {p: k for k, p in enumerate(body.params[lead : lead + n])}
    needed = {k for k, flag in enumerate(wanted) if flag}
    for key in blocks[:-1]:
        test = instr.params[key]
        asked = read_for(test, test.results)
        needed |= {k for k, p in enumerate(test.params[:n]) if p in asked}
    while True:
        read = read_for(body, [body.results[k] for k in needed])
        more = {state[p] for p in read if p in state} - needed
        if not more:
            break
        needed |= more
    order = sorted(needed)
    own = {}
    for key in blocks:
        block = instr.params[key]
        results = tuple(block.results[k] for k in order) if key == "body" else block.results
        own[key] = block if len(order) == n else without_dead_state(Block(block.params, block.instrs, results))
    consts = range(lead + n, len(body.params))
    used = _read(own.values(), consts)
    if len(order) == n and len(used) == len(consts):
        return instr
    places = [*range(lead), *(lead + k for k in order), *used]
    params = {**instr.params, **{key: _at(block, places) for key, block in own.items()}, "carry": len(order)}
    operands = tuple(instr.operands[k] for k in places)
    return Instr(instr.op, operands, params, tuple(instr.results[k] for k in order), instr.location)


def _pruned_branch(instr: Instr, wanted: list[bool], lead: int, blocks: tuple[str, ...]) -> Instr:
    """The branch without results that nobody reads, and without operands that neither side reads."""
    keep = [k for k, flag in enumerate(wanted) if flag]
    own = {key: instr.params[key] for key in blocks}
    if len(keep) < len(wanted):
        for key, block in own.items():
            results = tuple(block.results[k] for k in keep)
            own[key] = without_dead_state(Block(block.params, block.instrs, results))
    count = len(instr.operands) - lead
    used = _read(own.values(), range(count))
    if len(keep) == len(wanted) and len(used) == count:
        return instr
    params = {**instr.params, **{key: _at(block, used) for key, block in own.items()}}
    operands = (*instr.operands[:lead], *(instr.operands[lead + k] for k in used))
    return Instr(instr.op, operands, params, tuple(instr.results[k] for k in keep), instr.location)


def _read(blocks: Iterable[Block], places: Iterable[int]) -> list[int]:
    """Which of these parameters any of the blocks reads, dead instructions being gone."""
    reads = [(block.params, read_for(block, block.results)) for block in blocks]
    return [k for k in places if any(params[k] in found for params, found in reads)]


def _at(block: Block, places: Sequence[int]) -> Block:
    """The block with some of its parameters."""
    return Block(tuple(block.params[k] for k in places), block.instrs, block.results)
