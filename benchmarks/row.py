"""What a run found out about one peer on one case."""

import statistics
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """`status` is ok or why not; `detail` says more. Times are in seconds.

    WRONG: not the limit's result. error: it failed. unchecked: there is no limit to check it against. refused: the
    library says that it cannot do this. not attempted: there is no sensible version. not installed: no such package.
    """

    workload: str
    case: str
    peer: str
    status: str = "ok"
    detail: str = ""
    gradient: bool = True  # False: the value alone
    median: float | None = None
    quartiles: tuple[float, float] | None = None
    rounds: list[float] = field(default_factory=list)  # the median of each
    first_call: float | None = None  # cold
    warm_start: float | None = None  # the first call in a second process, with what the first one left on disk
    base_mb: float = 0.0
    peak_mb: float = 0.0

    @property
    def failed(self) -> bool:
        return self.status in ("WRONG", "error", "unchecked")

    def take_over(self, answer: dict[str, Any]) -> bool:
        """What an answer of the peer's process says; False if the peer cannot go on."""
        self.first_call = answer.get("first_call", self.first_call)
        self.base_mb = answer.get("base_mb", self.base_mb)
        self.peak_mb = max(self.peak_mb, answer.get("peak_mb", 0.0))
        self.detail = answer.get("note", "") or self.detail
        for name in ("error", "refused", "not_attempted"):
            if name in answer:
                self.status, self.detail = name.replace("_", " "), answer[name]
                return False
        if answer.get("problem"):
            self.status, self.detail = "WRONG", answer["problem"]
        return True

    def summarise(self, samples: list[float]) -> None:
        """The median of the rounds' medians; the quartiles of all batches of calls."""
        if self.rounds:
            self.median = statistics.median(self.rounds)
            low, _, high = statistics.quantiles(samples, n=4)
            self.quartiles = low, high
