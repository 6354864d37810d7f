"""A kernel as machine code: what is loaded, and bound to programs.

Results are fresh NumPy arrays; intermediates lie in an arena (`arena.py`). Calls go through a
native dispatcher (`dispatcher.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autodiff.backends.numba.call_table import UNUSED
from autodiff.backends.numba.dispatcher import Bound, kernel_avals, literal_word
from autodiff.backends.numba.host import Host
from autodiff.backends.numba.layout import LayoutError, check_layout
from autodiff.backends.numba.native import MachineCode
from autodiff.backends.numba.recipe import Recipe
from autodiff.ir.aval import ArrayAval


class NativeKernel:
    """Machine code for one signature, and how to call it.

    Raises
    ------
    LayoutError
        Where this interpreter cannot call it.
    """

    def __init__(self, recipe: Recipe, code: MachineCode, host: Host | None) -> None:
        check_layout()
        self.recipe, self._code, self._host = recipe, code, host

    def bind(self, literals: Sequence[Any], sizes: Mapping[str, int]) -> Callable[..., tuple[Any, ...]]:
        """The kernel for one program: from its arrays and numbers to a tuple of results."""
        params, results = kernel_avals(self.recipe, sizes)
        given = len(params) - len(literals)
        return self.bound(
            sizes,
            positions=range(given),
            fixed={given + k: literal for k, literal in enumerate(literals)},
            params=params[:given],
            results=results,
            order=range(len(results)),
        ).function()

    def bound(
        self,
        sizes: Mapping[str, int],
        positions: Sequence[int],
        fixed: Mapping[int, Any],
        params: Sequence[ArrayAval],
        results: Sequence[ArrayAval],
        order: Sequence[int],
    ) -> Bound:
        """The kernel for a program that has parameters and results of its own, in its own order: see `Bound`."""
        words = {k: literal_word(literal) for k, literal in fixed.items()}
        return Bound(self.recipe, self._code.address, self._host, self, sizes, positions, words, params, results, order)


__all__ = ["UNUSED", "LayoutError", "NativeKernel"]
