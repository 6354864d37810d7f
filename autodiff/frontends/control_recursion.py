"""Calls of functions that call themselves.

How deep the program goes depends on its values, and Python has none while it traces. So a function that calls itself
is traced once, as a region: one activation, in which a call of itself is the op `again`. `passes/recursion.py` makes
two loops over the tree of its calls. What such a function returns is found out first, by following the branches
in which it does not call itself.

A recursion that Python decides alone (over a list, down to depth 0) is left to Python, every call part of the program.
"""

from __future__ import annotations

import inspect
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autodiff.frontends import trees as optree
from autodiff.frontends.callees import reached
from autodiff.frontends.control_carry import common_dtype, same, typed
from autodiff.frontends.control_notes import decided, reason
from autodiff.frontends.control_region import RegionBuilder, Written, closed, is_number, resumed, tracing_region
from autodiff.frontends.control_state import Surroundings
from autodiff.frontends.surface import storage
from autodiff.frontends.syntax import rewritten
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import emitter
from autodiff.ops.families import cast
from autodiff.ops.recursion import again
from autodiff.passes.recursion import NotATree, recursion

ATTEMPTS = 12
Leaf = tuple[ArrayAval, bool]  # and whether its dtype is weak


class _Left(BaseException):
    """It is left to Python, for the reason given; not an error, so user code and branches do not catch it."""


class _Retry(BaseException):
    """Arguments are not of the types that the attempt began with; these are known better now."""


class _Unknown(BaseException):
    """A call whose results are of types that are not known yet."""


class _Active(threading.local):
    def __init__(self) -> None:
        self.attempts: list[Recursion] = []
        self.left: list[Any] = []  # functions whose recursion is left to Python


_active = _Active()


