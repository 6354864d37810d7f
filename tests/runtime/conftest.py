"""A cache on disk of each test's own."""

import pytest

from autodiff.backends import store as store_module
from autodiff.backends.numba import versions
from autodiff.config import config
from autodiff.runtime.kernels import KERNELS

CACHED = versions.environment, versions.package_digest  # tests put others in their place


def forget_the_files():
    """Have the package's files looked at anew."""
    for function in CACHED:
        function.cache_clear()


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """An empty store that is switched on, in a process that has warned of nothing and keeps no kernels."""
    monkeypatch.setenv("AUTODIFF_CACHE_KEY", str(tmp_path / "config" / "cache.key"))
    monkeypatch.setattr(config, "cache", True)
    monkeypatch.setattr(config, "cache_dir", str(tmp_path / "cache"))
    monkeypatch.setattr(store_module, "_stores", {})
    monkeypatch.setattr(store_module, "_complained", False)
    monkeypatch.setattr(versions, "source_digest", lambda package, read: "the files")  # may be edited during the tests
    forget_the_files()
    KERNELS.clear()
    yield store_module.store()
    KERNELS.clear()
    forget_the_files()


@pytest.fixture
def no_compiler(monkeypatch):
    """A function that forbids compiling from then on."""

    def forbid() -> None:
        from autodiff.backends.numba import compile as compile_module

        def refuse(*args):
            raise AssertionError("compiled, planned or printed")

        monkeypatch.setattr(compile_module, "compile_kernel", refuse)
        import autodiff.backends.numba as backend

        monkeypatch.setattr(backend, "compile_kernel", refuse)

    return forbid
