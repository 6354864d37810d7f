"""Kernels of decorated functions under load: threads of both kinds, signals, exceptions, recursion, forks."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.numba import llvm_matmul
from autodiff.backends.numba.cost import BLOCK
from autodiff.errors import AxisError
from autodiff.ops import OPS
from autodiff.runtime.kernels import KERNELS

rng = np.random.default_rng(0)
LONG = 8 * BLOCK + 7
WIDE = (2001, 131)
needs_signals = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to a thread here")


@pytest.fixture(autouse=True)
def _threads():
    before = ad.get_num_threads()
    yield
    ad.set_num_threads(before)


def arrays(found):
    value, gradient = found
    return [np.asarray(value), *(gradient if isinstance(gradient, tuple) else (gradient,))]


def bits(found):
    return [x.tobytes() for x in arrays(found)]


# ---- threads of kernels ----------------------------------------------------------------------


def whole(x):
    return np.sum(np.tanh(x) * x) + np.mean(np.exp(-x * x)) + np.max(x) - np.min(x)


def rows(x):
    z = x - np.max(x, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(z), axis=1)) ** 2) + np.sum(np.prod(1.0 + 0.01 * x, axis=1))


def columns(x):
    return np.sum(np.sum(np.sin(x), axis=0) ** 2) + np.sum(np.max(x, axis=0) * np.mean(x * x, axis=0))


def guarded(x):
    y = np.roll(x, 1, axis=0) - np.pad(x, ((0, 0), (1, 1)))[:, 2:] + np.concatenate([x[5:], x[:5]])
    return np.sum(np.diff(y, axis=0) ** 2) + np.sum(np.abs(np.diff(y, axis=1)))


def one_row(x):
    return np.sum((np.roll(x, 3) - 2 * x + np.roll(x, -2)) ** 2) + np.sum(x[::2] ** 3)


CASES = {
    "numbers": (whole, rng.normal(size=LONG)),
    "single precision": (whole, rng.normal(size=LONG).astype(np.float32)),
    "rows": (rows, rng.normal(size=WIDE)),
    "columns": (columns, rng.normal(size=WIDE)),
    "columns in single precision": (columns, rng.normal(size=WIDE).astype(np.float32)),
    "guards": (guarded, rng.normal(size=WIDE)),
    "guards in one row": (one_row, rng.normal(size=LONG)),
}


@pytest.mark.parametrize("name", CASES)
def test_same_bits_for_any_number_of_threads(name):
    f, x = CASES[name]
    program, seen = ad.value_and_grad(f), set()
    for threads in (1, 2, 3, 4, 1):
        ad.set_num_threads(threads)
        seen.add(tuple(bits(program(x))))
    assert len(seen) == 1
    assert program.cache_info().interpreted_runs == 0


# ---- threads of Python ------------------------------------------------------------------------


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_many_callers_of_one_function(warm):
    """Of different shapes at the same time: each gets its own results."""
    ad.set_num_threads(2)
    shapes = [(40, 30), (41, 31), (2, 7), (900, 97), (1, 5), (1201, 83), (2, 7), (33, 33)]
    inputs = [rng.normal(size=shape) for shape in shapes]

    def f(x):
        return np.sum(np.sum(np.tanh(x), axis=0) ** 2) + np.sum(x @ x.T)

    program = ad.value_and_grad(f)
    expected = [bits(ad.value_and_grad(f)(x)) for x in inputs]
    if warm:
        for x in inputs:
            program(x)
    else:
        KERNELS.clear()
    start = threading.Barrier(8)

    def caller(k):
        start.wait()
        order = [(k + j) % 8 for j in range(8)] * 3
        return [j for j in order if bits(program(inputs[j])) != expected[j]]

    with ThreadPoolExecutor(8) as pool:
        assert [w for found in pool.map(caller, range(8)) for w in found] == []


def heavy(x):
    for _ in range(10):
        x = np.sin(x) * 1.01
    return np.sum(x)


def test_python_runs_beside_a_kernel():
    x = rng.normal(size=2_000_000)
    program, counts, done = ad.value_and_grad(heavy), [], threading.Event()
    program(x)
    ad.set_num_threads(1)

    def count():
        while not done.is_set():
            counts.append(time.perf_counter())
            time.sleep(1e-3)

    other = threading.Thread(target=count)
    other.start()
    try:
        began = time.perf_counter()
        program(x)
        ended = time.perf_counter()
    finally:
        done.set()
        other.join()
    assert sum(began < t < ended for t in counts) > 10 * (ended - began)  # were it stuck, it would be 1 or 2


# ---- signals ------------------------------------------------------------------------------------


def steps(x):
    """Many loops, each too short to be divided; none reads only its neighbours, so they stay apart."""
    for _ in range(40):
        x = np.tanh(x - np.sum(x) * 1e-6) + x[::-1] * 0.01
    return np.sum(x)


def products(x):
    y = x
    for _ in range(4):
        y = np.tanh(x @ y * 1e-3)
    return np.sum(y)


INTERRUPTED = {
    "elementwise": (heavy, (3_000_000,)),
    "sum over the first axis": (
        lambda x: np.sum(np.sum(np.sin(np.sin(x) + np.exp(-x * x)), axis=0) ** 2),
        (3_000, 997),
    ),
    "products": (products, (700, 700)),
    "short steps": (steps, (2000,)),
}
BOUND = 1.0  # seconds; 0.2 on a machine that is not busy


def interrupted(program, x, repeat, after=0.05):
    """How long a call goes on after an interrupt."""
    sent = []

    def send():
        sent.append(time.perf_counter())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    timer = threading.Timer(after, send)
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        for _ in range(repeat):
            program(x)
    ended = time.perf_counter()
    timer.join()
    return ended - sent[0]


@needs_signals
@pytest.mark.parametrize(("name", "threads"), [*((name, 1) for name in INTERRUPTED), ("elementwise", 2)])
def test_interrupts(name, threads):
    """Ctrl-C ends a kernel, or, where kernels are short, the loop around it; the next call is right."""
    f, shape = INTERRUPTED[name]
    ad.set_num_threads(threads)
    x = rng.normal(size=shape)
    program = ad.value_and_grad(f)
    expected = bits(program(x))
    assert interrupted(program, x, 2000 if name == "short steps" else 20) < BOUND
    assert bits(program(x)) == expected


@needs_signals
def test_interrupts_within_one_product(monkeypatch):
    """A product of seconds is one call of BLAS unless it is divided."""
    monkeypatch.setattr(llvm_matmul, "LARGE_PRODUCT", 1 << 28)
    monkeypatch.setattr(llvm_matmul, "ROWS", 128)
    x = rng.normal(size=(1700, 1700))
    product = ad.jit(lambda a: a @ (a + 1.0))
    KERNELS.clear()
    expected = product(x)
    np.testing.assert_allclose(expected, x @ (x + 1.0), rtol=0, atol=1e-10)
    began = time.perf_counter()
    product(x)
    whole = time.perf_counter() - began
    # One call: undivided, it would go on for all that is left of it. A busy machine may hold up one of them.
    assert min(interrupted(product, x, 1, after=whole / 8) for _ in range(3)) < whole / 3
    np.testing.assert_array_equal(product(x), expected)
    KERNELS.clear()  # this one is not for others


@pytest.mark.parametrize(("m", "n", "k"), [(1, 5, 7), (130, 3, 33), (65, 64, 16), (64, 17, 40), (200, 90, 1)])
def test_products_in_parts(monkeypatch, m, n, k):
    """Of all layouts, with parts that do not fit evenly; equal to the product of the whole, up to rounding."""
    monkeypatch.setattr(llvm_matmul, "LARGE_PRODUCT", 0)
    monkeypatch.setattr(llvm_matmul, "ROWS", 64)
    monkeypatch.setattr(llvm_matmul, "INNER", 16)
    KERNELS.clear()

    def f(a, b, c, d):
        return a @ b, c.T @ b, a @ d.T, c.T @ d.T

    a, b, c, d = (rng.normal(size=s) for s in ((2, m, k), (2, k, n), (k, m), (n, k)))
    for found, expected in zip(ad.jit(f)(a, b, c, d), f(a, b, c, d), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    KERNELS.clear()


# ---- exceptions, recursion, forks -------------------------------------------------------------


def test_an_exception_in_a_large_kernel():
    """Raised by the host, which takes Python's lock back; the kernel works again afterwards, and so do others."""
    x = rng.normal(size=LONG)

    def f(x, places):
        y = np.sin(np.tanh(x) * x)
        return np.sum(y[places] ** 2) + np.sum(y)

    program, good = ad.value_and_grad(f), np.array([0, 5, -1])
    expected = bits(program(x, good))
    for threads in (1, 2):
        ad.set_num_threads(threads)
        for wrong in (LONG, -LONG - 1):
            with pytest.raises(AxisError, match=str(wrong)):
                program(x, np.array([0, wrong, -1]))
            assert bits(program(x, good)) == expected


