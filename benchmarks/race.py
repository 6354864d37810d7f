"""The peers of a workload take turns: one process each, one short round after the other.

A machine drifts: clock rate, neighbours, memory. Timing one peer for a minute and then the next would charge the
drift to whoever came later. So all processes stay alive, at rest on a pipe, and each round asks every one in turn.
"""

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.catalog import load_workload
from benchmarks.lane import Lane
from benchmarks.peer import LIMIT
from benchmarks.workload import Case


@dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float  # per round and peer
    heavy_rounds: int  # of the heavy cases, whose calls take longer than a round; 0 leaves them out

    def rounds_of(self, case: Case) -> int:
        return self.heavy_rounds if case.heavy else self.rounds


FULL, QUICK = Effort(rounds=7, seconds=0.12, heavy_rounds=4), Effort(rounds=3, seconds=0.03, heavy_rounds=0)


@dataclass
class Row:
    """One peer on one case. `status` is ok, WRONG, error, unchecked or not installed; times are in seconds."""

    workload: str
    case: str
    peer: str
    status: str = "ok"
    detail: str = ""
    gradient: bool = True  # False: the value alone
    median: float | None = None
    quartiles: tuple[float, float] | None = None
    rounds: list[float] = field(default_factory=list)  # the median of each
    first_call: float | None = None
    base_mb: float = 0.0
    peak_mb: float = 0.0

    @property
    def failed(self) -> bool:
        return self.status in ("WRONG", "error", "unchecked")


def run(workload: str, peers: list[str], effort: Effort) -> tuple[list[Row], dict[str, str]]:
    """All cases of a workload; and the versions of what took part."""
    rows: list[Row] = []
    versions: dict[str, str] = {}
    with TemporaryDirectory(prefix="autodiff-benchmarks-") as name:
        folder = Path(name)
        lanes = [Lane(workload, peer, folder) for peer in peers]
        for lane in lanes:
            versions.update(lane.hello.get("versions", {}))
        try:
            for case in load_workload(workload).CASES:
                if effort.rounds_of(case):
                    rows += _run_case(workload, case, lanes, effort, folder / "reference.npz")
        finally:
            for lane in lanes:
                lane.stop()
    return rows, versions


def _run_case(workload: str, case: Case, lanes: list[Lane], effort: Effort, reference: Path) -> list[Row]:
    reference.unlink(missing_ok=True)
    rows = [Row(workload, case.name, lane.peer, gradient=lane.hello.get("gradient", True)) for lane in lanes]
    running: list[tuple[Row, Lane]] = []
    for row, lane in zip(rows, lanes, strict=True):
        if _open(row, lane, case, reference):
            running.append((row, lane))
    samples: dict[str, list[float]] = {row.peer: [] for row in rows}
    for index in range(effort.rounds_of(case)):
        # There and back, so that nobody always follows the same neighbour.
        for row, lane in running if index % 2 == 0 else reversed(running):
            if row.status == "error":
                continue
            answer = lane.ask("round", seconds=effort.seconds)
            if _take_over(row, answer):
                samples[row.peer] += answer["samples"]
                row.rounds.append(statistics.median(answer["samples"]))
    for row, lane in running:
        if row.status != "error":
            _take_over(row, lane.ask("close", reference=str(reference)))
        _summarise(row, samples[row.peer])
    return rows


def _open(row: Row, lane: Lane, case: Case, reference: Path) -> bool:
    """Whether the peer takes part in this case."""
    if "absent" in lane.hello:
        row.status, row.detail = "not installed", str(lane.hello["absent"])
        if lane.peer == LIMIT:
            row.status = "error"  # without it nothing can be checked
        return False
    if not _take_over(row, lane.hello):
        return False
    if lane.peer != LIMIT and not reference.exists():
        row.status, row.detail = "unchecked", "the hand-written limit did not run"
        return False
    # A wrong version is timed all the same, for whoever repairs it.
    return _take_over(row, lane.ask("open", case=case.name, reference=str(reference)))


def _take_over(row: Row, answer: dict[str, Any]) -> bool:
    """What an answer says, into the row; False if the peer cannot go on."""
    row.first_call = answer.get("first_call", row.first_call)
    row.base_mb = answer.get("base_mb", row.base_mb)
    row.peak_mb = max(row.peak_mb, answer.get("peak_mb", 0.0))
    if "error" in answer:
        row.status, row.detail = "error", answer["error"]
    elif answer.get("problem"):
        row.status, row.detail = "WRONG", answer["problem"]
    return "error" not in answer


def _summarise(row: Row, samples: list[float]) -> None:
    """The median of the rounds' medians; the quartiles of all batches of calls."""
    if row.rounds:
        row.median = statistics.median(row.rounds)
        low, _, high = statistics.quantiles(samples, n=4)
        row.quartiles = low, high
