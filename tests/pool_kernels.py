"""Loops in machine code for the tests of the pool: blocks whose results, visits and threads are written down."""

import ctypes
from functools import lru_cache

import numpy as np
from llvmlite import ir

from autodiff.backends.numba import pool
from autodiff.backends.numba.native import MachineCode

WORD, INT, POINTER = ir.IntType(64), ir.IntType(32), ir.IntType(8).as_pointer()
WORDS = WORD.as_pointer()
LOOP = ir.FunctionType(ir.VoidType(), [WORDS, WORD, WORD])
RUN = ir.FunctionType(INT, [LOOP.as_pointer(), WORDS, WORD, WORD])
STEP = 3  # nanoseconds of one step, roughly


def _loop(module, name, body):
    """Emit void name(ctx, lo, hi), which emits `body(b, ctx, k)` for each block."""
    function = ir.Function(module, LOOP, name)
    ctx, lo, hi = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    head, inside, done = (function.append_basic_block(n) for n in ("head", "inside", "done"))
    entry = b.block
    b.branch(head)
    b.position_at_end(head)
    k = b.phi(WORD)
    k.add_incoming(lo, entry)
    b.cbranch(b.icmp_signed("<", k, hi), inside, done)
    b.position_at_end(inside)
    body(b, ctx, k)
    k.add_incoming(b.add(k, WORD(1)), b.block)
    b.branch(head)
    b.position_at_end(done)
    b.ret_void()


def _word(b, ctx, k):
    return b.load(b.gep(ctx, [WORD(k)]))


def _array(b, ctx, k):
    return b.inttoptr(_word(b, ctx, k), WORDS)


def _mixed(b, ctx, k):
    """ctx: results, visits, threads, steps. The result of a block is its number, mixed that many times."""
    function, before = b.function, b.block
    head, done = function.append_basic_block("mix"), function.append_basic_block("mixed")
    steps = _word(b, ctx, 3)
    b.branch(head)
    b.position_at_end(head)
    n, x = b.phi(WORD), b.phi(WORD)
    n.add_incoming(WORD(0), before)
    x.add_incoming(b.block.parent.args[1].type(1), before)
    y = b.xor(x, b.shl(x, WORD(13)))
    y = b.xor(y, b.lshr(y, WORD(7)))
    y = b.add(b.xor(y, b.shl(y, WORD(17))), k)
    following = b.add(n, WORD(1))
    n.add_incoming(following, head)
    x.add_incoming(y, head)
    b.cbranch(b.icmp_signed("<", following, steps), head, done)
    b.position_at_end(done)
    b.store(y, b.gep(_array(b, ctx, 0), [k]))
    visits = b.gep(_array(b, ctx, 1), [k])
    b.store(b.add(b.load(visits), WORD(1)), visits)
    ident = b.call(b.module.globals["PyThread_get_thread_ident"], [])
    b.store(ident, b.gep(_array(b, ctx, 2), [k]))


def _nested(b, ctx, k):
    """ctx: contexts of the inner runs, their results, blocks, work."""
    inner = b.inttoptr(b.load(b.gep(_array(b, ctx, 0), [k])), WORDS)
    args = [b.module.globals["mixed"], inner, _word(b, ctx, 2), _word(b, ctx, 3)]
    b.store(b.zext(b.call(b.module.globals["autodiff_run"], args), WORD), b.gep(_array(b, ctx, 1), [k]))


@lru_cache(maxsize=1)
def _addresses():
    pool.register()
    module = ir.Module("pool_kernels")
    ir.Function(module, RUN, "autodiff_run")
    ir.Function(module, ir.FunctionType(WORD, []), "PyThread_get_thread_ident")
    release = ir.Function(module, ir.FunctionType(POINTER, []), "autodiff_release")
    restore = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "autodiff_restore")
    _loop(module, "mixed", _mixed)
    _loop(module, "nested", _nested)
    released = ir.Function(module, RUN, "released")
    b = ir.IRBuilder(released.append_basic_block())
    saved = b.call(release, [])
    raised = b.call(module.globals["autodiff_run"], released.args)
    b.call(restore, [saved])
    b.ret(raised)
    names = ("mixed", "nested", "released", "autodiff_run")
    table = ir.Function(module, ir.FunctionType(ir.VoidType(), [WORDS]), "table")
    b = ir.IRBuilder(table.append_basic_block())
    for k, name in enumerate(names):
        b.store(b.ptrtoint(module.globals[name], WORD), b.gep(table.args[0], [WORD(k)]))
    b.ret_void()
    code = MachineCode(str(module), "table")
    found = (ctypes.c_int64 * len(names))()
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address)(found)
    return code, dict(zip(names, found, strict=True))


def _call(loop, ctx, blocks, work, released=True):
    """Run a loop on the pool, with Python's lock `released` by the kernel, or held by it; nonzero: interrupted."""
    _, addresses = _addresses()
    # PYFUNCTYPE: called with the lock held, and what is pending afterwards is raised, as kernels are called.
    run = ctypes.PYFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2)
    name = "released" if released else "autodiff_run"
    return run(addresses[name])(addresses[loop], ctx.ctypes.data, blocks, work)


class Mixed:
    """Blocks to mix: `results`, `visits` and `threads` of each, after `run`."""

    def __init__(self, blocks, steps):
        self.steps = steps
        self.results, self.visits, self.threads = (np.zeros(blocks, np.int64) for _ in range(3))
        arrays = self.results, self.visits, self.threads
        self.ctx = np.array([*(a.ctypes.data for a in arrays), steps], np.int64)

    @property
    def work(self):
        return self.steps * len(self.results) * STEP

    def run(self, work=None, released=True):
        return _call("mixed", self.ctx, len(self.results), self.work if work is None else work, released)

    def expected(self):
        """The results, by NumPy."""
        k, x = np.arange(len(self.results), dtype=np.uint64), np.ones(len(self.results), np.uint64)
        for _ in range(self.steps):
            x = x ^ (x << np.uint64(13))
            x = x ^ (x >> np.uint64(7))
            x = (x ^ (x << np.uint64(17))) + k
        return x.view(np.int64)

    def check(self):
        assert np.all(self.visits == 1), "each block once"
        assert np.array_equal(self.results, self.expected())


class Nested:
    """An outer loop of which each block runs an inner loop on the pool."""

    def __init__(self, outer, inner, steps):
        self.inner = [Mixed(inner, steps) for _ in range(outer)]
        contexts = self.contexts = np.array([m.ctx.ctypes.data for m in self.inner], np.int64)
        self.raised = np.full(outer, -1)
        self.ctx = np.array([contexts.ctypes.data, self.raised.ctypes.data, inner, self.inner[0].work], np.int64)

    def run(self, released=True):
        return _call("nested", self.ctx, len(self.inner), self.inner[0].work * len(self.inner), released)
