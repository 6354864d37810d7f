"""Small arrays of fixed size in loops become numbers: a state of three elements lives in three registers.

Within a loop an array of at most `SMALL` elements is taken apart, once and for all trips. What moves elements then
costs nothing, arithmetic is arithmetic on numbers, and a product of small matrices is written out. Loops that do
something else with small arrays, such as reading one at a computed position, stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.ir.aval import ArrayAval, StackAval
from autodiff.ir.build import building, literal
from autodiff.ir.core import Block, Instr, Literal, Operand, blocks_of
from autodiff.ops.arithmetic import logical_or, maximum, minimum
from autodiff.ops.contraction import Matmul
from autodiff.ops.families import Elementwise, Movement, Reduction, add, cast, logical_and, mul
from autodiff.ops.movement import Placement
from autodiff.ops.op import Cast, applied
from autodiff.ops.stack import Blank, EmptyStack, Peek, Push, RaiseItem, blank
from autodiff.ops.window import INT, Read, Written, add_window, set_window, window
from autodiff.passes.one_place import OnePlace
from autodiff.passes.rewrite import Rewriter, inside, rewrite

SMALL = 16  # elements of an array that is taken apart
MOST = 2000  # instructions of a loop's body after that

COMBINED: dict[str, Any] = {
    "sum": add,
    "prod": mul,
    "max": maximum,
    "min": minimum,
    "any": logical_or,
    "all": logical_and,
}


class Refused(Exception):
    """A loop does something with a small array that numbers cannot do."""


Elements = np.ndarray  # of operands, in the shape of the array that they are the elements of


def in_registers(block: Block) -> Block:
    """The block, small arrays of its loops taken apart."""
    if not any(blocks_of(instr) for instr in block.instrs):
        return block

    def rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
        if not blocks_of(instr):
            return None
        start = len(new.instrs)
        try:
            return _Loop(instr).emitted(operands)
        except Refused:
            del new.instrs[start:]
            return None

    return inside(rewrite(block, rule), in_registers)


class _Loop:
    """One loop or branch, and which of its arrays are small."""

    def __init__(self, instr: Instr) -> None:
        self.instr = instr
        self.places = OnePlace()
        self.positioned: set[Operand] = set()  # arrays that are read or written at computed positions
        self._look(instr)
        self.large = {self.places.root(x) for x in self.positioned}

    def emitted(self, operands: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Emit it over numbers; its results. None if it has no small arrays."""
        if not self._has_small(self.instr):
            return None
        given = [_apart(o) if self.is_small(x) else o for o, x in zip(operands, self.instr.operands, strict=True)]
        results = zip(self._region(self.instr, given), self.instr.results, strict=True)
        return tuple(_together(f, r.aval) if isinstance(f, np.ndarray) else f for f, r in results)

    def is_small(self, value: Any) -> bool:
        """Whether an array is taken apart."""
        aval = value.aval
        return bool(aval.shape) and 0 < aval.size <= SMALL and self.places.root(value) not in self.large

    def _has_small(self, instr: Instr) -> bool:
        for block in blocks_of(instr):
            values = [*block.params, *(r for i in block.instrs for r in i.results)]
            if any(map(self.is_small, values)) or any(self._has_small(i) for i in block.instrs if blocks_of(i)):
                return True
        return False

    def _look(self, instr: Instr) -> None:
        self.places.enter(instr)
        for block in blocks_of(instr):
            for i in block.instrs:
                if blocks_of(i):
                    self._look(i)
                else:
                    self._look_at_window(i)

    def _look_at_window(self, instr: Instr) -> None:
        op: Any = instr.op
        if not isinstance(op, Read | Written):
            return
        if isinstance(op, Written):
            self.places.join(instr.results[0], instr.operands[0])
        if any(not isinstance(s, Literal) for s in instr.operands[op.whole :]):
            self.positioned.add(instr.operands[0])

    # ---- blocks within ----------------------------------------------------------------------

    def _region(self, instr: Instr, operands: list[Any]) -> list[Any]:
        """A loop or branch over elements: what is small is `Elements`, before and after."""
        op: Any = instr.op
        params: dict[str, Any] = {k: self._taken_apart(v) if type(v) is Block else v for k, v in instr.params.items()}
        if "carry" in params:
            params["carry"] = sum(r.aval.size if self.is_small(r) else 1 for r in instr.results)
        found = iter(applied(op, _flat(operands), params))
        return [self._taken(found, r) for r in instr.results]

    def _taken(self, found: Any, value: Any) -> Any:
        """The elements of a value, or the value itself, out of those that come next."""
        if not self.is_small(value):
            return next(found)
        elements = np.empty(value.aval.shape, object)
        for at in np.ndindex(elements.shape):
            elements[at] = next(found)
        return elements

    def _taken_apart(self, block: Block) -> Block:
        avals, hints = [], []
        for p in block.params:
            small = self.is_small(p)
            count = p.aval.size if small else 1
            avals += [_element(p.aval) if small else p.aval] * count
            hints += [p.hint] * count
        with building(avals, hints) as b:
            given = iter(b.params)
            env: dict[Operand, Any] = {p: self._taken(given, p) for p in block.params}
            for instr in block.instrs:
                start = len(b.instrs)
                outs = self._instr(instr, [env.get(o, o) for o in instr.operands])
                env.update(zip(instr.results, outs, strict=True))
                if len(b.instrs) > MOST:
                    raise Refused
                for made in b.instrs[start:]:
                    made.location = instr.location
            return b.block(_flat([env.get(r, r) for r in block.results]))

    def _instr(self, instr: Instr, operands: list[Any]) -> list[Any]:
        if blocks_of(instr):
            return self._region(instr, operands)
        op: Any = instr.op
        result = instr.results[0].aval
        small = [self.is_small(r) for r in instr.results]
        some = any(isinstance(o, np.ndarray) for o in operands)
        if not some and not any(small):
            return list(applied(op, operands, instr.params))
        if some and not any(small) and any(r.aval.shape for r in instr.results) and not isinstance(op, Written):
            raise Refused  # a small array becomes, or meets, one that is not
        if len(instr.results) > 1:
            raise Refused
        if isinstance(op, Read | Written) and not isinstance(operands[0], np.ndarray):
            return [_window(op, operands, instr.params, result)]
        return [_computed(op, operands, instr.params, result, some)]


