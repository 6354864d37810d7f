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

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval, is_differentiable
from autodiff.ir.build import continuing, literal
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ops.families import both, broadcast_to, cast, full, plain, some, zeros_like
from autodiff.ops.op import Masked

BOOL = np.dtype(np.bool_)


def pullback(instrs: Sequence[Instr], seeds: Iterable[tuple[Any, Any]], sources: Sequence[Any]) -> list[Any]:
    """Emit the adjoint of `instrs`.

    Parameters
    ----------
    instrs : instructions, in the order in which they ran
    seeds : (target, cotangent) pairs
    sources : values whose cotangents are asked for; intermediates are welcome

    Returns
    -------
    One cotangent per source, with the source's aval; None where no differentiable path
    leads from the source to a target.
    """
    seeds = list(seeds)
    active = _influenced(instrs, sources)
    useful = _influencing(instrs, [target for target, _ in seeds])
    fragile = _beyond_poles(instrs, active)
    cts: dict[Operand, Any] = {}
    for target, ct in seeds:
        _accumulate(cts, target, ct)
    for instr in reversed(instrs):
        for y in instr.results:
            if y in cts and y in active:
                _pull(instr, cts, active, fragile)
                break
    return [_unmasked(cts.get(s), s) if s in useful else None for s in sources]


def _pull(instr: Instr, cts: dict[Operand, Any], active: set[Operand], fragile: set[Operand]) -> None:
    op: Any = instr.op
    flags = tuple([o in active and op.connects(k) for k, o in enumerate(instr.operands)])
    if not any(flags):
        return
    given = tuple([_given(cts.get(y), y, op.keeps_mask or op.moves) for y in instr.results])
    ct, y = (given[0], instr.results[0]) if len(given) == 1 else (given, instr.results)
    if op.selects and instr.operands[0] in fragile and not isinstance(ct, Masked):
        ct = Masked(ct, full(ArrayAval(instr.results[0].aval.shape, BOOL), True))
    parts = _moved(instr, ct, flags) if op.moves else op.vjp(ct, y, instr.operands, instr.params, flags)
    for operand, wanted, part in zip(instr.operands, flags, parts, strict=True):
        if wanted and part is not None:
            _accumulate(cts, operand, part)


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
            for k, o in enumerate(instr.operands):
                if is_differentiable(o.aval.dtype) and op.connects(k):
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
