"""The table of a run: one row per kernel."""

import math
from typing import Any

from benchmarks.npbench.timing import Timing
from benchmarks.report import duration

HEAD = ("kernel", "NumPy, value", "ours", "first call", "JAX", "first call", "ours / NumPy", "JAX / ours")
NOTE = (
    "Value and gradient of NPBench kernels, unedited (JAX: rewritten): median time of a call, NumPy in and out, in "
    "seconds of one core. First call: trace, compile, run. Last row: geometric means."
)


def table(timings: list[Timing], markdown: bool) -> str:
    names = list(dict.fromkeys(t.kernel for t in timings))
    by_place = {(t.kernel, t.library): t for t in timings}
    rows = [_row(name, *(by_place.get((name, library)) for library in ("numpy", "ours", "jax"))) for name in names]
    rows.append(_means(by_place, names))
    text = _markdown(rows) if markdown else _columns(rows)
    said = [(t, t.problem or t.absent or t.note) for t in timings]
    remarks = [f"{'- ' if markdown else ''}{t.kernel}, {t.library}: {what}" for t, what in said if what]
    return "\n".join([text, "", NOTE, *([""] if remarks else []), *remarks])


def origin(timings: list[Timing], machine: dict[str, Any], versions: dict[str, str]) -> str:
    """Where and when it was measured, in a sentence or two."""
    dates, loads = sorted(t.date for t in timings), sorted(t.load for t in timings)
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Measured from {dates[0]} to {dates[-1]} on {machine['cpu']}, {machine['cores']} cores, Python "
        f"{machine['python']}, {libraries}. Load of the machine at a measurement: {loads[0]} to {loads[-1]}, median "
        f"{loads[len(loads) // 2]}, of which 1 is this run."
    )


def _row(name: str, primal: Timing | None, ours: Timing | None, jax: Timing | None) -> tuple[str, ...]:
    cells = (_median(primal), _median(ours), _first(ours), _median(jax), _first(jax))
    return name, *cells, _shown(_ratio(ours, primal)), _shown(_ratio(jax, ours))


def _median(timing: Timing | None) -> str:
    if timing is None:
        return "-"
    if timing.absent:
        return "not written"
    if timing.problem:
        return "over the limit" if timing.problem.startswith("not finished") else "failed"
    return duration(timing.median)


def _first(timing: Timing | None) -> str:
    return duration(timing.first_call) if _good(timing) else "-"


def _good(timing: Timing | None) -> bool:
    return timing is not None and not timing.problem and timing.median is not None


def _ratio(one: Timing | None, other: Timing | None) -> float | None:
    return one.median / other.median if _good(one) and _good(other) else None


def _shown(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:,.0f}x"


def _means(by_place: dict[tuple[str, str], Timing], names: list[str]) -> tuple[str, ...]:
    def mean(one: str, other: str) -> str:
        ratios = [_ratio(by_place.get((name, one)), by_place.get((name, other))) for name in names]
        logs = [math.log(ratio) for ratio in ratios if ratio is not None]
        return f"{_shown(math.exp(sum(logs) / len(logs)))} of {len(logs)}" if logs else "-"

    return "mean", *[""] * 5, mean("ours", "numpy"), mean("jax", "ours")


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(HEAD)} |", f"|---|{'---:|' * (len(HEAD) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[k]) for row in (HEAD, *rows)) for k in range(len(HEAD))]
    lines = []
    for name, *cells in (HEAD, *rows):
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]))
    return "\n".join(lines)
