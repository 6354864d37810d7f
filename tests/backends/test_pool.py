"""The pool: every block once on any number of threads, nesting, several callers, forks, Ctrl-C, the end."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zlib

import numpy as np
import pytest
from pool_kernels import Mixed, Nested

import autodiff as ad
from autodiff.backends.numba import pool
from autodiff.backends.numba.pool_code import SHARE, serial, threaded
from autodiff.config import MOST_THREADS, config

TESTS = pathlib.Path(__file__).parents[1]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture(autouse=True)
def _threads():
    before = ad.get_num_threads()
    yield
    ad.set_num_threads(before)


def script(text, timeout=60, first="", **environment):
    """Run a program that may use `Mixed`, and what comes `first`; what it prints."""
    head = (
        textwrap.dedent(first)
        + "import sys\nsys.path.insert(0, sys.argv[1])\nimport autodiff as ad\nfrom pool_kernels import Mixed\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", head + textwrap.dedent(text), str(TESTS)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "AUTODIFF_NUM_THREADS": "3", **environment},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.split()


def os_threads():
    return len(os.listdir("/proc/self/task"))


# ----- the same results ------------------------------------------------------------------------


@pytest.mark.parametrize("released", [True, False], ids=["lock released", "lock held"])
@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize(("blocks", "steps"), [(1, 500), (2, 500), (7, 300), (1000, 300), (4099, 20)])
def test_every_block_runs_once(threads, blocks, steps, released):
    ad.set_num_threads(threads)
    mixed = Mixed(blocks, steps)
    assert mixed.run(work=max(mixed.work, 10 * SHARE), released=released) == 0
    mixed.check()


@pytest.mark.parametrize("work", [-1, 0, 1, SHARE, 10**9, 2**62])
@pytest.mark.parametrize("blocks", [0, 1, 50])
def test_a_wrong_estimate_costs_time_only(work, blocks):
    ad.set_num_threads(2)
    mixed = Mixed(blocks, 10)
    assert mixed.run(work=work) == 0
    mixed.check()


def test_several_threads_take_part():
    ad.set_num_threads(3)
    seen = set()
    for _ in range(20):  # a busy machine may leave a short job to its caller
        mixed = Mixed(200, 20_000)
        mixed.run()
        seen |= set(mixed.threads)
    assert len(seen) >= 2
    assert len(seen) <= 3
    assert threading.get_ident() in seen


def test_one_thread_is_the_calling_one():
    ad.set_num_threads(1)
    mixed = Mixed(100, 20_000)
    mixed.run()
    assert set(mixed.threads) == {threading.get_ident()}


def test_little_work_stays_in_the_calling_thread():
    ad.set_num_threads(4)
    mixed = Mixed(100, 20_000)
    mixed.run(work=2 * SHARE - 1)
    assert set(mixed.threads) == {threading.get_ident()}


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="no list of threads here")
def test_the_number_of_threads_holds_from_the_next_call_on():
    Mixed(100, 2000).run()
    ad.set_num_threads(1)
    alone = os_threads()
    for count in (4, 2, 3, 1):
        ad.set_num_threads(count)
        assert os_threads() == alone  # started by the first job that wants them
        Mixed(100, 5000).run()
        assert os_threads() == alone + count - 1


# ----- runs within runs, and beside each other --------------------------------------------------


@pytest.mark.parametrize("released", [True, False], ids=["lock released", "lock held"])
def test_a_run_within_a_run_is_serial(released):
    ad.set_num_threads(3)
    nested = Nested(outer=40, inner=500, steps=300)
    assert nested.run(released) == 0
    assert np.all(nested.raised == 0)
    for inner in nested.inner:
        inner.check()
        assert len(set(inner.threads)) == 1


def test_many_threads_call_at_once():
    ad.set_num_threads(3)
    start, failed = threading.Barrier(8), []

    def calls(seed):
        start.wait()
        for k in range(20):
            mixed = Mixed(50 + seed + k, 300)
            if mixed.run(work=5 * SHARE, released=(seed + k) % 2 == 0):
                failed.append((seed, k))
            try:
                mixed.check()
            except AssertionError:
                failed.append((seed, k))

    callers = [threading.Thread(target=calls, args=(seed,)) for seed in range(8)]
    for caller in callers:
        caller.start()
    for _ in range(30):
        for count in (1, 4, 2):  # with the pool stopped and changed beneath them
            ad.set_num_threads(count)
    for caller in callers:
        caller.join(timeout=60)
        assert not caller.is_alive()
    assert not failed


# ----- forks -----------------------------------------------------------------------------------


@needs_fork
def test_a_child_starts_its_own_workers():
    # -W error: Python 3.12 and later warn of a fork with threads alive.
    assert (
        script(
            """
        import multiprocessing, os
        def compute(queue):
            mixed = Mixed(300, 3000); mixed.run(); mixed.check()
            queue.put(len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 3)
        Mixed(300, 3000).run()
        context = multiprocessing.get_context("fork")
        for _ in range(3):
            queue = context.SimpleQueue()
            child = context.Process(target=compute, args=(queue,)); child.start(); child.join(30)
            assert child.exitcode == 0, child.exitcode
            print(queue.get())
            mixed = Mixed(300, 3000); mixed.run(); mixed.check()
        """
        )
        == ["3"] * 3
    )


@needs_fork
def test_a_fork_while_other_threads_compute():
    assert script(
        """
        import os, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        stop = threading.Event()
        def compute():
            while not stop.is_set():
                mixed = Mixed(300, 300); mixed.run(10**6); mixed.check()
        threads = [threading.Thread(target=compute) for _ in range(2)]
        for t in threads: t.start()
        for _ in range(10):
            child = os.fork()
            if not child:
                mixed = Mixed(300, 3000); mixed.run(); mixed.check()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for t in threads: t.join()
        print("done")
        """
    ) == ["done"]


@needs_fork
def test_a_signal_handler_may_fork_in_the_midst_of_a_job():
    assert script(
        """
        import os, signal
        children = []
        def handler(number, frame):
            assert 0 < job.visits.sum() < len(job.visits)
            children.append(os.fork())
        again = Mixed(300, 1000); again.run()
        signal.signal(signal.SIGALRM, handler)
        job = Mixed(10_000, 20_000)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        job.run()
        assert (job.visits == 1).all()
        again = Mixed(300, 1000); again.run(); again.check()
        if children == [0]:
            os._exit(7)  # the child has finished the job too, its workers' part included
        print(len(children), os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
        """
    ) == ["1", "7"]


@needs_fork
def test_a_fork_that_python_does_not_see():
    assert script(
        """
        import ctypes, os
        Mixed(300, 3000).run()
        child = ctypes.PyDLL(None).fork()
        if not child:
            mixed = Mixed(300, 3000); mixed.run(); mixed.check()
            ad.set_num_threads(2)
            os._exit(0 if set(mixed.threads) == {mixed.threads[0]} else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    ) == ["0"]


# ----- signals ---------------------------------------------------------------------------------


def long_job():
    """About two seconds of work on one thread."""
    return Mixed(20_000, 35_000)


@pytest.mark.parametrize("released", [True, False], ids=["lock released", "lock held"])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_ctrl_c(threads, released):
    ad.set_num_threads(threads)
    job, sent = long_job(), []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    # With the lock held no Python thread could send the signal: the system's timer does.
    if released:
        threading.Timer(0.15, interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            job.run(released=True)
        assert time.perf_counter() - sent[0] < 1.0  # 0.03 on an idle machine
    else:
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.15)
            start = time.perf_counter()
            with pytest.raises(KeyboardInterrupt):
                job.run(released=False)
            assert time.perf_counter() - start < 1.15
        finally:
            signal.signal(signal.SIGALRM, before)
    visits = job.visits.copy()
    assert set(visits) == {0, 1}, "interrupted in the midst, no block twice"
    again = Mixed(500, 1000)
    assert again.run() == 0
    again.check()
    assert np.array_equal(visits, job.visits), "nobody went on with the interrupted job"


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_reaches_the_outermost_run(threads):
    ad.set_num_threads(threads)
    nested = Nested(outer=400, inner=500, steps=3000)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            nested.run()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert set(nested.raised) == {-1, 0}, "the inner runs that were begun were finished"
    for raised, inner in zip(nested.raised, nested.inner, strict=True):
        assert np.all(inner.visits == (raised == 0))


def test_a_handler_that_does_not_raise_runs_and_the_job_goes_on():
    ad.set_num_threads(2)
    seen = []

    def handler(number, frame):
        inner = Mixed(100, 3000)  # the pool is busy: serial
        inner.run()
        inner.check()
        seen.append(time.perf_counter())

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        job = Mixed(20_000, 10_000)
        assert job.run() == 0
        end = time.perf_counter()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(seen) == 1
    assert seen[0] < end
    assert np.all(job.visits == 1)


def test_other_threads_leave_signals_to_the_main_thread():
    ad.set_num_threads(2)
    job, result = Mixed(20_000, 10_000), []
    worker = threading.Thread(target=lambda: result.append(job.run()))
    with pytest.raises(KeyboardInterrupt):
        worker.start()
        time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)
    worker.join()
    assert result == [0]
    assert np.all(job.visits == 1)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="no list of threads here")
