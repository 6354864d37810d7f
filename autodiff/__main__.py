"""`python -m autodiff`: looks after the cache of kernels on disk."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from autodiff.backends.store import Store, store
from autodiff.config import config


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the status to exit with."""
    parser = argparse.ArgumentParser(prog="python -m autodiff", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="command")
    cache = commands.add_parser("cache", help="the kernels on disk", description="The kernels on disk.")
    actions = "; ".join(f"{name}: {action.__doc__}" for name, action in ACTIONS.items())
    cache.add_argument("action", choices=list(ACTIONS), help=actions)
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help()
        return 0
    disk = store()
    if disk is None:
        print("The cache is switched off (AUTODIFF_CACHE=0).")
        return 0
    try:
        return ACTIONS[given.action](disk)
    except OSError as error:
        print(f"{disk.folder}: {error.strerror or error}", file=sys.stderr)
        return 1


def info(disk: Store) -> int:
    """where it is and how much it holds"""
    sizes = [status.st_size for _, status in disk.files()]
    print(f"folder  {disk.folder}")
    print(f"key     {disk.key_file}")
    print(f"kernels {len(sizes)}")
    print(f"size    {sum(sizes) / 2**20:.1f} MiB of {config.cache_limit}")
    return 0


def clear(disk: Store) -> int:
    """removes all kernels"""
    print(f"{disk.clear()} files removed from {disk.folder}")
    return 0


def verify(disk: Store) -> int:
    """finds files that are damaged, or that somebody else wrote"""
    wrong = disk.verify()
    for path, what in wrong:
        print(f"{path} {what}")
    count = sum(1 for _ in disk.files())
    print(f"{len(wrong)} of {count} files are damaged" if wrong else f"{count} files, none damaged")
    return 1 if wrong else 0


ACTIONS = {"info": info, "clear": clear, "verify": verify}


if __name__ == "__main__":
    sys.exit(main())
