"""The machine code of the pool: threads that share the blocks of large loops, signals, Python's lock.

    int autodiff_run(f, ctx, blocks, work)      f(ctx, lo, hi) over ranges that cover 0..blocks, each block once
    int autodiff_poll(void)                     nonzero: a signal's handler raised, its exception is pending
    void *autodiff_release(void)                give up the lock, if this thread holds it
    void autodiff_restore(void *)               and take it back

Ideas, in the order of the code:

* A *job* is five words; whoever works on it takes ranges off its counter until there are none left.
* One job at a time has the pool (`busy`). Whoever finds it taken runs alone: a second caller, and a call
  from within a job. So nobody waits for anybody but for ranges under way, and nothing can deadlock.
* `open` places are offered with a job. Workers that wake in time take one each; the caller, when the counter
  has run out, withdraws the rest and waits for the `active` ones only. A worker that the system wakes late
  costs nothing.
* Workers never touch Python. The caller looks for signals between its ranges, on the main thread only.
* Words that are read without the mutex are read and written atomically; `open`, `active`, `sleeping` and
  `started` are changed under the mutex only.

`pool.py` loads the code and looks after processes. Without POSIX threads all runs are in the calling thread.

Costs, measured on two cores (3 GHz x86-64, Linux): a run that wakes a sleeping worker takes 4 us longer in the
caller, and the worker starts 10 to 30 us after the call; with the worker still awake 0.5 us and 1 us.
"""

from __future__ import annotations

import ctypes
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from autodiff.config import MOST_THREADS

WORD, BYTE, INT = ir.IntType(64), ir.IntType(8), ir.IntType(32)
LONG = ir.IntType(8 * ctypes.sizeof(ctypes.c_ulong))
VOID = ir.VoidType()
POINTER, WORDS = BYTE.as_pointer(), WORD.as_pointer()
LOOP = ir.FunctionType(VOID, [WORDS, WORD, WORD]).as_pointer()  # f(ctx, lo, hi)

# In nanoseconds. SHARE: each thread must get that much, so work below 2 * SHARE is not divided.
SHARE = 100_000
RANGE = 10_000_000  # no range is longer, so that signals are looked for in time
POLL = 20_000_000  # and no more often than that: taking Python's lock may wait for others
SPIN = 30_000  # a worker out of work stays awake for the next loop of the same kernel
RANGES_EACH = 8  # of a thread: what is lost at the end, when the others have run out, is 1/16 of a share

F, CTX, BLOCKS, SIZE, NEXT = range(5)  # the words of a job
JOB = ir.ArrayType(WORD, 5)

EXPORTS = ("autodiff_run", "autodiff_poll", "autodiff_release", "autodiff_restore")
CONTROLS = ("resize", "stop", "resume", "reset")

PYTHON = {
    "PyThread_get_thread_ident": ir.FunctionType(LONG, []),
    "PyGILState_Check": ir.FunctionType(INT, []),
    "PyGILState_Ensure": ir.FunctionType(INT, []),
    "PyGILState_Release": ir.FunctionType(VOID, [INT]),
    "PyErr_CheckSignals": ir.FunctionType(INT, []),
    "PyEval_SaveThread": ir.FunctionType(POINTER, []),
    "PyEval_RestoreThread": ir.FunctionType(VOID, [POINTER]),
}
POSIX = {
    "pthread_create": ir.FunctionType(INT, [POINTER] * 4),
    "pthread_join": ir.FunctionType(INT, [WORD, POINTER]),
    "pthread_mutex_init": ir.FunctionType(INT, [POINTER, POINTER]),
    "pthread_mutex_lock": ir.FunctionType(INT, [POINTER]),
    "pthread_mutex_unlock": ir.FunctionType(INT, [POINTER]),
    "pthread_cond_init": ir.FunctionType(INT, [POINTER, POINTER]),
    "pthread_cond_wait": ir.FunctionType(INT, [POINTER, POINTER]),
    "pthread_cond_signal": ir.FunctionType(INT, [POINTER]),
    "pthread_cond_broadcast": ir.FunctionType(INT, [POINTER]),
    "pthread_sigmask": ir.FunctionType(INT, [INT, POINTER, POINTER]),
    "sigfillset": ir.FunctionType(INT, [POINTER]),
    "sigdelset": ir.FunctionType(INT, [POINTER, INT]),
    "clock_gettime": ir.FunctionType(INT, [INT, WORDS]),
    "getpid": ir.FunctionType(INT, []),
}


