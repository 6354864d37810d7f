"""Kernels from disk: the same bits as compiled ones, and never those of another program, version or setting."""

import os
import time

import numpy as np
import pytest
from cached_kernels import PLACES, SQUARE, X, bump, fresh, run_python, same_bits

import autodiff as ad
from autodiff.backends.numba import versions
from autodiff.backends.numba.versions import source_digest
from autodiff.backends.store import Entry
from autodiff.config import config

# ---- loading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (bump, X),
        (bump, X.astype(np.float32)),
        (lambda x: np.sum(np.sin(x) * np.log1p(x) + np.arctan2(x, 2.0) * x**1.7), X),
        (lambda x: np.sum((x @ x.T) * x), SQUARE),
        (lambda x: np.sum(np.linalg.solve(x, np.ones(4)) ** 2), SQUARE),
        (lambda x: np.sum(x[PLACES] ** 3), X),
        (lambda x: np.sum(np.sort(x) * np.arange(7.0)), X),
        (lambda x: np.sum(np.linalg.svd(x, compute_uv=False)), SQUARE),
        (lambda x: np.sum(ad.scipy.special.gammaln(x) * ad.scipy.special.j0(x)), X),
        (lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), X),
        (lambda x: np.sum((x - x.max(axis=1, keepdims=True)) ** 2), SQUARE),
    ],
    ids=[
        "one-nest",
        "float32",
        "formulas",
        "blas",
        "lapack",
        "indexing",
        "sort",
        "host",
        "special",
        "complex",
        "two-nests",
    ],
)
def test_a_kernel_from_disk_gives_the_same_bits(disk, no_compiler, f, x):
    compiled, info = fresh(f, x)
    assert (info.compiled, info.loaded) == (1, 0)
    no_compiler()
    loaded, info = fresh(f, x)
    assert (info.compiled, info.loaded) == (0, 1)
    assert same_bits(compiled, loaded)


def test_another_size_and_another_number_need_no_other_kernel(disk, no_compiler):
    fresh(bump, X)
    no_compiler()
    long = np.linspace(0.1, 2.0, 1000)
    found, info = fresh(lambda x: np.sum(np.tanh(x) * np.exp(-0.7 * x**2)), long)
    assert info.loaded == 1
    np.testing.assert_allclose(found[0], np.sum(np.tanh(long) * np.exp(-0.7 * long**2)))


def test_a_host_call_from_disk_raises_what_it_should(disk):
    def f(x, k):
        return np.sum(x[k] ** 2)

    fresh(f, X, PLACES)
    (_, gradient), info = fresh(f, X, PLACES)
    assert info.loaded == 1
    assert gradient[3] == 4 * X[3]
    with pytest.raises(IndexError):
        fresh(f, X, np.array([1, 99]))


def test_a_plan_that_calls_other_functions_is_compiled_anew(disk, monkeypatch):
    from autodiff.backends.numba import kernel_code

    fresh(lambda x: np.sum(np.sort(x) ** 2), X)
    monkeypatch.setattr(kernel_code, "described", lambda calls: ("others",))
    _, info = fresh(lambda x: np.sum(np.sort(x) ** 2), X)
    assert (info.compiled, info.loaded) == (1, 0)


def test_a_function_that_this_process_lacks_is_no_crash(disk, monkeypatch):
    from autodiff.backends.numba import native

    def f(x):
        return np.sum(np.cosh(x) * x)

    fresh(f, X)
    for path, _ in disk.files():
        entry = disk.read(path.stem)
        if "recipe" in entry.header:
            disk.write(path.stem, Entry({**entry.header, "needs": ["autodiff_nonsense"]}, entry.code))
    (value, _), info = fresh(f, X)
    assert (info.compiled, info.loaded) == (1, 0)
    np.testing.assert_allclose(value, f(X))
    with pytest.raises(native.MissingSymbol):
        native.provide(["no_such_function_anywhere"])


