"""The peers of a workload take turns: one process each, one short round after the other.

A machine drifts: clock rate, neighbours, memory. Timing one peer for a minute and then the next would charge the
drift to whoever came later. So all processes stay alive, at rest on a pipe, and each round asks every one in turn.
"""

import statistics
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.catalog import load_workload
from benchmarks.lane import Lane
from benchmarks.peer import LIMIT
from benchmarks.row import Row
from benchmarks.workload import Case


@dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float  # per round and peer
    warm_up: float  # seconds of calls before the first round
    heavy_rounds: int  # of the heavy cases, whose calls take longer than a round; 0 leaves them out
    warm_start: bool = True

    def rounds_of(self, case: Case) -> int:
        return self.heavy_rounds if case.heavy else self.rounds


def effort(quick: bool, everything: bool) -> Effort:
    if quick:
        return Effort(rounds=3, seconds=0.03, warm_up=0.2, heavy_rounds=2 if everything else 0, warm_start=False)
    if everything:
        return Effort(rounds=7, seconds=0.12, warm_up=1.0, heavy_rounds=4)
    return Effort(rounds=5, seconds=0.06, warm_up=0.3, heavy_rounds=0)


def run(workload: str, peers: list[str], effort: Effort) -> tuple[list[Row], dict[str, str]]:
    """All cases of a workload; and the versions of what took part."""
    cases = [case for case in load_workload(workload).CASES if effort.rounds_of(case)]
    rows: list[Row] = []
    versions: dict[str, str] = {}
    if not cases:
        return rows, versions
    with TemporaryDirectory(prefix="autodiff-benchmarks-") as name:
        folder = Path(name)
        lanes = [Lane(workload, peer, folder) for peer in peers]
        for lane in lanes:
            versions.update(lane.hello.get("versions", {}))
        try:
            for case in cases:
                rows += _run_case(workload, case, lanes, effort, folder / "reference.npz")
        finally:
            for lane in lanes:
                lane.stop()
        if effort.warm_start:
            for lane in lanes:
                if lane.hello.get("disk_cache"):
                    _start_again(workload, [row for row in rows if row.peer == lane.peer and row.median], folder)
    return rows, versions


def _run_case(workload: str, case: Case, lanes: list[Lane], effort: Effort, reference: Path) -> list[Row]:
    reference.unlink(missing_ok=True)
    rows = [Row(workload, case.name, lane.peer, gradient=lane.hello.get("gradient", True)) for lane in lanes]
    running: list[tuple[Row, Lane]] = []
    for row, lane in zip(rows, lanes, strict=True):
        lane.revive()
        if _open(row, lane, case, reference, effort):
            running.append((row, lane))
    samples: dict[str, list[float]] = {row.peer: [] for row in rows}
    for index in range(effort.rounds_of(case)):
        # There and back, so that nobody always follows the same neighbour.
        for row, lane in running if index % 2 == 0 else reversed(running):
            if row.status == "error":
                continue
            answer = lane.ask("round", seconds=effort.seconds)
            if row.take_over(answer):
                samples[row.peer] += answer["samples"]
                row.rounds.append(statistics.median(answer["samples"]))
    for row, lane in running:
        if row.status != "error":
            row.take_over(lane.ask("close", reference=str(reference)))
        row.summarise(samples[row.peer])
    return rows


def _open(row: Row, lane: Lane, case: Case, reference: Path, effort: Effort) -> bool:
    """Whether the peer takes part in this case."""
    if "absent" in lane.hello:
        row.status, row.detail = "not installed", str(lane.hello["absent"])
        if lane.peer == LIMIT:
            row.status = "error"  # without it nothing can be checked
        return False
    if not row.take_over(lane.hello):
        return False
    if lane.peer != LIMIT and not reference.exists():
        row.status, row.detail = "unchecked", "the hand-written limit did not run"
        return False
    # A wrong version is timed all the same, for whoever repairs it.
    return row.take_over(lane.ask("open", case=case.name, reference=str(reference), seconds=effort.warm_up))


def _start_again(workload: str, rows: list[Row], folder: Path) -> None:
    """The first calls once more, in a new process that finds the disk cache as the old one left it."""
    if not rows:
        return
    lane = Lane(workload, rows[0].peer, folder)
    try:
        for row in rows:
            row.warm_start = lane.ask("start", case=row.case).get("first_call")
    finally:
        lane.stop()