def test_workers_take_no_signals_but_faults():
    ad.set_num_threads(2)
    before = set(os.listdir("/proc/self/task"))
    Mixed(100, 5000).run()
    (worker,) = set(os.listdir("/proc/self/task")) - before
    status, until = pathlib.Path(f"/proc/self/task/{worker}/status"), time.monotonic() + 20

    def blocks(number):
        lines = status.read_text(encoding="ascii").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("SigBlk")), 16) >> number - 1 & 1

    # The C library has a new thread block everything until it has come to run.
    while blocks(signal.SIGSEGV) and time.monotonic() < until:
        time.sleep(0.01)
    assert not blocks(signal.SIGSEGV)
    assert blocks(signal.SIGINT)
    assert blocks(signal.SIGTERM)


# ----- the end, and other systems -----------------------------------------------------------------


def test_a_process_ends_with_workers_alive():
    assert script("m = Mixed(300, 3000); m.run(); m.check(); print('end')", timeout=30) == ["end"]


def test_a_process_ends_while_a_daemon_thread_computes():
    assert script(
        """
        import threading, time
        def compute():
            while True:
                Mixed(3000, 3000).run()
        threading.Thread(target=compute, daemon=True).start()
        time.sleep(0.2)
        print("end")
        """,
        timeout=30,
    ) == ["end"]


