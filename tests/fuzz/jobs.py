"""The work of `make fuzz` in pieces that processes take one after another."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz import checks
from fuzz.generator import program
from fuzz.shrink import reproduction, shrunk

CHUNK = 5  # seeds that a process is handed at once
CHECKS = {"interpreted": checks.interpreted, "compiled": checks.compiled, "jax": checks.against_jax}

Job = tuple[str, int, int]  # kind of check, first seed, number of seeds


def jobs(counts: dict[str, int], seed: int) -> Iterator[Job]:
    """All seeds of all kinds in chunks, each kind spread evenly over the run."""
    chunks = [
        (done / count, (kind, seed + done, min(CHUNK, count - done)))
        for kind, count in counts.items()
        for done in range(0, count, CHUNK)
    ]
    return (job for _, job in sorted(chunks))


def size_of(kind: str, seed: int) -> int | None:
    """Programs for compilers are small: machine code takes some 0.4 s a step."""
    return None if kind == "interpreted" else 3 + seed % 10


def work(job: Job) -> tuple[str, int, str]:
    """Check some seeds: the kind, how many passed, and a report of the first failure, if any."""
    kind, first, count = job
    check = CHECKS[kind]
    for seed in range(first, first + count):
        p = program(seed, size_of(kind, seed))
        try:
            check(p)
        except Exception as error:
            smallest = shrunk(check, p)
            report = f"{kind}, seed {seed}: {type(error).__name__}: {error}\n\n{reproduction(check, smallest)}"
            return kind, seed - first, report
    return kind, count, ""
