"""One trip of a loop and its adjoint, taken apart: what the trip keeps, and what the adjoint does with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.config import config
from autodiff.errors import MemoryLimitError
from autodiff.ir.aval import ArrayAval, StackAval
from autodiff.ir.build import Builder, building, emitting_to, inline
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ops.arithmetic import identity
from autodiff.ops.families import both, equal, not_equal, zeros_like
from autodiff.ops.op import applied
from autodiff.ops.region import Workers, closure, live, partition, paths, transplanted
from autodiff.ops.stack import blank, empty_stack, peek, push
from autodiff.ops.window import INT, set_window, window

TRIP = ArrayAval((), INT)
AT: dict[str, Any] = {"axes": (0,), "kept": (False,), "sizes": (0,)}


def container(item: ArrayAval, trips: Any) -> Any:
    """What holds one item per trip: an array where the number of trips is known, else a stack."""
    if isinstance(trips, Literal):
        count: Any = trips.value
        (made,) = applied(blank, (), {"aval": ArrayAval((int(count), *item.shape), item.dtype)})
        return made
    return empty_stack(trips, item=item)


def check_memory(instr: Instr, items: Sequence[ArrayAval], trips: Any) -> None:
    """Say what a loop would keep before it is allocated, where that is more than the setting allows."""
    if not isinstance(trips, Literal):
        return  # the kernel looks itself, while the loop runs
    count: Any = trips.value
    each = sum(a.size * a.dtype.itemsize for a in items)
    if each * count > config.memory << 20:
        raise MemoryLimitError(
            f"the gradient of a loop of {count:,} trips keeps {each:,} bytes a trip, {each * count / 2**30:.1f} GiB in "
            f"all: more than the {config.memory / 1024:.1f} GiB that one loop may take (AUTODIFF_MEMORY)",
            'keep less: value_and_grad(..., checkpoint="auto"), or autodiff.checkpoint around the body',
            instr.location,
        )


class Trip:
    """A body (t, *carry, *consts) -> (*carry), and its adjoint.

    `state` and `consts` number those of carry and constants that have a cotangent, `kept` are the values that a
    trip keeps.
    """

    def __init__(self, body: Block, n: int, cts: Sequence[Any], active: Sequence[bool], ad: Workers) -> None:
        """`cts` are those of the results, `active` says which of carry and constants are asked for."""
        self.body, self.n = body, n
        whole = closure([{k - 1 for k in found if k} for found in paths(body)])
        varied = {k for k, flag in enumerate(active) if flag}
        useful = set().union(*(whole[k] for k, ct in enumerate(cts) if ct is not None))
        self.state = [k for k in range(n) if k in useful and not varied.isdisjoint(whole[k])]
        self.consts = [k for k in range(n, len(active)) if active[k] and k in useful]
        self._differentiate(ad)
        self._choose()

    def aval(self, k: int) -> ArrayAval:
        """Of one of carry and constants."""
        return self.body.params[1 + k].aval

    def _differentiate(self, ad: Workers) -> None:
        """One block that computes the trip, and then its adjoint."""
        own = self.body.params
        extra = [own[1 + k] for k in (*self.state, *self.consts)]
        hints = [*(p.hint for p in own), *(f"ct_{p.hint}" if p.hint else "" for p in extra)]
        with building([*(p.aval for p in own), *(p.aval for p in extra)], hints) as b:
            self.params, self.given = b.params[: len(own)], b.params[len(own) :]
            self.outs = inline(self.body, self.params)
            identity(self.params[0])
            marker = b.instrs[-1]  # what comes after it belongs to the adjoint
            sources = [self.params[1 + k] for k in self.state]
            sinks = [self.params[1 + k] for k in self.consts]
            seeds = [(self.outs[k], ct) for k, ct in zip(self.state, self.given, strict=False)]
            seeds = [(y, ct) for y, ct in seeds if not isinstance(y, Literal)]
            totals = dict(zip(sinks, self.given[len(sources) :], strict=True))
            found = ad.pullback(list(b.instrs[:-1]), seeds, [*sources, *sinks], totals)
            self.results = [
                zeros_like(s.aval) if ct is None else ct for ct, s in zip(found, [*sources, *sinks], strict=True)
            ]
        at = next(k for k, i in enumerate(b.instrs) if i is marker)
        self.trip, self.backward = b.instrs[:at], live(b.instrs[at + 1 :], self.results)

    def _choose(self) -> None:
        t, *rest = self.params
        inside = {r for i in self.backward for r in i.results} | set(self.given)
        reads = [*(o for i in self.backward for o in i.operands), *self.results]
        needed = [o for o in reads if not isinstance(o, Literal) and o not in inside]
        equalities: tuple[Any, ...] = (equal, not_equal)
        exact = {o for i in self.backward if i.op in equalities for o in i.operands}
        chosen = partition(self.trip, needed, {t, *rest[self.n :]}, set(rest[: self.n]), exact)
        self.kept, self.again = chosen.kept, chosen.again

    def keeping(self, containers: Sequence[ArrayAval]) -> Block:
        """The trip that writes down what is kept: (t, *carry, *containers, *consts) -> (*carry, *containers)."""
        t, *rest = self.params
        builder = Builder()
        builder.instrs = list(self.trip)
        held = [Value(aval, "kept") for aval in containers]
        with emitting_to(builder):
            written = [
                push(c, v, t) if isinstance(c.aval, StackAval) else set_window(c, v, t, **AT)
                for c, v in zip(held, self.kept, strict=True)
            ]
        return Block((t, *rest[: self.n], *held, *rest[self.n :]), builder.instrs, (*self.outs, *written))

    def adjoint(self, containers: Sequence[ArrayAval]) -> Block:
        """The adjoint trip: (t, *cotangents, *totals, *containers, *consts) -> (*cotangents, *totals)."""
        t, *rest = self.params
        consts = rest[self.n :]
        avals = [t.aval, *(g.aval for g in self.given), *containers, *(c.aval for c in consts)]
        hints = [t.hint, *(g.hint for g in self.given), *("kept" for _ in containers), *(c.hint for c in consts)]
        with building(avals, hints) as b:
            mine, held, same = split(b.params[1:], len(self.given), len(containers))
            env: dict[Operand, Any] = {t: b.params[0], **dict(zip((*self.given, *consts), (*mine, *same), strict=True))}
            for c, v in zip(held, self.kept, strict=True):
                stacked = isinstance(c.aval, StackAval)
                env[v] = peek(c, b.params[0]) if stacked else window(c, b.params[0], **AT)
            transplanted(self.again, env)
            transplanted(self.backward, env)
            return b.block([env.get(r, r) for r in self.results])

    def by_operand(self, outs: Sequence[Any], before: Sequence[Any]) -> list[Any]:
        """The results of the adjoint loop in the places of carry and constants, all that came before included."""
        found: list[Any] = [None] * len(before)
        for k, ct in zip((*self.state, *self.consts), outs, strict=True):
            found[k] = both(before[k], ct) if k < self.n and before[k] is not None else ct
        return [b if f is None else f for f, b in zip(found, before, strict=True)]


def split(xs: Sequence[Any], *sizes: int) -> list[Sequence[Any]]:
    """Parts of these sizes, and the rest."""
    out, at = [], 0
    for n in sizes:
        out.append(xs[at : at + n])
        at += n
    return [*out, xs[at:]]