def test_two_processes_write_the_same_bytes(tmp_path):
    # Addresses, or the order of a set, would differ from process to process.
    code = """if True:
        import numpy as np, autodiff as ad
        x, a = np.linspace(0.5, 1.0, 6), np.eye(4) + 0.1
        for f, arg in [
            (lambda x: np.sum(np.tanh(x) * x), x),
            (lambda a: np.sum(np.linalg.solve(a, a @ a.T)), a),
            (lambda x: np.sum(np.sort(x)[::2] * x[np.array([0, 1, 1])]), x),
            (lambda x: np.sum(ad.scipy.special.gammaln(x)) + np.sum(np.cumsum(x) ** 2), x),
        ]:
            ad.value_and_grad(f)(arg)
    """
    folders = [tmp_path / "one", tmp_path / "two"]
    for seed, folder in enumerate(folders):
        run_python(code, folder, tmp_path / "key", PYTHONHASHSEED=str(seed))
    one, two = ({path.name: path.read_bytes() for path in folder.glob("*.kernel")} for folder in folders)
    assert len(one) >= 5
    assert one == two


def test_nothing_heavy_is_imported_and_nothing_compiled(tmp_path):
    code = """if True:
        import sys, numpy as np, autodiff as ad
        f = ad.value_and_grad(lambda x: np.sum(np.tanh(x) * np.exp(-0.3 * x**2)))
        f(np.ones(3))
        package = "autodiff.backends.numba."
        makers = [m for m in ("fuse", "source", "llvm", "compile_native", "jit") if package + m in sys.modules]
        print(f.cache_info().loaded, [m for m in ("numba", "scipy", "logging") if m in sys.modules], makers)
    """
    assert run_python(code, tmp_path / "cache", tmp_path / "key").startswith("0 [")
    assert run_python(code, tmp_path / "cache", tmp_path / "key") == "1 [] []"


def test_results_of_functions_with_several_come_from_disk(disk, no_compiler):
    compiled, _ = fresh(lambda x: np.sum(ad.scipy.special.sici(x)[1] ** 2), X)
    no_compiler()
    loaded, info = fresh(lambda x: np.sum(ad.scipy.special.sici(x)[1] ** 2), X)
    assert info.loaded == 1
    assert same_bits(compiled, loaded)


# ---- what the name of a kernel depends on --------------------------------------------------------


def test_two_versions_side_by_side(disk, monkeypatch):
    both = []
    for version in ("0.1.0", "0.2.0", "0.1.0", "0.2.0"):
        monkeypatch.setattr(versions, "environment", lambda version=version: f"autodiff {version}")
        both.append(fresh(bump, X)[1].loaded)
    assert both == [0, 0, 1, 1]


@pytest.mark.parametrize("line", range(7))
def test_everything_in_the_environment_counts(disk, monkeypatch, line):
    lines = versions.environment().splitlines()
    assert len(lines) == 7
    name = versions.name_of("kernel", "text")
    lines[line] += "x"
    monkeypatch.setattr(versions, "environment", lambda: "\n".join(lines))
    assert versions.name_of("kernel", "text") != name


def test_settings_count_unless_they_are_known_not_to(disk, monkeypatch):
    name = versions.name_of("kernel", "text")
    monkeypatch.setattr(config, "hot_after", 17)
    assert versions.name_of("kernel", "text") == name
    monkeypatch.setattr(config, "math", "libm")
    assert versions.name_of("kernel", "text") != name


def test_an_edited_op_is_another_op(tmp_path):
    (tmp_path / "ops" / "deep").mkdir(parents=True)
    file = tmp_path / "ops" / "deep" / "sine.py"
    (tmp_path / "config.py").write_text("")
    file.write_text("sin")
    digests = [source_digest(tmp_path, time.time_ns() + 10**10)]
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    digests.append(source_digest(tmp_path, time.time_ns() + 10**10))
    file.write_text("sinh")
    digests.append(source_digest(tmp_path, time.time_ns() + 10**10))
    file.rename(file.with_name("cosine.py"))
    digests.append(source_digest(tmp_path, time.time_ns() + 10**10))
    assert len(set(digests)) == 4


