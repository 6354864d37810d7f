"""Blocks as text: one line an instruction, names from hints, stable from run to run.

(x: f64[3], w: f64[3]) {
  v0: f64[3] = mul x w
  v1: f64[] = sum[axes=(0,)] v0
  return v1
}
"""

from __future__ import annotations

import keyword
import re
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.ir.aval import short_dtype
from autodiff.ir.core import Block, Instr, Literal, Operand


class Namer:
    """Gives every value of a block a name: its hint, made unique, or `v0`, `v1`, ..."""

    def __init__(self, reserved: tuple[str, ...] = ()) -> None:
        self._names: dict[Operand, str] = {}
        self._taken: set[str] = set(reserved)
        self._tried: dict[str, int] = {}  # per hint: the numbers below are taken

    def __call__(self, operand: Operand) -> str:
        name = self._names.get(operand)
        if name is None:
            name = self._names[operand] = self.fresh(getattr(operand, "hint", ""))
        return name

    def call(self, operand: Operand, name: str) -> None:
        """Give a value the name that something else has."""
        self._names[operand] = name

    def fresh(self, hint: str = "") -> str:
        """A name nobody has yet, made from `hint` when there is one."""
        hint = identifier(hint)
        name, taken = hint, self._taken
        if not name or name in taken:
            k, stem = self._tried.get(hint, 1 if hint else 0), f"{hint}_" if hint else "v"
            while (name := f"{stem}{k}") in taken:
                k += 1
            self._tried[hint] = k + 1
        taken.add(name)
        return name


@lru_cache(maxsize=4096)
def identifier(hint: str) -> str:
    """The hint as a Python name: `w[0]` becomes `w_0_`; an empty one stays empty."""
    name = re.sub(r"\W", "_", hint, flags=re.ASCII)
    return f"{name}_" if keyword.iskeyword(name) else f"v{name}" if name[:1].isdigit() else name


def pretty(block: Block) -> str:
    """The block as readable text."""
    name = Namer()
    head = ", ".join(f"{name(p)}: {p.aval}" for p in block.params)
    return "\n".join([f"({head}) {{", *_lines(block, name, "  "), "}"])


def _lines(block: Block, name: Namer, indent: str) -> list[str]:
    lines = []
    for instr in block.instrs:
        lines.append(indent + _instr(instr, name))
        for key, inner in instr.params.items():
            if isinstance(inner, Block):
                head = ", ".join(f"{name(p)}: {p.aval}" for p in inner.params)
                lines += [f"{indent}  {key} ({head}) {{", *_lines(inner, name, indent + "    "), f"{indent}  }}"]
    return [*lines, f"{indent}return {', '.join(_operand(r, name) for r in block.results)}"]


def _instr(instr: Instr, name: Namer) -> str:
    # Operands first: names must be given in the order in which values are defined.
    operands = " ".join(_operand(o, name) for o in instr.operands)
    results = ", ".join(f"{name(r)}: {r.aval}" for r in instr.results)
    params = ", ".join(f"{k}={format_param(v)}" for k, v in instr.params.items() if not isinstance(v, Block))
    return f"{results} = {instr.op.name}{f'[{params}]' if params else ''} {operands}".rstrip()


def _operand(operand: Operand, name: Namer) -> str:
    return format_literal(operand) if isinstance(operand, Literal) else name(operand)


def format_literal(literal: Literal) -> str:
    """A literal with its dtype where that is not the one Python would give it."""
    plain = {bool: "bool", int: "i64", float: "f64", complex: "c128"}[type(literal.value)]
    dtype = short_dtype(literal.aval.dtype)
    return repr(literal.value) if dtype == plain else f"{literal.value!r}:{dtype}"


def format_param(value: Any) -> str:
    """A static parameter as text."""
    if isinstance(value, np.dtype):
        return short_dtype(value)
    if isinstance(value, tuple):
        inner = ", ".join(map(format_param, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)
