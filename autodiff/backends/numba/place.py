"""Which instruction runs in which loop nest, and which are never run but read through.

Every elementwise op and every reduction has a domain, the shape it runs over. An instruction
joins the first nest over its domain that starts late enough for all it reads; only when there
is none does it open a new one. Because forward and backward are one block, the adjoint of an
elementwise chain lands in the nest of the chain itself.

Elementwise instructions wait until somebody needs them, so that what the adjoint alone reads
is computed in the adjoint's nest instead of being kept for it. Movements (transpose, slice,
flip, broadcast, padding) are never executed: whoever reads their result reads the source through
an index map, where padding has zeros not at all.

What holds of the result: a nest reads what earlier steps computed through any map, and what
itself computes only pointwise: the whole value, in the nest's own order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from autodiff.backends.numba.nest import Guard, Index, times
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ir.signature import Sizes
from autodiff.ops.arithmetic import identity as identity_op
from autodiff.ops.contraction import Matmul
from autodiff.ops.extents import Checked
from autodiff.ops.families import Elementwise, Movement, Reduction, broadcast, reshape
from autodiff.ops.movement import Pad, Placement, flip, slice_, transpose
from autodiff.ops.op import Call, Cast
from autodiff.ops.region import Region
from autodiff.ops.stack import Blank, Peek, Stack
from autodiff.ops.window import Read, Written

BEFORE = -1  # the "step" in which parameters are computed

_NAME = re.compile(r"[A-Za-z_]\w*")

Map = tuple[Index, ...]
Given = Mapping[Operand, Any]  # what the parameters of an inner block are: a literal, a buffer
Shape = tuple[str, ...]  # sizes as text: equal text is equal size


class NoKernel(Exception):
    """This block holds something that kernels cannot do; the interpreter runs it."""


@dataclass(eq=False)
class Group:
    """A nest in the making: its domain and the instructions placed in it."""

    domain: Shape
    instrs: list[Instr] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Place:
    """Where a step stands. Values refer to it, so that a step inserted before moves them all at once."""

    step: int


class Places:
    """Where everything in a block is: `steps` in order, the `home` step of each value, views."""

    def __init__(self, block: Block, sizes: Sizes, names: Callable[[Operand], str], given: Given) -> None:
        self.sizes = sizes
        self.names = names
        self.steps: list[Group | Instr] = []
        self._homes: dict[Operand, Place] = dict.fromkeys(block.params, Place(BEFORE))
        self._where: list[Place] = []  # of the steps
        self._latest: dict[Shape, Place] = {}  # the last nest over a domain
        self.views: dict[Operand, tuple[Operand, Map]] = {}
        self.guards: dict[Operand, tuple[Guard, ...]] = {}  # where a view shows zeros
        self.fillings: dict[Operand, bool] = {}  # whether these are -0.0
        self.pointwise: set[Operand] = set()  # computed element by element
        self._waiting: dict[Operand, Instr] = {}
        self._order = {i.results[0]: k for k, i in enumerate(block.instrs)}
        self._starts: dict[str, Operand] = {}  # scalars that are positions, by name
        self.views.update({p: (x, ()) for p, x in given.items() if isinstance(x, Literal)})
        self._written = _written(block)
        for instr in block.instrs:
            self._place(instr)
        for result in block.results:
            self._place_value(self.resolve(result)[0])

    def shape(self, value: Operand) -> Shape:
        return self.sizes.shape(value)

    def home(self, value: Operand) -> int:
        """The step that computes a value."""
        return self._homes[value].step

    def resolve(self, value: Operand) -> tuple[Operand, Map]:
        """The value whose elements are read, and through which map."""
        found = self.views.get(value)
        if found is None:  # asked six times per operand: kept
            found = self.views[value] = value, identity(value.aval.ndim)
        return found

    # ---- views ------------------------------------------------------------------------

    def _add_view(self, instr: Instr, own: Map) -> None:
        """Record that a movement's result reads its operand through `own`."""
        base, inner = self.resolve(instr.operands[0])
        composed = tuple(through(outer, own) for outer in inner)
        result, operand = instr.results[0], instr.operands[0]
        self.views[result] = (base, composed)
        guards = tuple(Guard(through(g.index, own), g.size) for g in self.guards.get(operand, ()))
        if isinstance(instr.op, Pad):
            shape, whole = self.shape(operand), self.shape(result)
            guards += tuple(Guard(i, n) for i, n, m in zip(own, shape, whole, strict=True) if i.start != "0" or n != m)
        if guards:
            self.guards[result] = guards
            self.fillings[result] = instr.op.neutral if isinstance(instr.op, Pad) else self.fillings[operand]

    def _movement_map(self, instr: Instr) -> Map | None:
        """Index map of a movement, per axis of its operand; None when it is not affine."""
        op, p, shape = instr.op, instr.params, self.shape(instr.operands[0])
        if op is transpose:
            return tuple(Index(p["perm"].index(k)) for k in range(len(shape)))
        if op is broadcast:
            return tuple(Index(None) if n == "1" else Index(d) for n, d in zip(shape, p["dims"], strict=True))
        if op is slice_:
            starts = self.sizes.starts[instr, "starts"]
            return tuple(Index(k, a, s) for k, (a, s) in enumerate(zip(starts, p["steps"], strict=True)))
        if isinstance(op, Pad) and not any(p["interior"]):
            if self.fillings.get(instr.operands[0], op.neutral) != op.neutral:
                return None  # what is there is not the same everywhere
            return tuple(Index(k, times(-1, a)) for k, a in enumerate(self.sizes.starts[instr, "low"]))
        if op is flip:
            return tuple(Index(k, minus_one(n), -1) if k in p["axes"] else Index(k) for k, n in enumerate(shape))
        return unit_reshape(shape, self.shape(instr.results[0])) if op is reshape else None

    # ---- computed positions -----------------------------------------------------------

    def start(self, operand: Operand) -> str:
        """The name of a scalar that is a position; it is placed now, for whoever reads there comes later."""
        base, index = self.resolve(operand)
        if isinstance(base, Literal):
            return str(int(base.value))
        if base.aval.shape or index:
            raise NoKernel("a position that is an element of an array is read when it is too late")
        self._place_value(base)
        name = self.names(base)
        self._starts[name] = base
        return name

    def _read(self, instr: Instr) -> None:
        """What is read at a computed position: through a view, where nobody writes there before it is read."""
        (result,) = instr.results
        source, *starts = instr.operands
        texts = list(map(self.start, starts))
        if isinstance(instr.op, Peek):
            own: Map = (Index(None, texts[0]), *map(Index, range(result.aval.ndim)))
            inner: Map = own
        else:
            own = window_map(source.aval.ndim, instr.params, texts)
            inner = tuple(through(outer, own) for outer in self.resolve(source)[1])
        seen = Value(result.aval, result.hint)
        self.sizes.shapes[seen] = self.sizes.shapes[result]
        self.views[seen] = source if isinstance(instr.op, Peek) else self.resolve(source)[0], inner
        if source in self.guards:
            self.guards[seen] = tuple(Guard(through(g.index, own), g.size) for g in self.guards[source])
            self.fillings[seen] = self.fillings[source]
        if result.aval.shape and result not in self._written:
            self.views[result] = self.views[seen]
            if seen in self.guards:
                self.guards[result], self.fillings[result] = self.guards[seen], self.fillings[seen]
            return
        # A copy, taken where it stands in the program.
        self._waiting[result] = Instr(identity_op, (seen,), {}, (result,), instr.location)
        self.pointwise.add(result)
        if not result.aval.shape:
            self._place_value(result)

    def _settle(self, base: Operand) -> None:
        """Compute what waits and reads this memory: it is about to be written over."""
        for value in sorted(self._waiting, key=self._order.__getitem__):
            instr = self._waiting.get(value)
            if instr is not None and any(self.resolve(o)[0] is base for o in instr.operands):
                self._place_value(value)

    # ---- placing ----------------------------------------------------------------------

    def _place(self, instr: Instr) -> None:
        if isinstance(instr.op, Read | Peek):
            self._read(instr)
            return
        own = self._movement_map(instr) if isinstance(instr.op, Movement | Placement) else None
        if own is not None:
            self._add_view(instr, own)
        elif isinstance(instr.op, Elementwise | Cast):
            self._waiting[instr.results[0]] = instr
            self.pointwise.update(instr.results)
        elif isinstance(instr.op, Reduction):
            self._join(instr, self.shape(instr.operands[0]))
        elif (
            isinstance(instr.op, Call | Matmul | Placement | Written | Checked | Region | Stack | Blank)
            or instr.op is reshape
        ):
            for operand in instr.operands:
                self._place_value(self.resolve(operand)[0])
            if isinstance(instr.op, Written | Region):
                for operand in instr.operands:
                    self._settle(self.resolve(operand)[0])
            self._homes.update(dict.fromkeys(instr.results, self._add(len(self.steps), instr)))
        else:
            raise NoKernel(f"{instr.op.name} has no kernel")

    def _place_value(self, value: Operand) -> None:
        """Place a waiting instruction, in a nest of its own domain."""
        instr = self._waiting.get(value)
        if instr is not None:
            self._join(instr, self.shape(value))

    def _join(self, instr: Instr, domain: Shape) -> None:
        """Put an instruction, and what waits to be computed for it, into nests."""
        # In program order: when one is placed, what it reads otherwise than pointwise has been.
        for value in sorted(self._read_elsewhere(instr, domain), key=self._order.__getitem__):
            if value in self._waiting:
                self._join_one(self._waiting[value], self.shape(value))
        self._join_one(instr, domain)

    def _read_elsewhere(self, instr: Instr, domain: Shape) -> set[Operand]:
        """The waiting values that `instr`, or what it waits for, does not read pointwise."""
        found: set[Operand] = set()
        seen, stack = {instr}, [(instr, domain)]
        while stack:
            current, domain = stack.pop()
            for operand in current.operands:
                base = self.resolve(operand)[0]
                waiting = self._waiting.get(base)
                if waiting is None:
                    continue
                if not self.is_pointwise(operand, domain):
                    found.add(base)
                if waiting not in seen:
                    seen.add(waiting)
                    stack.append((waiting, self.shape(base)))
        return found

    def _join_one(self, instr: Instr, domain: Shape) -> None:
        """Put an instruction into one nest, with all it waits for, which it reads pointwise."""
        chain = self._chain(instr)
        first = max((self._ready(o, domain) for i in chain for o in i.operands), default=0)
        k = self._group_at(first, domain)
        group = self.steps[k]
        assert isinstance(group, Group)
        group.instrs += chain
        for placed in chain:
            self._homes.update(dict.fromkeys(placed.results, self._where[k]))
            self._waiting.pop(placed.results[0], None)

    def _chain(self, instr: Instr) -> list[Instr]:
        """`instr` and the waiting instructions it reads, in an order in which they can run."""
        chain: dict[Instr, None] = {}
        stack = [(instr, False)]
        while stack:
            current, expanded = stack.pop()
            if current in chain:
                continue
            if expanded:
                chain[current] = None
                continue
            stack.append((current, True))
            waiting = (self._waiting.get(self.resolve(o)[0]) for o in current.operands)
            stack += [(w, False) for w in waiting if w is not None]
        # As written, not as found: each value is then read soon after it is made.
        return sorted(chain, key=lambda i: self._order[i.results[0]])

    def is_pointwise(self, operand: Operand, domain: Shape) -> bool:
        """Whether a nest over `domain` reads every element of the operand's base where it writes it."""
        base, index = self.resolve(operand)
        # A slice from 0 has the map of the whole: the shapes must agree too.
        if operand in self.guards:
            return False
        return self.shape(operand) == self.shape(base) == domain and is_identity(index, len(domain))

    def _ready(self, operand: Operand, domain: Shape) -> int:
        """The first step in which a nest over `domain` can read `operand`."""
        base, index = self.resolve(operand)
        first = self._ready_start(index, domain) if self._starts else 0
        if isinstance(base, Literal) or base in self._waiting:
            return first  # a number, or computed in the same nest
        if base in self.pointwise and self.is_pointwise(operand, domain):
            return max(first, self.home(base))
        return max(first, self.home(base) + 1)

    def _ready_start(self, index: Map, domain: Shape) -> int:
        """The first step in which the positions of a map are known."""
        names = {n for i in index for n in _NAME.findall(i.start) if n in self._starts}
        return max((self._ready_scalar(self._starts[n], domain) for n in names), default=0)

    def _ready_scalar(self, value: Operand, domain: Shape) -> int:
        """The first step over `domain` that can use a number: that which computes it, if it is one over nothing."""
        k = self.home(value)
        return k if k >= 0 and not domain and self._is_over(k, ()) else k + 1

    def _group_at(self, first: int, domain: Shape) -> int:
        """The first nest over `domain` that starts no earlier than `first`; a new one if need be."""
        latest = self._latest.get(domain)
        if not domain:
            # Scalars never wait: one that waited would hold up every nest that reads it.
            there = first < len(self.steps) and self._is_over(first, domain)
            return first if there else self._add(first, Group(domain)).step
        if latest is None or latest.step < first:
            return self._add(len(self.steps), Group(domain)).step
        return next(k for k in range(first, len(self.steps)) if self._is_over(k, domain))

    def _is_over(self, k: int, domain: Shape) -> bool:
        group = self.steps[k]
        return isinstance(group, Group) and group.domain == domain

    def _add(self, k: int, step: Group | Instr) -> Place:
        """Insert a step; those behind it move on."""
        self.steps.insert(k, step)
        place = Place(k)
        self._where.insert(k, place)
        for later in self._where[k + 1 :]:
            later.step += 1
        if isinstance(step, Group):
            latest = self._latest.get(step.domain)
            if latest is None or latest.step < k:
                self._latest[step.domain] = place
        return place


