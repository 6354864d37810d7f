"""Files that are one user's alone: how they are read, written and told from others'."""

from __future__ import annotations

import os
import stat
from pathlib import Path

KEY_BYTES = 32
UNFINISHED = ".part"
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Damaged(Exception):
    """A file is not what this user wrote."""


class Unsafe(OSError):
    """A folder or a key is not this user's alone."""


def content(path: Path) -> tuple[bytes, float]:
    """The bytes of a file, and when it was used last."""
    with os.fdopen(os.open(path, os.O_RDONLY | _NO_LINKS), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Damaged("is no file")
        return file.read(), status.st_mtime


def unfinished(path: Path) -> Path:
    """A name beside a file's that nobody else uses, for what is to become the file."""
    return path.with_name(f"{path.stem}.{os.getpid()}.{os.urandom(6).hex()}{UNFINISHED}")


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there, for this user alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS, 0o600), "wb") as file:
        file.write(data)


def make_private(folder: Path) -> None:
    """Make the folder; refuse one that others may write."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    _refuse_others(folder, status, stat.S_IWGRP | stat.S_IWOTH)


def _refuse_others(path: Path, status: os.stat_result, forbidden: int) -> None:
    if hasattr(os, "geteuid"):  # Windows has other means, and user folders that use them
        if status.st_uid != os.geteuid():
            raise Unsafe(f"{path} belongs to another user")
        if status.st_mode & forbidden:
            raise Unsafe(f"{path} is open to others: mode {stat.S_IMODE(status.st_mode):o}")


def user_key(path: Path) -> bytes:
    """This user's key; made when there is none."""
    for _ in range(3):
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | _NO_LINKS), "rb") as file:
                _refuse_others(path, os.fstat(file.fileno()), stat.S_IRWXG | stat.S_IRWXO)
                key = file.read(KEY_BYTES + 1)
        except FileNotFoundError:
            _make_key(path)
            continue
        if len(key) != KEY_BYTES:
            raise Unsafe(f"{path} is no key")
        return key
    raise Unsafe(f"{path} cannot be made")


def _make_key(path: Path) -> None:
    """Write a key that appears whole or not at all, and once: of two processes, one gets its key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = unfinished(path)
    write_new(draft, os.urandom(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
