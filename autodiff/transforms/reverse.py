"""Reverse mode: from a program to the program that also computes cotangents.

`pullback` walks instructions backwards, once. It keeps one cotangent per value and asks each
op's `vjp` for the cotangents of its operands, which it adds up. It emits into the current
emitter, so the adjoint is IR like any other and can be differentiated again; forward and
backward of one function end up in one block.

Two different questions are kept apart: *connected* (is there a differentiable path from
source to target?) and *zero* (does a cotangent arrive?). `floor(x)` is connected with
derivative zero; `stop_gradient(x)` is not connected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval, StackAval, is_differentiable
from autodiff.ir.build import continuing, literal
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ops.families import both, broadcast_to, cast, full, not_equal, plain, some, zeros_like
from autodiff.ops.op import Masked
from autodiff.ops.region import Region
from autodiff.transforms.workers import workers

BOOL = np.dtype(np.bool_)


def pullback(
    instrs: Sequence[Instr],
    seeds: Iterable[tuple[Any, Any]],
    sources: Sequence[Any],
    totals: Mapping[Any, Any] = MappingProxyType({}),
) -> list[Any]:
    """Emit the adjoint of `instrs`.

    Parameters
    ----------
    instrs : instructions, in the order in which they ran
    seeds : (target, cotangent) pairs
    sources : values whose cotangents are asked for; intermediates are welcome
    totals : cotangents that some sources have before; theirs are added to these

    Returns
    -------
    One cotangent per source, with the source's aval; None where no differentiable path
    leads from the source to a target.
    """
    seeds = list(seeds)
    active = _influenced(instrs, sources)
    useful = _influencing(instrs, [target for target, _ in seeds])
    fragile = _beyond_poles(instrs, active)
    loose: set[Operand] = set()  # read and written through windows, which carry no masks
    cts: dict[Operand, Any] = dict(totals)
    for target, ct in seeds:
        _accumulate(cts, target, ct)
    for instr in reversed(instrs):
        for y in instr.results:
            if y in cts and y in active:
                _pull(instr, cts, active, fragile, loose)
                break
    return [_unmasked(cts.get(s), s) if s in useful else totals.get(s) for s in sources]


def _pull(
    instr: Instr, cts: dict[Operand, Any], active: set[Operand], fragile: set[Operand], loose: set[Operand]
) -> None:
    op: Any = instr.op
    flags = tuple([o in active and op.connects(k) for k, o in enumerate(instr.operands)])
    if not any(flags):
        return
    if isinstance(op, Region):
        _pull_region(instr, cts, flags, fragile)
        return
    given = tuple([_given(cts.get(y), y, op.keeps_mask or op.moves) for y in instr.results])
    ct, y = (given[0], instr.results[0]) if len(given) == 1 else (given, instr.results)
    if op.kept_items or hasattr(op, "vjp_into"):
        # Of a window a mask would cost as much as the whole array. One is made of the cotangent where it may matter.
        ct = plain(ct)
        loose.add(instr.operands[0])
    elif instr.results[0] in loose and instr.results[0] in fragile and (op.keeps_mask or op.moves):
        ct = _left_out(ct)
    elif op.selects and instr.operands[0] in fragile and not isinstance(ct, Masked):
        ct = Masked(ct, full(ArrayAval(instr.results[0].aval.shape, BOOL), True))
    if hasattr(op, "vjp_into"):
        _pull_into(instr, ct, cts, flags)
        return
    parts = _moved(instr, ct, flags) if op.moves else op.vjp(ct, y, instr.operands, instr.params, flags)
    for k, (operand, wanted, part) in enumerate(zip(instr.operands, flags, parts, strict=True)):
        if wanted and part is not None:
            _accumulate(cts, operand, _left_out(part) if k in op.kept_items and operand in fragile else part)


def _left_out(ct: Any) -> Any:
    """The cotangent of what was written down for another trip, or another loop, from where no mask comes."""
    return ct if isinstance(ct, Masked) else Masked(ct, not_equal(ct, 0))


def _pull_into(instr: Instr, ct: Any, cts: dict[Operand, Any], flags: tuple[bool, ...]) -> None:
    """Of an op that reads a little of much: what it reads is added to the cotangent there is, in place."""
    op: Any = instr.op
    before = _begun(instr, cts, flags)
    totals = op.vjp_into(before, ct, instr.operands, instr.params, flags)
    _take(instr, before, totals, cts, flags)


def _pull_region(instr: Instr, cts: dict[Operand, Any], flags: tuple[bool, ...], fragile: set[Operand]) -> None:
    """Of a loop or a branch, which adds up in place too."""
    op: Any = instr.op
    given = [None if y not in cts else plain(cts[y]) for y in instr.results]
    before = _begun(instr, cts, flags)
    totals = op.pull(instr, given, before, flags, workers())
    for k, o in enumerate(instr.operands):
        # No mask comes out of a loop. What got no cotangent there must not meet an infinite slope further back.
        if flags[k] and totals[k] is not None and o in fragile and not isinstance(totals[k].aval, StackAval):
            totals[k] = Masked(totals[k], not_equal(totals[k], 0))
    _take(instr, before, totals, cts, flags)


def _begun(instr: Instr, cts: dict[Operand, Any], flags: tuple[bool, ...]) -> list[Any]:
    """The cotangents that the operands have already; of an operand that is there twice, it goes with the first."""
    found: list[Any] = []
    for k, o in enumerate(instr.operands):
        ct = cts.get(o) if flags[k] and not any(o is p for p in instr.operands[:k]) else None
        found.append(None if isinstance(ct, Masked) else ct)
    return found


def _take(
    instr: Instr, before: Sequence[Any], totals: Sequence[Any], cts: dict[Operand, Any], flags: tuple[bool, ...]
) -> None:
    for o, wanted, old, total in zip(instr.operands, flags, before, totals, strict=True):
        if wanted and total is not None:
            if old is None:
                _accumulate(cts, o, total)
            else:
                cts[o] = total


def _moved(instr: Instr, ct: Any, flags: tuple[bool, ...]) -> list[Any]:
    """The cotangents of an op that moves elements. Its mask moves with them: counted, it is a cotangent like any."""
    op: Any = instr.op
    (y,) = instr.results
    parts = op.vjp(plain(ct), y, instr.operands, instr.params, flags)
    if not isinstance(ct, Masked):
        return list(parts)
    counts = cast(broadcast_to(ct.mask, y.aval.shape), dtype=y.aval.dtype)
    lanes = op.vjp(counts, y, instr.operands, instr.params, flags)
    return [None if p is None else Masked(p, some(m)) for p, m in zip(parts, lanes, strict=True)]


def _given(ct: Any, y: Any, keeps_mask: bool) -> Any:
    """The cotangent of a result as the rule takes it."""
    if ct is None:
        return None
    if isinstance(ct, Masked) and not keeps_mask:
        ct = ct.value
    _name(ct, y)
    return ct


def _accumulate(cts: dict[Operand, Any], value: Operand, ct: Any) -> None:
    before = cts.get(value)
    cts[value] = ct if before is None else both(before, ct)


def _unmasked(ct: Any, source: Any) -> Any:
    if ct is None:
        return zeros_like(source.aval)
    ct = plain(ct)
    if ct.aval != source.aval:
        raise InternalError(f"a rule gave a cotangent {ct.aval} to a value {source.aval}")
    _name(ct, source)
    return ct


def _name(ct: Any, primal: Any) -> None:
    """Name a cotangent after its primal, for printed IR and generated source."""
    ct = plain(ct)
    hint = getattr(primal, "hint", "")
    if hint and isinstance(ct, Value) and not ct.hint:
        ct.hint = f"ct_{hint}"


def _influenced(instrs: Sequence[Instr], sources: Iterable[Any]) -> set[Operand]:
    """Values to which a differentiable path leads from a source."""
    found: set[Operand] = {s for s in sources if is_differentiable(s.aval.dtype)}
    for instr in instrs:
        op: Any = instr.op
        if isinstance(op, Region):
            for r, reads in zip(instr.results, op.reads(dict(instr.params)), strict=True):
                if any(instr.operands[k] in found for k in reads) and is_differentiable(r.aval.dtype):
                    found.add(r)
            continue
        for k, o in enumerate(instr.operands):
            if o in found and op.connects(k):
                found.update([r for r in instr.results if is_differentiable(r.aval.dtype)])
                break
    return found


def _beyond_poles(instrs: Sequence[Instr], active: set[Operand]) -> set[Operand]:
    """Values that may have an infinite slope: where some elements of one are left out, a mask says so."""
    found: set[Operand] = set()
    for instr in instrs:
        op: Any = instr.op
        operands = instr.operands
        if not found.isdisjoint(operands) or (not active.isdisjoint(operands) and op.is_singular(operands)):
            found.update(instr.results)
    return found


def _influencing(instrs: Sequence[Instr], targets: Iterable[Any]) -> set[Operand]:
    """Values from which a differentiable path leads to a target."""
    found: set[Operand] = {t for t in targets if is_differentiable(t.aval.dtype)}
    for instr in reversed(instrs):
        if not found.isdisjoint(instr.results):
            op: Any = instr.op
            reached = None
            if isinstance(op, Region):
                reads = zip(instr.results, op.reads(dict(instr.params)), strict=True)
                reached = set().union(*(k for r, k in reads if r in found))
            for k, o in enumerate(instr.operands):
                if is_differentiable(o.aval.dtype) and (op.connects(k) if reached is None else k in reached):
                    found.add(o)
    return found


def value_and_gradient(block: Block, wrt: Sequence[int]) -> Block:
    """(x...) -> (results..., gradients...): the gradient of the first result.

    `wrt` are positions of parameters. A parameter that is not connected has gradient zero.
    """
    with continuing(block) as (b, outs):
        seeds = [] if isinstance(outs[0], Literal) else [(outs[0], literal(1.0, outs[0].aval.dtype))]
        sources = [b.params[k] for k in wrt]
        cts = pullback(list(b.instrs), seeds, sources)
        return b.block((*outs, *(_or_zero(ct, s) for ct, s in zip(cts, sources, strict=True))))  # type: ignore[no-any-return]


def vjp(block: Block, wrt: Sequence[int]) -> Block:
    """(x..., ct...) -> (results..., ct_x...), one cotangent given per result."""
    with continuing(block, [r.aval for r in block.results], ["ct"] * len(block.results)) as (b, outs):
        given = b.params[len(block.params) :]
        seeds = [(y, ct) for y, ct in zip(outs, given, strict=True) if not isinstance(y, Literal)]
        sources = [b.params[k] for k in wrt]
        cts = pullback(list(b.instrs), seeds, sources)
        return b.block((*outs, *(_or_zero(ct, s) for ct, s in zip(cts, sources, strict=True))))  # type: ignore[no-any-return]


def _or_zero(ct: Any, source: Any) -> Any:
    return zeros_like(source.aval) if ct is None else ct