def called(function: types.FunctionType, /, *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)` of a function that calls itself, while it is traced."""
    for attempt in reversed(_active.attempts):
        if attempt.function is function:
            return attempt.again(args, kwargs)
    inner = any(attempt.function in reached(function) for attempt in _active.attempts)
    if inner or function in _active.left:
        return rewritten(function)(*args, **kwargs)
    try:
        return Recursion(function, args, kwargs).emit()
    except (NotATree, _Left) as cause:
        why = str(cause)
    except Written:
        why = "it writes to an array from outside"
    except Exception as cause:
        why = reason(cause)
    decided("python", "recursion", f"every call is part of the program: {why}")
    _active.left.append(function)
    try:
        return rewritten(function)(*args, **kwargs)
    finally:
        _active.left.pop()


def is_active(function: types.FunctionType) -> bool:
    """Whether an activation of the function is being traced, so that a call of it is one of itself."""
    return any(attempt.function is function for attempt in _active.attempts)


# ---- what a function returns is found out --------------------------------------------------------


def finding_types() -> bool:
    """Whether what is traced is an attempt to find out what a function returns."""
    return bool(_active.attempts) and _active.attempts[-1].results is None


def one_side(then: Callable[[], Any], otherwise: Callable[[], Any] | None) -> Any:
    """One side of a branch on a traced value: one that does not lead to a call of unknown results."""
    attempt = _active.attempts[-1]
    sides = [then, otherwise or (lambda: None)]
    if attempt.prefers_last:
        sides.reverse()
    around = Surroundings([then, otherwise])
    attempt.branches += 1
    try:
        return sides[0]()
    except _Unknown:
        around.restore()
        return sides[1]()
    finally:
        attempt.branches -= 1


# ---- one call --------------------------------------------------------------------------------------


class Recursion:
    """The call of a function that calls itself.

    Attributes
    ----------
    results : types of the leaves that it returns, None as long as they are not known
    prefers_last : which side of a branch is followed first, while these are found out
    branches : how many branches are around what is traced then
    """

    def __init__(self, function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.results: list[Leaf] | None = None
        self.prefers_last = False
        self.branches = 0
        self._outer: Any = emitter()
        self._builder: Any = None
        self._returned: Any = None  # the structure of what it returns
        self._given, self._spec = optree.tree_flatten(_bound(function, args, kwargs))
        # Python's integers are Python's, until a call differs in one.
        self._moving = {k: typed(x) for k, x in enumerate(self._given) if is_number(x) and type(x) not in (int, bool)}

    def emit(self) -> Any:
        """Emit the loops; what the function returns.

        Raises
        ------
        NotATree, _Left, Written, Exception
            When it cannot be traced like this; nothing is emitted.
        """
        self._find_types()
        results = self._settled()
        params = self._builder.params[: len(self._moving)]
        (block,), consts = closed([(self._builder, params, results)])
        outs = recursion(block, self._arguments(self._given), consts)
        decided("region", "recursion", "its calls are two loops over their tree: one finds them, one answers them")
        return self._returned_from(outs)

    def again(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of the function within the activation."""
        if emitter() is self._builder and not self.branches:
            raise _Left("whether it calls itself is for Python to decide")
        leaves, spec = optree.tree_flatten(_bound(self.function, args, kwargs))
        if spec != self._spec:
            raise _Left("the structure of its arguments changes from call to call")
        if any(self._widened(k, x) for k, x in enumerate(leaves)):
            raise _Retry
        if self.results is None:
            raise _Unknown
        return self._returned_from(again(self._arguments(leaves), [aval for aval, _ in self.results]))

    # ---- tracing --------------------------------------------------------------------------

    def _find_types(self) -> None:
        """Follow the branches in which the function does not call itself."""
        for self.prefers_last in (False, True):
            for _ in range(ATTEMPTS):
                try:
                    found = self._activation()
                except _Retry:
                    continue
                except _Unknown:
                    break
                self.results = [typed(x) for x in found]
                return
        raise _Left("no branch of it returns without calling itself")

    def _settled(self) -> list[Any]:
        """Trace until types of arguments and results are what they were taken for; the results."""
        for _ in range(ATTEMPTS):
            try:
                found = self._activation()
            except _Retry:
                continue
            before = self.results or []
            self.results = [_common(a, typed(x)) for a, x in zip(before, found, strict=True)]
            if [a for a, _ in self.results] == [a for a, _ in before]:
                with resumed(self._builder):
                    return [_of_dtype(self._builder.lift(x), a) for x, (a, _) in zip(found, before, strict=True)]
        raise _Left("the types of its arguments or results change from call to call")

    def _activation(self) -> list[Any]:
        """Trace one activation; the leaves that it returns."""
        builder = self._builder = RegionBuilder(f"{self._outer.name}: {self.function.__name__}", self._outer)
        around = Surroundings([self.function], *(x for x in self._given if not is_number(x)))
        around.check_before()
        with tracing_region(builder), self._being_traced():
            leaves = list(self._given)
            for k, (aval, weak) in self._moving.items():
                leaves[k] = builder.argument(aval, "", weak)
            builder.ask_outside()
            given = optree.tree_unflatten(self._spec, leaves)
            try:
                found, spec = optree.tree_flatten(rewritten(self.function)(*given[0], **given[1]))
                self._check_effects(around, given, leaves)
            finally:
                around.restore()
        if not all(map(is_number, found)) or (self.results is not None and spec != self._returned):
            raise _Left("what it returns is not always numbers and arrays in one structure")
        self._returned = spec
        return found

    def _check_effects(self, around: Surroundings, given: Any, leaves: Sequence[Any]) -> None:
        after, spec = optree.tree_flatten(given)
        if around.changed() or spec != self._spec or any(x is not y for x, y in zip(after, leaves, strict=True)):
            raise _Left("a call changes what others see")
        if any(storage.held(p) is not p for p in self._builder.params[: len(self._moving)]):
            raise _Left("it writes to an array that it is given")

    @contextmanager
    def _being_traced(self) -> Iterator[None]:
        _active.attempts.append(self)
        try:
            yield
        finally:
            _active.attempts.pop()

    # ---- arguments and results --------------------------------------------------------------

    def _widened(self, k: int, x: Any) -> bool:
        """Whether an argument is of another type than it was taken for."""
        before = self._given[k]
        if k not in self._moving:
            if same(before, x):
                return False
            if not (is_number(x) and is_number(before)):
                raise _Left("it calls itself with another object that is no number")
            self._moving = dict(sorted({**self._moving, k: typed(before)}.items()))
            return True
        old = self._moving[k]
        self._moving[k] = _common(old, typed(x))
        return self._moving[k][0] != old[0]

    def _arguments(self, leaves: Sequence[Any]) -> list[Any]:
        lift = emitter().lift
        return [_of_dtype(lift(leaves[k]), aval) for k, (aval, _) in self._moving.items()]

    def _returned_from(self, outs: Sequence[Any]) -> Any:
        for x, (_, weak) in zip(outs, self.results or (), strict=True):
            x.weak = weak
        return optree.tree_unflatten(self._returned, list(outs))


def _bound(function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The arguments in one form, however they are given: defaults among them, by position where they can be."""
    found = inspect.signature(function).bind(*args, **kwargs)
    found.apply_defaults()
    return found.args, found.kwargs


def _of_dtype(x: Any, aval: ArrayAval) -> Any:
    return x if x.aval.dtype == aval.dtype else cast(x, dtype=aval.dtype)


def _common(a: Leaf, b: Leaf) -> Leaf:
    """The type that holds both."""
    if a[0].shape != b[0].shape:
        raise _Left(f"an array is of shape {a[0].shape} in one call and of {b[0].shape} in another")
    return ArrayAval(a[0].shape, common_dtype(a[0].dtype, a[1], b[0].dtype, b[1])), a[1] and b[1]
