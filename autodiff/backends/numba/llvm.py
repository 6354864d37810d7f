"""A kernel plan as LLVM IR: the second printer of loop nests, beside `source.py`.

    int kernel(int64 *words)        one word per parameter, size, buffer and scalar result

The kernel calls one function per step, in order; only straight-line code is in itself. Who calls
the kernel gives all memory: results are fresh arrays, intermediates live in an arena. The two
printers are held together by tests; what this one cannot say (`NoKernel`) is compiled from source
by Numba instead.
"""

from __future__ import annotations

from llvmlite import ir

from autodiff.backends.numba.bounds import require
from autodiff.backends.numba.cost import formulas
from autodiff.backends.numba.host import HOST
from autodiff.backends.numba.lives import buffers_of, roots_of
from autodiff.backends.numba.llvm_calls import asks_host, emit_call
from autodiff.backends.numba.llvm_function import WORD, WORDS, FunctionPrinter, memory_type
from autodiff.backends.numba.llvm_loops import count
from autodiff.backends.numba.llvm_nest import NestPrinter
from autodiff.backends.numba.llvm_scalar import constant
from autodiff.backends.numba.llvm_step import StepPrinter, poll
from autodiff.backends.numba.llvm_words import Words
from autodiff.backends.numba.nest import Alias, KernelPlan, LoopNest, NativeCall
from autodiff.backends.numba.outline import Outline, many, outline
from autodiff.config import config

# A formula written out costs 10 to 30 ms of compilation, and 0 to 25 % less time than a call of it,
# the less the more there are; a kernel of more than this calls them all.
INLINED = 3


def print_llvm(plan: KernelPlan) -> str:
    """The kernel as LLVM IR text, its entry point called `kernel`.

    Raises
    ------
    NoKernel
        When the plan holds something that only the source printer can say.
    """
    return str(KernelPrinter(plan).module)


class KernelPrinter:
    """Emits one kernel: `f` is its entry point."""

    def __init__(self, plan: KernelPlan) -> None:
        self.plan = plan
        self.module = ir.Module("kernel")
        self.called = sum(formulas(s) for s in plan.steps if isinstance(s, LoopNest)) > INLINED
        self.f = f = FunctionPrinter(self.module, "kernel", [WORDS], self.called, public=True)
        self.roots = roots_of(plan)
        self.calls = f.calls = [s for s in plan.steps if isinstance(s, NativeCall)]
        self.functions: dict[str, ir.Function] = {}
        self.zeroed = {b for b in plan.allocated if b.zeroed}
        hosted = any(map(asks_host, plan.steps))
        self.words = Words(f, plan, self.roots, hosted)
        for step in plan.steps:
            self._step(step)
        for buffer, place in zip([b for b in plan.results if not b.shape], self.words.results, strict=True):
            pointer = f.b.inttoptr(self.words.word(place, f.b), memory_type(buffer.dtype).as_pointer())
            f.b.store(f.stored(f.values[buffer.name]), pointer)
        f.raise_refused()
        f.raise_out_of_bounds()
        f.finish()

    # ---- steps ------------------------------------------------------------------------------

    def _step(self, step: LoopNest | NativeCall | Alias) -> None:
        if isinstance(step, Alias):
            if config.bounds:
                self._require_same_size(step)
            return  # `roots` knows
        for buffer in buffers_of(step):
            root = self.roots.get(buffer, buffer)
            if root in self.zeroed:
                self.zeroed.remove(root)
                self.f.fill(root, constant(0, root.dtype))
        if isinstance(step, LoopNest) and not step.domain:
            NestPrinter(self.f, step).emit_once()
        elif isinstance(step, LoopNest):
            o = outline(step, self.roots)
            self._call(o, self.functions.get(o.key) or self._nest(step, o))
        else:
            o = outline(step, self.roots, self.calls.index(step) if asks_host(step) else None)
            self._call(o, self.functions.get(o.key) or self._native(step, o), hosted=asks_host(step))
            self.f.check(self.f.b.call(poll(self.module), []))

    def _require_same_size(self, step: Alias) -> None:
        """Two names of the same memory must be equally long."""
        old, new = (self.f.size(count(b.shape)) for b in (step.base, step.buffer))
        message = f"{step.buffer.name} is another size than {step.base.name}, whose memory it is"
        require(self.f.b, self.f.b.icmp_signed("==", old, new), message)
        self.f.raise_out_of_bounds()

    def _nest(self, step: LoopNest, o: Outline) -> ir.Function:
        inputs = {name: self.words.dtype(name) for name in o.inputs}
        self.functions[o.key] = StepPrinter(self.module, step, o, inputs, self.called).function()
        return self.functions[o.key]

    def _native(self, step: NativeCall, o: Outline) -> ir.Function:
        kinds = [memory_type(b.dtype).as_pointer() for b in o.buffers] + [WORD] * len(o.sizes)
        f = FunctionPrinter(self.module, step.instr.op.name, [*kinds, *([WORD] if asks_host(step) else ())])
        f.calls = self.calls
        rest = f.bind(o)
        if rest:
            f.sizes[HOST] = rest[0]
        emit_call(f, step)
        self.functions[o.key] = f.finish()
        return self.functions[o.key]

    def _call(self, o: Outline, function: ir.Function, hosted: bool = False) -> None:
        f = self.f
        outputs = [f.entry.alloca(memory_type(b.dtype)) for b in o.outputs]
        args = [self.words.pointer(b, f.b) for b in o.buffers]
        args += map(self.words.size, (*o.sizes, *((HOST,) if hosted else ())))
        args += [f.input_block(o.inputs)] if many(o) else [self.words.value(name) for name in o.inputs]
        f.check(f.b.call(function, [*args, *outputs]))
        for buffer, place in zip(o.outputs, outputs, strict=True):
            f.values[buffer.name] = f.load(place, buffer.dtype)
