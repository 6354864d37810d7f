"""What rewritten code says of a loop or a branch: names, and what stands in the way of a region.

`syntax_statements` writes these as tuples into the code; `Loop.of` and `Branch.of` name their parts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from autodiff.records import record


@record
class Obstacles:
    """Lines of a `try` around and inside (0: none), and globals that are assigned."""

    try_around: int
    try_inside: int
    globals: tuple[str, ...]


@record
class Loop:
    """
    Parameters
    ----------
    assigned : names that the body assigns
    carried : of these, the names whose value at the beginning of a trip matters
    out : of these, the names that are read after the loop
    flags : names that say, when true, that the loop is left
    written : names of arrays that the body writes to by name
    appended : names of lists that the body appends to, and uses in no other way
    operations : how many a trip is by its text, estimated from above (`syntax_size`)
    """

    assigned: tuple[str, ...]
    carried: tuple[str, ...]
    out: tuple[str, ...]
    flags: tuple[str, ...]
    written: tuple[str, ...]
    obstacles: Obstacles
    line: int
    appended: tuple[str, ...] = ()
    operations: int = 0

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(facts: tuple[Any, ...]) -> Loop:
        return Loop(*facts[:5], Obstacles(*facts[5]), *facts[6:])


@record
class Branch:
    """Names as for `Loop`; both sides together."""

    assigned: tuple[str, ...]
    out: tuple[str, ...]
    written: tuple[str, ...]
    obstacles: Obstacles
    line: int

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(facts: tuple[Any, ...]) -> Branch:
        return Branch(*facts[:3], Obstacles(*facts[3]), facts[4])