def forget_the_files():
    versions.environment.cache_clear()
    versions.package_digest.cache_clear()


def test_a_process_that_read_an_older_file_stores_nothing(disk, monkeypatch, tmp_path):
    # Its kernels would be found, under the name of the new file, by whoever has read that.
    (tmp_path / "config.py").write_text("")
    (tmp_path / "ops").mkdir()
    monkeypatch.setattr(versions, "PACKAGE", tmp_path)
    monkeypatch.setattr(versions, "STARTED", time.time_ns() + 10**11)
    monkeypatch.setattr(versions, "source_digest", source_digest)
    forget_the_files()
    try:
        assert [fresh(bump, X)[1].loaded for _ in range(2)] == [0, 1]
        file = tmp_path / "ops" / "sine.py"
        file.write_text("edited while the process runs")
        fresh(lambda x: np.sum(np.cosh(x)), X)
        assert fresh(lambda x: np.sum(np.cosh(x)), X)[1].loaded == 0  # made from who knows what: not stored
        assert fresh(bump, X)[1].loaded == 1  # made before
        monkeypatch.setattr(versions, "STARTED", file.stat().st_ctime_ns - 1)
        forget_the_files()
        assert fresh(bump, X)[1].loaded == 0
    finally:
        forget_the_files()


def test_files_that_cannot_be_seen_mean_no_cache(disk, monkeypatch, tmp_path):
    monkeypatch.setattr(versions, "source_digest", source_digest)
    monkeypatch.setattr(versions, "PACKAGE", tmp_path / "archive.zip")
    forget_the_files()
    try:
        assert fresh(bump, X)[1].compiled == 1
        assert fresh(bump, X)[1].compiled == 1
    finally:
        forget_the_files()
    assert not list(disk.files())


def test_another_formula_under_an_old_name_is_another_kernel(disk):
    from autodiff.ir.core import Block
    from autodiff.ops.transcendental import tanh
    from autodiff.runtime.disk import _meanings

    class Instr:
        def __init__(self, op):
            self.op = op

    class Changed(type(tanh)):
        scalar = "tanh({0} * 2.0)"
        name = "tanh"

        def __init__(self):
            pass

    Changed.__module__ = type(tanh).__module__
    one, two = (Block([], [Instr(op)], []) for op in (tanh, Changed()))
    assert _meanings(one) != _meanings(two)
    Changed.__module__ = "somebody_elses"
    assert _meanings(two) is None


# ---- the library's functions ---------------------------------------------------------------------


@pytest.mark.parametrize("native", [True, False], ids=["llvm", "numba"])
def test_math_by_the_c_library(disk, monkeypatch, native):
    import math

    def f(x):
        return np.sum(np.exp(x) * np.sin(x) + np.arctan2(x, 2.0) ** 1.5 + np.log1p(x))

    monkeypatch.setattr(config, "native", native)
    vector = ad.grad(f)(X)
    monkeypatch.setattr(config, "math", "libm")
    library = ad.grad(f)
    np.testing.assert_allclose(library(X), vector, rtol=1e-13)
    assert library.cache_info().compiled == 1  # another kernel, in memory and on disk
    exact = ad.jit(lambda x: np.sinh(x) - 1.0)
    assert exact(X).tolist() == [math.sinh(x) - 1.0 for x in X]
    if native:
        calls = {name for path, _ in disk.files() for name in disk.read(path.stem).header["needs"]}
        assert {"exp", "sin", "cos", "atan2", "sinh"} <= calls
    with pytest.raises(ValueError, match="vector, libm"):
        config.math = "fast"