def test_kernels_may_run_at_exit_before_the_workers_are_stopped_and_after():
    assert script(
        """
        m = Mixed(300, 3000)
        atexit.register(m.run)  # called first
        """,
        first="""
        import atexit
        def last():
            m.check()
            m.visits[:] = 0; m.run(); m.check()
            print(len(set(m.threads)))
        atexit.register(last)
        """,
    ) == ["1"]


def test_without_posix_threads_everything_is_serial():
    assert script(
        """
        import signal, threading
        from autodiff.backends.numba import pool
        pool._addresses = lambda names: {}
        m = Mixed(1000, 3000)
        assert m.run() == 0
        m.check()
        assert set(m.threads) == {threading.get_ident()}
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            Mixed(20_000, 35_000).run()
        except KeyboardInterrupt:
            print("interrupted")
        """
    ) == ["interrupted"]


@pytest.mark.parametrize("text", [threaded, serial])
def test_the_code_is_the_same_in_every_process(text):
    # It is kept on disk by its name, and therefore holds no address.
    of_another = f"from autodiff.backends.numba import pool_code; print(hash_of(pool_code.{text.__name__}()))"
    first = "import zlib\nhash_of = lambda text: zlib.crc32(text.encode())\n"
    assert script(of_another, first=first) == [str(zlib.crc32(text().encode()))]
    assert ("pthread" in text()) == (text is threaded)


# ----- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0, -1, MOST_THREADS + 1, 2.0, "2", None, True, 10**30])
def test_bad_numbers_of_threads(bad):
    before = ad.get_num_threads()
    with pytest.raises(ad.errors.ArgumentError, match="from 1 to 1024"):
        ad.set_num_threads(bad)
    assert ad.get_num_threads() == before


@pytest.mark.parametrize("count", [1, 3, np.int64(2), MOST_THREADS])
def test_set_and_get(count):
    ad.set_num_threads(count)
    assert ad.get_num_threads() == config.num_threads == count
    assert type(ad.get_num_threads()) is int


def test_assigning_the_setting_is_the_same():
    pool.register()
    config.num_threads = 1
    mixed = Mixed(100, 10_000)
    mixed.run()
    assert set(mixed.threads) == {threading.get_ident()}


@pytest.mark.parametrize(("given", "number"), [("5", "5"), ("5000", str(MOST_THREADS))])
def test_environment(given, number):
    assert script("print(ad.get_num_threads())", AUTODIFF_NUM_THREADS=given) == [number]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_default_is_what_the_process_may_use():
    text = """
        import os
        from autodiff.cpus import usable_cpus
        assert ad.get_num_threads() == usable_cpus() <= len(os.sched_getaffinity(0))
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        print(usable_cpus())
        """
    assert script(text, AUTODIFF_NUM_THREADS="0") == ["1"]
