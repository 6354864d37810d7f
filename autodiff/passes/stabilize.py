"""Replace spellings whose derivative is lost in rounding by the op that was meant.

Runs before differentiation: the rule of `log(sigmoid(x))` divides by a sigmoid that has
underflowed, whatever is simplified afterwards. Each entry has the same value, up to rounding,
wherever the original has a finite one:

| written               | becomes          | at            | derivative before / after |
|-----------------------|------------------|---------------|---------------------------|
| `log(sigmoid(x))`     | `-softplus(-x)`  | x = -1000     | nan / 1                   |
| `log(1 + exp(x))`     | `softplus(x)`    | x = 1000      | nan / 1                   |
| `log1p(exp(x))`       | `softplus(x)`    | x = 1000      | nan / 1                   |
| `sqrt(x * x)`, `x**2` | `abs(x)`         | x = 0         | nan / 0                   |
| `abs(x)**2`           | `x**2`           | x = 0         | second: 0 / 2             |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.ir.core import Block, Instr, Literal
from autodiff.ops.arithmetic import absolute, square
from autodiff.ops.families import add, mul, neg
from autodiff.ops.transcendental import exp, log, log1p, power, sigmoid, softplus, sqrt
from autodiff.passes.rewrite import Rewriter, inside, rewrite


def stabilize(block: Block) -> Block:
    """The block with the spellings of the table replaced, in loops and branches too."""
    return rewrite(inside(block, stabilize), _rule)


def _rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
    found = _meant(instr.op, operands, new.producers)
    return None if found is None else (found,)


def _meant(op: Any, operands: tuple[Any, ...], made: dict[Any, Instr]) -> Any:
    inner = made.get(operands[0]) if operands and not isinstance(operands[0], Literal) else None
    if inner is None or operands[0].aval.dtype.kind == "c":
        return None  # identities of real numbers
    made_by: Any = inner.op
    if op is log and made_by is sigmoid:
        return neg(softplus(neg(inner.operands[0])))
    if op is log and made_by is add:
        return _softplus_of(inner.operands, made)
    if op is log1p and made_by is exp:
        return softplus(inner.operands[0])
    if op is sqrt and _is_square(inner):
        return absolute(inner.operands[0])
    if made_by is absolute and _squares(op, operands):
        return square(inner.operands[0])
    return None


def _softplus_of(terms: tuple[Any, ...], made: dict[Any, Instr]) -> Any:
    """softplus(x) when the terms are 1 and exp(x)."""
    for one, other in (terms, terms[::-1]):
        source: Any = None if isinstance(other, Literal) else made.get(other)
        if isinstance(one, Literal) and one.value == 1 and source is not None and source.op is exp:
            return softplus(source.operands[0])
    return None


def _is_square(instr: Instr) -> bool:
    return _squares(instr.op, instr.operands)


def _squares(op: Any, operands: Sequence[Any]) -> bool:
    if op is mul:
        return operands[0] is operands[1]
    exponent = operands[1] if op is power else None
    return op is square or (isinstance(exponent, Literal) and exponent.value == 2)
