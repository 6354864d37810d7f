"""Arrays whose last axis is short, and is reduced over, as one array for each place on that axis.

`d = r[:, None, :] - r[None, :, :]` and `np.sum(d * d, axis=2)`, for positions r in space, are loops of three trips
within others: nothing for vectors. Taken apart along that axis the sum is two additions, all is one loop over pairs,
and the innermost loop is as long as the next axis. What is read from outside is taken apart before, and what is needed
as a whole put together after; that must be few elements, compared with what lies between.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from autodiff.ir.build import Builder, emitting_to
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ops.families import Elementwise, Movement, Reduction, broadcast, reshape
from autodiff.ops.movement import Pad, concatenate, flip, slice_, transpose
from autodiff.ops.op import Cast, applied
from autodiff.passes.registers import COMBINED
from autodiff.passes.rewrite import inside

MOST = 8  # places on a short axis
LONGEST = 400  # instructions instead of those that are taken apart: code has a length
OFTEN = 4  # how many times as large as what is taken apart or put together an array between must be


def thin_axes(block: Block) -> Block:
    """The block without reductions over a short last axis, where that pays; itself where there are none."""
    looked = _Look(block)
    block = _Apart(block, looked).block() if looked.chosen else block
    return inside(block, thin_axes)


class _Look:
    """Which values of a block are taken apart."""

    def __init__(self, block: Block) -> None:
        self.made = {r: i for i in block.instrs for r in i.results}
        self.readers: dict[Operand, list[Instr]] = {}
        for instr in block.instrs:
            for o in instr.operands:
                self.readers.setdefault(o, []).append(instr)
        self.results = set(block.results)
        self.chosen: set[Operand] = set()
        seen: set[Operand] = set()
        for instr in block.instrs:
            if _reduces(instr) and instr.operands[0] not in seen:
                found = self._together(instr.operands[0])
                seen |= found
                if self._pays(found):
                    self.chosen |= found

    def _together(self, value: Any) -> set[Any]:
        """The values that are taken apart if one is: those that are computed place by place from one another."""
        size = value.aval.shape[-1]
        found, waiting = {value}, [value]
        while waiting:
            v = waiting.pop()
            near = [r.results[0] for r in self.readers.get(v, []) if _is_by_place(r, size)]
            made = self.made.get(v)
            if made is not None and _is_by_place(made, size):
                near += [o for o in made.operands if _last(o) == size]
            waiting += [n for n in near if n not in found]
            found.update(near)
        return found

    def _pays(self, values: Collection[Any]) -> bool:
        edges, largest = 0, 0
        if sum(map(_last, values)) > LONGEST:
            return False
        for v in values:
            size, made = v.aval.shape[-1], self.made.get(v)
            readers = self.readers.get(v, [])
            is_whole = v in self.results or not all(_is_by_place(r, size) or _reduces_last(r) for r in readers)
            edges += v.aval.size * (is_whole + (made is None or not _is_by_place(made, size)))
            largest = max(largest, v.aval.size)
        return largest >= OFTEN * edges


def _last(x: Any) -> int:
    return x.aval.shape[-1] if isinstance(x, Value) and x.aval.shape else 0


def _reduces(instr: Instr) -> bool:
    """Whether it reduces an array with a short last axis, over any axes."""
    op: Any = instr.op
    return isinstance(op, Reduction) and instr.operands[0].aval.ndim > 1 and 1 < _last(instr.operands[0]) <= MOST


def _reduces_last(instr: Instr) -> bool:
    """Whether it can be written out along the last axis."""
    op: Any = instr.op
    if not _reduces(instr) or op.name not in COMBINED:
        return False
    (x,), (y,) = instr.operands, instr.results
    return x.aval.dtype == y.aval.dtype and x.aval.ndim - 1 in instr.params["axes"]


def _is_by_place(instr: Instr, size: int) -> bool:
    """Whether each place on the last axis of the result is computed from the same place of the operands."""
    op: Any = instr.op
    if len(instr.results) != 1 or _last(instr.results[0]) != size:
        return False
    if isinstance(op, Elementwise | Cast):
        return True
    if isinstance(op, Pad):
        return all(instr.params[name][-1] == 0 for name in ("low", "high", "interior"))
    if not isinstance(op, Reduction | Movement):
        return False
    (x,), params = instr.operands, instr.params
    last = x.aval.ndim - 1
    if isinstance(op, Reduction) or op is flip:
        inside: bool = last not in params["axes"]
        return inside
    if op is transpose:
        return bool(params["perm"][-1] == last)
    if op is broadcast:
        return _repeats(instr) or x.aval.shape[-1] in (1, size)
    return _last(x) == size and (op is reshape or bool(op is slice_ and params["steps"][-1] == 1))


def _repeats(broadcasting: Instr) -> bool:
    """Whether all places on the last axis are the same."""
    return bool(broadcasting.params["dims"][-1:] != (broadcasting.results[0].aval.ndim - 1,))


class _Apart:
    """Writes the block; `parts` are the places of what is taken apart."""

    def __init__(self, block: Block, looked: _Look) -> None:
        self.before, self.chosen = block, looked.chosen
        self.builder = Builder()
        self.builder.params = block.params
        self.parts: dict[Operand, list[Any]] = {}
        self.new: dict[Operand, Any] = {}  # what is computed otherwise
        self.gone: set[Operand] = set()  # what there is in parts only

    def block(self) -> Block:
        with emitting_to(self.builder):
            for instr in self.before.instrs:
                start = len(self.builder.instrs)
                self._instr(instr)
                for made in self.builder.instrs[start:]:
                    made.location = made.location or instr.location
            return self.builder.block(map(self._whole, self.before.results))

    def _instr(self, instr: Instr) -> None:
        y: Any = instr.results[0]
        if y in self.chosen and _is_by_place(instr, _last(y)):
            self.parts[y] = [self._part(instr, k) for k in range(_last(y))]
            self.gone.add(y)
        elif _reduces_last(instr) and instr.operands[0] in self.chosen:
            self.new[instr.results[0]] = self._reduced(instr)
        else:
            operands = tuple(map(self._whole, instr.operands))
            same = all(a is b for a, b in zip(operands, instr.operands, strict=True))
            self.builder.keep(instr if same else instr.reading(operands))

    def _whole(self, x: Any) -> Any:
        """A value, put together if need be."""
        if x in self.gone:
            stacked = concatenate(*(reshape(p, shape=(1, *p.aval.shape)) for p in self.parts[x]), axis=0)
            self.new[x] = transpose(stacked, perm=(*range(1, x.aval.ndim), 0))
            self.gone.remove(x)
        return self.new.get(x, x)

    def _place(self, x: Any, k: int) -> Any:
        """One place of an operand; numbers, and what has length 1 there, have no other."""
        if isinstance(x, Literal) or not x.aval.shape:
            return self.new.get(x, x)
        if x.aval.shape[-1] == 1:
            return reshape(self._whole(x), shape=x.aval.shape[:-1])
        if x not in self.parts:
            self.parts[x] = self._taken_apart(x)
        return self.parts[x][k]

    def _taken_apart(self, x: Any) -> list[Any]:
        """The parts of an array that is there: each contiguous, for they are read over and over."""
        *rest, size = x.aval.shape
        last, length = len(rest), math.prod(rest)
        flat = reshape(transpose(self._whole(x), perm=(last, *range(last))), shape=(x.aval.size,))
        cuts = [slice_(flat, starts=(k * length,), limits=((k + 1) * length,), steps=(1,)) for k in range(size)]
        return [reshape(cut, shape=tuple(rest)) for cut in cuts]

    def _part(self, instr: Instr, k: int) -> Any:
        """One place of what an instruction computes."""
        op: Any = instr.op
        params = dict(instr.params)
        if op is broadcast and _repeats(instr):
            return broadcast(self._whole(instr.operands[0]), shape=params["shape"][:-1], dims=params["dims"])
        if isinstance(op, Movement | Pad):
            params = {name: value if name == "axes" else value[:-1] for name, value in params.items()}
        return applied(op, [self._place(o, k) for o in instr.operands], params)[0]

    def _reduced(self, instr: Instr) -> Any:
        op: Any = instr.op
        (x,), axes = instr.operands, instr.params["axes"]
        total, *others = [self._place(x, k) for k in range(x.aval.shape[-1])]
        for other in others:
            total = COMBINED[op.name](total, other)
        return applied(op, (total,), {"axes": axes_left})[0] if (axes_left := tuple(axes[:-1])) else total
