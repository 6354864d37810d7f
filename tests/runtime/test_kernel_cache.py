"""Kernels made by many threads and processes at once, in the background, and thrown away again."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from cached_kernels import X, bump, environment_of, fresh, run_python, same_bits

import autodiff as ad
from autodiff.backends.store import Store
from autodiff.config import config
from autodiff.runtime.kernels import KERNELS

# ---- processes and threads -----------------------------------------------------------------------


MANY = """if True:
    import sys, numpy as np, autodiff as ad
    x = np.linspace(0.5, 1.5, 9)
    for k, f in enumerate((np.tanh, np.sqrt)):
        value, gradient = ad.value_and_grad(lambda x: np.sum(f(x) * x))(x)
        slope = 1 - np.tanh(x) ** 2 if k == 0 else 0.5 / np.sqrt(x)
        np.testing.assert_allclose(gradient, f(x) + x * slope, rtol=1e-12)
"""


@pytest.mark.slow
def test_twenty_processes_on_one_empty_cache(tmp_path):
    environment = environment_of(tmp_path / "cache", tmp_path / "key")
    started = [subprocess.Popen([sys.executable, "-c", MANY], env=environment) for _ in range(20)]
    assert [process.wait(timeout=300) for process in started] == [0] * 20
    disk = Store(tmp_path / "cache", tmp_path / "key")
    assert disk.verify() == []
    assert not list(disk.folder.glob("*.part"))


@pytest.mark.slow
def test_twenty_forks_on_one_empty_cache(tmp_path):
    code = f"""if True:
        import os, numpy as np, autodiff as ad
        ad.grad(lambda x: np.sum(np.cos(x)))(np.ones(3))  # LLVM is loaded before the forks
        children = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                try:
                    exec({MANY!r})
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 20
    """
    run_python(code, tmp_path / "cache", tmp_path / "key")


def test_forks_in_the_midst_of_compiling(tmp_path):
    code = """if True:
        import os, threading, time, numpy as np, autodiff as ad
        def make(n):
            def f(x):
                for _ in range(n):
                    x = np.tanh(x) * x + np.exp(-x)
                return np.sum(x)
            return ad.grad(f)
        make(1)(np.ones(3))
        ad.config.cache = False  # every child has to compile
        other = threading.Thread(target=make(9), args=(np.ones(3),))
        other.start()
        for k in range(5):
            time.sleep(0.03)
            child = os.fork()
            if child == 0:
                try:
                    make(2)(np.ones(3))
                    os._exit(0)
                finally:
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
        other.join()
    """
    run_python(code, tmp_path / "cache", tmp_path / "key")


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_eight_threads_make_one_kernel(disk, warm):
    def program():
        return ad.value_and_grad(lambda x: bump(x) * 2.0)

    expected = program()(X)
    if not warm:
        disk.clear()
    KERNELS.clear()
    programs, found, start = [program() for _ in range(8)], [None] * 8, threading.Barrier(8)

    def work(k):
        start.wait()
        found[k] = programs[k](X)

    before = KERNELS.info.compiled, KERNELS.info.loaded
    in_threads(work, 8)
    made = KERNELS.info.compiled - before[0], KERNELS.info.loaded - before[1]
    assert made == ((0, 1) if warm else (1, 0))
    assert all(same_bits(f, expected) for f in found)


def test_different_kernels_are_made_at_once(disk):
    functions = [lambda x, k=k: np.sum(np.tanh(x * (k + 3.0)) ** (k + 2)) for k in range(4)]
    found = [None] * 4

    def work(k):
        found[k] = ad.value_and_grad(functions[k])(X)

    in_threads(work, 4)
    for k in range(4):
        np.testing.assert_allclose(found[k][0], functions[k](X), rtol=1e-12)


def in_threads(work, count):
    threads = [threading.Thread(target=work, args=(k,)) for k in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


# ---- memory --------------------------------------------------------------------------------------


def test_cache_size_is_what_is_kept(disk, monkeypatch):
    monkeypatch.setattr(config, "cache_size", 2)
    powers = [ad.grad(lambda x, k=k: np.sum(np.arctan(x) ** k)) for k in (2, 3, 4)]
    for f in powers:
        f(X)
    assert len(KERNELS._kernels) == 2
    for f in powers:  # those evicted still run for who has them
        f(X)
    monkeypatch.setattr(config, "cache_size", 0)
    assert fresh(bump, X)[1].compiled == 1
    assert not KERNELS._kernels


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is told by /proc")
def test_evicted_kernels_give_their_memory_back(tmp_path):
    code = """if True:
        import ctypes, gc, os, numpy as np, autodiff as ad
        ad.config.cache_size = 8
        choices = (np.sin, np.tanh, np.sqrt)
        def resident():
            gc.collect(); ctypes.CDLL(None).malloc_trim(0)
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        def run(k):
            def f(x):
                for j in range(4):
                    x = choices[k // 3**j % 3](x * x + 1.0)
                return np.sum(x)
            ad.value_and_grad(f)(np.ones(5))
        for k in range(31):
            run(k)
        before = resident()
        for k in range(31, 81):
            run(k)
        print((resident() - before) // 50)
    """
    assert int(run_python(code, tmp_path / "cache", tmp_path / "key", AUTODIFF_CACHE="0")) < 100 * 1024


# ---- tapes ---------------------------------------------------------------------------------------


def gradient_of(x, exponent=2.0):
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = ad.math.reduce_sum(ad.math.tanh(x) ** exponent)
    return np.asarray(tape.gradient(y, x))


def test_a_tapes_kernel_is_found_on_disk(tmp_path):
    code = """if True:
        import sys, numpy as np, autodiff as ad
        x = ad.constant([0.5, 1.0])
        ad.grad(lambda x: np.sum(np.cos(x)))(np.ones(3))  # from then on LLVM is there
        for _ in range(int(sys.argv[1])):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = ad.math.reduce_sum(ad.math.tanh(x) ** 2)
            gradient = np.asarray(tape.gradient(y, x))
        info = ad.cache_info()
        print(info.compiled, info.loaded, info.interpreted_runs, gradient)
    """
    cold = run_python(code.replace("sys.argv[1]", "4"), tmp_path / "cache", tmp_path / "key")
    warm = run_python(code.replace("sys.argv[1]", "1"), tmp_path / "cache", tmp_path / "key")
    assert cold.split()[:3] == ["2", "0", "2"]
    assert warm.split()[:3] == ["0", "2", "0"]
    assert cold.split()[3:] == warm.split()[3:]


def test_a_thread_of_its_own_makes_a_tapes_kernel(disk, monkeypatch):
    monkeypatch.setattr(config, "background", True)
    x = ad.constant(X)
    before = KERNELS.info.runs, KERNELS.info.compiled
    expected = 1.5 * np.tanh(X) ** 0.5 / np.cosh(X) ** 2
    deadline = time.monotonic() + 60
    while KERNELS.info.runs == before[0] and time.monotonic() < deadline:
        np.testing.assert_allclose(gradient_of(x, 1.5), expected, rtol=1e-12)
    assert KERNELS.info.runs > before[0]
    assert KERNELS.info.compiled == before[1] + 1
