"""One eval, as the driver runs it: inputs of some sizes, the questions about each, and what became of the answers."""

import importlib
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from benchmarks.gradbench.compare import TOLERANCE, Mismatch, largest_error
from benchmarks.gradbench.conversation import Conversation, ToolError

SEED = 31337  # GradBench's own, of NumPy's older generator

Size = tuple[int, ...]


class Reference(Protocol):
    """The names a file in `references/` defines."""

    VALUE: str | None  # the function without a derivative; None where there is no such function
    DERIVATIVES: tuple[str, ...]
    SIZES: tuple[Size, ...]  # GradBench's
    DEFAULT: tuple[Size, ...]  # a few seconds
    TINY: tuple[Size, ...]  # for tests

    def make(self, size: Size, random: np.random.RandomState) -> Any:
        """An input."""

    def expected(self, function: str, given: Any) -> Any:
        """The output for it."""


@dataclass(frozen=True)
class Answer:
    """One function at one size: seconds of the first and of a later run (the median), and the largest error."""

    eval: str
    size: Size
    function: str
    derivative: bool
    first: float = 0.0
    later: float = 0.0
    runs: int = 0
    error: float = 0.0
    failure: str = ""

    @property
    def correct(self) -> bool:
        return not self.failure and self.error <= TOLERANCE


def reference(name: str) -> Reference:
    return importlib.import_module(f"benchmarks.gradbench.references.{name}")


def run(
    conversation: Conversation, name: str, sizes: Sequence[Size], min_runs: int, min_seconds: float
) -> Iterator[Answer]:
    """Ask everything about one eval."""
    by = reference(name)
    conversation.ask("start", eval=name)
    conversation.ask("define", module=name)
    random = np.random.RandomState(SEED)
    for size in sizes:
        given = by.make(size, random)
        asked = {**given, "min_runs": min_runs, "min_seconds": min_seconds} if isinstance(given, dict) else given
        for function in (by.VALUE, *by.DERIVATIVES):
            if function is not None:
                place = (name, size, function, function != by.VALUE)
                yield _ask(conversation, place, asked, by.expected(function, given))


def _ask(conversation: Conversation, place: tuple[str, Size, str, bool], asked: Any, expected: Any) -> Answer:
    name, size, function, _ = place
    try:
        reply = conversation.ask("evaluate", module=name, function=function, input=asked, description=str(size))
        error = largest_error(expected, reply["output"])
    except (ToolError, Mismatch) as failure:
        return Answer(*place, failure=str(failure))
    spent = [timing["nanoseconds"] * 1e-9 for timing in reply["timings"] if timing["name"] == "evaluate"]
    later = statistics.median(spent[1:]) if len(spent) > 1 else spent[0]
    answer = Answer(*place, spent[0], later, len(spent), error)
    conversation.ask("analysis", of=conversation.last, valid=answer.correct)
    return answer
