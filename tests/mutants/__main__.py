"""`make mutants`: break derivative rules one at a time; every break should make a test fail.

    PYTHONPATH=tests python -m mutants --count 250 --file reduction

Verdicts are kept in build/mutants.json and used again as long as neither the mutated source nor a test has changed.
Survivors are printed as diffs: each shows a test that is missing, or belongs in equivalent.py with the reason why no
test can tell it from the original.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from mutants.equivalent import EQUIVALENT
from mutants.operators import Mutant
from mutants.runner import failing, noticed, preload
from mutants.selection import chosen, stages
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "mutants.json"
GOAL = 0.99


def verdict(mutant: Mutant, left_out: list[str]) -> tuple[Mutant, int]:
    """The first stage that notices the mutant, -1 when it survives."""
    for k, stage in enumerate(stages(mutant, ROOT)):
        if noticed(mutant, [*stage, *(f"--deselect={t}" for t in left_out)], ROOT):
            return mutant, k
    return mutant, -1


def key(mutant: Mutant, tests: str) -> str:
    return hashlib.sha256(f"{mutant.source(ROOT)}{tests}".encode()).hexdigest()[:20]


def state_of_tests() -> str:
    """Changes when a test does."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()


def baseline(found: list[Mutant], known: dict[str, Any], tests: str) -> list[str]:
    """Tests that fail without any mutant: they notice nothing, so they are left out, and said to be."""
    code = b"".join(f.read_bytes() for f in sorted((ROOT / "autodiff").rglob("*.py")))
    here = f"baseline {hashlib.sha256(code + tests.encode()).hexdigest()[:20]}"
    if here not in known:
        files = sorted({t for m in found for stage in stages(m, ROOT) for t in stage if t.startswith("tests/")})
        known[here] = [t for file in tqdm(files, desc="tests as they are") for t in failing(file, ROOT)]
        save(known)
    if known[here]:
        print("These fail without any mutant and are left out:", *known[here], sep="\n    ")
    return list(known[here])


def save(known: dict[str, Any]) -> None:
    CACHE.parent.mkdir(exist_ok=True)
    CACHE.write_text(json.dumps(known))


def run(found: list[Mutant], known: dict[str, Any], processes: int) -> dict[Mutant, int]:
    """The verdicts."""
    tests = state_of_tests()
    check = functools.partial(verdict, left_out=baseline(found, known, tests))
    keys = {m: key(m, tests) for m in found}
    todo = [m for m in found if keys[m] not in known]
    # fork: the children of these processes start with everything imported that is not mutated.
    context = multiprocessing.get_context("fork")
    with context.Pool(processes) as pool, tqdm(total=len(todo), desc="mutants") as bar:
        for mutant, stage in pool.imap_unordered(check, todo):
            known[keys[mutant]] = stage
            save(known)
            if stage < 0 and mutant.name not in EQUIVALENT:
                bar.write(f"survived: {mutant}\n{mutant.diff(ROOT)}")
            bar.update()
    return {m: known[keys[m]] for m in found}


def report(found: list[Mutant], verdicts: dict[Mutant, int]) -> bool:
    """Print the count; whether enough were killed."""
    equivalent = [m for m in found if m.name in EQUIVALENT]
    alive = [m for m in found if verdicts[m] < 0 and m.name not in EQUIVALENT]
    counted = len(found) - len(equivalent)
    killed = counted - len(alive)
    for mutant in alive:
        print(f"\nsurvived: {mutant}\n{mutant.diff(ROOT)}")
    for mutant in equivalent:
        if verdicts[mutant] >= 0:
            print(f"\nlisted as equivalent, but killed: {mutant.name}")
    share = killed / counted if counted else 1.0
    print(f"\n{killed} of {counted} mutants killed ({share:.1%}), {len(equivalent)} equivalent ones not counted.")
    return share >= GOAL


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description="break derivative rules, see tests fail")
    parser.add_argument("--count", type=int, default=250, help="how many, of all files together; 0 for all there are")
    parser.add_argument("--file", default="", help="only files with this in their path")
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    found = chosen(ROOT, given.count, given.file)
    if given.list:
        print("\n".join(f"{m}  {m.before} -> {m.after}" for m in found))
        return 0
    preload()
    known = json.loads(CACHE.read_text()) if CACHE.exists() else {}
    return int(not report(found, run(found, known, given.processes)))


if __name__ == "__main__":
    sys.exit(main())
