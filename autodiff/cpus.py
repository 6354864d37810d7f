"""How many CPUs this process may use: what the machine has, less what affinity and containers take away."""

from __future__ import annotations

import os
from collections.abc import Iterator

# Names, not paths: pathlib takes longer to import (5 to 10 ms) than all that is done here.
GROUPS = "/sys/fs/cgroup"
OWN_GROUPS = "/proc/self/cgroup"


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
            if os.path.exists(os.path.join(folder, "cpu.max")):  # version 2: "quota period" or "max period"
                quota, period = _text(folder, "cpu.max").split()
            else:
                quota, period = (_text(folder, f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
            if quota not in ("max", "-1"):
                yield -(-int(quota) // int(period))
        except (OSError, ValueError, ZeroDivisionError):
            continue  # no such group, or not ours to read


def _text(folder: str, name: str) -> str:
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


def _folders() -> Iterator[str]:
    """The folders of the process' group and of all above it, in both versions' trees.

    A container often sees its own group as the root while /proc names the whole path: the root is tried as well.
    """
    try:
        with open(OWN_GROUPS, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root = str(GROUPS)
        elif "cpu" in controllers.split(","):
            root = os.path.join(GROUPS, "cpu")
        else:
            continue
        names = path.strip("/").split("/")
        for depth in range(len(names), -1, -1):
            yield os.path.join(root, *names[:depth])


def total_memory() -> int:
    """The memory of the machine, in MiB; 8 GiB where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    except (AttributeError, OSError, ValueError):
        return 8192
