"""Native calls: from a program's table to a Python function that runs its kernel.

`Bound` is a kernel with the words of one program: literals, sizes, where intermediates lie. It makes
tables (`call_table.py`) and of these `native_function`s, which check their arguments, call the
kernel and build the result without running any Python. A call with one array takes a few
tenths of a microsecond, most of it for the objects that are returned.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.backends.numba import call_table as t
from autodiff.backends.numba.arena import ARENA
from autodiff.backends.numba.c_code import register_symbols
from autodiff.backends.numba.call_table import CallTable, Counter
from autodiff.backends.numba.host import Host
from autodiff.backends.numba.large import LARGE, expect_large_work
from autodiff.backends.numba.layout import check_layout
from autodiff.backends.numba.native import MachineCode, kept, register, straight
from autodiff.backends.numba.recipe import SCALAR, Layout, Recipe, numbers
from autodiff.ir.aval import ArrayAval

METH_FASTCALL, METH_KEYWORDS = 0x0080, 0x0002
_NEVER = Counter(0)  # what is not busy
_UNCOUNTED = Counter(0)
UNBOXED = -1  # the cell of a result that is an array


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def _text() -> str:
    """The dispatcher as LLVM IR, written only where its code is not on disk."""
    return importlib.import_module("autodiff.backends.numba.dispatcher_code").dispatcher_module()  # type: ignore[no-any-return]


def load() -> None:
    """Load the dispatcher, and with it what kernels call: `autodiff_blocks`."""
    _method()


@lru_cache(maxsize=1)
def _method() -> tuple[Any, ...]:
    """The definition of the function, made once; what it points to lives as long."""
    check_layout()
    register_symbols()
    # Without optimisation it is compiled in a tenth of the time, and runs within a tenth of the speed.
    code = MachineCode(kept("dispatcher", lambda: straight(_text(), level=0)), "dispatch")
    register("autodiff_blocks", code.address_of("autodiff_blocks"))
    method = _MethodDef(b"kernel", code.address, METH_FASTCALL | METH_KEYWORDS, None)
    return method, code


def native_function(table: CallTable) -> Callable[..., Any]:
    """The function of a table.

    Raises
    ------
    LayoutError
        Where the layout of objects is not the expected one.
    """
    method, _ = _method()
    create = ctypes.pythonapi.PyCFunction_NewEx
    create.restype, create.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    # The function's self is the table, and its module what has to live as long.
    return create(ctypes.addressof(method), table.array(), tuple(table.alive))  # type: ignore[no-any-return]


class Bound:
    """A native kernel and everything that one program fixes of its words.

    Parameters
    ----------
    recipe, address, host : of the kernel; `owner` keeps its machine code
    sizes : the numbers of the recipe's sizes
    positions : for each of the program's parameters, its word; `UNUSED` when the kernel does not read it
    fixed : word -> literal
    params, results : avals of the program; None: those of the kernel
    order : for each of the program's results, its number among the kernel's
    """

    def __init__(
        self,
        recipe: Recipe,
        address: int,
        host: Host | None,
        owner: Any,
        sizes: dict[str, int],
        positions: Sequence[int],
        fixed: dict[int, int],
        params: Sequence[ArrayAval],
        results: Sequence[ArrayAval],
        order: Sequence[int],
    ) -> None:
        self.recipe, self.address, self.host, self.owner = recipe, address, host, owner
        self.positions, self.params, self.results = positions, params, results
        self.large = recipe.loops or recipe.work(sizes) > LARGE
        if self.large:
            expect_large_work()
        count = len(recipe.params)
        self.words = [fixed.get(k, 0) for k in range(count)]
        self.words += [sizes[name] for name in recipe.sizes]
        self.words += [] if host is None else [host.address]
        allocated = len(self.words)
        self.words += [0] * (len(recipe.allocated) + len(recipe.scalars()))
        layout = Layout(recipe, sizes)
        self.places = [(allocated + k, offset) for k, offset in layout.offsets.items()]
        self.arena_bytes = layout.total if layout.offsets else 0
        written = _written(recipe, allocated)
        self.written = [written[k] for k in order]

    def table(self) -> CallTable:
        """A table with all but arguments, watches and the structure of the result."""
        table = CallTable()
        fields, alive = table.fields, table.alive
        alive += [self, self.owner, ARENA, _NEVER, _UNCOUNTED]
        fields.update(
            kernel=self.address,
            large=self.large,
            busy=ctypes.addressof(_NEVER),
            runs=ctypes.addressof(_UNCOUNTED),
            total_runs=ctypes.addressof(_UNCOUNTED),
            words=table.listed(self.words),
            words_count=len(self.words),
            arena=ctypes.addressof(ARENA),
            arena_bytes=self.arena_bytes,
        )
        if self.host is not None:
            fields["reraise"] = table.address(self.host.reraise)
        for word, offset in self.places:
            table.add("places", t.PLACE, word=word, offset=offset)
        for word, aval in zip(self.written, self.results, strict=True):
            scalar = UNBOXED
            if not aval.shape:
                scalar = fields["cells_count"]
                fields["cells_count"] += 1
            table.add(
                "results",
                t.RESULT,
                word=word,
                descr=table.address(aval.dtype),
                rank=aval.ndim,
                shape=table.listed(aval.shape),
                scalar=scalar,
                array_type=id(np.ndarray),
            )
        return table

    def function(self, fallback: Callable[..., Any] | None = None) -> Callable[..., tuple[Any, ...]]:
        """The kernel as a function of the program's parameters, to a tuple: arrays, Python's floats and ints.

        What is no argument of a kernel as it is goes to the `fallback`; without one it is a TypeError.
        """
        table = self.table()
        table.fields["fallback"] = 0 if fallback is None else table.address(fallback)
        for k, (aval, word) in enumerate(zip(self.params, self.positions, strict=True)):
            if aval.shape:
                table.add_array_leaf(k, word, aval, t.ARRAY)
            elif aval.dtype.kind == "c":
                table.add_number_leaf(k, word, aval.dtype.type, t.ADDRESS)
            else:
                kind = t.REAL if aval.dtype.kind == "f" else t.MASKED if aval.dtype == np.uint64 else t.INTEGER
                table.add_number_leaf(k, word, None, kind)
        count = len(self.results)
        children = table.listed(range(count))
        table.add("builds", t.BUILD, kind=t.TUPLE, count=count, children=children, keys=0)
        table.fields.update(positional=len(self.params), objects_count=len(self.params), made_count=count + 1)
        return native_function(table)

    native_function = staticmethod(native_function)  # for those who must not import this module


def _written(recipe: Recipe, allocated: int) -> list[int]:
    """The word of each of the kernel's results."""
    scalars = iter(range(allocated + len(recipe.allocated), allocated + len(recipe.allocated) + len(recipe.results)))
    return [next(scalars) if place == SCALAR else allocated + place for place, _, _ in recipe.results]


def kernel_avals(recipe: Recipe, sizes: dict[str, int]) -> tuple[list[ArrayAval], list[ArrayAval]]:
    """Avals of the kernel's own parameters and results."""
    params = [ArrayAval(numbers(shape, sizes), np.dtype(dtype)) for dtype, shape in recipe.params]
    results = [ArrayAval(numbers(shape, sizes), np.dtype(dtype)) for _, shape, dtype in recipe.results]
    return params, results


def literal_word(literal: Any) -> int:
    """The word of a literal: the bits of a float, or an int."""
    if np.asarray(literal).dtype.kind == "f":
        return int(np.float64(literal).view(np.int64))
    return int(literal) if int(literal) < 2**63 else int(literal) - 2**64
