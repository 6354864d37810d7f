"""Run tests against a mutant, in a process of its own; the files of the tree are never touched.

The parent imports what takes long and is not mutated (NumPy, SciPy, Numba, pytest), then forks a child per stage of
tests. The child puts an import hook in front of Python's own, so that the mutated module is made of the mutated source,
and runs pytest; its exit status is the verdict. A child that takes too long is killed, and so is its mutant: an endless
loop is noticed.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mutants.operators import Mutant

PRELOADED = ("numpy", "scipy.special", "scipy.linalg", "numba", "llvmlite.binding", "mpmath", "optree")
OPTIONS = ["-q", "-x", "--no-header", "--no-summary", "--no-showlocals", "--tb=no", "-p", "no:cacheprovider"]
# What pytest exits with when a test fails, when a test file or a conftest cannot be imported, and when all is well.
FAILED, PASSED, NO_PYTEST = {1, 2, 4}, {0, 5}, 70
LIMIT = 900.0  # seconds for a stage


class MutantFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module: the mutated one."""

    def __init__(self, mutant: Mutant, root: Path) -> None:
        self.module = mutant.path.removesuffix(".py").replace("/", ".")
        self.source, self.origin = mutant.source(root), str(root / mutant.path)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=self.origin)

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self.origin
        exec(compile(self.source, self.origin, "exec"), module.__dict__)


def preload() -> None:
    """Import what every child needs and no mutant changes."""
    import pytest

    assert "autodiff" not in sys.modules, "a mutant must be the first to import autodiff"
    assert pytest
    for name in PRELOADED:
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)


def noticed(mutant: Mutant | None, stage: list[str], root: Path) -> bool:
    """Whether a test of the stage fails with the mutant (with None: with the code as it is)."""
    child = os.fork()
    if not child:
        status = NO_PYTEST
        try:
            status = _run(mutant, stage, root)
        finally:
            os._exit(status)
    status = _status(child)
    if status >= 0 and status not in FAILED | PASSED:
        raise RuntimeError(f"pytest did not run: exit status {status} for {mutant} and {' '.join(stage)}")
    return status not in PASSED


class Failures:
    """A plugin of pytest that writes down which tests fail."""

    def __init__(self, file: int) -> None:
        self.file = file

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            os.write(self.file, f"{report.nodeid}\n".encode())


def failing(tests: str, root: Path) -> list[str]:
    """The tests of a file or folder that fail with the code as it is."""
    with tempfile.TemporaryFile() as found:
        child = os.fork()
        if not child:
            os._exit(_run(None, ["--maxfail=10000", tests], root, [Failures(found.fileno())]))
        _status(child)
        found.seek(0)
        return sorted(set(found.read().decode().splitlines()))


def _run(mutant: Mutant | None, arguments: list[str], root: Path, plugins: Sequence[Any] = ()) -> int:
    """In the child: pytest's exit status."""
    import pytest

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(root)
    if mutant is not None:
        sys.meta_path.insert(0, MutantFinder(mutant, root))
    return int(pytest.main([*OPTIONS, *arguments], plugins=[*plugins]))


def _status(child: int) -> int:
    began = time.monotonic()
    while time.monotonic() - began < LIMIT:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1
