"""How many CPUs this process may use: what the machine has, less what affinity and containers take away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def usable_cpus() -> int:
    """CPUs of the affinity mask, but no more than the quota of the control group, rounded up; at least 1."""
    try:
        count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have no affinity to ask for
        count = os.cpu_count() or 1
    return max(1, min([count, *_quotas()]))


def _quotas() -> Iterator[int]:
    """CPUs that the process' control group and those above it grant, where there is a limit."""
    for folder in _folders():
        try:
            if (folder / "cpu.max").exists():  # version 2: "quota period" or "max period"
                quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            else:
                quota, period = (
                    (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii").strip() for name in ("quota", "period")
                )
            if quota not in ("max", "-1"):
                yield -(-int(quota) // int(period))
        except (OSError, ValueError, ZeroDivisionError):
            continue  # no such group, or not ours to read


def _folders() -> Iterator[Path]:
    """The folders of the process' group and of all above it, in both versions' trees.

    A container often sees its own group as the root while /proc names the whole path: the root is tried as well.
    """
    try:
        lines = OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root = GROUPS
        elif "cpu" in controllers.split(","):
            root = GROUPS / "cpu"
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        for part in (group, *group.parents):
            yield root / part
