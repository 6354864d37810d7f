"""The results of a run: written down after every process, so that a run that was stopped can be continued."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.npbench import report
from benchmarks.npbench.timing import Timing

Pair = tuple[str, str]  # kernel and library


class Store:
    """A JSON file of timings, with the table as Markdown beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[Pair, Timing] = {}
        if path.exists():
            found = [Timing(**each) for each in json.loads(path.read_text())["results"]]
            self._found = {(t.kernel, t.library): t for t in found}
        self._described: dict[str, Any] = machine.describe()

    def pending(self, wanted: list[Pair]) -> list[Pair]:
        """What a run that was stopped did not get to; of a run that got to the end, all."""
        return [pair for pair in wanted if pair not in self._found] or wanted

    def add(self, timing: Timing) -> None:
        self._found[timing.kernel, timing.library] = timing
        self._write()

    def of(self, wanted: list[Pair]) -> list[Timing]:
        return [self._found[pair] for pair in wanted if pair in self._found]

    def _write(self) -> None:
        timings = [self._found[pair] for pair in sorted(self._found)]
        self._described["load after"] = round(os.getloadavg()[0], 2)
        versions = {name: machine.version(name) for name in ("numpy", "jax", "jaxlib")}
        content = {"machine": self._described, "versions": versions, "results": [asdict(t) for t in timings]}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _replace(self._path, json.dumps(content, indent=1) + "\n")
        text = [report.table(timings, markdown=True), "", report.origin(timings, self._described, versions)]
        _replace(self._path.with_suffix(".md"), "\n".join(text) + "\n")


def _replace(path: Path, text: str) -> None:
    """At once: whoever stops the run finds the file before or the file after."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)
