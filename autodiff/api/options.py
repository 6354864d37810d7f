"""What `argnums`, `argnames` and their kind may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autodiff.errors import ArgumentError

Argnums = int | Sequence[int] | None
Argnames = str | Sequence[str] | None
Checkpoints = int | str | None


def ints(x: object) -> tuple[int, ...]:
    listed = tuple(x) if isinstance(x, Iterable) else (x,)
    if not all(isinstance(k, int) and not isinstance(k, bool) for k in listed):
        raise ArgumentError(f"positions of arguments must be ints, got {x!r}", "use argnames for names")
    return listed


def names(x: object) -> tuple[str, ...]:
    listed = tuple(x) if isinstance(x, Iterable) and not isinstance(x, str) else (x,)
    if not all(isinstance(n, str) for n in listed):
        raise ArgumentError(f"names of arguments must be strings, got {x!r}", "use argnums for positions")
    return listed


def checkpoints(name: str, x: object) -> Checkpoints:
    """What `checkpoint` may be: "auto", or how many states a loop keeps at once."""
    if x is None or x == "auto" or (isinstance(x, int) and not isinstance(x, bool) and x > 0):
        return x  # type: ignore[return-value]
    raise ArgumentError(f'{name}: checkpoint={x!r}; it is "auto" or a number of states', 'write checkpoint="auto"')


def selected(argnums: Argnums, argnames: Argnames) -> tuple[list[int | str | None], bool]:
    """Which arguments are meant, and whether that is one instead of a sequence."""
    if argnums is None and argnames is None:
        return [None], True
    which = [*ints(() if argnums is None else argnums), *names(() if argnames is None else argnames)]
    return which, len(which) == 1 and not isinstance(argnums, Sequence) and not isinstance(argnames, tuple | list)
