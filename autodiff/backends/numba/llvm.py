"""A kernel plan as LLVM IR: the second printer of loop nests, beside `source.py`.

    int kernel(int64 *words)        one word per parameter, size, buffer and scalar result

The kernel calls one function per step, in order; only straight-line code is in itself. Who calls
the kernel gives all memory: results are fresh arrays, intermediates live in an arena. The two
printers are held together by tests; what this one cannot say (`NoKernel`) is compiled from source
by Numba instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from autodiff.backends.numba.bounds import require
from autodiff.backends.numba.cost import formulas
from autodiff.backends.numba.host import HOST
from autodiff.backends.numba.lives import buffers_of, roots_of
from autodiff.backends.numba.llvm_calls import asks_host, emit_call, is_straight
from autodiff.backends.numba.llvm_function import WORD, WORDS, FunctionPrinter, memory_type
from autodiff.backends.numba.llvm_lanes import is_vector
from autodiff.backends.numba.llvm_loops import count
from autodiff.backends.numba.llvm_moving import exchanged, in_items
from autodiff.backends.numba.llvm_nest import NestPrinter
from autodiff.backends.numba.llvm_regions import emit_branch, emit_cycle, emit_locate
from autodiff.backends.numba.llvm_scalar import constant
from autodiff.backends.numba.llvm_stack import Stacks, wrapped
from autodiff.backends.numba.llvm_step import StepPrinter, poll
from autodiff.backends.numba.llvm_words import Words
from autodiff.backends.numba.nest import (
    Alias,
    Begin,
    Branch,
    Cycle,
    KernelPlan,
    Locate,
    LoopNest,
    NativeCall,
    Reserve,
    Step,
    every_step,
    inner_steps,
)
from autodiff.backends.numba.outline import Outline, many, outline
from autodiff.config import config

# A formula written out costs LLVM's optimiser 10 to 30 ms, and takes 0 to 25 % less time than a call of it, the less
# the more there are; a kernel of more than this calls them all.
INLINED = 3
WRITTEN = 12  # in one nest that is vector code from the start: without an optimiser a formula costs 2 ms


def print_llvm(plan: KernelPlan) -> str:
    """The kernel as LLVM IR text, its entry point called `kernel`.

    Raises
    ------
    NoKernel
        When the plan holds something that only the source printer can say.
    """
    return "\n".join(map(str, KernelPrinter(plan).modules))


def _counts(cycle: Cycle) -> bool:
    """Whether a loop works on numbers only: then LLVM has to optimise the kernel's own code."""
    inner = every_step([s for steps in inner_steps(cycle) for s in steps])
    return not any(isinstance(s, NativeCall) or (isinstance(s, LoopNest) and s.domain) for s in inner)


class Rest(ir.Module):
    """A module that another one is linked with: its names are unlike the other's."""

    def get_unique_name(self, name: str = "") -> str:
        found: str = super().get_unique_name(f"rest.{name}")
        return found


