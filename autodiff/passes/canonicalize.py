"""Order parameters and results by the program, not by who recorded it.

A tape lists its leaves as it meets them, a decorated function its arguments as they are given,
and either may ask for gradients in any order. The program is the same, and so should be its
kernel: arrays come first, then numbers, each in the order of first use; results in the order in
which they are computed. What nothing reads is not passed at all.
"""

from __future__ import annotations

from autodiff.ir.core import Block, Literal, Operand

Order = tuple[int, ...]


def canonicalize(block: Block) -> tuple[Block, Order, Order]:
    """The block in canonical order, and where its parameters and results were before."""
    places: dict[Operand, int] = {p: k for k, p in enumerate(block.params)}
    used: dict[Operand, None] = {}
    for instr in block.instrs:
        used.update(dict.fromkeys(o for o in instr.operands if o in places))
    used.update(dict.fromkeys(r for r in block.results if r in places))
    # Sorting is stable: among arrays, and among numbers, the order of first use stays.
    params = [places[p] for p in sorted(used, key=lambda p: p.aval.ndim == 0)]

    made = {r: n for n, instr in enumerate(block.instrs) for r in instr.results}
    # Parameters and literals that are results come last; of equals, the order given stays.
    results = sorted(range(len(block.results)), key=lambda k: _made(block.results[k], made))
    ordered = Block(tuple(block.params[k] for k in params), block.instrs, tuple(block.results[k] for k in results))
    return ordered, tuple(params), tuple(results)


def _made(result: Operand, made: dict[Operand, int]) -> int:
    return len(made) if isinstance(result, Literal) else made.get(result, len(made))
