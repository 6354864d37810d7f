"""What user code may change that cannot be part of a region's state: it would happen once instead of at every trip.

Generators of random numbers, iterators, plain arrays that are written to, deques, attributes of classes and of objects
with slots. `Watch` compares them before and after a trace, and puts them back.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff.frontends.fingerprint import checksum
from autodiff.frontends.world import is_generator, is_library

COPIED = 1 << 20  # bytes of an array that is compared by content; of a larger one a checksum is

Probe = Callable[[], Any]


class Hidden(Exception):
    """Something was changed that cannot be part of the state."""

    def __init__(self, label: str, why: str) -> None:
        super().__init__(f"{label or 'an object'} {why}")
        self.label, self.why = label, why


class Watch:
    """Objects and what they were like."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str, Probe, Any, Callable[[Any], Any] | None]] = []
        self._iterator = ""
        self._large: list[np.ndarray] = []  # too large for a copy to put back
        if "numpy.random" in sys.modules:
            self._add("np.random", _DRAWN, _legacy_state, _set_legacy_state)
        if "random" in sys.modules:
            random = sys.modules["random"]
            self._add("random", _DRAWN, random.getstate, random.setstate)

    def _add(self, label: str, why: str, probe: Probe, restore: Callable[[Any], Any] | None) -> None:
        self._found.append((label, why, probe, probe(), restore))

    def add(self, label: str, value: Any) -> bool:
        """Watch an object; whether it is of a kind that is watched."""
        if isinstance(value, np.ndarray):
            self._add_array(label, value)
        elif is_generator(value):
            self._add(label, _DRAWN, *_generator(value))
        elif isinstance(value, deque):
            self._add(
                label, "gets other entries in a trip", lambda: [*map(_Same, value)], lambda old: _refill(value, old)
            )
        elif isinstance(value, type) and not is_library(value):
            self._add_attributes(label, value, [k for k, v in vars(value).items() if not callable(v) and k[:2] != "__"])
        elif hasattr(type(value), "__next__"):
            self._iterator = self._iterator or label or f"a {type(value).__name__}"
        else:
            return False
        return True

    def add_slots(self, label: str, value: Any) -> None:
        """Watch the slots of an object of the user's."""
        listed = (vars(c).get("__slots__", ()) for c in type(value).__mro__ if not is_library(c))
        names = [n for s in listed for n in ((s,) if isinstance(s, str) else s) if n[:2] != "__"]
        if names:
            self._add_attributes(label, value, names)

    def _add_array(self, label: str, array: np.ndarray) -> None:
        if array.dtype.hasobject or not array.flags.writeable:
            return
        if array.nbytes > COPIED:
            self._add(label, _WRITTEN, lambda: checksum(array), None)
            self._large.append(array)
            return
        kept = array.copy()
        self._add(label, _WRITTEN, array.tobytes, lambda _: np.copyto(array, kept))

    def _add_attributes(self, label: str, owner: Any, names: list[str]) -> None:
        def restore(old: list[_Same]) -> None:
            for name, same in zip(names, old, strict=True):
                if same.value is not _ABSENT:
                    setattr(owner, name, same.value)

        self._add(label, "sets an attribute", lambda: [_Same(getattr(owner, n, _ABSENT)) for n in names], restore)

    def check_before(self) -> None:
        """Raise `Hidden` for what could not be put back after a trace."""
        if self._iterator:
            raise Hidden(self._iterator, "is an iterator, which Python has to advance at every trip")

    @contextmanager
    def protected(self) -> Iterator[None]:
        """Writing to what could not be put back raises an error within."""
        try:
            for array in self._large:
                array.flags.writeable = False
            yield
        finally:
            for array in self._large:
                array.flags.writeable = True

    def check(self) -> None:
        """Raise `Hidden` when something was changed."""
        for label, why, probe, before, _ in self._found:
            if probe() != before:
                raise Hidden(label, why)

    def restore(self) -> None:
        for _, _, probe, before, restore in self._found:
            if restore is not None and probe() != before:
                restore(before)


_DRAWN = "gives random numbers, which are drawn anew at every trip"
_WRITTEN = "is a plain array that is written to at every trip"
_ABSENT = object()


class _Same:
    """Equal to what holds the very same object."""

    __slots__ = ("value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


def _refill(items: deque[Any], old: list[_Same]) -> None:
    items.clear()
    items.extend(same.value for same in old)


def _generator(generator: Any) -> tuple[Probe, Callable[[Any], Any]]:
    """How to read and to set the state of a generator."""
    if hasattr(generator, "getstate"):
        return generator.getstate, generator.setstate
    bits = generator.bit_generator if hasattr(generator, "bit_generator") else generator._bit_generator
    return lambda: _State(bits.state), lambda old: setattr(bits, "state", old.state)


def _legacy_state() -> Any:
    return _State(np.random.get_state(legacy=False))  # noqa: NPY002 - it is about the global state


def _set_legacy_state(old: Any) -> None:
    np.random.set_state(old.state)  # noqa: NPY002


class _State:
    """A state of NumPy's: nested dictionaries with arrays in them, compared by what they print in full."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, state: Any) -> None:
        self.state = state
        self._content = _content(state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _State) and self._content == other._content


def _content(state: Any) -> Any:
    if isinstance(state, dict):
        return {k: _content(v) for k, v in state.items()}
    return state.tobytes() if isinstance(state, np.ndarray) else state
