"""Decorated functions: trace, transform, compile, and from then on call the kernel.

A call looks for an `Entry`, a traced program for this structure of arguments, these avals
and these static values, whose fingerprint still holds. Calls with plain arrays take a short
cut past all containers (`_shortcut`). Inside a trace, or with tensors and variables while a
tape records, the program is not run but emitted, so it can be differentiated again.
"""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from autodiff.errors import ArgumentError, AutodiffError, DTypeError
from autodiff.frontends import tapes
from autodiff.frontends.array import ArrayMethods, plain_array
from autodiff.frontends.fingerprint import Fingerprint
from autodiff.frontends.tensor import RECORDER
from autodiff.frontends.tracer import Tracer, trace
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import PYTHON_SCALARS, emitter, inline
from autodiff.ir.core import Block, Operand
from autodiff.ir.pretty import pretty
from autodiff.passes.pipeline import optimize
from autodiff.runtime.kernels import CacheInfo
from autodiff.runtime.tiers import Program

ENTRY_LIMIT = 512  # traces kept per function


@dataclass(slots=True)
class Traced:
    """A function as a block: what it computes, what it captured, how its result is built."""

    block: Block
    captured: list[Any]
    spec: Any  # structure of the results
    n_params: int  # parameters that are arguments; the rest are captured


@dataclass(slots=True)
class Call:
    """One call, taken apart: leaves that vary, everything else that decides the trace."""

    leaves: list[Any]
    avals: list[tuple[ArrayAval, str, bool]]
    spec: Any
    key: Any
    rebuild: Callable[[Sequence[Any]], tuple[tuple[Any, ...], dict[str, Any]]]
    positions: dict[int | str, list[int]]  # argument -> its leaves


@dataclass(slots=True)
class Entry:
    """A program ready to run, with all it was made from."""

    traced: Traced
    block: Block
    program: Program
    spec: Any
    fingerprint: Fingerprint


class Transform:
    """What a decorator does to a traced function.

    `build(traced, call)` returns the block to run and the structure of its results.
    """

    name = "jit"

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        return traced.block, traced.spec


