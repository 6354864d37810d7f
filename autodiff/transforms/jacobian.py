"""Jacobians: the adjoint, or the tangents, of a program for a whole basis of directions at once.

The derivative of recorded instructions is a linear program in its direction, with their values
as constants. It is built on its own, then batched over the identity matrix: what does not depend
on the direction stays as it was, everything else gets one more axis. No loop, one program.

Reverse mode costs one batch entry per element of the target, forward mode one per element of
the source; `columns` and `rows` emit into the current emitter, like `pullback` and `pushforward`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, emitter, literal
from autodiff.ir.core import Block, Instr, Literal, Operand
from autodiff.ops.batching import repeated
from autodiff.ops.families import cast, full, reshape
from autodiff.ops.movement import pad, slice_axis, transpose
from autodiff.transforms.batch import vectorized
from autodiff.transforms.forward import pushforward
from autodiff.transforms.reverse import pullback


def rows(instrs: Sequence[Instr], target: Any, sources: Sequence[Any]) -> list[Any]:
    """Emit the derivative of `target` with respect to each source, in reverse mode.

    Returns
    -------
    One value per source, of shape `target.shape + source.shape`; None where no differentiable
    path leads from the source to the target.
    """

    def adjoint(copies: Sequence[Instr], env: dict[Operand, Any], ct: Any) -> list[Any]:
        return pullback(copies, [(env[target], ct)], [env[s] for s in sources])

    found = _over_basis(instrs, target, [target, *sources], adjoint)
    return [
        None if ct is None else reshape(ct, shape=target.aval.shape + s.aval.shape)
        for ct, s in zip(found, sources, strict=True)
    ]


def columns(instrs: Sequence[Instr], source: Any, targets: Sequence[Any]) -> list[Any]:
    """Emit the derivative of each target with respect to `source`, in forward mode.

    Returns
    -------
    One value per target, of shape `target.shape + source.shape` and, as in reverse mode, of the
    source's dtype; None where the derivative is zero by construction.
    """

    def tangents(copies: Sequence[Instr], env: dict[Operand, Any], t: Any) -> list[Any]:
        known = pushforward(copies, {env[source]: t})
        return [known.get(env[y]) if y in env else None for y in targets]

    found = _over_basis(instrs, source, [source, *targets], tangents)
    return [
        None if t is None else reshape(_basis_last(t, source), shape=y.aval.shape + source.aval.shape)
        for t, y in zip(found, targets, strict=True)
    ]


def _basis_last(t: Any, source: Any) -> Any:
    moved = transpose(t, perm=(*range(1, t.aval.ndim), 0))
    return moved if moved.aval.dtype == source.aval.dtype else cast(moved, dtype=source.aval.dtype)


def _over_basis(
    instrs: Sequence[Instr],
    along: Any,
    others: Sequence[Any],
    derivative: Callable[[Sequence[Instr], dict[Operand, Any], Any], list[Any]],
) -> list[Any]:
    """Emit a derivative for each unit vector of the shape of `along`, stacked in front."""
    block, values, known = _linear(instrs, along, others, derivative)
    n = along.aval.size
    if not along.aval.shape:
        # One direction needs no batch.
        one = literal(1.0, along.aval.dtype)
        found, flags = vectorized(block, [one, *values], [False] * (1 + len(values)))
    else:
        found, flags = vectorized(block, [identity(along.aval), *values], [True, *(False for _ in values)])
    stacked = iter([y if flag else repeated(y, n) for y, flag in zip(found, flags, strict=True)])
    return [next(stacked) if k else None for k in known]


def _linear(
    instrs: Sequence[Instr],
    along: Any,
    others: Sequence[Any],
    derivative: Callable[[Sequence[Instr], dict[Operand, Any], Any], list[Any]],
) -> tuple[Block, list[Any], list[bool]]:
    """(direction, values...) -> derivatives: the block, the values, and which derivatives there are."""
    read = (o for i in instrs for o in (*i.operands, *i.results))
    values = list(dict.fromkeys(o for o in (*read, *others) if not isinstance(o, Literal)))
    with building([along.aval, *(v.aval for v in values)], ["", *(getattr(v, "hint", "") for v in values)]) as b:
        env: dict[Operand, Any] = dict(zip(values, b.params[1:], strict=True))
        copies = [_copy(i, env) for i in instrs]
        found = derivative(copies, env, b.params[0])
        return b.block(y for y in found if y is not None), values, [y is not None for y in found]


def _copy(instr: Instr, env: dict[Operand, Any]) -> Instr:
    operands = tuple([o if isinstance(o, Literal) else env[o] for o in instr.operands])
    return Instr(instr.op, operands, instr.params, tuple([env[r] for r in instr.results]), instr.location)


def identity(aval: ArrayAval) -> Any:
    """Emit the unit vectors of this shape, stacked in front: `np.eye(n).reshape(n, *shape)`."""
    n = aval.size
    # A one before n zeros, n times over, read in rows of n: each row starts one place later.
    wide = pad(full(ArrayAval((n, 1), aval.dtype), 1), low=(0, 0), high=(0, n), interior=(0, 0))
    flat = slice_axis(reshape(wide, shape=(n * (n + 1),)), 0, 0, n * n)
    return reshape(flat, shape=(n, *aval.shape))


def diagonal_blocks(jacobian: Any, n: int, rest: int) -> Any:
    """Of a Jacobian of shape (n, *t, n, *s), with `rest` axes before the second n: [i, *t, *s] where both are i."""
    x = emitter().lift(jacobian)
    shape = x.aval.shape
    blocks = transpose(x, perm=(0, rest, *range(1, rest), *range(rest + 1, len(shape))))
    tail = blocks.aval.shape[2:]
    none = (0,) * len(tail)
    # n blocks in front of the end make rows of n + 1 out of rows of n: the diagonal becomes the first column.
    flat = reshape(blocks, shape=(n * n, *tail))
    longer = pad(flat, low=(0, *none), high=(n, *none), interior=(0, *none))
    return reshape(slice_axis(reshape(longer, shape=(n, n + 1, *tail)), 1, 0, 1), shape=(n, *tail))
