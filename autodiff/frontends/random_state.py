"""Random numbers drawn while a function is traced become constants; that deserves a warning.

The states of the random number generators the function can reach, NumPy's and Python's global
ones included, are compared before and after the trace.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import RandomStateWarning
from autodiff.frontends.world import World


class RandomStates:
    """The generators within a function's reach, and the states they were in."""

    def __init__(self, world: World) -> None:
        self._watched: list[tuple[str, Callable[[], Any], Any]] = [
            (name, state, state()) for name, state in [*_GLOBAL, *map(_generator, world.generators)]
        ]

    def warn_if_drawn(self, function: str, location: tuple[str, int]) -> bool:
        """Warn when numbers were drawn since; say whether."""
        drawn = [name for name, state, before in self._watched if state() != before]
        if drawn:
            message = (
                f"{function} drew random numbers from {' and '.join(drawn)} while it was traced: the numbers drawn "
                "are constants of the compiled function, every call uses the same ones. Draw them outside, and pass "
                "them as arguments"
            )
            warnings.warn_explicit(message, RandomStateWarning, *location)
        return bool(drawn)


def _legacy(state: Any) -> tuple[Any, ...]:
    """The state of a Mersenne twister as something that compares."""
    name, keys, *rest = state
    return name, keys.tobytes(), *rest


_GLOBAL: list[tuple[str, Callable[[], Any]]] = [
    ("np.random", lambda: _legacy(np.random.get_state())),  # noqa: NPY002 - it is about the global state
    ("Python's random module", lambda: _python_random().getstate()),
]


def _python_random() -> Any:
    import random

    return random


def _generator(generator: Any) -> tuple[str, Callable[[], Any]]:
    if isinstance(generator, _python_random().Random):
        return "a random.Random", generator.getstate
    if isinstance(generator, np.random.RandomState):
        return "a np.random.RandomState", lambda: _legacy(generator.get_state(legacy=True))
    return "a np.random.Generator", lambda: repr(generator.bit_generator.state)
