"""Which workloads and peers there are: whatever lies in the two folders."""

import importlib
from pathlib import Path
from typing import cast

from benchmarks.peer import LIMIT, Peer
from benchmarks.workload import Workload

HERE = Path(__file__).parent
# The other peers run on request: their libraries are large and live in environments of their own.
ALWAYS = (LIMIT, "ours", "ours_tape", "jax", "hips_autograd", "numpy_forward")


def workload_names() -> list[str]:
    return sorted(_stems("workloads"))


def peer_names() -> list[str]:
    """The limit first, then ours, then the others."""
    names = [stem.removesuffix("_peer") for stem in _stems("peers")]
    return sorted(names, key=lambda name: (name != LIMIT, not name.startswith("ours"), name not in ALWAYS, name))


def load_workload(name: str) -> Workload:
    return cast("Workload", importlib.import_module(f"benchmarks.workloads.{name}"))


def load_peer(name: str) -> Peer:
    stem = name if name in _stems("peers") else f"{name}_peer"
    return cast("Peer", importlib.import_module(f"benchmarks.peers.{stem}"))


def _stems(folder: str) -> list[str]:
    return [path.stem for path in (HERE / folder).glob("*.py") if path.stem != "__init__"]
