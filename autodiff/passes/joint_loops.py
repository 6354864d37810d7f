"""Two loops over the same trips are one, where the second one reads no more of the first than its own trip.

The adjoint of a loop that adds something up reads nothing of the sum. It goes over the same trips once more, backwards,
and computes again what the first loop computed, or reads what each trip kept for it. As one loop, both read the same
values, and nothing is kept. The trips keep the order of the first loop. That of the second may be another one than it
was, for no trip looks at what both carry: sums, and items of a trip's own. (What is looked at on the way has its order,
and its loop stays as it is.)

Loops within joined loops are joined as well; how much they then have in common says whether it was worth it.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.aval import StackAval
from autodiff.ir.build import Builder, emitting_to
from autodiff.ir.core import Block, Instr, Literal, Operand, Value, blocks_of
from autodiff.ops.families import Elementwise, Movement
from autodiff.ops.loop import Loop
from autodiff.ops.movement import Placement
from autodiff.ops.op import Cast
from autodiff.ops.region import live, transplanted
from autodiff.ops.stack import Blank, EmptyStack
from autodiff.passes.cse import cse
from autodiff.passes.rewrite import inside
from autodiff.passes.sums import collected, own_reads, sums

SHARED = 0.25  # of the arithmetic of the shorter loop: what both must compute, or hand on, for it to be worth it
PATIENCE = 4  # loops that are not worth it, before no more are tried
EARLY = (Elementwise, Movement, Placement, Cast, Blank, EmptyStack)  # not what takes long, or may raise


def joint_loops(block: Block) -> Block:
    """The block, and those within, with fewer loops; itself when it has none."""
    return inside(_joined(block), joint_loops)


def _joined(block: Block) -> Block:
    free = set(filter(_is_free, block.instrs))
    if len(free) < 2:
        return block
    instrs, k, joined = list(block.instrs), 0, False
    while k < len(instrs):
        joint = _with_next(instrs, k, free) if instrs[k] in free else None
        if joint is None:
            k += 1
        else:
            k, joined = instrs.index(joint), True
            free.add(joint)
    return Block(block.params, instrs, block.results) if joined else block


def _with_next(instrs: list[Instr], i: int, free: set[Instr]) -> Instr | None:
    """Put the loop at `i` and the next one that fits into one; the loop, None if there is no such loop."""
    first, tried = instrs[i], 0
    after: set[Operand] = set(first.results)  # and what is computed from them
    for j in range(i + 1, len(instrs)):
        second = instrs[j]
        if second in free and tried < PATIENCE and _read_the_same(first, second):
            items = _items(first, second)
            read = [o for o in second.operands if items is None or o not in items]
            if items is not None and after.isdisjoint(read):
                joint = _in_one(instrs, i, j, items)
                if joint is not None:
                    return joint
                tried += 1
        if not after.isdisjoint(second.operands):
            after.update(second.results)
    return None


def _is_free(instr: Instr) -> bool:
    """Whether it is a loop whose trips may run in any order."""
    op: Any = instr.op
    if not isinstance(op, Loop):
        return False
    items = collected(instr)
    return all(flag or k in items for k, flag in enumerate(sums(instr)))


def _read_the_same(first: Instr, second: Instr) -> bool:
    """Whether two loops have the same trips, and read something in common."""
    a, b = first.operands[0], second.operands[0]
    if a is not b and not (isinstance(a, Literal) and isinstance(b, Literal) and a.value == b.value):
        return False
    return not {*_constants(first), *first.results}.isdisjoint(_constants(second))


def _constants(loop: Instr) -> tuple[Operand, ...]:
    return loop.operands[1 + loop.params["carry"] :]


def _in_one(instrs: list[Instr], i: int, j: int, items: dict[Operand, Operand]) -> Instr | None:
    """Put one loop in the place of two, if that is worth it; the loop."""
    first, second, between = instrs[i], instrs[j], instrs[i + 1 : j]
    sooner = live(between, [o for o in second.operands if o not in items])
    ops: list[Any] = [s.op for s in sooner]
    joint = _joint(first, second, items) if all(isinstance(op, EARLY) for op in ops) else None
    if joint is not None:
        early = set(sooner)
        instrs[i : j + 1] = [*sooner, joint, *(b for b in between if b not in early)]
    return joint


def _items(first: Instr, second: Instr) -> dict[Operand, Operand] | None:
    """What the first loop has collected, and the second reads its own item of: with the items.

    None where the second loop reads more of it than that, or must not run the other way round.
    """
    turned = first.params["reverse"] != second.params["reverse"]
    if turned and any(isinstance(r.aval, StackAval) for r in second.results):
        return None  # a stack grows at its end
    kept = {first.results[k]: item for k, item in collected(first).items()}
    body = second.params["body"]
    params = body.params[1 + second.params["carry"] :]
    read = [(o, p) for o, p in zip(_constants(second), params, strict=True) if o in kept]
    if any(own_reads(body, p) is None for _, p in read):
        return None
    return {o: kept[o] for o, _ in read}


def _joint(first: Instr, second: Instr, items: dict[Operand, Operand]) -> Instr | None:
    """One loop that does what two do, if they have enough in common."""
    one, other = first.params["body"], second.params["body"]
    n, m = first.params["carry"], second.params["carry"]
    carry = [Value(p.aval, p.hint) for p in other.params[1 : 1 + m]]
    given = dict(zip(_constants(first), one.params[1 + n :], strict=True))
    env: dict[Operand, Any] = dict(zip(other.params, (one.params[0], *carry), strict=False))
    more: list[Operand] = []  # what only the second loop reads
    skipped: set[Instr] = set()
    for operand, param in zip(_constants(second), other.params[1 + m :], strict=True):
        if operand in items:
            own = own_reads(other, param) or []
            env.update({i.results[0]: items[operand] for i in own})
            skipped.update(own)
            continue
        if operand not in given:
            given[operand] = Value(param.aval, param.hint)
            more.append(operand)
        env[param] = given[operand]
    builder = Builder()
    builder.instrs = list(one.instrs)
    with emitting_to(builder):
        transplanted([i for i in other.instrs if i not in skipped], env)
    params = (*one.params[: 1 + n], *carry, *one.params[1 + n :], *map(given.__getitem__, more))
    results = (*one.results, *(env.get(r, r) for r in other.results))
    body = joint_loops(cse(Block(params, builder.instrs, results)))
    shared = len(skipped) + _work(one) + _work(other) - _work(body)
    if shared <= SHARED * min(_work(one), _work(other)):
        return None
    operands = (*first.operands[: 1 + n], *second.operands[1 : 1 + m], *_constants(first), *more)
    made = {**first.params, "body": body, "carry": n + m}
    return Instr(first.op, operands, made, (*first.results, *second.results), first.location)


def _work(block: Block) -> int:
    """How much arithmetic there is, loops within included."""
    own = [i for i in block.instrs if isinstance(i.op, Elementwise) and i.results[0].aval.dtype.kind == "f"]
    return len(own) + sum(_work(b) for i in block.instrs for b in blocks_of(i))
