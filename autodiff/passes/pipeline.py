"""Which passes run, in which order."""

from __future__ import annotations

from collections.abc import Callable

from autodiff.config import config
from autodiff.ir.core import Block
from autodiff.ir.verify import verify
from autodiff.passes.columns import columns
from autodiff.passes.cse import cse
from autodiff.passes.dce import dce
from autodiff.passes.expand import expand
from autodiff.passes.joint_loops import joint_loops
from autodiff.passes.reciprocals import reciprocals
from autodiff.passes.registers import in_registers
from autodiff.passes.rewrite import inside
from autodiff.passes.scaled_movements import scaled_movements
from autodiff.passes.seams import seams
from autodiff.passes.simplify import simplify
from autodiff.passes.split_complex import split_complex
from autodiff.passes.split_loops import split_loops
from autodiff.passes.state import without_dead_state
from autodiff.passes.thin_axes import thin_axes
from autodiff.passes.thin_products import thin_products


def optimize(block: Block) -> Block:
    """What both backends run: simplified, without repetition, without dead code."""
    return _checked(inside(dce(reciprocals(cse(simplify(without_dead_state(block))))), optimize))


def lowerable(block: Block) -> Block:
    """An optimised block ready for lowering: in real numbers, all that is made of simpler ops in those."""
    expanded = _expanded(split_complex(block))
    joint = _changed(_changed(expanded, split_loops), joint_loops)
    return _lowered(_changed(joint, lambda b: thin_axes(columns(in_registers(b)))))


def _changed(block: Block, change: Callable[[Block], Block]) -> Block:
    """The block, optimised again if that changes it."""
    found = change(block)
    return block if found is block else optimize(found)


def _expanded(block: Block) -> Block:
    return inside(expand(block), _expanded)


def _lowered(block: Block) -> Block:
    return _checked(inside(dce(cse(simplify(seams(scaled_movements(thin_products(block)))))), _lowered))


def _checked(block: Block) -> Block:
    return verify(block) if config.verify else block
