"""Machine code on disk: one file per entry, trusted only if this user's key signed it.

A file is named after a digest of all that its content depends on, so it is never changed, only
replaced by the same:

    magic (8 bytes) | signature (32) | length of the header (4) | header, JSON | machine code

The signature is a keyed digest (BLAKE2b) of all that follows it. The key is 32 random bytes in a file
that only the user may read, and lies outside the cache: who can write the cache, or gives a cache away,
can cause compilations but not run code. Nothing is read, parsed or loaded before the signature is
right. Writing needs no locks: a file is written under another name and moved into place, and two
processes that write one entry write the same.

A cache that does not work is reported once in a process (`CacheWarning`); then kernels are compiled as
if there were none. Start reading at `Store.read`.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import random
import struct
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodiff.backends.folders import user_folder
from autodiff.backends.private_files import UNFINISHED, Damaged, content, make_private, unfinished, user_key, write_new
from autodiff.config import config
from autodiff.errors import CacheWarning
from autodiff.logs import say

MAGIC = b"ADKERN\x00\x01"  # the last byte is the version of the format
SIGNATURE_BYTES = 32
LENGTH = struct.Struct("<I")
START = len(MAGIC) + SIGNATURE_BYTES + LENGTH.size
SUFFIX = ".kernel"
TOUCH_AFTER = 3600.0  # seconds: how exact the time of the last use is, and so how rarely it is written
ABANDONED_AFTER = 3600.0  # seconds after which an unfinished file is nobody's
TRIMS = 64  # looks at the size of the cache while it grows from empty to full, on average
FULL = 0.9  # what is left of the limit after a trim


@dataclass(frozen=True, slots=True)
class Entry:
    """What is stored: `header` is plain JSON data."""

    header: dict[str, Any]
    code: bytes


class Store:
    """The entries of one folder, by name.

    Parameters
    ----------
    folder, key_file : where; made when first needed, for this user alone
    """

    def __init__(self, folder: Path, key_file: Path) -> None:
        self.folder, self.key_file = folder, key_file
        self._key: bytes | None = None

    def read(self, name: str) -> Entry | None:
        """The entry; None when there is none, or none that can be trusted."""
        path = self._path(name)
        try:
            data, used = content(path)
            entry = self._checked(name, data)
        except FileNotFoundError:
            return None
        except Damaged as error:
            complain(f"{path} {error}")
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        except OSError as error:
            complain(f"{path} cannot be read ({error.strerror or error})")
            return None
        if time.time() - used > TOUCH_AFTER:
            with contextlib.suppress(OSError):  # a cache that may only be read is read all the same
                os.utime(path)
        return entry

    def has(self, name: str) -> bool:
        """Whether there is a file; it need not be a good one."""
        return self._path(name).exists()

    def write(self, name: str, entry: Entry) -> bool:
        """Store an entry, unless the disk has it otherwise."""
        try:
            data = self._signed(name, entry)
            self._replace(self._path(name), data)
        except OSError as error:
            complain(f"{self.folder} cannot be written ({error.strerror or error})")
            return False
        # On average TRIMS times while as much is written as the limit allows, whichever processes write it.
        if random.random() * config.cache_limit * 2**20 < TRIMS * len(data):
            self.trim()
        return True

    # ---- the content of files -----------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _signed(self, name: str, entry: Entry) -> bytes:
        header = json.dumps({"name": name, **entry.header}, separators=(",", ":")).encode()
        rest = LENGTH.pack(len(header)) + header + entry.code
        return MAGIC + self._signature(rest) + rest

    def _checked(self, name: str, data: bytes) -> Entry:
        """The entry in a file's content.

        Raises
        ------
        Damaged
            When it is not what was written under this name with this user's key.
        """
        if len(data) < START or data[: len(MAGIC)] != MAGIC:
            raise Damaged("is no file of this cache, or was cut off")
        rest = data[len(MAGIC) + SIGNATURE_BYTES :]
        if not hmac.compare_digest(self._signature(rest), data[len(MAGIC) : len(MAGIC) + SIGNATURE_BYTES]):
            raise Damaged("was changed after it was written, or written with another key")
        end = START + LENGTH.unpack_from(rest)[0]
        header = json.loads(data[START:end])
        if header.pop("name") != name:
            raise Damaged("holds another kernel")
        return Entry(header, data[end:])

    def _signature(self, rest: bytes) -> bytes:
        if self._key is None:
            self._key = user_key(self.key_file)
        return hashlib.blake2b(rest, key=self._key, digest_size=SIGNATURE_BYTES).digest()

    def _replace(self, path: Path, data: bytes) -> None:
        make_private(self.folder)
        draft = unfinished(path)
        try:
            write_new(draft, data)
            draft.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise

    # ---- the folder ---------------------------------------------------------------------------

    def files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """The entries' files."""
        for path, status in self._files():
            if path.suffix == SUFFIX:
                yield path, status

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        try:
            with os.scandir(self.folder) as found:
                for item in found:
                    if item.name.endswith((SUFFIX, UNFINISHED)):
                        with contextlib.suppress(FileNotFoundError):  # another process tidies up, too
                            yield Path(item.path), item.stat(follow_symlinks=False)
        except FileNotFoundError:
            return

    def trim(self) -> int:
        """Remove what was not used for longest until the cache is within its limit; the number of files."""
        removed, limit, now = 0, config.cache_limit * 2**20, time.time()
        try:
            files = list(self._files())
            total = sum(status.st_size for _, status in files)
            target = limit * FULL if total > limit else limit
            for path, status in sorted(files, key=lambda f: f[1].st_mtime):
                abandoned = path.suffix == UNFINISHED and now - status.st_mtime > ABANDONED_AFTER
                if abandoned or (total > target and path.suffix == SUFFIX):
                    path.unlink(missing_ok=True)
                    total -= status.st_size
                    removed += 1
        except OSError as error:
            complain(f"{self.folder} cannot be tidied up ({error.strerror or error})")
        if removed and "cache" in config.logs:
            say("cache", "removed %d files of %s: more than %d MiB", removed, self.folder, config.cache_limit)
        return removed

    def clear(self) -> int:
        """Remove every entry; the number of files."""
        removed = 0
        for path, _ in list(self._files()):
            path.unlink(missing_ok=True)
            removed += 1
        return removed

    def verify(self) -> list[tuple[Path, str]]:
        """What is wrong with which file."""
        wrong = []
        for path, _ in self.files():
            try:
                self._checked(path.stem, content(path)[0])
            except FileNotFoundError:
                continue
            except (Damaged, OSError) as error:
                wrong.append((path, str(error)))
        return wrong


# ---- the store of this process -----------------------------------------------------------------

_stores: dict[str, Store] = {}
_complained = False


def store() -> Store | None:
    """The store that the settings name; None when it is switched off."""
    if not config.cache:
        return None
    found = _stores.get(config.cache_dir)
    if found is None:
        try:
            folder = Path(config.cache_dir).expanduser() if config.cache_dir else user_folder("cache")
            key = os.environ.get("AUTODIFF_CACHE_KEY")
            found = Store(folder, Path(key) if key else user_folder("config") / "cache.key")
        except RuntimeError as error:
            complain(f"there is no place for it ({error})")
            return None
        _stores[config.cache_dir] = found
    return found


def complain(problem: str) -> None:
    """Warn of a cache that does not work, once."""
    global _complained
    if "cache" in config.logs:
        say("cache", "%s", problem)
    if not _complained:
        _complained = True
        warnings.warn(
            f"the cache of kernels on disk: {problem}. Kernels are compiled instead; AUTODIFF_CACHE=0 switches the "
            "cache off, AUTODIFF_CACHE_DIR names another folder",
            CacheWarning,
            stacklevel=2,
        )
