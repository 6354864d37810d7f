"""Decorated functions: trace, transform, compile, and from then on call the kernel.

A call looks for an `Entry`, a traced program for this structure of arguments, these avals
and these static values, whose fingerprint still holds. Calls with plain arrays take a short
cut past all containers (`frontends/shortcut.py`). Inside a trace, or with tensors and
variables while a tape records, the program is not run but emitted, so it can be
differentiated again.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from autodiff import frontends  # `frontends.control` is imported when it is needed
from autodiff.errors import ArgumentError, DTypeError, user_location
from autodiff.frontends import callers, tapes
from autodiff.frontends import trees as optree
from autodiff.frontends.array import ArrayMethods
from autodiff.frontends.call import Call, Parameters, Self
from autodiff.frontends.explain import explained
from autodiff.frontends.fingerprint import Fingerprint
from autodiff.frontends.guards import Guards
from autodiff.frontends.questions import Concrete, Enclosed, Questions
from autodiff.frontends.ragged import Ragged
from autodiff.frontends.random_state import RandomStates
from autodiff.frontends.selection import Selection
from autodiff.frontends.shortcut import Shortcut, current, shortcut
from autodiff.frontends.specialisations import Caller, Entry, Link, Specialisations
from autodiff.frontends.tensor import RECORDER
from autodiff.frontends.tracer import TraceBuilder, Tracer, trace
from autodiff.frontends.transform import Traced, Transform, checked_result, function_name
from autodiff.frontends.world import World
from autodiff.ir.build import emitter, inline
from autodiff.ir.core import Block
from autodiff.ir.pretty import pretty
from autodiff.runtime.kernels import CacheInfo

ENTRY_LIMIT = 512  # traces kept per function
CHAIN_LIMIT = 4  # short cuts, of other shapes for example, that are tried one after the other
FORM_LIMIT = 8  # short cuts kept per trace: orders in which arguments are given by name

TraceBuilder.selection = Selection  # what x[mask] is; defined in terms of tracers, which cannot know it
TraceBuilder.ragged = Ragged  # what x[:i] is, likewise


class Function:
    """A transformed function. Call it like the original.

    Attributes
    ----------
    __wrapped__ : the original function
    __call__ : what answers calls: the short cut of the last program, or at first `_call`. It is looked up here at
        every call, without any Python in between (0.15 us less than a method).
    """

    __slots__ = ("__call__", "__dict__", "__weakref__")

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __init__(
        self,
        function: Callable[..., Any],
        transform: Transform,
        static_argnums: tuple[int, ...] = (),
        static_argnames: tuple[str, ...] = (),
        name: str = "",
    ) -> None:
        if not callable(function):
            raise DTypeError(
                f"{transform.name}: expected a function, got {type(function).__name__} ({function!r:.60})",
                f"pass the function itself: {transform.name}(f)(x), not {transform.name}(f(x))",
            )
        # An njit function is differentiated through its Python source.
        wrapped = getattr(function, "py_func", function)
        functools.update_wrapper(self, wrapped, updated=())
        self.__wrapped__ = wrapped
        self.name = name or function_name(wrapped)
        self._made_of = (function, transform, static_argnums, static_argnames, name)
        self._transform = transform
        self._parameters = Parameters(wrapped, self.name, static_argnums, static_argnames)
        self._info = CacheInfo()
        self._methods: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()
        self._warned = False
        self._made: list[Any] = []  # C functions whose addresses were given away
        self._lock = threading.RLock()
        self._entries: OrderedDict[Any, Specialisations] = OrderedDict()
        self._last: Entry | None = None
        self._answer_with(None)

    @property
    def __autodiff_plain__(self) -> Any:
        """The user's function where calling that in another trace is the same as calling this."""
        return self.__wrapped__ if type(self._transform) is Transform else None

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: bound like any function."""
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{self._transform.name} of {self.name}>"

    def __reduce__(self) -> Any:
        """By name where a decorator put it in the function's place, by its parts elsewhere."""
        found: Any = sys.modules.get(getattr(self.__wrapped__, "__module__", ""))
        path = getattr(self.__wrapped__, "__qualname__", "")
        for part in path.split("."):
            found = getattr(found, part, None)
        return path if found is self else (Function, self._made_of)

    # ---- calling --------------------------------------------------------------------------

    def _answer_with(self, answering: Shortcut | None, links: int = 0) -> None:
        """Have calls answered by a short cut (so many others behind it), or by the full path."""
        self._links = links
        type(self).__call__.__set__(self, answering or self._call)  # type: ignore[attr-defined]

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        """The full path: it takes any arguments, and finds or makes the program for them."""
        method = bool(args) and self._is_method_of(args[0])
        call = self._parameters.take_apart(args, kwargs, method)
        recorded = emitter() is not RECORDER
        if recorded or any(isinstance(leaf, ArrayMethods) for leaf in call.leaves):
            return self._emit(call)
        entry, anew = self._entry(call)
        if tapes.active() and any(isinstance(c, ArrayMethods) for c in entry.traced.captured):
            return self._emit(call, self._fitting(call))
        if entry.guards is None:
            outs = entry.program(*call.leaves, *map(current, entry.traced.captured))
        else:
            entry, outs = self._guarded(call, entry if anew else None)
        self._shorten(call, entry)
        return optree.tree_unflatten(entry.spec, outs)

    def _guarded(self, call: Call, entry: Entry | None) -> tuple[Entry, Sequence[Any]]:
        """The entry whose guards hold for a call, and its results; `entry` was traced for this very call."""
        outs: Sequence[Any] = ()
        if entry is None:
            entry, outs = self._entries[call.key].run(call.leaves)
        if entry is None or not outs:
            entry = entry or self._fitting(call)
            outs, values = entry.run(entry.arguments(call.leaves))
            if entry.guards is not None:
                entry.guards.adopt(values)
        self._last = entry
        return entry, outs

    def _fitting(self, call: Call) -> Entry:
        """The entry whose guards hold, in NumPy's judgement: one that is there, or a new one."""
        with self._lock:
            entry, anew = self._entry(call)
            if anew or entry.guards is None:
                return entry
            kept = self._entries[call.key]
            found, site = kept.fitting(call.leaves)
            if found is None:
                kept.note_cause(site)
                found = self._add(call, kept)
            self._last = found
            return found

    def _shorten(self, call: Call, entry: Entry) -> None:
        """Have the next call like this one answered at once.

        A new short cut leaves to the present one what it cannot answer, so calls with two shapes in turn never come
        here.
        """
        form = len(call.args), tuple(call.kwargs)
        found, links = entry.shortcuts.get(form, (None, 0))
        if found is None and len(entry.shortcuts) < FORM_LIMIT:
            links = self._links + 1 if self._links < CHAIN_LIMIT else 1
            behind = self._call if links == 1 else self.__call__
            if entry.guards is not None:
                found, links = self._guarded_shortcut(call, entry, form, behind, links)
            else:
                found = shortcut(call, entry.program, entry.spec, entry.traced.captured, entry.fingerprint, behind)
            if found is not None:
                entry.shortcuts[form] = found, links
        if found is not None:
            self._answer_with(found, links)

    def _guarded_shortcut(
        self, call: Call, entry: Entry, form: Any, behind: Shortcut, links: int
    ) -> tuple[Shortcut | None, int]:
        """The short cut of all entries for calls like this one, this entry's among them."""
        run = entry.shortcut(call)
        if run is None:
            return None, links
        kept = self._entries[call.key]
        caller, links = kept.callers.setdefault(form, (Caller(self._call, behind), links))
        caller.add(Link(entry, run), kept.entries)
        return caller.answer, links

    def _is_method_of(self, first: Any) -> bool:
        """Whether the first argument is the instance this function is called on, as a method."""
        kind = type(first)
        found = self._methods.get(kind)
        if found is None:
            attributes = (value for c in kind.__mro__ for value in vars(c).values())
            found = any(value is self for value in attributes) and optree.tree_structure(first).is_leaf()
            self._methods[kind] = found
        return found

    def _emit(self, call: Call, entry: Entry | None = None) -> Any:
        """Make the program part of what is being recorded."""
        if entry is None:
            traced, block, spec = self._build(call)
        else:
            traced, block, spec = entry.traced, entry.block, entry.spec
        outs = inline(block, [*call.leaves, *traced.captured])
        return optree.tree_unflatten(spec, [emitter().lift(o) for o in outs])

    def _build(self, call: Call, concrete: bool = False) -> tuple[Traced, Block, Any]:
        """The function as a block, the block to run, and the structure of its results.

        `concrete`: it is for this call, so Python may decide on values; elsewhere what surrounds it decides.
        """
        self._transform.check(call)
        traced = self._trace(call, concrete)
        return traced, *self._transform.build(traced, call)

    def _entry(self, call: Call) -> tuple[Entry, bool]:
        """An entry for calls like this one, its guards yet to be checked; and whether it was just traced for it."""
        with self._lock:
            kept = self._entries.get(call.key)
            watched = kept is not None
            if kept is None:
                kept = self._entries[call.key] = Specialisations(self.name)
                while len(self._entries) > ENTRY_LIMIT:
                    self._entries.popitem(last=False)
            entry = kept.latest()
            anew = entry is None
            if entry is None:
                entry = self._add(call, kept, watched)
            self._entries.move_to_end(call.key)
            self._last = entry
        return entry, anew

    def _add(self, call: Call, kept: Specialisations, watched: bool = True) -> Entry:
        entry = self._traced_anew(call, watched)
        kept.add(entry)
        return entry

    def _traced_anew(self, call: Call, watched: bool) -> Entry:
        roots = (self.__wrapped__, *call.statics.values())
        states = RandomStates(World(*roots))
        traced, block, spec = self._build(call, concrete=True)
        self._warned = self._warned or states.warn_if_drawn(self.name, user_location() or ("<unknown>", 0))
        for _, kind, value in call.key[2]:
            if kind is Self and not watched:
                value.when_gone(functools.partial(self._entries.pop, call.key, None))
        # Walked again: the trace may have created what it then looked up.
        fingerprint = Fingerprint(World(*roots), traced.uses)
        return Entry(traced, block, spec, call.key, fingerprint, (self._info,))

    def _trace(self, call: Call, concrete: bool) -> Traced:
        found: list[Any] = []

        def run(*tracers: Tracer) -> Sequence[Any]:
            args, kwargs = call.rebuild(tracers)
            result = frontends.control.traced_form(self.__wrapped__)(*args, **kwargs)
            leaves, spec = optree.tree_flatten(result)
            found.append(spec)
            return [checked_result(leaf, k, spec, self.name) for k, leaf in enumerate(leaves)]

        transform, outer = self._transform, emitter()
        values, slopes = transform.values(call), transform.differentiated(call)

        def questions(builder: TraceBuilder) -> Questions:
            if concrete:
                return Concrete(builder, values, slopes)
            return Enclosed(builder, values, outer, slopes)

        avals = transform.avals(call)
        block, builder = trace(run, avals, self.name, questions)
        # What was also looked at is not read anew at every run: the number seen is part of the trace.
        uses = {k: places for k, places in builder.uses.items() if k not in builder.looked_at}
        asked = getattr(builder.questions, "guards", None)
        builder.questions = None  # it holds values of this call
        guards = Guards(asked, block.params, block.instrs) if asked else None
        return Traced(block, builder.captured, uses, found[0], len(avals), guards, builder.decisions)

    # ---- from compiled code -----------------------------------------------------------------

    def njit(self, *args: Any) -> Callable[..., Any]:
        """This function for use inside functions that Numba compiles, without the interpreter's lock.

        Parameters
        ----------
        *args : example arguments, whose values do not matter; none: the last call's

        Returns
        -------
        A function of Numba's, of the same arguments and results (arrays, numbers, tuples of them). Dtypes and ranks
        are those of the example, others are a typing error; shapes may be any the function can be traced for.
        A new shape costs a trace at its first call. Arrays that are not C-contiguous are copied.

        Raises
        ------
        ArgumentError
            For functions that have no kernel or whose kernel calls NumPy back, for containers and complex numbers.

        Notes
        -----
        Globals and closures are those of now; captured arrays are read at every call.

        Inside `numba.prange`, compile the caller with `nogil=True`, or call it with each shape beforehand: the trace of
        a new shape waits for the interpreter's lock, and without `nogil` the parallel loop holds it. (Numba loses
        exceptions that are raised inside such loops.)

        Examples
        --------
        >>> import numba, numpy as np, autodiff as ad
        >>> f = ad.value_and_grad(lambda x: np.sum(x**2))
        >>> slope = f.njit(np.zeros(3))
        >>> @numba.njit
        ... def descend(x):
        ...     for _ in range(20):
        ...         value, gradient = slope(x)
        ...         x = x - 0.25 * gradient
        ...     return value
        >>> bool(descend(np.ones(5)) < 1e-6)
        True
        """
        return callers.njit_caller(self, self._inspected(args, {}))

    def address(self, *args: Any) -> int:
        """The address of this function for C, for arguments of exactly the shapes and dtypes given.

        `int64_t f(int64_t *values)`: a value for each argument, then one for each result. Of an array it is the address
        of its elements, in C order and aligned; of a number, the bits of a float64, or the integer. Every result is
        written where its value points. 0 means that all is well. It may be called from any thread, with or
        without the interpreter's lock.

        Parameters
        ----------
        *args : example arguments, whose values do not matter; none: the last call's

        Returns
        -------
        The address, which is valid as long as this function lives.

        Raises
        ------
        ArgumentError
            As for `njit`.

        Examples
        --------
        >>> import ctypes, numpy as np, autodiff as ad
        >>> f = ad.grad(lambda x: np.sum(x**3))
        >>> call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(f.address(np.zeros(3)))
        >>> x, out = np.array([1.0, 2.0, 3.0]), np.empty(3)
        >>> values = np.array([x.ctypes.data, out.ctypes.data])
        >>> call(values.ctypes.data), out
        (0, array([ 3., 12., 27.]))
        """
        made = callers.c_address(self, self._inspected(args, {}))
        self._made.append(made)
        return int(made.address)

    def cfunc(self, *args: Any) -> Any:
        """This function as a C function of doubles, called through ctypes: what `scipy.LowLevelCallable` takes.

        Parameters
        ----------
        *args : example arguments, whose values do not matter; none: the last call's

        Returns
        -------
        For a function of one number `double f(double)`; of n numbers `double f(int n, double *x)`; of one vector of n
        elements the same. Called with another n it returns NaN, for it cannot raise.

        Raises
        ------
        ArgumentError
            As for `njit`, and for other arguments or results than float64.

        Examples
        --------
        >>> import numpy as np, autodiff as ad
        >>> from scipy import LowLevelCallable
        >>> from scipy.integrate import quad
        >>> slope = ad.grad(lambda x: np.sin(x) ** 2)
        >>> float(round(quad(LowLevelCallable(slope.cfunc(0.5)), 0.0, 1.0)[0] - np.sin(1.0) ** 2, 12))
        0.0
        """
        return callers.c_function(self, self._inspected(args, {}))

    # ---- looking inside ---------------------------------------------------------------------

    def _inspected(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        if args or kwargs:
            method = bool(args) and self._is_method_of(args[0])
            return self._fitting(self._parameters.take_apart(args, kwargs, method))
        if self._last is None:
            raise ArgumentError(f"{self.name} has not been called yet", "call it once, or pass example arguments here")
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

    def explain(self, *args: Any, **kwargs: Any) -> str:
        """What became of the function, as text: for these arguments, or for the last call.

        For each loop, branch and question about a value whether it is part of the program, checked (a guard), traced
        trip by trip or Python's, and why, with your line; then the kernel: its loop nests, calls and memory.

        Raises
        ------
        ArgumentError
            Without arguments, when the function has not been called.

        Examples
        --------
        >>> import numpy as np, autodiff as ad
        >>> @ad.grad
        ... def f(x):
        ...     return np.sum(x**2) if x[0] > 0 else np.sum(x)
        >>> print(f.explain(np.array([1.0, 2.0])).splitlines()[0])
        grad of f(x: f64[2])
        """
        entry = self._inspected(args, kwargs)
        kept = self._entries.get(entry.key)
        return explained(self, self._transform.name, entry, 1 if kept is None else len(kept.entries))

    def cache_info(self) -> CacheInfo:
        """Kernels compiled and reused on behalf of this function."""
        return self._info

    def cache_clear(self) -> None:
        """Forget the traces of this function; kernels stay in the process-wide cache."""
        self._entries.clear()
        self._last = None
        self._answer_with(None)
