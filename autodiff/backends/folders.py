"""Where this user's caches and settings belong, by the customs of the operating system.

Written out: the package `platformdirs`, which knows more systems, takes longer to import (11 ms) than a kernel takes
to load.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

NAME = "autodiff"


def user_folder(kind: str) -> Path:
    """The folder for this library's `cache` or `config`; it may not exist yet.

    Raises
    ------
    RuntimeError
        When this user has no home.
    """
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / NAME / kind
    if sys.platform == "darwin":
        return Path.home() / "Library" / {"cache": "Caches", "config": "Application Support"}[kind] / NAME
    given = os.environ.get(f"XDG_{kind.upper()}_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / f".{kind}"  # the rule of freedesktop.org
    return base / NAME