def _apart(x: Any) -> Elements:
    """The elements of an array that is there."""
    if isinstance(x.aval, StackAval):  # of a loop that was left as it was
        raise Refused
    found = np.empty(x.aval.shape, object)
    axes = tuple(range(x.aval.ndim))
    place = {"axes": axes, "kept": (False,) * len(axes), "sizes": (0,) * len(axes)}
    for at in np.ndindex(x.aval.shape):
        found[at] = window(x, *(literal(k, INT) for k in at), **place)
    return found


def _together(elements: Elements, aval: ArrayAval) -> Any:
    """An array of these elements."""
    if isinstance(aval, StackAval):
        raise Refused
    (y,) = applied(blank, (), {"aval": aval})
    axes = tuple(range(aval.ndim))
    place = {"axes": axes, "kept": (False,) * len(axes), "sizes": (0,) * len(axes)}
    for at in np.ndindex(aval.shape):
        y = set_window(y, elements[at], *(literal(k, INT) for k in at), **place)
    return y


def _flat(values: Sequence[Any]) -> list[Any]:
    return [x for v in values for x in (list(v.flat) if isinstance(v, np.ndarray) else [v])]


def _element(aval: ArrayAval) -> ArrayAval:
    number = ArrayAval((), aval.dtype)
    return StackAval(number) if isinstance(aval, StackAval) else number


# ---- instructions ------------------------------------------------------------------------------------


def _computed(op: Any, operands: list[Any], params: Any, result: ArrayAval, some: bool) -> Any:
    """The result of one instruction that small arrays are part of."""
    if isinstance(op, EmptyStack | Push | RaiseItem | Peek):
        return _each(op, operands, params, result)
    if isinstance(op, Blank):
        return np.full(result.shape, literal(0, result.dtype), object)
    if not some:
        return _apart(applied(op, operands, params)[0])
    if isinstance(op, Elementwise | Cast):
        return _each(op, operands, params, result)
    if isinstance(op, Movement | Placement):
        return _moved(op, operands, params, result)
    if isinstance(op, Reduction) and op.name in COMBINED:
        return _reduced(op, operands[0], params["axes"], result)
    if isinstance(op, Matmul):
        return _product(operands, result)
    if isinstance(op, Read | Written):
        return _at_known_places(op, operands, params)
    raise Refused(op.name)


def _at_known_places(op: Any, operands: list[Any], params: Any) -> Any:
    """A window at known places of a small array."""
    x, *rest = operands
    part = None if isinstance(op, Read) else rest.pop(0)
    index: list[Any] = [slice(None)] * x.ndim
    for start, axis, keep, n in zip(rest, params["axes"], params["kept"], params["sizes"], strict=True):
        if not isinstance(start, Literal):
            raise Refused
        number: Any = start.value
        at = int(number)
        index[axis] = slice(at, at + n) if keep else at
    if part is None:
        return x[tuple(index)]
    y = x.copy()
    if op is add_window:
        there = np.asarray(y[tuple(index)], object)
        given = np.asarray(part, object)
        part = np.empty(there.shape, object)
        for at_ in np.ndindex(there.shape):
            part[at_] = add(there[at_], given[at_])
        part = part if part.shape else part[()]
    y[tuple(index)] = part
    return y


