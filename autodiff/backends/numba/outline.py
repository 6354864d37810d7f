"""A step of a kernel as a function of its own: what it is given, and which others are the same.

Each step becomes one function of the memory, the sizes and the scalars it uses. Within it no two
pointers meet, so its loops vectorise, no matter that buffers share memory at other times. Steps
that differ in names only, like the trips of a loop written out, are one function called often;
`key` says which are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Buffer,
    Constant,
    Guarded,
    Index,
    LoopNest,
    NativeCall,
    Source,
    Statement,
    Store,
)
from autodiff.ir.core import Instr

NAME = re.compile(r"[a-z_]\w*")


@dataclass(frozen=True, slots=True)
class Outline:
    """What a step's function takes, in order; `outputs` are scalars, which it writes through pointers."""

    key: str
    buffers: tuple[Buffer, ...]  # memory, each once however many names it has
    aliases: tuple[tuple[Buffer, Buffer], ...]  # its other names here
    sizes: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[Buffer, ...]


def many(outline: Outline) -> bool:
    """Whether a step is given its scalars in memory: it has too many for registers."""
    return len(outline.inputs) > 16


def outline(step: LoopNest | NativeCall, roots: Mapping[Buffer, Buffer], number: int | None = None) -> Outline:
    """The outline of a step; `roots` says whose memory an alias is, `number` that a call is unlike all others."""
    walk = _Walk(roots)
    body = walk.nest(step) if isinstance(step, LoopNest) else walk.call(step)
    key = body if number is None else f"{body} #{number}"
    aliases = tuple(walk.aliases.items())
    return Outline(key, tuple(walk.buffers), aliases, tuple(walk.sizes), tuple(walk.inputs), tuple(walk.outputs))


class _Walk:
    """Goes through a step once, numbering what it meets."""

    def __init__(self, roots: Mapping[Buffer, Buffer]) -> None:
        self.roots = roots
        self.buffers: dict[Buffer, str] = {}
        self.aliases: dict[Buffer, Buffer] = {}
        self.sizes: dict[str, str] = {}
        self.locals: dict[str, str] = {}
        self.inputs: dict[str, str] = {}
        self.outputs: dict[Buffer, str] = {}

    def nest(self, nest: LoopNest) -> str:
        lines = [f"for {self.shape(nest.domain)}"]
        lines += [self._item(item) for item in nest.body]
        return "\n".join(lines)

    def call(self, step: NativeCall) -> str:
        op = step.instr.op
        params = [f"{k}={v!r}" for k, v in step.instr.params.items() if k not in op.implied_params]
        operands = [f"{self.buffer(b)}{order}" for b, order in step.operands]
        others = [self.buffer(b) for b in (*step.outs, *step.work)]
        return f"{' '.join(others)} = {op.name}[{', '.join(params)}] {_dtypes(step.instr)} {' '.join(operands)}"

    def _item(self, item: Statement | Store | Accumulate) -> str:
        if isinstance(item, Statement):
            operands = " ".join(map(self.source, item.operands))
            name = self.locals[item.target] = f"v{len(self.locals)}"
            return f"{name} = {_op(item.instr)} {operands}"
        if isinstance(item, Store):
            return f"{self.access(item.target)} = {self.source(item.value)}"
        value = self.source(item.value)
        if item.buffer.shape:
            target = self.buffer(item.buffer)
        else:
            target = self.outputs.setdefault(item.buffer, f"o{len(self.outputs)}:{item.buffer.dtype.str}")
        return f"{target} += {_op(item.instr)}{item.axes} {','.join(map(self.index, item.kept))} {value}"

    def source(self, source: Source) -> str:
        if isinstance(source, str):
            return self.locals.get(source) or self.inputs.setdefault(source, f"x{len(self.inputs)}")
        if isinstance(source, Constant):
            return f"{source.value!r}:{source.dtype.str}"
        if isinstance(source, Guarded):
            guards = " ".join(f"{self.index(g.index)}<{self.size(g.size)}" for g in source.guards)
            return f"({self.source(source.source)} if {guards} else {self.source(source.zero)})"
        return self.access(source)

    def access(self, access: Access) -> str:
        return f"{self.buffer(access.buffer)}[{','.join(map(self.index, access.index))}]"

    def index(self, index: Index) -> str:
        return f"{index.axis}*{index.step}+{self.size(index.start)}"

    def buffer(self, buffer: Buffer) -> str:
        root = self.roots.get(buffer, buffer)
        if root is not buffer:
            self.aliases[buffer] = root
        name = self.buffers.setdefault(root, f"b{len(self.buffers)}")
        return f"{name}:{buffer.dtype.str}({self.shape(buffer.shape)})"

    def shape(self, shape: Iterable[str]) -> str:
        return ",".join(map(self.size, shape))

    def size(self, text: str) -> str:
        """A size expression, its names replaced by numbers in order of appearance."""
        if text.isdigit():
            return text
        if text.isidentifier():
            return self.sizes.setdefault(text, f"s{len(self.sizes)}")
        return NAME.sub(lambda name: self.sizes.setdefault(name[0], f"s{len(self.sizes)}"), text)


def _op(instr: Instr | None) -> str:
    return "copy" if instr is None else f"{instr.op.name}{_dtypes(instr)}"


def _dtypes(instr: Instr) -> str:
    """All that a statement's meaning depends on, besides its op: an op's parameters are in its nest or its dtypes."""
    read = ",".join(o.aval.dtype.str for o in instr.operands)
    return f"<{read}->{','.join(r.aval.dtype.str for r in instr.results)}>"
