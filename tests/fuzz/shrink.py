"""Make a failing program small: cut it wherever what is left still fails in the same way.

A cut replaces a step by a new argument with the value the step had, so types and numbers of the rest stay the same and
no guard of the generator is crossed; results are dropped one by one. What remains when nothing more can go is most
often the one step whose derivative is wrong, and the values it was wrong at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from fuzz.programs import Program

Check = Callable[[Program], None]


def failure(check: Check, p: Program) -> str | None:
    """How the check fails: the kind of error and what disagreed, without the numbers."""
    try:
        check(p)
    except Exception as error:
        return f"{type(error).__name__} {getattr(error, 'what', '')}".rstrip(" 0123456789")
    return None


def shrunk(check: Check, p: Program) -> Program:
    """The smallest program found that fails like `p`."""
    wanted, smaller = failure(check, p), p
    while smaller is not None:
        p = smaller
        smaller = next((c for c in candidates(p) if failure(check, c) == wanted), None)
    return p


def candidates(p: Program) -> Iterator[Program]:
    """Programs with something less, the largest cuts first."""
    if len(p.results) > 1:
        for k in range(len(p.results)):
            yield replace(p, results=(p.results[k],)).pruned()
        for k in range(len(p.results)):
            yield replace(p, results=p.results[:k] + p.results[k + 1 :]).pruned()
    values = intermediates(p)
    # The later a cut, the more of the program it makes unnecessary.
    for step in p.steps[::-1]:
        if step.name not in p.results:
            yield cut(p, step.name, values[step.name])
    yield from earlier_results(p)


def earlier_results(p: Program) -> Iterator[Program]:
    """A step's operands as results, in place of the result they lead to."""
    for step in p.steps:
        if p.results == (step.name,):
            for name in step.reads:
                if any(s.name == name for s in p.steps) and intermediates(p)[name].dtype.kind == "f":
                    yield replace(p, results=(name,)).pruned()


def cut(p: Program, name: str, value: Any) -> Program:
    """The program with an argument in place of a step."""
    steps = tuple(s for s in p.steps if s.name != name)
    return replace(p, arguments={**p.arguments, name: value}, steps=steps).pruned()


def intermediates(p: Program) -> dict[str, Any]:
    env: dict[str, Any] = {**p.arguments, "np": np}
    with np.errstate(all="ignore"):
        for step in p.steps:
            env[step.name] = np.asarray(eval(compile(step.expression, "<step>", "eval"), env))[()]
    return env


def reproduction(check: Check, p: Program) -> str:
    """The program as Python text that shows the failure when it is pasted and run from the repository."""
    with np.printoptions(precision=17, threshold=10_000):
        arguments = ",\n".join(f"    {name!r}: np.{_literal(a)}" for name, a in p.arguments.items())
    steps = "\n".join(f"    Step({s.name!r}, {s.expression!r}, {s.reads!r})," for s in p.steps)
    return f"""# PYTHONPATH=tests python <this file>
import numpy as np
from fuzz.checks import {check.__name__}
from fuzz.programs import Program, Step

arguments = {{
{arguments},
}}
steps = (
{steps}
)
{_comment(p.text())}
{check.__name__}(Program(arguments, steps, {p.results!r}, {p.seed}))
"""


def _literal(a: Any) -> str:
    return f"array({np.asarray(a).tolist()!r}, dtype=np.{a.dtype.name if a.dtype != bool else 'bool_'})" + (
        "[()]" if not np.ndim(a) else ""
    )


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines())