def _each(op: Any, operands: Sequence[Any], params: Any, result: ArrayAval) -> Any:
    """One use of the op for every element."""
    shape = result.shape
    if isinstance(op, EmptyStack):
        params = {"item": ArrayAval((), result.dtype)}
    spread = [np.broadcast_to(o, shape) if isinstance(o, np.ndarray) else o for o in operands]
    if any(not isinstance(o, np.ndarray) and o.aval.shape for o in spread):
        raise Refused
    found = np.empty(shape, object)
    for at in np.ndindex(shape):
        (found[at],) = applied(op, [o[at] if isinstance(o, np.ndarray) else o for o in spread], params)
    return found


def _moved(op: Any, operands: Sequence[Any], params: Any, result: ArrayAval) -> Elements:
    """Where each element comes from is asked of the op itself, on numbers that say so."""
    sources: list[Any] = [literal(op.filling(result.dtype) if isinstance(op, Placement) else 0, result.dtype)]
    numbered = []
    for o in operands:
        elements = o if isinstance(o, np.ndarray) else np.full((), o, object)
        if not isinstance(o, np.ndarray) and o.aval.shape:
            raise Refused
        numbered.append(len(sources) + np.arange(elements.size).reshape(elements.shape))
        sources += list(elements.flat)
    (places,) = op.evaluate(*numbered, **params)
    found = np.empty(np.shape(places), object)
    for at in np.ndindex(found.shape):
        found[at] = sources[int(np.asarray(places)[at])]
    return found if found.shape else found[()]


def _reduced(op: Reduction, x: Elements, axes: tuple[int, ...], result: ArrayAval) -> Any:
    combine = COMBINED[op.name]
    kept = [k for k in range(x.ndim) if k not in axes]
    rows = np.transpose(x, (*kept, *axes)).reshape((*result.shape, -1))
    found = np.empty(result.shape, object)
    for at in np.ndindex(result.shape):
        total: Any = None
        for e in rows[at]:
            e = e if e.aval.dtype == result.dtype else cast(e, dtype=result.dtype)
            total = e if total is None else combine(total, e)
        found[at] = total
    return found if found.shape else found[()]


def _product(operands: Sequence[Any], result: ArrayAval) -> Any:
    if not all(isinstance(o, np.ndarray) for o in operands) or result.size * operands[0].shape[-1] > 16 * SMALL:
        raise Refused
    a, b = operands
    found = np.empty(result.shape, object)
    for at in np.ndindex(result.shape):
        *batch, i, j = at
        terms = [mul(a[(*batch, i, k)], b[(*batch, k, j)]) for k in range(a.shape[-1])]
        total = terms[0]
        for term in terms[1:]:
            total = add(total, term)
        found[at] = total
    return found


def _window(op: Any, operands: Sequence[Any], params: Any, result: ArrayAval) -> Any:
    """Elements of an array that is not small, read or written one by one."""
    x = operands[0]
    part = None if isinstance(op, Read) else operands[1]
    starts = operands[1:] if part is None else operands[2:]
    if any(isinstance(s, np.ndarray) for s in starts) or (part is not None and not isinstance(part, np.ndarray)):
        raise Refused
    ndim = x.aval.ndim
    own = dict(zip(params["axes"], zip(starts, params["kept"], strict=True), strict=True))
    whole = {"axes": tuple(range(ndim)), "kept": (False,) * ndim, "sizes": (0,) * ndim}
    shape = result.shape if part is None else part.shape
    if math.prod(shape) > SMALL:
        raise Refused
    found = np.empty(shape, object)
    for at in np.ndindex(shape):
        steps = iter(at)
        places = []
        for axis in range(ndim):
            start, keep = own.get(axis, (None, True))
            step = next(steps) if keep else 0
            if start is None:
                places.append(literal(step, INT))
            else:
                places.append(start if not step else _plus(start, step))
        if part is None:
            found[at] = window(x, *places, **whole)
        else:
            (x,) = applied(op, (x, part[at], *places), whole)
    return found if part is None else x


def _plus(start: Any, step: int) -> Any:
    if not isinstance(start, Literal):
        return add(start, step)
    number: Any = start.value
    return literal(int(number) + step, INT)
