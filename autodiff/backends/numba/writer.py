"""Writing functions in LLVM as one would in C: loops, calls by name, words that threads share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from llvmlite import ir

WORD, BYTE, INT = ir.IntType(64), ir.IntType(8), ir.IntType(32)
VOID = ir.VoidType()
POINTER, WORDS = BYTE.as_pointer(), WORD.as_pointer()


@contextmanager
def while_(b: ir.IRBuilder, condition: Callable[[], ir.Value]) -> Iterator[None]:
    """Repeat as long as `condition`, which emits the question, says so."""
    head, body, done = (b.function.append_basic_block(name) for name in ("head", "body", "done"))
    b.branch(head)
    b.position_at_end(head)
    b.cbranch(condition(), body, done)
    b.position_at_end(body)
    yield
    b.branch(head)
    b.position_at_end(done)


class Writer:
    """A module whose functions are written one after the other; `b` stands in the one at hand."""

    def __init__(self, name: str) -> None:
        self.module = ir.Module(name)
        self.b = ir.IRBuilder()

    def variable(self, name: str, kind: ir.Type) -> None:
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

    def while_(self, condition: Callable[[], ir.Value]) -> AbstractContextManager[None]:
        return while_(self.b, condition)

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

    def least(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.select(self.b.icmp_signed("<", x, y), x, y)

    def most(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.select(self.b.icmp_signed(">", x, y), x, y)

    def pointer(self, name: str) -> ir.Value:
        return self.b.bitcast(self.module.globals[name], POINTER)
