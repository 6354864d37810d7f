"""`f.explain()`: what became of the loops and branches of a function, and of the whole of it, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from autodiff.errors import describe_location
from autodiff.frontends.decision import Decision
from autodiff.frontends.specialisations import Entry


def explained(function: Any, transform: str, entry: Entry, alike: int) -> str:
    """What became of one program; `alike` counts those for arguments of the same kinds."""
    traced, program = entry.traced, entry.program
    given = ", ".join(f"{p.hint}: {p.aval}" for p in traced.block.params[: traced.n_params])
    captured = traced.block.params[traced.n_params :]
    lines = [f"{transform} of {function.name}({given})"]
    if captured:
        lines.append(f"captured: {', '.join(f'{p.hint}: {p.aval}' for p in captured)}")
    lines += ["", *(_decisions(traced.decisions) or ["no loop, branch or question depends on the arguments"])]
    if alike > 1:
        lines.append(f"This is one of {alike} programs for arguments like these, which were decided differently.")
    sizes = f"{len(traced.block.instrs)} operations were traced, {len(program.block.instrs)} are run"
    return "\n".join([*lines, "", f"{sizes}:", program.explained().rstrip()])


def _decisions(decisions: Sequence[Decision]) -> list[str]:
    """Two lines a decision, in the order of the source; what was decided alike several times is said once."""
    counts = Counter((d.location, d.kind, d.what, d.why) for d in decisions)
    lines = []
    for (location, kind, what, why), count in sorted(counts.items(), key=lambda item: item[0][0]):
        times = f" ({count} times)" if count > 1 else ""
        lines += [describe_location(location), f"    {what}: {kind}{times}: {why}"]
    return lines
