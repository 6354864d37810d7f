"""What a program of the zoo is, and the decorator that puts one there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Program:
    """A function with arguments to run it on.

    `wrt` are the positions of the arguments to differentiate with respect to, `static` of those that are passed
    through as Python objects. `no_tape` says why the program cannot be run by Python on tensors, `unrolled` why a long
    loop of it is written out, which is said in a warning. `rtol` is what the arithmetic of the program allows.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    wrt: tuple[int, ...]
    static: tuple[int, ...]
    no_tape: str
    unrolled: str
    rtol: float


PROGRAMS: dict[str, Program] = {}

WRITES = "writes tensors into arrays of NumPy's own"
REBINDS = "y *= v makes another tensor, as in TensorFlow"
COLLECTS = "makes an array of NumPy's own of tensors"


def program(
    *arguments: Any,
    name: str = "",
    wrt: tuple[int, ...] | None = None,
    static: tuple[int, ...] = (),
    no_tape: str = "",
    unrolled: str = "",
    rtol: float = 1e-9,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Keep the function, and return it as it is; by default it is differentiated with respect to all floats."""

    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        places = wrt if wrt is not None else floats(arguments, static)
        key = name or function.__name__
        assert key not in PROGRAMS, f"two programs are called {key}"
        PROGRAMS[key] = Program(key, function, arguments, places, static, no_tape, unrolled, rtol)
        return function

    return keep


def floats(arguments: tuple[Any, ...], static: tuple[int, ...]) -> tuple[int, ...]:
    """The positions of the arguments that are made of floats."""
    return tuple(k for k, x in enumerate(arguments) if k not in static and all(map(is_float, leaves(x))))


def is_float(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


def leaves(x: Any) -> list[Any]:
    """The numbers and arrays of nested tuples, lists and dicts."""
    if isinstance(x, dict):
        return [leaf for key in sorted(x) for leaf in leaves(x[key])]
    if isinstance(x, (tuple, list)):
        return [leaf for item in x for leaf in leaves(item)]
    return [x]


def rebuilt(x: Any, new: Any) -> Any:
    """`x` with its leaves taken from the iterator `new`."""
    if isinstance(x, dict):
        items = {key: rebuilt(x[key], new) for key in sorted(x)}
        return {key: items[key] for key in x}
    if isinstance(x, (tuple, list)):
        return type(x)(rebuilt(item, new) for item in x)
    return next(new)


def sample(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """Numbers that are the same at each run."""
    return np.random.default_rng(seed).uniform(low, high, shape)