def test_a_kernel_calls_a_kernel(monkeypatch):
    """What the host runs, in the midst of a large kernel, may run kernels itself."""
    op = OPS["det"]
    inner = ad.value_and_grad(lambda x: np.sum(np.sin(x) * x))
    large, ran = rng.normal(size=LONG), []
    expected_inner, evaluate = bits(inner(large)), type(op).evaluate

    def running(self, *args, **params):
        ran.append(bits(inner(large)))
        return evaluate(self, *args, **params)

    def f(x, a):
        return np.sum(np.sin(x) * np.linalg.det(a)) + np.sum(np.cos(x))

    a = rng.normal(size=(4, 4))
    expected = bits(ad.value_and_grad(f, argnums=(0, 1))(large, a))
    monkeypatch.setattr(type(op), "evaluate", running)
    KERNELS.clear()
    program = ad.value_and_grad(f, argnums=(0, 1))
    assert bits(program(large, a)) == expected
    assert ran
    assert all(r == expected_inner for r in ran)
    KERNELS.clear()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_in_the_middle():
    """A child that is forked while another thread's kernel runs has kernels and threads of its own."""
    text = """
        import os, sys, threading, time
        import numpy as np
        import autodiff as ad

        ad.set_num_threads(3)
        x = np.linspace(-1.0, 1.0, 400_000)
        f = ad.value_and_grad(lambda x: np.sum(np.tanh(np.sin(x) * np.exp(x))))
        expected = f(x)[1].tobytes()
        stop = threading.Event()

        def work():
            while not stop.is_set():
                assert f(x)[1].tobytes() == expected

        others = [threading.Thread(target=work) for _ in range(2)]
        for t in others:
            t.start()
        for _ in range(5):
            time.sleep(0.01)
            child = os.fork()
            if child == 0:
                g = ad.value_and_grad(lambda x: np.sum(np.cos(x) * x))  # compiled in the child
                good = f(x)[1].tobytes() == expected and np.allclose(g(x)[1], np.cos(x) - x * np.sin(x))
                os._exit(0 if good else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for t in others:
            t.join()
        print("fine")
    """
    command = [sys.executable, "-c", textwrap.dedent(text)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "fine\n", done.stderr
