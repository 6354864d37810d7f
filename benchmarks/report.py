"""What a run prints: a table per case for the terminal, one row per case for the README."""

from itertools import groupby

from benchmarks.peer import LIMIT
from benchmarks.row import Row
from benchmarks.startup import Startup

OURS = "ours"
LEGEND = """\
median      of the rounds' medians, per call; IQR: middle half of all batches of calls, in % of the median
/ limit     times the hand-written kernel (1.00x = as fast)
/ ours      times this library's decorator (above 1x = slower than ours)
first call  trace + compile + run with a cold disk cache, runtime already started; what an earlier case of the same
            process compiled is not compiled again
from disk   the same in a second process, with the disk cache that the first one filled
peak MB     resident memory during calls; grown: above what it was with the runtime started and the input made
numpy_forward computes the value alone, no gradient."""


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    for limit, factor, unit in ((1e-3, 1e6, "us"), (1.0, 1e3, "ms"), (float("inf"), 1.0, "s")):
        if seconds < limit:
            number = seconds * factor
            return (
                f"{number:.2f} {unit}"
                if number < 10
                else f"{number:.1f} {unit}"
                if number < 100
                else f"{number:.0f} {unit}"
            )
    return ""


def ratio(row: Row, other: Row | None) -> str:
    if other is None or not row.median or not other.median:
        return "–"
    number = row.median / other.median
    return f"{number:.2f}x" if number < 10 else f"{number:,.0f}x"


def text(rows: list[Row]) -> str:
    blocks = []
    for (workload, case), group in groupby(rows, key=lambda row: (row.workload, row.case)):
        blocks.append(_case_table(f"{workload} · {case}", list(group)))
    return "\n\n".join([*blocks, LEGEND])


def markdown(rows: list[Row], machine: dict[str, object], versions: dict[str, str]) -> str:
    peers = list(dict.fromkeys(row.peer for row in rows))
    head = f"| workload | case | {' | '.join(peers)} | next best / {OURS} |\n|---|---|{'---:|' * len(peers)}---:|"
    lines = [head]
    for (workload, case), group in groupby(rows, key=lambda row: (row.workload, row.case)):
        by_peer = {row.peer: row for row in group}
        cells = [_cell(by_peer.get(peer), by_peer.get(LIMIT)) for peer in peers]
        cells.append(_next_best(by_peer))
        lines.append(f"| {workload} | {case} | {' | '.join(cells)} |")
    packages = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    note = (
        "Median time of one call, NumPy in and out, one thread (numpy_forward: the value alone); "
        "in brackets the ratio to a hand-written kernel; last, how many times longer the fastest other library takes. "
        f"{machine['cpu']}, Python {machine['python']}, {packages}."
    )
    return "\n".join([*lines, "", note])


def startups(found: list[Startup]) -> str:
    lines = ["", "import, beyond NumPy"] if found else []
    return "\n".join([*lines, *(f"  {each.statement.ljust(26)} {duration(each.seconds)}" for each in found)])


def _cell(row: Row | None, limit: Row | None) -> str:
    if row is None:
        return "–"
    if row.status != "ok":
        return row.status
    return duration(row.median) if row.peer == LIMIT else f"{duration(row.median)} ({ratio(row, limit)})"


def _next_best(rows: dict[str, Row]) -> str:
    others = [row for row in rows.values() if row.gradient and row.peer != LIMIT and not row.peer.startswith(OURS)]
    timed = [row for row in others if row.status == "ok" and row.median is not None]
    return ratio(min(timed, key=lambda row: row.median or 0.0), rows.get(OURS)) if timed else "–"


def _case_table(title: str, rows: list[Row]) -> str:
    by_peer = {row.peer: row for row in rows}
    head = ("", "median", "IQR", "/ limit", "/ ours", "first call", "from disk", "peak MB", "grown")
    lines = [head, *(_line(row, by_peer.get(LIMIT), by_peer.get(OURS)) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    printed = []
    for line, status in zip(lines, ["", *(_status(row) for row in rows)], strict=True):
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        printed.append(f"  {'  '.join(cells)}  {status}".rstrip())
    return "\n".join([title, *printed])


def _line(row: Row, limit: Row | None, ours: Row | None) -> tuple[str, ...]:
    if row.median is None or row.quartiles is None:
        return (row.peer, "–", "", "–", "–", duration(row.first_call), "–", "", "")
    spread = 100 * (row.quartiles[1] - row.quartiles[0]) / row.median
    memory = f"{row.peak_mb:,.0f}", f"{row.peak_mb - row.base_mb:,.0f}"
    return (
        row.peer,
        duration(row.median),
        f"{spread:.0f}%",
        ratio(row, limit),
        ratio(row, ours),
        duration(row.first_call),
        duration(row.warm_start),
        *memory,
    )


def _status(row: Row) -> str:
    return row.detail if row.status == "ok" else f"{row.status}: {row.detail}"