def window_map(ndim: int, params: Mapping[str, Any], starts: Sequence[str]) -> Map:
    """The map of a window: per axis of the array, a position on the axes of the window."""
    own = {axis: (start, keep) for axis, start, keep in zip(params["axes"], starts, params["kept"], strict=True)}
    found, at = [], 0
    for axis in range(ndim):
        start, keep = own.get(axis, ("0", True))
        found.append(Index(at if keep else None, start))
        at += keep
    return tuple(found)


def _written(block: Block) -> dict[Operand, int]:
    """For each value read from an array at a computed position: the first write to that array that comes before a use.

    Keys are results of reads; what is read must then be copied at once.
    """
    writes: dict[Operand, int] = {}
    for k, instr in enumerate(block.instrs):
        if isinstance(instr.op, Written | Region):
            for operand in instr.operands[: 1 if isinstance(instr.op, Written) else None]:
                writes.setdefault(operand, k)
    reads = {i.results[0]: i.operands[0] for i in block.instrs if isinstance(i.op, Read) and i.operands[0] in writes}
    if not reads:
        return {}
    last = {o: k for k, instr in enumerate(block.instrs) for o in instr.operands}
    last.update(dict.fromkeys(block.results, len(block.instrs)))
    return {r: writes[x] for r, x in reads.items() if last.get(r, 0) > writes[x]}


def through(index: Index, own: Map) -> Index:
    """A position on axes that are themselves read through a map."""
    return index if index.axis is None else index.through(own[index.axis])


@lru_cache(maxsize=64)
def identity(ndim: int) -> Map:
    """The map of the whole array; one object, for it is asked for at every operand."""
    return tuple(map(Index, range(ndim)))


def is_identity(index: Map, ndim: int) -> bool:
    whole = identity(ndim)
    return index is whole or index == whole


def unit_reshape(old: Shape, new: Shape) -> Map | None:
    """The map of a reshape that only adds and removes axes of length 1."""
    places = [k for k, n in enumerate(new) if n != "1"]
    if [n for n in old if n != "1"] != [new[k] for k in places]:
        return None
    axes = iter(places)
    return tuple(Index(None) if n == "1" else Index(next(axes)) for n in old)


def minus_one(n: str) -> str:
    return str(int(n) - 1) if n.isdigit() else f"{n} - 1"
