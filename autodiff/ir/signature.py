"""The signature of a block: its canonical text, with sizes taken out.

Two blocks with one signature run on one kernel. Sizes are named by class (`ir.dims`): `n0`,
`n1`, ... in order of first appearance; the numbers are passed at run time, so a new batch
size compiles nothing. Starts of slices and widths of padding are passed the same way (`k0`).
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.aval import short_dtype
from autodiff.ir.core import Block, Instr, Literal, Operand, blocks_of
from autodiff.ir.dims import SMALL, Dim, Dims, DimShape
from autodiff.ir.pretty import format_literal, format_param
from autodiff.records import record


class Sizes:
    """What a kernel calls the sizes of one block; `values` are their numbers here.

    `shapes` holds the axes of every value, `starts` the names of size parameters, by
    instruction and parameter.
    """

    __slots__ = ("_names", "_texts", "shapes", "starts", "values")

    def __init__(self, shapes: dict[Operand, DimShape]) -> None:
        self.shapes = shapes
        self.starts: dict[tuple[Instr, str], tuple[str, ...]] = {}
        self.values: dict[str, int] = {}
        self._names: dict[Dim, str] = {}
        self._texts: dict[DimShape, tuple[str, ...]] = {}

    def shape(self, value: Operand) -> tuple[str, ...]:
        """The shape of a value, as text: names, and digits for 0 and 1."""
        axes = self.shapes.get(value, ())
        text = self._texts.get(axes)
        if text is None:  # asked for again and again while a kernel is planned
            text = self._texts[axes] = tuple(map(self._name, axes))
        return text

    def _name(self, dim: Dim) -> str:
        if dim.size <= SMALL:
            return str(dim.size)
        name = self._names.get(dim.root)
        if name is None:
            name = self._names[dim.root] = f"n{len(self._names)}"
            self.values[name] = dim.size
        return name

    def name_starts(self, instr: Instr, param: str) -> tuple[str, ...]:
        """Names for a parameter that holds positions."""
        found = []
        for n in instr.params[param]:
            if abs(n) <= SMALL:
                found.append(str(n))
            else:
                name = f"k{len(self.values)}"
                self.values[name] = n
                found.append(name)
        self.starts[instr, param] = tuple(found)
        return tuple(found)


@record
class Signature:
    """`text` is the key; `sizes` say what its names stand for in this block."""

    text: str
    sizes: Sizes


def signature(block: Block) -> Signature:
    """The canonical text of a block and the sizes taken out of it."""
    sizes, numbers = Sizes(infer_dims(block)), dict[Operand, str]()
    described: dict[Any, str] = {}

    def read(operand: Operand) -> str:
        return format_literal(operand) if type(operand) is Literal else numbers[operand]

    def define(value: Operand) -> str:
        number = numbers[value] = f"%{len(numbers)}"
        key = value.aval.dtype, sizes.shape(value)
        text = described.get(key)
        if text is None:
            text = described[key] = f"{short_dtype(key[0])}[{','.join(key[1])}]"
        return f"{number}:{text}"

    lines: list[str] = []

    def describe(block: Block) -> None:
        lines.append(" ".join(map(define, block.params)))
        for instr in block.instrs:
            operands = " ".join([read(o) for o in instr.operands])
            results = define(instr.results[0]) if len(instr.results) == 1 else " ".join(map(define, instr.results))
            lines.append(f"{results}={instr.op.name}{_params(instr, sizes) if instr.params else ''} {operands}")
            for inner in blocks_of(instr):
                lines.append("{")
                describe(inner)
                lines.append("}")
        lines.append("return " + " ".join(map(read, block.results)))

    describe(block)
    return Signature("\n".join(lines), sizes)


def infer_dims(block: Block) -> dict[Operand, DimShape]:
    """The axes of every value of a block, joined where an op forces them to be equal."""
    d = Dims()
    shapes: dict[Operand, DimShape] = {p: d.shape(p.aval.shape) for p in block.params}
    _infer(block, d, shapes)
    return shapes


def _infer(block: Block, d: Dims, shapes: dict[Operand, DimShape]) -> None:
    for instr in block.instrs:
        if blocks_of(instr):
            _infer_inside(instr, d, shapes)
            continue
        operands = [shapes.get(o, ()) for o in instr.operands]  # a literal has no axes
        for result in instr.results:
            shapes[result] = instr.op.dims(d, operands, result.aval, instr.params)


def _infer_inside(instr: Instr, d: Dims, shapes: dict[Operand, DimShape]) -> None:
    """Of an op with blocks: what goes into a block and what comes out have the axes of operands and results."""
    for wire in instr.op.wires(instr):
        for result, begun in wire.begun.items():
            shapes[result] = shapes.get(begun, ())
        for param, given in zip(wire.block.params, wire.given, strict=True):
            shapes[param] = shapes.get(given, ()) if given is not None else d.shape(param.aval.shape)
        _infer(wire.block, d, shapes)
        for inner, outer in zip(wire.block.results, wire.results, strict=True):
            if outer is None:
                continue
            axes = shapes.get(inner, ())
            shapes[outer] = d.join_all([shapes[outer], axes]) if outer in shapes else axes


def _params(instr: Instr, sizes: Sizes) -> str:
    text = ""
    for key, value in instr.params.items():
        if key in instr.op.implied_params or isinstance(value, Block):
            continue  # the shape of the result says it
        if key in instr.op.size_params:
            text += f"[{key}=({','.join(sizes.name_starts(instr, key))})]"
        else:
            text += f"[{key}={format_param(value)}]"
    return text
