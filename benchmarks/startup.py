"""What an import costs, in a fresh process that has imported NumPy, with the files in the system's cache."""

import statistics
import subprocess
from dataclasses import dataclass

from benchmarks.environments import ROOT, python_of

REPEATS = 5
STATEMENTS = {
    "ours": "import autodiff",
    "jax": "import jax.numpy",
    "hips_autograd": "import autograd.numpy",
    "limit": "import numba",
    "torch": "import torch",
    "tensorflow": "import tensorflow",
    "casadi": "import casadi",
    "pytensor": "import pytensor.tensor",
}


@dataclass(frozen=True)
class Startup:
    peer: str
    statement: str
    seconds: float | None  # None: it failed


def measure(peers: list[str]) -> list[Startup]:
    """In turns, so that drift hits all alike; the first round fills the system's cache of files."""
    chosen = {peer: statement for peer, statement in STATEMENTS.items() if peer in peers}
    seconds: dict[str, list[float]] = {peer: [] for peer in chosen}
    for _ in range(1 + REPEATS):
        for peer, statement in chosen.items():
            seconds[peer] += _seconds(peer, statement)
    return [
        Startup(peer, statement, statistics.median(seconds[peer][1:]) if seconds[peer] else None)
        for peer, statement in chosen.items()
    ]


def _seconds(peer: str, statement: str) -> list[float]:
    """One number, or none if it cannot be imported."""
    timed = f"import numpy, time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    run = subprocess.run([python_of(peer), "-c", timed], capture_output=True, text=True, cwd=ROOT, check=False)
    return [float(run.stdout.split()[-1])] if run.returncode == 0 else []