class Function:
    """A transformed function. Call it like the original.

    Attributes
    ----------
    __wrapped__ : the original function
    """

    def __init__(
        self,
        function: Callable[..., Any],
        transform: Transform,
        static_argnums: tuple[int, ...] = (),
        static_argnames: tuple[str, ...] = (),
    ) -> None:
        if not callable(function):
            raise DTypeError(f"{transform.name}: expected a function, got {type(function).__name__}")
        # An njit function is differentiated through its Python source.
        self.__wrapped__ = getattr(function, "py_func", function)
        functools.update_wrapper(self, self.__wrapped__, updated=())
        self._transform = transform
        self._static_argnums = static_argnums
        self._static_argnames = static_argnames
        self._info = CacheInfo()
        self._entries: OrderedDict[Any, Entry] = OrderedDict()
        self._last: Entry | None = None
        self._shortcut: Shortcut | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        shortcut = self._shortcut
        if shortcut is not None and not kwargs:
            found = shortcut(args)
            if found is not _MISSED:
                return found
        return self._call(args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: bound like any function."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<{self._transform.name} of {self._name}>"

    @property
    def _name(self) -> str:
        return getattr(self.__wrapped__, "__qualname__", repr(self.__wrapped__))

    # ---- calling --------------------------------------------------------------------------

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = self._take_apart(args, kwargs)
        recorded = emitter() is not RECORDER
        if recorded or any(isinstance(leaf, ArrayMethods) for leaf in call.leaves):
            return self._emit(call)
        entry = self._entry(call)
        if tapes.active() and any(isinstance(c, ArrayMethods) for c in entry.traced.captured):
            return self._emit(call, entry)
        captured = [_current(c) for c in entry.traced.captured]
        if any(c.shape != p.aval.shape for c, p in zip(captured, entry.traced.block.params[entry.traced.n_params :], strict=True)):
            del self._entries[call.key]
            return self._call(args, kwargs)
        outs = entry.program(*call.leaves, *captured)
        self._shortcut = _shortcut(call, entry, args)
        return optree.tree_unflatten(entry.spec, outs)

    def _emit(self, call: Call, entry: Entry | None = None) -> Any:
        """Make the program part of what is being recorded."""
        if entry is None:
            traced = self._trace(call)
            block, spec = self._transform.build(traced, call)
        else:
            traced, block, spec = entry.traced, entry.block, entry.spec
        outs = inline(block, [*call.leaves, *traced.captured])
        return optree.tree_unflatten(spec, [emitter().lift(o) for o in outs])

    def _entry(self, call: Call) -> Entry:
        entry = self._entries.get(call.key)
        if entry is None or not entry.fingerprint.holds():
            traced = self._trace(call)
            block, spec = self._transform.build(traced, call)
            program = Program(optimize(block), (self._info,))
            entry = Entry(traced, block, program, spec, Fingerprint(self.__wrapped__, traced.captured))
            self._entries[call.key] = entry
            while len(self._entries) > ENTRY_LIMIT:
                self._entries.popitem(last=False)
        self._entries.move_to_end(call.key)
        self._last = entry
        return entry

    def _trace(self, call: Call) -> Traced:
        found: list[Any] = []

        def run(*tracers: Tracer) -> Sequence[Any]:
            args, kwargs = call.rebuild(tracers)
            leaves, spec = optree.tree_flatten(self.__wrapped__(*args, **kwargs))
            found.append(spec)
            return [_result(leaf, k, self._name) for k, leaf in enumerate(leaves)]

        block, captured = trace(run, call.avals, self._name)
        return Traced(block, captured, found[0], len(call.avals))

    # ---- arguments ------------------------------------------------------------------------

    @functools.cached_property
    def _signature(self) -> inspect.Signature | None:
        try:
            return inspect.signature(self.__wrapped__)
        except (TypeError, ValueError):
            return None

    @functools.cached_property
    def _names(self) -> tuple[str, ...]:
        """Names of the parameters that can be given by position."""
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = self._signature.parameters.values() if self._signature else ()
        return tuple(p.name for p in parameters if p.kind in kinds)

    def _take_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        static = {k % len(args) for k in self._static_argnums if -len(args) <= k < len(args)} if args else set()
        static |= {self._names.index(n) for n in self._static_argnames if n in self._names and self._names.index(n) < len(args)}
        static_names = {n for n in kwargs if n in self._static_argnames or n in {self._names[k] for k in self._static_argnums if 0 <= k < len(self._names)}}
        varying = {k: a for k, a in enumerate(args) if k not in static}
        named = {n: a for n, a in kwargs.items() if n not in static_names}
        leaves: list[Any] = []
        positions: dict[int | str, list[int]] = {}
        specs: dict[int | str, Any] = {}
        avals: list[tuple[ArrayAval, str, bool]] = []
        for where, argument in (*varying.items(), *named.items()):
            own, specs[where] = optree.tree_flatten(argument)
            name = self._names[where] if isinstance(where, int) and where < len(self._names) else f"x{where}" if isinstance(where, int) else where
            positions[where] = list(range(len(leaves), len(leaves) + len(own)))
            taken = [_leaf(leaf, name, self._name) for leaf in own]
            paths = optree.tree_paths(argument) if len(own) > 1 else [()] * len(own)
            avals += [(aval, _hint(name, path), weak) for (_, aval, weak), path in zip(taken, paths, strict=True)]
            leaves += [leaf for leaf, _, _ in taken]
        statics = (*((k, args[k]) for k in sorted(static)), *((n, kwargs[n]) for n in sorted(static_names)))
        key = (tuple(specs.items()), tuple((a, w) for a, _, w in avals), _hashable(statics, self._name), len(args))

        def rebuild(new: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            parts = {w: optree.tree_unflatten(spec, [new[k] for k in positions[w]]) for w, spec in specs.items()}
            positional = tuple(parts[k] if k in parts else args[k] for k in range(len(args)))
            return positional, {n: parts[n] if n in parts else kwargs[n] for n in kwargs}

        return Call(leaves, avals, specs, key, rebuild, positions)

    def argument(self, which: int | str, call: Call) -> int | str:
        """Where an argument given by position or name is in this call.

        Raises
        ------
        ArgumentError
            When the call has no such argument.
        """
        if isinstance(which, int):
            given = [k for k in call.positions if isinstance(k, int)]
            count = max(given, default=-1) + 1
            position = which + count if which < 0 else which
            if position in call.positions:
                return position
            if 0 <= which < len(self._names) and self._names[which] in call.positions:
                return self._names[which]
            raise ArgumentError(
                f"{self._transform.name}: argnums={which}, but {self._name} was called with {count} positional arguments",
                "argnums counts from 0 over the arguments that are not static",
            )
        if which in call.positions:
            return which
        if which in self._names and self._names.index(which) in call.positions:
            return self._names.index(which)
        raise ArgumentError(
            f"{self._transform.name}: argnames={which!r}, but {self._name} got no such argument",
            f"its parameters are {', '.join(self._names)}",
        )

    # ---- looking inside ---------------------------------------------------------------------

    def _inspected(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        if args or kwargs:
            return self._entry(self._take_apart(args, kwargs))
        if self._last is None:
            raise ArgumentError(f"{self._name} has not been called yet", "call it once, or pass example arguments here")
        return self._last

    def ir(self, *args: Any, **kwargs: Any) -> str:
        """The linear IR of the function, as traced: for these arguments, or for the last call."""
        return pretty(self._inspected(args, kwargs).traced.block)

    def adjoint_ir(self, *args: Any, **kwargs: Any) -> str:
        """The IR that is run, optimised: forward and backward in one block."""
        return pretty(self._inspected(args, kwargs).program.block)

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The source of the kernel: for these arguments, or for the last call."""
        return self._inspected(args, kwargs).program.source()

    def cache_info(self) -> CacheInfo:
        """Kernels compiled and reused on behalf of this function."""
        return self._info

    def cache_clear(self) -> None:
        """Forget the traces of this function; kernels stay in the process-wide cache."""
        self._entries.clear()
        self._last = self._shortcut = None


# ---- the short cut -----------------------------------------------------------------------------

_MISSED: Any = object()
Shortcut = Callable[[tuple[Any, ...]], Any]


def _shortcut(call: Call, entry: Entry, args: tuple[Any, ...]) -> Shortcut | None:
    """A call with plain arrays only: a few checks an argument, then the kernel.

    It holds for one entry. Whatever does not fit (another shape, a tape at work, a changed
    global) misses, and the full path decides. A closure, because its cells are read twice as
    fast as attributes: the whole call has about a microsecond.
    """
    kernel, prints, captured = entry.program.kernel, entry.fingerprint, tuple(entry.traced.captured)
    plain = len(args) == len(call.leaves) and all(type(a) is np.ndarray and a.ndim for a in args)
    if kernel is None or not plain or prints.lists or prints.arrays or not all(map(_direct, captured)):
        return None
    run, finish = kernel.call, _finisher(entry)
    rest = (*captured, *entry.program.extra)
    wanted = tuple((a.dtype, a.shape) for a in args)
    names, cells, shapes = prints.names, prints.cells, [(c, c.shape) for c in captured]
    own, total = entry.program.infos[-1], entry.program.infos[0]
    count, busy = len(args), tapes.busy

    def shortcut(args: tuple[Any, ...]) -> Any:
        if len(args) != count or busy.count:
            return _MISSED
        for a, (dtype, shape) in zip(args, wanted):  # noqa: B905 - lengths were compared
            if type(a) is not np.ndarray or a.dtype is not dtype or a.shape != shape:
                return _MISSED
        for place, key, value in names:
            if place.get(key) is not value:
                return _MISSED
        for cell, value in cells:
            if cell.cell_contents is not value:
                return _MISSED
        for c, shape in shapes:
            if c.shape != shape:
                return _MISSED
        try:
            out = run(*args, *rest)
        except (TypeError, ValueError):
            return _MISSED  # not contiguous, or not writable: the full path copies
        own.runs += 1
        total.runs += 1
        return finish(out)

    return shortcut


def _direct(c: Any) -> bool:
    """Whether a kernel can read the object as it is, now and later."""
    return bool(type(c) is np.ndarray and c.ndim and c.flags.c_contiguous and c.flags.aligned and c.flags.writeable)


def _finisher(entry: Entry) -> Callable[[Any], Any]:
    """From a kernel's return value to the user's result, with the common cases written out."""
    avals = [r.aval for r in entry.program.block.results]
    spec = entry.spec
    if spec.is_leaf():
        # A kernel returns Python floats for shape (); users get NumPy's.
        scalar = None if avals[0].shape else avals[0].dtype.type
        return (lambda out: out) if scalar is None else scalar
    flat_pair = spec == optree.tree_structure((0, 0))
    if flat_pair and not avals[0].shape and avals[1].shape:
        first = avals[0].dtype.type
        return lambda out: (first(out[0]), out[1])
    return lambda out: optree.tree_unflatten(spec, entry.program.finish(out))


# ---- leaves ------------------------------------------------------------------------------------


def _leaf(x: Any, name: str, function: str) -> tuple[Any, ArrayAval, bool]:
    """(value, aval, weak) of one leaf of the arguments."""
    if isinstance(x, ArrayMethods):
        return x, x.aval, x.weak
    if type(x) is np.ndarray and x.dtype.kind in "fiub" and x.dtype.isnative:
        return x, ArrayAval(x.shape, x.dtype), False
    try:
        array = plain_array(x)
    except AutodiffError as error:
        raise DTypeError(
            f"{function}: argument {name!r}: {error.what}",
            "pass numbers or arrays, or name the argument in static_argnames",
        ) from None
    return array, ArrayAval(array.shape, array.dtype), type(x) in PYTHON_SCALARS


def _hint(name: str, path: tuple[Any, ...]) -> str:
    text = "_".join([name, *map(str, path)])
    return text if text.isidentifier() else name


def _hashable(statics: tuple[Any, ...], function: str) -> tuple[Any, ...]:
    for where, value in statics:
        try:
            hash(value)
        except TypeError:
            raise ArgumentError(
                f"{function}: static argument {where!r} is a {type(value).__name__}, which cannot be hashed",
                "make it a tuple, a string or a number, or let it vary",
            ) from None
    # A type tells 1 from 1.0 and True.
    return tuple((where, type(value), value) for where, value in statics)


def _result(leaf: Any, k: int, function: str) -> Any:
    if isinstance(leaf, Operand) or hasattr(leaf, "__autodiff_operand__"):
        return leaf
    try:
        return plain_array(leaf) if not isinstance(leaf, int | float) else leaf
    except AutodiffError as error:
        raise DTypeError(f"{function}: result {k}: {error.what}", "return numbers and arrays; has_aux=True for more") from None


def _current(captured: Any) -> Any:
    """The value of a captured object now."""
    return captured.value() if isinstance(captured, ArrayMethods) else captured
