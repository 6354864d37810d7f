"""The results as a picture for the README: one line per case, one dot per peer, times the hand-written limit."""

from itertools import groupby
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.peer import LIMIT
from benchmarks.row import Row

OURS = "ours"
# Told apart by hue and by shape, so that it also works in grey. Ours is the only filled, dark one.
MARKS = {
    OURS: ("#1b4f9c", "o"),
    "jax": ("#c2571a", "s"),
    "hips_autograd": ("#6a8f3c", "^"),
    "torch": ("#8e4a9e", "D"),
    "torch_compile": ("#8e4a9e", "d"),
    "tensorflow": ("#b8860b", "v"),
    "casadi": ("#2b8c8c", "P"),
    "pytensor": ("#a83250", "X"),
}
NAMES = {OURS: "autodiff", "hips_autograd": "HIPS autograd", "jax": "JAX", "torch": "PyTorch"}


def draw(rows: list[Row], path: Path) -> None:
    cases = _ratios(rows)
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.22 * len(cases)), layout="constrained")
    positions = range(len(cases))
    for peer, (colour, marker) in MARKS.items():
        points = [(ratios[peer], y) for y, (_, ratios) in zip(positions, cases, strict=True) if peer in ratios]
        if points:
            face, size = (colour, 46) if peer == OURS else ("none", 26)
            x, y = zip(*points, strict=True)
            axes.scatter(
                x, y, size, facecolors=face, edgecolors=colour, marker=marker, label=NAMES.get(peer, peer), zorder=3
            )
    axes.axvline(1.0, color="#444444", linewidth=1)
    axes.set(xscale="log", yticks=positions, ylim=(len(cases) - 0.5, -0.5))
    axes.set_yticklabels([title for title, _ in cases], fontsize=8)
    axes.set_xlabel("time of one call, times a kernel written by hand (1 = as fast; less is better)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper left", ncols=len(MARKS), frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _ratios(rows: list[Row]) -> list[tuple[str, dict[str, float]]]:
    """Per case with a limit: the title, and each timed peer's ratio."""
    found = []
    for (workload, case), group in groupby(rows, key=lambda row: (row.workload, row.case)):
        medians = {row.peer: row.median for row in group if row.status == "ok" and row.median and row.gradient}
        limit = medians.get(LIMIT)
        if limit and len(medians) > 1:
            title = f"{workload.replace('_', ' ')} · {case}"
            found.append((title, {peer: median / limit for peer, median in medians.items() if peer in MARKS}))
    return found
