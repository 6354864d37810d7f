"""Which functions of NumPy and SciPy work on recorded arrays, and how far: `ad.coverage()`.

The answers are measured: `tests/docs/test_coverage.py` calls every function, compares with NumPy or
SciPy, with differences, batch by batch and compiled, and writes what it found to `docs/coverage.md`.
That page is what is read here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from autodiff.errors import ArgumentError

PAGE = os.path.join(os.path.dirname(__file__), "docs", "coverage.md")


class Row(NamedTuple):
    """One function. A status is "yes", "no", or "-" where the question does not arise."""

    namespace: str
    name: str
    value: str
    jvp: str
    vjp: str
    batch: str
    kernel: str
    note: str  # the call that was measured, or why there is none


class Coverage(Sequence[Row]):
    """Rows that print as a table."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, k):  # type: ignore[no-untyped-def]
        return self._rows[k]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __str__(self) -> str:
        table = [Row._fields, *self._rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in table)

    def __repr__(self) -> str:
        with_vjp = sum(row.vjp == "yes" for row in self)
        return f"<coverage of {len(self)} functions, {with_vjp} with derivatives; print it for the table>"


def coverage(namespace: str = "") -> Coverage:
    """What is covered of NumPy and SciPy, function by function, as measured by the tests.

    Parameters
    ----------
    namespace : str, optional
        Only the functions of one namespace, such as "numpy.linalg"; default all.

    Raises
    ------
    ArgumentError
        When nothing is listed under that name.

    Examples
    --------
    >>> import autodiff as ad
    >>> table = ad.coverage("numpy.fft")
    >>> {row.vjp for row in table if row.name == "rfft"}
    {'yes'}
    """
    with open(PAGE, encoding="utf-8") as page:
        rows = parse(page.read())
    if not namespace:
        return Coverage(rows)
    found = [row for row in rows if row.namespace == namespace]
    if not found:
        listed = ", ".join(dict.fromkeys(row.namespace for row in rows))
        raise ArgumentError(f"coverage: there is no namespace {namespace!r}", f"there are {listed}")
    return Coverage(found)


def parse(text: str) -> list[Row]:
    """The rows of the page: one heading a namespace, one line a function."""
    rows, namespace = [], ""
    for line in text.splitlines():
        if line.startswith("## "):
            namespace = line[3:].strip()
        elif line.startswith("| `"):
            cells = [cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            rows.append(Row(namespace, *(cell.replace("\\|", "|") for cell in cells)))
    return rows


def render(rows: Sequence[Row]) -> str:
    """The tables of the page."""
    parts = []
    for namespace in dict.fromkeys(row.namespace for row in rows):
        own = [row for row in rows if row.namespace == namespace]
        parts.append(f"## {namespace}\n\n| function | value | jvp | vjp | batch | kernel | measured on, or why not |")
        parts.append("|---|---|---|---|---|---|---|")
        for row in own:
            _, name, *status, note = row
            note = note.replace("|", "\\|")
            shown = f"`{note}`" if row.value == "yes" else note
            parts.append(f"| `{name}` | {' | '.join(status)} | {shown} |")
        parts.append("")
    return "\n".join(parts)
