"""Which Python a peer runs in: its own environment if there is one, else the one that runs the race.

Some libraries cannot share one: they pin different versions, or are a gigabyte. `make bench-torch` makes
`.venv-bench-torch`, where every peer whose name starts with `torch` then runs.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_chosen: dict[str, str] = {}


def choose(peer: str, python: str) -> None:
    """For the option `--python peer=path`."""
    _chosen[peer] = python


def python_of(peer: str) -> str:
    own = ROOT / f".venv-bench-{peer.split('_')[0]}" / "bin" / "python"
    return _chosen.get(peer) or (str(own) if own.exists() else sys.executable)
