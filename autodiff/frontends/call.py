"""One call of a decorated function, taken apart: what varies, and what decides the trace.

`Parameters` knows the names of a function's parameters and which arguments are static.
`Parameters.take_apart` flattens the others into leaves; the resulting `Call` has the key
under which a trace is kept, and finds its arguments by position or name. Only the key is
made at every call; names and positions are worked out when a trace needs them.
"""

from __future__ import annotations

import contextlib
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, AutodiffError, DTypeError
from autodiff.frontends import trees as optree
from autodiff.frontends.array import ArrayMethods, plain_array
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import PYTHON_SCALARS

Place = int | str  # of an argument: its position, or its name when given by keyword


class Self:
    """The instance a method is called on, as part of a key: by identity, and not kept alive."""

    __slots__ = ("_hash", "instance")

    def __init__(self, instance: Any) -> None:
        self._hash = id(instance)
        try:
            self.instance: Callable[[], Any] = weakref.ref(instance)
        except TypeError:  # a class with __slots__
            self.instance = lambda: instance

    def when_gone(self, then: Callable[[], Any]) -> None:
        """Call `then` when the instance is garbage."""
        if isinstance(self.instance, weakref.ref):
            weakref.finalize(self.instance(), then).atexit = False

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        # Two dead instances may have had the same id.
        return self is other or (isinstance(other, Self) and self.instance() is other.instance() is not None)


class Parameters:
    """The parameters of a function, and which of its arguments are static.

    Raises
    ------
    ArgumentError
        When a static argument is none of the function's parameters.
    """

    def __init__(
        self, function: Callable[..., Any], name: str, static_argnums: Sequence[int], static_argnames: Sequence[str]
    ) -> None:
        self.function = name
        self.names: tuple[str, ...] = ()  # of the parameters that can be given by position
        self.listed: tuple[str, ...] = ()  # of all
        self._open = {int, str}  # kinds of places beyond the listed ones: *args, **kwargs
        with contextlib.suppress(TypeError, ValueError):  # a built-in without a signature takes anything
            self._read(inspect.signature(function))
        self.static = frozenset(self._static(static_argnums, static_argnames))

    def _read(self, signature: inspect.Signature) -> None:
        parameters = signature.parameters.values()
        kinds = {p.kind for p in parameters}
        self.listed = tuple(p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
        self.names = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
        positional = {int} if inspect.Parameter.VAR_POSITIONAL in kinds else set()
        self._open = positional | ({str} if inspect.Parameter.VAR_KEYWORD in kinds else set())

    def _static(self, numbers: Sequence[int], names: Sequence[str]) -> set[Place]:
        """Every place, by position and by name, at which a static argument can be given."""
        places: set[Place] = set(names)
        for k in numbers:
            position = k + len(self.names) if k < 0 else k
            if not 0 <= position < len(self.names) and int not in self._open:
                raise ArgumentError(f"static_argnums={k}: {self._takes()}", "positions count from 0")
            places |= {position, *self.names[position : position + 1]}
        for name in names:
            if name not in self.listed and str not in self._open:
                raise ArgumentError(f"static_argnames={name!r}: {self._takes()}", "name one of its parameters")
            if name in self.names:
                places.add(self.names.index(name))
        return places

    def _takes(self) -> str:
        listed = ", ".join(self.listed)
        return f"the parameters of {self.function} are {listed}" if listed else f"{self.function} has no parameters"

    def name(self, place: Place) -> str:
        """What a message calls an argument."""
        if isinstance(place, str):
            return place
        return self.names[place] if place < len(self.names) else f"x{place}"

    def take_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any], method: bool) -> Call:
        """A call with these arguments; the first is the instance when `method`."""
        statics: tuple[tuple[Place, Any], ...] = ()
        given_args, given_kwargs = args, kwargs
        if self.static or method:
            fixed = {k for k in range(len(args)) if k in self.static} | ({0} if method else set())
            named = sorted(self.static.intersection(kwargs), key=str)
            statics = (*((k, args[k]) for k in sorted(fixed)), *((n, kwargs[n]) for n in named))  # type: ignore[index]
            given_args = tuple([None if k in fixed else a for k, a in enumerate(args)])
            given_kwargs = {n: a for n, a in kwargs.items() if n not in self.static}
        given: Any = (given_args, given_kwargs)
        flat, spec = optree.tree_flatten(given)
        try:
            taken = [_leaf(leaf) for leaf in flat]
        except AutodiffError:
            raise self._refused(flat, spec) from None
        key = (spec, tuple([(aval, weak) for _, aval, weak in taken]), self._hashable(statics, method))
        return Call(self, [leaf for leaf, _, _ in taken], key, args, kwargs, dict(statics))

    def _refused(self, flat: list[Any], spec: Any) -> DTypeError:
        """The error for the first leaf that is not an array of numbers."""
        for leaf, path in zip(flat, spec.paths(), strict=True):
            try:
                _leaf(leaf)
            except AutodiffError as error:
                return DTypeError(
                    f"{self.function}: argument {self.described(path)}: {error.what}",
                    "pass numbers or arrays, or keep it out of the differentiation: "
                    f"static_argnames={self.name(path[1])!r}",
                )
        raise AssertionError("one leaf was refused")

    def described(self, path: tuple[Any, ...]) -> str:
        """An entry of the arguments in a message: `p['w'][0]`."""
        return self.name(path[1]) + "".join(f"[{p!r}]" for p in path[2:])

    def _hashable(self, statics: tuple[tuple[Place, Any], ...], method: bool) -> tuple[Any, ...]:
        parts: list[tuple[Place, type, Any]] = []
        for place, value in statics:
            if method and place == 0:
                parts.append((place, Self, Self(value)))
                continue
            try:
                hash(value)
            except TypeError:
                raise ArgumentError(
                    f"{self.function}: static argument {self.name(place)!r} is a {type(value).__name__}, "
                    f"which cannot be hashed: {value!r:.60}",
                    "make it a tuple, a string or a number, or let it vary",
                ) from None
            # A type tells 1 from 1.0 and True.
            parts.append((place, type(value), value))
        return tuple(parts)


