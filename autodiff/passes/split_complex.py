"""Complex numbers as two real ones, for kernels: they have no complex dtype, and need none.

A complex parameter or result is an array of pairs (`ops.paired`); in between, values are their real
and imaginary parts, so arithmetic on them fuses like any other. What has no formula in `FORMULAS` and
is not linear in the parts runs on pairs, by NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff.ir.aval import ArrayAval, StackAval
from autodiff.ir.build import Builder, building, literal
from autodiff.ir.core import Block, Instr, Literal, Operand, blocks_of
from autodiff.ops import arithmetic as ar
from autodiff.ops import complex_numbers as cn
from autodiff.ops import families as fa
from autodiff.ops import indexing, reduction, stack, window
from autodiff.ops import transcendental as tr
from autodiff.ops.contraction import matmul
from autodiff.ops.movement import Placement, concatenate, slice_axis
from autodiff.ops.op import applied
from autodiff.ops.paired import pair_aval, paired


class Pair(NamedTuple):
    """A complex value."""

    re: Any
    im: Any


def split_complex(block: Block) -> Block:
    """The block in real numbers; itself when it has no others."""
    if not _has_complex(block):
        return block
    with building([pair_aval(p.aval) for p in block.params], [p.hint for p in block.params]) as b:
        parts = [
            _parts_of(new) if old.aval.dtype.kind == "c" else new
            for old, new in zip(block.params, b.params, strict=True)
        ]
        return b.block([_joined(r) for r in _emitted(block, parts, b)])


def _has_complex(block: Block) -> bool:
    values = [*block.params, *block.results, *(r for i in block.instrs for r in i.results)]
    if any(v.aval.dtype.kind == "c" for v in values):
        return True
    return any(_has_complex(inner) for instr in block.instrs for inner in blocks_of(instr))


def _emitted(block: Block, parts: Sequence[Any], b: Builder) -> list[Any]:
    """Emit a block over its parameters in parts; its results in parts."""
    env: dict[Operand, Any] = dict(zip(block.params, parts, strict=True))

    def read(operand: Operand) -> Any:
        return _split_literal(operand) if isinstance(operand, Literal) else env[operand]

    for instr in block.instrs:
        start = len(b.instrs)
        env.update(zip(instr.results, _split(instr, [read(o) for o in instr.operands]), strict=True))
        for made in b.instrs[start:]:
            made.location = instr.location
    return [read(r) for r in block.results]


# ---- loops and branches --------------------------------------------------------------------------


def _split_region(instr: Instr, operands: list[Any]) -> tuple[Any, ...]:
    """A loop or branch whose blocks take and give the parts of complex values one by one."""
    op: Any = instr.op
    params: dict[str, Any] = {k: _in_parts(v) if isinstance(v, Block) else v for k, v in instr.params.items()}
    if "carry" in params:
        params["carry"] = sum(1 + (r.aval.dtype.kind == "c") for r in instr.results)
    found = iter(applied(op, _flat(operands), params))
    return tuple(Pair(next(found), next(found)) if r.aval.dtype.kind == "c" else next(found) for r in instr.results)


def _in_parts(block: Block) -> Block:
    """An inner block, a parameter and a result for every part."""
    avals = [a for p in block.params for a in _part_avals(p.aval)]
    with building(avals, [p.hint for p in block.params for _ in _part_avals(p.aval)]) as b:
        given = iter(b.params)
        parts = [Pair(next(given), next(given)) if p.aval.dtype.kind == "c" else next(given) for p in block.params]
        return b.block(_flat(_emitted(block, parts, b)))


def _part_avals(aval: ArrayAval) -> tuple[ArrayAval, ...]:
    return (_part_aval(aval),) * 2 if aval.dtype.kind == "c" else (aval,)


def _part_aval(aval: ArrayAval) -> ArrayAval:
    if isinstance(aval, StackAval):
        return StackAval(_part_aval(aval.item))
    return ArrayAval(aval.shape, cn.part_dtype(aval.dtype)) if aval.dtype.kind == "c" else aval


def _flat(values: Sequence[Any]) -> list[Any]:
    return [part for v in values for part in (v if isinstance(v, Pair) else (v,))]


def _split_literal(x: Literal) -> Any:
    if x.aval.dtype.kind != "c":
        return x
    part, value = cn.part_dtype(x.aval.dtype), complex(x.value)
    return Pair(literal(value.real, part), literal(value.imag, part))


def _parts_of(pairs: Any) -> Pair:
    """The parts of an array of pairs."""
    *shape, _ = pairs.aval.shape
    n = len(shape)
    re, im = (fa.reshape(slice_axis(pairs, n, k, k + 1), shape=tuple(shape)) for k in (0, 1))
    return Pair(re, im)


def _joined(x: Any) -> Any:
    """A value as pairs; a real one as it is."""
    if not isinstance(x, Pair):
        return x
    shape = x.re.aval.shape
    return concatenate(*(fa.reshape(part, shape=(*shape, 1)) for part in x), axis=len(shape))


def _split(instr: Instr, operands: list[Any]) -> tuple[Any, ...]:
    """The results of one instruction, in parts where they are complex."""
    op: Any = instr.op
    if blocks_of(instr):
        return _split_region(instr, operands)
    complex_result = any(r.aval.dtype.kind == "c" for r in instr.results)
    if not complex_result and not any(isinstance(o, Pair) for o in operands):
        return applied(op, operands, instr.params)
    if op in FORMULAS:
        return (FORMULAS[op](*operands, **instr.params),)
    if op in LINEAR or isinstance(op, fa.Movement | Placement):
        return (
            Pair(*(_each(op, [o[k] if isinstance(o, Pair) else o for o in operands], instr.params) for k in (0, 1))),
        )
    flags = tuple(isinstance(o, Pair) for o in operands)
    found = applied(paired(op), [_joined(o) for o in operands], {**instr.params, "pairs": flags})
    return tuple(
        _parts_of(new) if old.aval.dtype.kind == "c" else new for old, new in zip(instr.results, found, strict=True)
    )


def _each(op: Any, operands: list[Any], params: Mapping[str, Any]) -> Any:
    (y,) = applied(op, operands, params)
    return y


# ---- formulas ----------------------------------------------------------------------------------


def _mul(x: Pair, y: Pair) -> Pair:
    return Pair(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re)


def _div(x: Pair, y: Pair) -> Pair:
    """Without overflow: R. L. Smith, "Algorithm 116: Complex division", 1962."""
    wide = ar.greater_equal(ar.absolute(y.re), ar.absolute(y.im))
    large, small = fa.select(wide, y.re, y.im), fa.select(wide, y.im, y.re)
    ratio = small / large
    below = large + small * ratio
    re = fa.select(wide, x.re + x.im * ratio, x.re * ratio + x.im) / below
    return Pair(re, fa.select(wide, x.im - x.re * ratio, x.im * ratio - x.re) / below)


def _exp(x: Pair) -> Pair:
    size = tr.exp(x.re)
    # A real number stays real: inf * 0 is not 0.
    return Pair(size * tr.cos(x.im), fa.select(fa.equal(x.im, 0.0), x.im, size * tr.sin(x.im)))


def _matmul(x: Pair, y: Pair) -> Pair:
    return Pair(matmul(x.re, y.re) - matmul(x.im, y.im), matmul(x.re, y.im) + matmul(x.im, y.re))


def _cast(x: Any, *, dtype: np.dtype) -> Any:
    if dtype == np.bool_:
        return ar.logical_or(fa.not_equal(x.re, 0.0), fa.not_equal(x.im, 0.0))
    if dtype.kind != "c":
        return fa.cast(x.re, dtype=dtype)
    part = cn.part_dtype(dtype)
    if isinstance(x, Pair):
        return Pair(fa.cast(x.re, dtype=part), fa.cast(x.im, dtype=part))
    re = fa.cast(x, dtype=part)
    return Pair(re, fa.zeros_like(re.aval))


def _select(c: Any, x: Pair, y: Pair) -> Pair:
    return Pair(fa.select(c, x.re, y.re), fa.select(c, x.im, y.im))


def _square(x: Pair) -> Pair:
    return _mul(x, x)


def _reciprocal(x: Pair) -> Pair:
    one = literal(1.0, x.re.aval.dtype)
    return _div(Pair(one, literal(0.0, x.re.aval.dtype)), x)


def _twice(op: Any, *operands: Any, **params: Any) -> Pair:
    """What begins empty, for either part."""
    return Pair(_each(op, list(operands), params), _each(op, list(operands), params))


def _either(test: Any) -> Callable[..., Any]:
    return lambda x: ar.logical_or(test(x.re), test(x.im))


FORMULAS: dict[Any, Callable[..., Any]] = {
    fa.mul: _mul,
    ar.div: _div,
    ar.square: _square,
    ar.reciprocal: _reciprocal,
    tr.exp: _exp,
    matmul: _matmul,
    fa.cast: _cast,
    fa.select: _select,
    stack.blank: lambda *, aval: _twice(stack.blank, aval=_part_aval(aval)),
    stack.empty_stack: lambda trips, *, item: _twice(stack.empty_stack, trips, item=_part_aval(item)),
    fa.conj: lambda x: Pair(x.re, -x.im),
    cn.real: lambda x: x.re,
    cn.imag: lambda x: x.im,
    cn.combine: lambda a, b: Pair(a, b),
    fa.equal: lambda x, y: fa.logical_and(fa.equal(x.re, y.re), fa.equal(x.im, y.im)),
    fa.not_equal: lambda x, y: ar.logical_or(fa.not_equal(x.re, y.re), fa.not_equal(x.im, y.im)),
    ar.isnan: _either(ar.isnan),
    ar.isinf: _either(ar.isinf),
    ar.isfinite: lambda x: fa.logical_and(ar.isfinite(x.re), ar.isfinite(x.im)),
}
# Linear, and the same on either part.
LINEAR = frozenset(
    {
        fa.add,
        ar.sub,
        fa.neg,
        ar.positive,
        ar.identity,
        ar.stop_gradient,
        ar.tie,
        fa.reduce_sum,
        reduction.cumsum,
        indexing.take,
        indexing.scatter_add,
        window.window,
        window.set_window,
        window.add_window,
        stack.push,
        stack.peek,
        stack.raise_item,
        stack.widen,
    }
)
