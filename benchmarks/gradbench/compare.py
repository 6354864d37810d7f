"""How far an answer is from the expected one, by GradBench's measure: both are trees of JSON."""

import math
from typing import Any

TOLERANCE = 1e-4  # GradBench's own


class Mismatch(Exception):
    """The two trees differ in more than their floats; the message says where."""


def largest_error(expected: Any, found: Any, path: str = "output") -> float:
    """The largest of |a - b| / max(1, |a| + |b|) over all numbers: absolute for small ones, relative for large ones."""
    if isinstance(expected, dict):
        _same(path, "the keys", sorted(expected), sorted(found) if isinstance(found, dict) else type(found).__name__)
        return max((largest_error(expected[key], found[key], f"{path}.{key}") for key in expected), default=0.0)
    if isinstance(expected, list):
        _same(path, "the length", len(expected), len(found) if isinstance(found, list) else type(found).__name__)
        pairs = enumerate(zip(expected, found, strict=True))
        return max((largest_error(a, b, f"{path}[{i}]") for i, (a, b) in pairs), default=0.0)
    if _is_number(expected) and _is_number(found):
        if isinstance(expected, int) and isinstance(found, int):
            _same(path, "an integer", expected, found)
        if not math.isfinite(found):
            raise Mismatch(f"{path} is {found}")
        return float(abs(expected - found)) / max(1.0, abs(expected) + abs(found))
    _same(path, "the value", (type(expected).__name__, expected), (type(found).__name__, found))
    return 0.0


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _same(path: str, what: str, expected: Any, found: Any) -> None:
    if expected != found:
        raise Mismatch(f"{path}: {what} should be {expected!r}, is {found!r}")
