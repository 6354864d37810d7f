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
* Workers never touch Python. The caller looks for signals between its ranges, on the main thread only, and there
  in the outermost run only.
* Words that are read without the mutex are read and written atomically; `open`, `active`, `sleeping` and
  `started` are changed under the mutex only.

`pool.py` loads the code and looks after processes. Without POSIX threads all runs are in the calling thread.

Costs, measured on two cores (x86-64, Linux): a worker that lingers takes its first range 2 us after the call, one
that sleeps 13 to 25 us after it; a run that wakes a sleeping worker takes the caller 3 to 6 us longer. Two threads
are quicker than one from about 60 us of work on when the worker lingers, from about 200 us on when it sleeps.
"""

from __future__ import annotations

import ctypes
import signal
import time

from llvmlite import ir

from autodiff.backends.numba.writer import INT, POINTER, VOID, WORD, WORDS, Writer
from autodiff.config import MOST_THREADS

LONG = ir.IntType(8 * ctypes.sizeof(ctypes.c_ulong))
LOOP = ir.FunctionType(VOID, [WORDS, WORD, WORD]).as_pointer()  # f(ctx, lo, hi)

# In nanoseconds. SHARE: each thread must get that much, so work below 2 * SHARE, where two threads begin to be
# quicker, is not divided.
SHARE = 100_000
RANGE = 4_000_000  # no range is longer, so that signals are looked for in time, on a busy machine too
POLL = 20_000_000  # and no more often than that: taking Python's lock may wait for others
SPIN = 30_000  # a worker out of work stays awake for the next loop of the same kernel
RANGES_EACH = 8  # of a thread: what is lost at the end, when the others have run out, is 1/16 of a share

F, CTX, BLOCKS, SIZE, NEXT = range(5)  # the words of a job
JOB = ir.ArrayType(WORD, 5)

STATE = {
    "threads": "how many a job may have, the caller included",
    "main": "the thread that signals are handled on",
    "looking": "1 while the main thread is in a run that looks for signals",
    "polled": "when it last did",
    "pid": "the process that the workers belong to",
    "busy": "1 while there is a job",
    "owner": "the thread whose job it is",
    "open": "places that the job still has",
    "active": "workers that have taken one",
    "started": "workers there are",
    "sleeping": "workers that wait to be woken",
    "closed": "1 while workers are to go",
}
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


def threaded() -> str:
    """The pool as LLVM IR; `autodiff_pool(int64 *table)` gives the addresses of EXPORTS and CONTROLS."""
    return str(_Printer(threads=True).module)


def serial() -> str:
    """The same for systems without POSIX threads: everything runs in the calling thread."""
    return str(_Printer(threads=False).module)


class _Printer(Writer):
    """Emits the functions one after the other, callees first. `b` stands in the one at hand."""

    def __init__(self, threads: bool) -> None:
        super().__init__("pool")
        self.threads = threads
        for name, kind in {**PYTHON, **(POSIX if threads else {})}.items():
            ir.Function(self.module, kind, name)
        for name in STATE:
            self.variable(name, WORD)
        self.variable("job", JOB)
        if threads:
            self.variable("handles", ir.ArrayType(WORD, MOST_THREADS))
            for name in ("mutex", "work", "done"):  # 40 to 64 bytes on all systems there are
                self.variable(name, ir.ArrayType(WORD, 32))
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
        with self.function("work_as_caller", INT, JOB.as_pointer()) as (job,):
            # The outermost run looks for signals: an exception raised in one within would be lost in `f`, which
            # returns nothing.
            outermost = b.and_(b.icmp_signed("==", self.this_thread(), self.get("main")), self.is_zero("looking"))
            with b.if_then(b.not_(outermost)):
                with self.while_(lambda: self.true(self.call("work_on_range", job))):
                    pass
                b.ret(INT(0))
            self.put("looking", WORD(1))
            with self.while_(lambda: self.true(self.call("work_on_range", job))):
                raised = self.call("autodiff_poll")
                with b.if_then(self.true(raised)):
                    # Nobody takes another range.
                    b.store_atomic(self.word(job, BLOCKS), self.place(job, NEXT), "release", 8)
                    self.put("looking", WORD(0))
                    b.ret(raised)
            self.put("looking", WORD(0))
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
            raised = self.call("work_as_caller", job)
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
            b.ret(self.call("work_as_caller", job))

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
            # In a process that has no workers: at first, and in a forked child. A signal's handler may fork in the
            # midst of this thread's own run, which then goes on in the child.
            with b.if_then(b.icmp_signed("!=", self.get("main"), self.this_thread())):
                self.put("looking", WORD(0))
            self.put("main", main)
            if self.threads:
                self.put("pid", self.process())
                for name, kind in (("mutex", "mutex"), ("work", "cond"), ("done", "cond")):
                    self.call(f"pthread_{kind}_init", self.pointer(name), POINTER(None))
            for name in ("open", "active", "sleeping", "started", "closed"):
                self.put(name, WORD(0))
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

    # ---- phrases ---------------------------------------------------------------------------------

    def place(self, job: ir.Value, k: int) -> ir.Value:
        return self.b.gep(job, [WORD(0), WORD(k)])

    def word(self, job: ir.Value, k: int) -> ir.Value:
        return self.b.load(self.place(job, k))

    def lock(self) -> None:
        self.call("pthread_mutex_lock", self.pointer("mutex"))

    def unlock(self) -> None:
        self.call("pthread_mutex_unlock", self.pointer("mutex"))

    def this_thread(self) -> ir.Value:
        ident = self.call("PyThread_get_thread_ident")
        return ident if LONG.width == WORD.width else self.b.zext(ident, WORD)

    def process(self) -> ir.Value:
        return self.b.sext(self.call("getpid"), WORD)
