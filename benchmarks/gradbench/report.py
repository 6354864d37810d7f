"""The table of a run: a line for each eval and size, value beside derivative."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from benchmarks.gradbench.race import Answer

HEADER = ("eval", "size", "function", "value first", "value", "derivative first", "derivative", "ratio", "error")


def table(answers: Sequence[Answer]) -> str:
    rows = [HEADER, *lines(answers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    left = 3  # columns of words; numbers stand on the right
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def lines(answers: Iterable[Answer]) -> Iterable[tuple[str, ...]]:
    for _, group in groupby(answers, key=lambda answer: (answer.eval, answer.size)):
        values: list[Answer] = []
        derivatives: list[Answer] = []
        for answer in group:
            (derivatives if answer.derivative else values).append(answer)
        for derivative in derivatives:
            yield line(values[0] if values else None, derivative)


def line(value: Answer | None, derivative: Answer) -> tuple[str, ...]:
    size = " x ".join(str(number) for number in derivative.size)
    ratio = ""
    if value and not value.failure and not derivative.failure:
        ratio = f"{derivative.later / value.later:.2f}"
    return (
        derivative.eval,
        size,
        derivative.function,
        *times(value),
        *times(derivative),
        ratio,
        error(value, derivative),
    )


def times(answer: Answer | None) -> tuple[str, str]:
    return ("", "") if answer is None or answer.failure else (seconds(answer.first), seconds(answer.later))


def error(*answers: Answer | None) -> str:
    """The larger of the two errors."""
    given = [answer for answer in answers if answer is not None]
    if any(answer.failure for answer in given):
        return "FAILED"
    largest = f"{max(answer.error for answer in given):.0e}"
    return largest if all(answer.correct for answer in given) else f"{largest} WRONG"


def seconds(time: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if time >= scale:
            return f"{time / scale:.3g} {unit}"
    return f"{time / 1e-6:.3g} us"
