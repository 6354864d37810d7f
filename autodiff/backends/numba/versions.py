"""What machine code depends on besides the program: versions, the CPU, settings, and this package's own text.

`name_of` is the name of code in the store (`backends/store.py`): a digest of all that. Whoever changes a file
that has a part in making kernels gets new kernels, without anyone having to count up a version.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import lru_cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from autodiff.config import STARTED, Config, config

PACKAGE = Path(__file__).parents[2]
MAKERS = ("backends", "ops", "ir", "passes")  # the parts of the package that kernels come from
# Settings that leave kernels as they are. One that is not listed is taken to change them.
OTHER_SETTINGS = "jit eager native hot_after cache_size num_threads cache cache_dir cache_limit background logs verify"
_SETTINGS = tuple(name for name in Config.__slots__ if name not in OTHER_SETTINGS.split())
NAME_BYTES = 20


def settings() -> str:
    """The settings that kernels are made with."""
    return " ".join([f"{name}={getattr(config, name)}" for name in _SETTINGS])


def name_of(kind: str, text: str) -> str | None:
    """The name of what was made from this text, here and now; None when nobody can say what the package's text is."""
    try:
        whole = "\n".join((environment(), settings(), kind, text))
    except OSError:
        return None
    return hashlib.blake2b(whole.encode(), digest_size=NAME_BYTES).hexdigest()


@lru_cache(maxsize=1)
def environment() -> str:
    """This installation on this CPU, one line for each thing that code depends on."""
    features = llvm.get_host_cpu_features()
    return "\n".join(
        (
            f"autodiff {sys.modules[__name__.partition('.')[0]].__version__}",
            f"files {package_digest()}",
            f"llvmlite {llvmlite.__version__}, LLVM {'.'.join(map(str, llvm.llvm_version_info))}",
            f"numpy {np.__version__}",
            f"python {sys.implementation.cache_tag} {platform.python_version()}",
            f"system {sys.platform} {platform.machine()} {llvm.get_process_triple()}",
            f"cpu {llvm.get_host_cpu_name()} {features.flatten()}",
        )
    )


@lru_cache(maxsize=1)
def package_digest() -> str:
    """The digest of this package's files, at first use; raises OSError as `source_digest` does."""
    return source_digest(PACKAGE, STARTED)


def is_current() -> bool:
    """Whether the package's files still are as they were: what is made from others must not be stored."""
    try:
        return source_digest(PACKAGE, STARTED) == package_digest()
    except OSError:
        return False


def source_digest(package: Path, read: int) -> str:
    """A digest of the names, sizes and times of the package's files that make kernels.

    Raises
    ------
    OSError
        When they are no files, but in an archive; or changed after `read` (nanoseconds), so that this process may hold
        another text than they do.
    """
    base = os.fspath(package)
    files = [f"{base}{os.sep}config.py"]
    for part in MAKERS:
        for folder, _, names in os.walk(f"{base}{os.sep}{part}"):
            files += [f"{folder}{os.sep}{name}" for name in names if name.endswith(".py")]
    lines = []
    for file in sorted(files):
        status = os.stat(file)  # noqa: PTH116 - 150 files: in half the time without paths as objects
        if max(status.st_mtime_ns, status.st_ctime_ns) > read:  # installers may set the one, nobody sets the other
            raise OSError(f"{file} was changed after this process had read it")
        lines.append(f"{file.removeprefix(base)} {status.st_size} {status.st_mtime_ns}")
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=NAME_BYTES).hexdigest()
