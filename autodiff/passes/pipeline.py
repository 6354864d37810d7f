"""Which passes run, in which order."""

from __future__ import annotations

from collections.abc import Callable

from autodiff.config import config
from autodiff.ir.core import Block, Instr, blocks_of
from autodiff.ir.verify import verify
from autodiff.passes.cse import cse
from autodiff.passes.dce import dce
from autodiff.passes.expand import expand
from autodiff.passes.seams import seams
from autodiff.passes.simplify import simplify
from autodiff.passes.split_complex import split_complex
from autodiff.passes.state import without_dead_state
from autodiff.passes.thin_products import thin_products


def optimize(block: Block) -> Block:
    """What both backends run: simplified, without repetition, without dead code."""
    return _checked(_inside(dce(cse(simplify(without_dead_state(block)))), optimize))


def lowerable(block: Block) -> Block:
    """An optimised block ready for lowering: in real numbers, all that is made of simpler ops in those."""
    split = split_complex(block)
    whole = dce(cse(simplify(seams(thin_products(expand(split))))))
    return _checked(_inside(whole, lowerable))


def _inside(block: Block, optimized: Callable[[Block], Block]) -> Block:
    """The block, the blocks of its loops and branches optimised as well."""
    if not any(blocks_of(instr) for instr in block.instrs):
        return block
    return Block(block.params, [_instr(i, optimized) for i in block.instrs], block.results)


def _instr(instr: Instr, optimized: Callable[[Block], Block]) -> Instr:
    if not blocks_of(instr):
        return instr
    params = {k: optimized(v) if isinstance(v, Block) else v for k, v in instr.params.items()}
    return Instr(instr.op, instr.operands, params, instr.results, instr.location)


def _checked(block: Block) -> Block:
    return verify(block) if config.verify else block