class Call:
    """Leaves that vary, and the key of everything else."""

    __slots__ = ("args", "key", "kwargs", "leaves", "parameters", "statics")

    def __init__(
        self,
        parameters: Parameters,
        leaves: list[Any],
        key: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        statics: dict[Place, Any],
    ) -> None:
        self.parameters = parameters
        self.leaves = leaves
        self.key = key  # (structure, (aval, weak) of every leaf, static arguments)
        self.args = args
        self.kwargs = kwargs
        self.statics = statics

    def avals(self) -> list[tuple[ArrayAval, str, bool]]:
        """(aval, hint, weak) of every leaf."""
        hints = [_hint(self.parameters.name(p[1]), p[2:]) for p in self.key[0].paths()]
        return [(aval, hint, weak) for (aval, weak), hint in zip(self.key[1], hints, strict=True)]

    def rebuild(self, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, with other leaves."""
        built: Any = optree.tree_unflatten(self.key[0], leaves)
        args, kwargs = built
        for place, value in self.statics.items():
            if isinstance(place, int):
                args = (*args[:place], value, *args[place + 1 :])
            else:
                kwargs[place] = value
        return args, kwargs

    def _places(self) -> list[Place]:
        """Places of the arguments that vary; None in place of those that do not."""
        positional, named = self.key[0].children()
        return [*range(positional.num_children), *named.entries()]

    def structure(self, place: Place) -> tuple[Any, list[int]]:
        """Structure of an argument, and the numbers of its leaves."""
        start = 0
        positional, named = self.key[0].children()
        for where, spec in zip(self._places(), (*positional.children(), *named.children()), strict=True):
            if where == place:
                return spec, list(range(start, start + spec.num_leaves))
            start += spec.num_leaves
        raise KeyError(place)

    def described(self, k: int) -> str:
        """Leaf `k` in a message: where it is, its dtype, its value when it is a number."""
        leaf, (aval, _) = self.leaves[k], self.key[1][k]
        place = self.parameters.described(self.key[0].paths()[k])
        if aval.shape or isinstance(leaf, ArrayMethods):
            return f"argument {place} of {self.parameters.function} has dtype {aval.dtype} and shape {aval.shape}"
        return f"argument {place} of {self.parameters.function} is {leaf.item()!r}, of dtype {aval.dtype}"

    def argument(self, which: Place | None, transform: str) -> Place:
        """Where the argument asked for by position or name is in this call.

        None stands for the first one that is not static.

        Raises
        ------
        ArgumentError
            When the call has no such argument, or when it is static.
        """
        places = [p for p in self._places() if p not in self.statics]
        found = self._first(places) if which is None else self._find(which)
        if found is not None and found in places:
            return found
        raise self._unknown(which, found, transform)

    def _first(self, places: list[Place]) -> Place | None:
        named = [n for n in self.parameters.names if n in places]
        ordered: list[Place] = [*(p for p in places if isinstance(p, int)), *named]
        return ordered[0] if ordered else None

    def _find(self, which: Place) -> Place:
        names = self.parameters.names
        if isinstance(which, int):
            position = which + len(self.args) if which < 0 else which
            by_name = names[position] if 0 <= position < len(names) else ""
            return by_name if by_name in self.kwargs else position
        return names.index(which) if which in names and names.index(which) < len(self.args) else which

    def _unknown(self, which: Place | None, found: Place | None, transform: str) -> ArgumentError:
        function, listed = self.parameters.function, ", ".join(self.parameters.listed)
        asked = "argnums=0" if which is None else f"{'argnums' if isinstance(which, int) else 'argnames'}={which!r}"
        if found in self.statics:
            return ArgumentError(
                f"{transform}: {asked} is a static argument of {function}", "differentiate with respect to another one"
            )
        named = f" and {', '.join(self.kwargs)} by name" if self.kwargs else ""
        return ArgumentError(
            f"{transform}: {asked}, but {function} was called with {len(self.args)} positional arguments{named}",
            f"its parameters are {listed}; positions count from 0" if listed else "",
        )


def _leaf(x: Any) -> tuple[Any, ArrayAval, bool]:
    """(value, aval, weak) of one leaf of the arguments."""
    if type(x) is np.ndarray and x.dtype.kind in "fiubc" and x.dtype.isnative:
        return x, ArrayAval(x.shape, x.dtype), False
    if isinstance(x, ArrayMethods):
        return x, x.aval, x.weak
    array = plain_array(x)
    return array, ArrayAval(array.shape, array.dtype), type(x) in PYTHON_SCALARS


def _hint(name: str, path: tuple[Any, ...]) -> str:
    text = "_".join([name, *map(str, path)])
    return text if text.isidentifier() else name