def pool_module(threads: bool) -> ir.Module:
    """The module; its entry point `autodiff_pool(int64 *table)` gives the addresses of EXPORTS and CONTROLS.

    Without `threads` it needs nothing of POSIX, and everything runs in the calling thread.
    """
    return _Printer(threads).module


class _Printer:
    """Emits the functions one after the other, callees first. `b` stands in the one at hand."""

    def __init__(self, threads: bool) -> None:
        self.module = ir.Module("pool")
        self.threads = threads
        self.b = ir.IRBuilder()
        for name, kind in {**PYTHON, **(POSIX if threads else {})}.items():
            ir.Function(self.module, kind, name)
        for name in (
            "main",
            "threads",
            "polled",
            "busy",
            "owner",
            "pid",
            "open",
            "active",
            "sleeping",
            "started",
            "closed",
        ):
            self._global(name, WORD)
        self._global("job", JOB)
        if threads:
            self._global("handles", ir.ArrayType(WORD, MOST_THREADS))
            for name in ("mutex", "work", "done"):  # 40 to 64 bytes on all systems there are
                self._global(name, ir.ArrayType(WORD, 32))
        self._lock_of_python()
        self._poll()
        self._jobs()
        if threads:
            self._worker()
            self._grow()
            self._share()
        self._run()
        self._controls()
        self._table()

    # ---- signals, and Python's lock -----------------------------------------------------------

    def _lock_of_python(self) -> None:
        b = self.b
        with self.function("autodiff_release", POINTER):
            with b.if_then(b.icmp_signed("==", self.call("PyGILState_Check"), INT(0))):
                b.ret(POINTER(None))
            b.ret(self.call("PyEval_SaveThread"))
        with self.function("autodiff_restore", VOID, POINTER) as (saved,):
            with b.if_then(b.icmp_unsigned("!=", saved, POINTER(None))):
                self.call("PyEval_RestoreThread", saved)
            b.ret_void()

    def _poll(self) -> None:
        """Handlers run on the main thread, whether or not it holds the lock, and at most every POLL."""
        b = self.b
        if self.threads:
            with self.function("now", WORD):
                timespec = b.alloca(WORD, 2)
                self.call("clock_gettime", INT(time.CLOCK_MONOTONIC), timespec)
                seconds, rest = (b.load(b.gep(timespec, [WORD(k)])) for k in range(2))
                b.ret(b.add(b.mul(seconds, WORD(10**9)), rest))
        with self.function("autodiff_poll", INT):
            with b.if_then(b.icmp_signed("!=", self.this_thread(), self.get("main"))):
                b.ret(INT(0))
            if self.threads:
                now = self.call("now")
                with b.if_then(b.icmp_signed("<", b.sub(now, self.get("polled")), WORD(POLL))):
                    b.ret(INT(0))
                self.put("polled", now)
            held = self.call("PyGILState_Ensure")
            raised = self.call("PyErr_CheckSignals")
            self.call("PyGILState_Release", held)
            b.ret(raised)

    # ---- jobs ---------------------------------------------------------------------------------

    def _jobs(self) -> None:
        b = self.b
        with self.function("work_on_range", INT, JOB.as_pointer()) as (job,):
            # Whether there may be more.
            size, blocks = self.word(job, SIZE), self.word(job, BLOCKS)
            lo = b.atomic_rmw("add", self.place(job, NEXT), size, "acq_rel")
            with b.if_then(b.icmp_signed(">=", lo, blocks)):
                b.ret(INT(0))
            hi = self.least(b.add(lo, size), blocks)
            f, ctx = b.inttoptr(self.word(job, F), LOOP), b.inttoptr(self.word(job, CTX), WORDS)
            b.call(f, [ctx, lo, hi])
            b.ret(b.zext(b.icmp_signed("<", hi, blocks), INT))
        with self.function("work_as_caller", INT, JOB.as_pointer(), INT) as (job, polls):
            # Nonzero: interrupted; nobody takes another range then.
            with self.while_(lambda: self.true(self.call("work_on_range", job))), b.if_then(self.true(polls)):
                raised = self.call("autodiff_poll")
                with b.if_then(self.true(raised)):
                    b.store_atomic(self.word(job, BLOCKS), self.place(job, NEXT), "release", 8)
                    b.ret(raised)
            b.ret(INT(0))
        with self.function("prepare", VOID, JOB.as_pointer(), LOOP, WORDS, WORD, WORD, WORD) as args:
            job, f, ctx, blocks, work, team = args
            # By one thread: only as many ranges as signals want; by several: enough to even out the end.
            several = b.mul(team, WORD(RANGES_EACH))
            several = b.select(b.icmp_signed(">", team, WORD(1)), several, WORD(1))
            ranges = self.most(several, b.sdiv(work, WORD(RANGE)))
            size = b.sdiv(b.add(blocks, b.sub(ranges, WORD(1))), ranges)
            words = {F: b.ptrtoint(f, WORD), CTX: b.ptrtoint(ctx, WORD), BLOCKS: blocks, SIZE: size, NEXT: WORD(0)}
            for k, value in words.items():
                b.store(value, self.place(job, k))
            b.ret_void()

    # ---- threads ------------------------------------------------------------------------------

    def _worker(self) -> None:
        """void *worker(void *): wait for an open place, work, again; until the pool is closed."""
        b = self.b
        with self.function("linger", VOID):
            # The next loop of a kernel comes at once, and finds us awake: 1 us instead of 20.
            until = b.add(self.call("now"), WORD(SPIN))

            def waiting() -> ir.Value:
                idle = b.icmp_signed("==", b.or_(self.get("open"), self.get("closed")), WORD(0))
                return b.and_(idle, b.icmp_signed("<", self.call("now"), until))

            with self.while_(waiting):
                pass
            b.ret_void()
        with self.function("take_part", VOID):
            self.add("open", -1)
            self.add("active", 1)
            self.unlock()
            job = self.module.globals["job"]
            with self.while_(lambda: b.and_(self.is_zero("closed"), self.true(self.call("work_on_range", job)))):
                pass
            self.lock()
            self.add("active", -1)
            with b.if_then(self.is_zero("active")):
                self.call("pthread_cond_signal", self.pointer("done"))
            b.ret_void()
        with self.function("worker", POINTER, POINTER):
            self.lock()
            with (
                self.while_(lambda: self.is_zero("closed")),
                b.if_else(self.is_zero("open")) as (nothing, something),
            ):
                with nothing:
                    self.add("sleeping", 1)
                    self.call("pthread_cond_wait", self.pointer("work"), self.pointer("mutex"))
                    self.add("sleeping", -1)
                with something:
                    self.call("take_part")
                    self.unlock()
                    self.call("linger")
                    self.lock()
            self.unlock()
            b.ret(POINTER(None))

    def _grow(self) -> None:
        """void grow(int64 count): have that many workers, under the mutex; fewer when the system refuses."""
        b = self.b
        with self.function("grow", VOID, WORD) as (count,):
            masks = [b.bitcast(b.alloca(WORD, 16), POINTER) for _ in range(2)]
            self.call("sigfillset", masks[0])
            for fault in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
                self.call("sigdelset", masks[0], INT(fault))
            # Signals are for the user's threads: workers start with all but faults blocked.
            self.call("pthread_sigmask", INT(signal.SIG_SETMASK), masks[0], masks[1])
            failed = b.alloca(INT)
            b.store(INT(0), failed)

            def missing() -> ir.Value:
                wanted = b.and_(b.icmp_signed("<", self.get("started"), count), self.is_zero("closed"))
                return b.and_(wanted, b.icmp_signed("==", b.load(failed), INT(0)))

            with self.while_(missing):
                handle = b.gep(self.module.globals["handles"], [WORD(0), self.get("started")])
                worker = b.bitcast(self.module.globals["worker"], POINTER)
                null = POINTER(None)
                b.store(self.call("pthread_create", b.bitcast(handle, POINTER), null, worker, null), failed)
                with b.if_then(b.icmp_signed("==", b.load(failed), INT(0))):
                    self.add("started", 1)
            self.call("pthread_sigmask", INT(signal.SIG_SETMASK), masks[1], POINTER(None))
            b.ret_void()

    def _share(self) -> None:
        """int share(f, ctx, blocks, work, team): the whole of a job, by whoever has made the pool busy."""
        b = self.b
        with self.function("share", INT, LOOP, WORDS, WORD, WORD, WORD) as (f, ctx, blocks, work, team):
            job, helpers = self.module.globals["job"], b.sub(team, WORD(1))
            self.put("owner", self.this_thread())
            self.call("prepare", job, f, ctx, blocks, work, team)
            self.lock()
            self.call("grow", helpers)
            self.put("open", helpers)
            with self.count_up(self.least(self.get("sleeping"), helpers)):
                self.call("pthread_cond_signal", self.pointer("work"))
            self.unlock()
            raised = self.call("work_as_caller", job, INT(1))
            self.lock()
            self.put("open", WORD(0))
            with self.while_(lambda: b.not_(self.is_zero("active"))):
                self.call("pthread_cond_wait", self.pointer("done"), self.pointer("mutex"))
            self.unlock()
            self.put("owner", WORD(0))
            self.put("busy", WORD(0))
            b.ret(raised)

    def _run(self) -> None:
        b = self.b
        with self.function("autodiff_run", INT, LOOP, WORDS, WORD, WORD) as (f, ctx, blocks, work):
            with b.if_then(b.icmp_signed("<", work, WORD(2 * SHARE))):
                b.call(f, [ctx, WORD(0), blocks])
                b.ret(INT(0))
            nested = b.icmp_signed("==", self.get("owner"), self.this_thread())
            if self.threads:
                team = self.least(self.least(self.get("threads"), blocks), b.sdiv(work, WORD(SHARE)))
                with b.if_then(b.icmp_signed(">", team, WORD(1))):
                    # A child that the C library forked has no workers, and a mutex in an unknown state.
                    ours = b.icmp_signed("==", self.process(), self.get("pid"))
                    with b.if_then(ours):
                        taken = b.cmpxchg(self.module.globals["busy"], WORD(0), WORD(1), "acq_rel", "acquire")
                        with b.if_then(b.extract_value(taken, 1)):
                            b.ret(self.call("share", f, ctx, blocks, work, team))
            job = b.alloca(JOB)
            self.call("prepare", job, f, ctx, blocks, work, WORD(1))
            # The outer run looks for signals: an exception raised here would be lost in `f`, which returns nothing.
            b.ret(self.call("work_as_caller", job, b.zext(b.not_(nested), INT)))

    # ---- called by pool.py ---------------------------------------------------------------------

    def _controls(self) -> None:
        b = self.b
        with self.function("resize", VOID, WORD) as (count,):
            self.put("threads", count)
            b.ret_void()
        with self.function("stop", VOID):
            # Workers finish their ranges and are joined; loops under way go on without them.
            if self.threads:
                with b.if_then(b.icmp_signed("!=", self.process(), self.get("pid"))):
                    b.ret_void()
                self.lock()
                self.put("closed", WORD(1))
                self.call("pthread_cond_broadcast", self.pointer("work"))
                count = self.get("started")
                self.put("started", WORD(0))
                self.unlock()
                with self.count_up(count) as k:
                    handle = b.load(b.gep(self.module.globals["handles"], [WORD(0), k]))
                    self.call("pthread_join", handle, POINTER(None))
            b.ret_void()
        with self.function("resume", VOID):
            self.put("closed", WORD(0))
            b.ret_void()
        with self.function("reset", VOID, WORD) as (main,):
            # In a process that has no workers: at first, and in a forked child.
            self.put("main", main)
            if self.threads:
                self.put("pid", self.process())
                for name, kind in (("mutex", "mutex"), ("work", "cond"), ("done", "cond")):
                    self.call(f"pthread_{kind}_init", self.pointer(name), POINTER(None))
            for name in ("open", "active", "sleeping", "started", "closed"):
                self.put(name, WORD(0))
            # A signal's handler may fork in the midst of this thread's own job, which then goes on in the child.
            with b.if_then(b.icmp_signed("!=", self.get("owner"), self.this_thread())):
                self.put("owner", WORD(0))
                self.put("busy", WORD(0))
            b.ret_void()

    def _table(self) -> None:
        with self.function("autodiff_pool", VOID, WORDS, internal=False) as (table,):
            for k, name in enumerate((*EXPORTS, *CONTROLS)):
                address = self.b.ptrtoint(self.module.globals[name], WORD)
                self.b.store(address, self.b.gep(table, [WORD(k)]))
            self.b.ret_void()

    # ---- how it is written ----------------------------------------------------------------------

    def _global(self, name: str, kind: ir.Type) -> None:
        variable = ir.GlobalVariable(self.module, kind, name)
        variable.linkage, variable.align = "internal", 64
        variable.initializer = kind(None) if isinstance(kind, ir.ArrayType) else kind(0)

    @contextmanager
    def function(
        self, name: str, result: ir.Type, *kinds: ir.Type, internal: bool = True
    ) -> Iterator[Sequence[ir.Value]]:
        """Emit a function; its arguments."""
        function = ir.Function(self.module, ir.FunctionType(result, list(kinds)), name)
        if internal:
            function.linkage = "internal"
        # Nothing here is hot, and optimising it would take longer than most kernels take.
        function.attributes.add("noinline")
        function.attributes.add("optnone")
        self.b.position_at_end(function.append_basic_block("entry"))
        yield function.args

    @contextmanager
    def while_(self, condition: Callable[[], ir.Value]) -> Iterator[None]:
        b = self.b
        head, body, done = (b.function.append_basic_block(name) for name in ("head", "body", "done"))
        b.branch(head)
        b.position_at_end(head)
        b.cbranch(condition(), body, done)
        b.position_at_end(body)
        yield
        b.branch(head)
        b.position_at_end(done)

    @contextmanager
    def count_up(self, count: ir.Value) -> Iterator[ir.Value]:
        """for k in range(count)."""
        b = self.b
        slot = b.alloca(WORD)
        b.store(WORD(0), slot)
        with self.while_(lambda: b.icmp_signed("<", b.load(slot), count)):
            k = b.load(slot)
            yield k
            b.store(b.add(k, WORD(1)), slot)

    def call(self, name: str, *args: ir.Value) -> ir.Value:
        return self.b.call(self.module.globals[name], args)

    def get(self, name: str) -> ir.Value:
        return self.b.load_atomic(self.module.globals[name], "acquire", 8)

    def put(self, name: str, value: ir.Value) -> None:
        self.b.store_atomic(value, self.module.globals[name], "release", 8)

    def add(self, name: str, step: int) -> None:
        """Under the mutex."""
        self.put(name, self.b.add(self.get(name), WORD(step)))

    def is_zero(self, name: str) -> ir.Value:
        return self.b.icmp_signed("==", self.get(name), WORD(0))

    def true(self, flag: ir.Value) -> ir.Value:
        return self.b.icmp_signed("!=", flag, INT(0))

    def place(self, job: ir.Value, k: int) -> ir.Value:
        return self.b.gep(job, [WORD(0), WORD(k)])

    def word(self, job: ir.Value, k: int) -> ir.Value:
        return self.b.load(self.place(job, k))

    def least(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.select(self.b.icmp_signed("<", x, y), x, y)

    def most(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.select(self.b.icmp_signed(">", x, y), x, y)

    def pointer(self, name: str) -> ir.Value:
        return self.b.bitcast(self.module.globals[name], POINTER)

    def lock(self) -> None:
        self.call("pthread_mutex_lock", self.pointer("mutex"))

    def unlock(self) -> None:
        self.call("pthread_mutex_unlock", self.pointer("mutex"))

    def this_thread(self) -> ir.Value:
        ident = self.call("PyThread_get_thread_ident")
        return ident if LONG.width == WORD.width else self.b.zext(ident, WORD)

    def process(self) -> ir.Value:
        return self.b.sext(self.call("getpid"), WORD)