class KernelPrinter:
    """Emits one kernel: `f` is its entry point.

    In a `straight` kernel the steps whose loops are vector code from the start go into `module`, with the entry point,
    which is compiled as it stands; others go into `rest`, which LLVM has to optimise.
    """

    def __init__(self, plan: KernelPlan) -> None:
        self.plan = plan
        self.module = ir.Module("kernel")
        steps = list(every_step(plan.steps))
        self.straight = not config.bounds and not any(isinstance(s, Cycle) and _counts(s) for s in steps)
        self.rest = Rest("rest") if self.straight else self.module
        self.called = sum(formulas(s) for s in steps if isinstance(s, LoopNest)) > INLINED
        stacked = any(isinstance(s, Begin) for s in steps)
        kinds, name = ([WORDS, WORDS], "body") if stacked else ([WORDS], "kernel")
        self.f = f = FunctionPrinter(self.module, name, kinds, self.called, public=not stacked)
        self.roots = roots_of(plan)
        self.calls = f.calls = [s for s in steps if isinstance(s, NativeCall)]
        self.functions: dict[str, ir.Function] = {}
        self.zeroed = {b for b in plan.allocated if b.zeroed}
        hosted = any(map(asks_host, steps))
        self.words = Words(f, plan, self.roots, hosted)
        self.words.stacks = Stacks(f, f.body.args[1]) if stacked else None
        self.words.moving = {b for s in steps if isinstance(s, Cycle) for b in s.moving}
        self._steps(plan.steps)
        for buffer, place in zip([b for b in plan.results if not b.shape], self.words.results, strict=True):
            pointer = f.b.inttoptr(self.words.word(place, f.b), memory_type(buffer.dtype).as_pointer())
            f.b.store(f.stored(f.values[buffer.name]), pointer)
        f.raise_refused()
        f.raise_out_of_bounds()
        f.finish()
        if self.words.stacks is not None:
            wrapped(self.module, f.body, len(self.words.stacks.numbers))

    @property
    def modules(self) -> list[ir.Module]:
        """The modules of the kernel; the second one, if there is one, is `rest`."""
        return [self.module, self.rest] if self.rest is not self.module and self.rest.functions else [self.module]

    # ---- steps ------------------------------------------------------------------------------

    def _steps(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._step(step)

    def _step(self, step: Step) -> None:
        if isinstance(step, Cycle | Branch | Reserve | Begin | Locate):
            self._region(step)
            return
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

    def _region(self, step: Cycle | Branch | Reserve | Begin | Locate) -> None:
        if isinstance(step, Cycle):
            f, word_of = self.f, self.words.address
            with exchanged(f, step.swaps, word_of) as exchange, in_items(f, step, word_of) as move:
                emit_cycle(f, step, self._steps, [exchange, move])
        elif isinstance(step, Branch):
            emit_branch(self.f, step, self._steps)
        elif isinstance(step, Locate):
            emit_locate(self.f, step)
        else:
            assert self.words.stacks is not None
            if isinstance(step, Reserve):
                self.words.stacks.reserve(step)
            else:
                self.words.stacks.begin(step)

    def _require_same_size(self, step: Alias) -> None:
        """Two names of the same memory must be equally long."""
        old, new = (self.f.size(count(b.shape)) for b in (step.base, step.buffer))
        message = f"{step.buffer.name} is another size than {step.base.name}, whose memory it is"
        require(self.f.b, self.f.b.icmp_signed("==", old, new), message)
        self.f.raise_out_of_bounds()

    def _nest(self, step: LoopNest, o: Outline) -> ir.Function:
        inputs = {name: self.words.dtype(name) for name in o.inputs}
        known = is_vector(step, lambda buffer: self.roots.get(buffer, buffer))
        module = self.module if known else self.rest
        called = formulas(step) > WRITTEN if known else self.called
        return self._known(o, StepPrinter(module, step, o, inputs, called, known).function())

    def _known(self, o: Outline, function: ir.Function) -> ir.Function:
        """A function that the kernel may call, wherever it is."""
        if function.module is not self.module:
            function.linkage = ""
            function = ir.Function(self.module, function.function_type, function.name)
        self.functions[o.key] = function
        return function

    def _native(self, step: NativeCall, o: Outline) -> ir.Function:
        kinds = [memory_type(b.dtype).as_pointer() for b in o.buffers] + [WORD] * len(o.sizes)
        module = self.module if is_straight(step) else self.rest
        f = FunctionPrinter(module, step.instr.op.name, [*kinds, *([WORD] if asks_host(step) else ())])
        f.calls = self.calls
        rest = f.bind(o, f.body.args)
        if rest:
            f.sizes[HOST] = rest[0]
        emit_call(f, step)
        return self._known(o, f.finish())

    def _call(self, o: Outline, function: ir.Function, hosted: bool = False) -> None:
        f = self.f
        outputs = [f.entry.alloca(memory_type(b.dtype)) for b in o.outputs]
        args = [self.words.pointer(b, f.b) for b in o.buffers]
        args += map(self.words.size, (*o.sizes, *((HOST,) if hosted else ())))
        args += [f.input_block(o.inputs)] if many(o) else [self.words.value(name) for name in o.inputs]
        f.check(f.b.call(function, [*args, *outputs]))
        for buffer, place in zip(o.outputs, outputs, strict=True):
            f.values[buffer.name] = f.load(place, buffer.dtype)
