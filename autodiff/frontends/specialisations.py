"""The programs of one function for calls that are alike but for their values: one for each way Python decided.

Most functions ask for no values, and have one `Entry` for each kind of call. One with guards (`frontends/guards.py`)
has several; a call runs the one that was right last, and the answers that come with its results tell either that
they are right, or which of the others may be: Python asks the same first question whatever the values are, and
the same second one wherever the first was answered alike. So every miss rules out whole families of paths.

`Specialisations.caller` is the short cut: a function of Python's that holds native ones, one for each path.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.frontends import trees as optree
from autodiff.frontends.asking import Site
from autodiff.frontends.call import Call
from autodiff.frontends.fingerprint import Fingerprint
from autodiff.frontends.guards import Guards, described, first_miss, mark_unstable
from autodiff.frontends.shortcut import MISSED, Shortcut, current, missed, shortcut
from autodiff.ir.core import Block
from autodiff.passes.pipeline import optimize
from autodiff.runtime.kernels import CacheInfo
from autodiff.runtime.tiers import Program

LIMIT = 64  # programs kept for one kind of call, least recently used ones dropped first
STABLE = 8  # programs that one line may have caused before it is called unstable
STABLE_FLOATS = 3  # the same for a line that asks for a float
Values = Sequence[Any]  # of the guards, up to the first that cannot be computed
_warned: set[Site] = set()


class Entry:
    """A program ready to run, with all it was made from.

    Attributes
    ----------
    traced : the function as a block (`frontends/function.py`)
    block : what it became under the transform
    program : the block, with the values of the guards after its results
    check : the values of the guards alone, where they are needed first; `program` then gives only the results
    spec : structure of the results
    key : of the calls it is for: `Call.key`
    shortcuts : by the form of a call, which arguments are given by name: the short cut, and of how many it is a chain
    """

    __slots__ = ("block", "check", "fingerprint", "key", "program", "shortcuts", "spec", "traced")

    def __init__(
        self, traced: Any, block: Block, spec: Any, key: Any, fingerprint: Fingerprint, infos: tuple[CacheInfo, ...]
    ) -> None:
        self.traced = traced
        self.block = block
        self.spec = spec
        self.key = key
        self.fingerprint = fingerprint
        guards, self.check = self.guards, None
        if guards is not None and guards.come_first:
            self.check = Program(optimize(guards.alone(block.params)), infos)
        elif guards is not None:
            block = guards.added_to(block)
        self.program = Program(optimize(block), infos)
        self.shortcuts: dict[Any, tuple[Shortcut, int]] = {}

    @property
    def guards(self) -> Guards | None:
        return self.traced.guards  # type: ignore[no-any-return]

    def holds(self) -> bool:
        """Whether the outside world is still the one it was traced in."""
        places = self.traced.block.params[self.traced.n_params :]
        fits = all(c.shape == p.aval.shape for c, p in zip(self.traced.captured, places, strict=True))
        return fits and self.fingerprint.holds()

    def arguments(self, leaves: Sequence[Any]) -> list[Any]:
        """What the program is called with."""
        return [*leaves, *map(current, self.traced.captured)]

    def run(self, args: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """The results, and the values of the guards."""
        outs, n = self.program(*args), len(self.block.results)
        return outs[:n], outs[n:] if self.check is None else self.check(*args)

    def shortcut(self, call: Call) -> Shortcut | None:
        """A native function that gives (result, values of the guards), or `MISSED`."""
        guards, captured = self.guards, self.traced.captured
        assert guards is not None
        values = optree.treespec_tuple([optree.treespec_leaf()] * len(guards))
        if self.check is None:
            both = optree.treespec_tuple([self.spec, values])
            return shortcut(call, self.program, both, captured, self.fingerprint, missed)
        check = shortcut(call, self.check, values, captured, self.fingerprint, missed)
        run = shortcut(call, self.program, self.spec, captured, self.fingerprint, missed)
        return None if check is None or run is None else _checked_first(check, run, guards)


def _checked_first(check: Shortcut, run: Shortcut, guards: Guards) -> Shortcut:
    """The result with the values of the guards; without a result where they do not hold."""

    def answer(*args: Any, **kwargs: Any) -> Any:
        values = check(*args, **kwargs)
        if values is MISSED:
            return MISSED
        if first_miss(values, guards.expected) is not None:
            return None, values
        out = run(*args, **kwargs)
        return MISSED if out is MISSED else (out, values)

    return answer


class Specialisations:
    """The entries for one `Call.key`, the one used last in front."""

    def __init__(self, function: str) -> None:
        self.function = function
        self.entries: list[Entry] = []
        self.caused: Counter[Site] = Counter()  # how many programs were made because a line decided in another way
        self.callers: dict[Any, tuple[Caller, int]] = {}  # by the form of a call, and of how many it is a chain

    def latest(self) -> Entry | None:
        """The entry used last, of those that fit the outside world; those before it are forgotten."""
        entries = self.entries
        while entries and not entries[0].holds():
            entries = entries[1:]
        self.entries = entries
        return entries[0] if entries else None

    def add(self, entry: Entry) -> None:
        """A new entry; one without guards is for every call."""
        self.entries = [entry, *self.entries[: LIMIT - 1]] if entry.guards else [entry]

    def use(self, entry: Entry) -> None:
        """The entry is the one used last."""
        self.entries = [entry, *(e for e in self.entries if e is not entry)]

    def run(self, leaves: Sequence[Any]) -> tuple[Entry | None, Sequence[Any]]:
        """An entry whose guards hold for these arguments, and what its program gives; None where there is none."""
        outs: Sequence[Any] = ()

        def tried(entry: Entry) -> Values:
            nonlocal outs
            args, guards = entry.arguments(leaves), entry.guards
            assert guards is not None
            try:
                if entry.check is None:
                    outs, values = entry.run(args)
                    return values
                values = entry.check(*args)
                if first_miss(values, guards.expected) is None:
                    outs = entry.program(*args)
                return values
            except Exception:  # of a path that is not taken, unless the guards hold
                found = guards.by_numpy(args)
                if first_miss(found, guards.answers) is None:
                    raise
                return found

        found, _ = self.search(tried)
        return found, outs

    def fitting(self, leaves: Sequence[Any]) -> tuple[Entry | None, Site | None]:
        """An entry whose guards hold by what NumPy computes; else None, and the line that missed."""

        def by_numpy(entry: Entry) -> Values:
            return entry.guards.by_numpy(entry.arguments(leaves)) if entry.guards else ()

        return self.search(by_numpy, exact=True)

    def search(self, ask: Callable[[Entry], Values], exact: bool = False) -> tuple[Entry | None, Site | None]:
        """An entry whose guards hold, by the values that `ask` gives for one; else None, and the line that missed.

        `exact`: the values are NumPy's, not a kernel's.
        """
        entry, site = self.latest(), None
        for _ in range(len(self.entries)):
            if entry is None or entry.guards is None:
                break
            values = ask(entry)
            k = first_miss(values, _expected(entry, exact))
            if k is None:
                break
            site = entry.guards.guards[k].site
            if k == len(values):  # where Python asks this, it gets an error
                return None, site
            entry = next((e for e in self.entries if _may_hold(e, values[: k + 1], exact) and e.holds()), None)
        else:
            return None, site
        if entry is not None:
            self.use(entry)
        return entry, site

    def note_cause(self, site: Site | None) -> None:
        """A line decided in a way that no program is for; warns when it does so again and again."""
        if site is None:
            return
        self.caused[site] += 1
        count = self.caused[site] + 1
        asked = [g for e in self.entries if e.guards for g in e.guards.guards]
        floats = any(g.site == site and isinstance(g.answer, float | complex) for g in asked)
        if count > STABLE and mark_unstable(site):
            # What is traced from now on need not ask there.
            self.entries = []
        if count > (STABLE_FLOATS if floats else STABLE) and site not in _warned:
            _warned.add(site)
            _warn(self.function, site, count, floats)


def _warn(function: str, site: Site, count: int, floats: bool) -> None:
    what = "makes a Python float of a traced array" if floats else "decides on the values of traced arrays"
    remedy = (
        "use the array itself (np.sqrt(x) in place of math.sqrt(x)), or pass the number as a static argument"
        if floats
        else "choose with np.where(condition, a, b), or pass what decides as a static argument"
    )
    warnings.warn_explicit(
        f"{function}: a line {what}, and has done so in {count} ways for arguments of the same shapes. Each is a "
        f"program of its own, traced and compiled\n  at {described(site)}\n  remedy: {remedy}",
        RuntimeWarning,
        *site,
    )


def _expected(entry: Entry, exact: bool) -> Sequence[Any]:
    guards = entry.guards
    return () if guards is None else guards.answers if exact else guards.expected


def _may_hold(entry: Entry, known: Sequence[Any], exact: bool) -> bool:
    """Whether an entry asks for at least as much, and has these answers to the first questions."""
    expected = _expected(entry, exact)
    return len(expected) >= len(known) and first_miss(known, expected[: len(known)]) is None


# ---- the short cut ---------------------------------------------------------------------------------


class Link:
    """A native short cut that gives (result, values of the guards), and what these have to be."""

    __slots__ = ("entry", "exact", "guards", "run")

    def __init__(self, entry: Entry, run: Shortcut) -> None:
        assert entry.guards is not None
        self.entry, self.guards, self.run = entry, entry.guards, run
        self.exact = not self.guards.has_floats  # equal is the same, but for NaN and the sign of 0.0


class Caller:
    """Answers calls of one form by the links of one `Specialisations`.

    Attributes
    ----------
    answer : the function that does, with as little between a call and its kernel as Python allows
    """

    def __init__(self, full: Shortcut, behind: Shortcut) -> None:
        self.links: list[Link] = []  # the one used last in front
        self._full, self._behind = full, behind

        def answer(*args: Any, **kwargs: Any) -> Any:
            link = links[0]
            try:
                out = link.run(*args, **kwargs)
            except Exception:  # the user's error, or that of a path that is not taken: the full path finds out
                return full(*args, **kwargs)
            if out is MISSED:
                return behind(*args, **kwargs)
            if out[1] == link.guards.expected and link.exact:
                return out[0]
            return follow(link, out, args, kwargs)

        links, follow = self.links, self._follow
        self.answer = answer

    def add(self, link: Link, kept: Sequence[Entry]) -> None:
        """Have a program tried first from now on; those of entries that are no longer kept, never."""
        self.links[:] = [link, *(x for x in self.links if x.entry is not link.entry and x.entry in kept)]

    def _follow(self, link: Link, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result by the link that the answers lead to; the full path where there is none."""
        for _ in range(len(self.links)):
            k = first_miss(out[1], link.guards.expected)
            if k is None:
                self.links[:] = [link, *(x for x in self.links if x is not link)]
                return out[0]
            known = out[1][: k + 1]
            found = next((x for x in self.links if x.guards.expected[: k + 1] == known), None)
            if found is None:
                break
            link = found
            try:
                out = link.run(*args, **kwargs)
            except Exception:
                break
            if out is MISSED:
                break
        return self._full(*args, **kwargs)
