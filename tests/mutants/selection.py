"""Which files are mutated, and which tests are to notice: near and fast ones first.

Stages run in this order until one fails; a mutant that passes all has survived.
"""

from __future__ import annotations

import random
from pathlib import Path

from mutants.operators import Mutant, mutants

OP_TESTS = ["tests/ops/test_derivatives.py", "tests/ops/test_kinks.py", "tests/ops/test_rules.py"]
ENGINE_TESTS = ["tests/passes/test_passes.py", "tests/transforms", "tests/ir"]
RANDOM = ["tests/fuzz/test_programs.py", "tests/passes/test_random_programs.py"]
SURFACE = ["tests/frontends/surface", "tests/frontends/test_surface.py", "tests/ops"]
WHOLE = ["tests/frontends", "tests/test_api.py", "tests/test_against_jax.py", "tests/backends"]

# Files with calculus in them, and the stages of tests for their mutants.
FILES: dict[str, list[list[str]]] = {
    "autodiff/ops": [OP_TESTS, RANDOM, SURFACE],
    "autodiff/transforms": [ENGINE_TESTS, RANDOM, OP_TESTS, WHOLE],
    "autodiff/passes/simplify.py": [ENGINE_TESTS, RANDOM, WHOLE],
    "autodiff/passes/stabilize.py": [ENGINE_TESTS, RANDOM, WHOLE],
    "autodiff/passes/cse.py": [ENGINE_TESTS, RANDOM, WHOLE],
    "autodiff/frontends/surface/reductions.py": [SURFACE[1:2], RANDOM, SURFACE, WHOLE],
    "autodiff/frontends/surface/calculus.py": [SURFACE[:1], RANDOM, SURFACE],
    "autodiff/frontends/surface/products.py": [SURFACE[1:2], RANDOM, SURFACE],
    "autodiff/frontends/surface/quantiles.py": [SURFACE[:1], RANDOM, SURFACE],
}


def stages(mutant: Mutant, root: Path) -> list[list[str]]:
    """Arguments of pytest, one list a stage; files that do not exist are left out."""
    found = next(tests for prefix, tests in FILES.items() if mutant.path.startswith(prefix))
    listed = [[t for t in tests if (root / t).exists()] for tests in found]
    # The tests of the ops concerned, before those of all ops: pytest's -k takes names that are no keywords.
    if 0 < len(mutant.ops) <= 12:
        listed.insert(0, [*listed[0], "-k", " or ".join(f"{op}]" for op in mutant.ops)])
    return [stage for stage in listed if stage]


def chosen(root: Path, count: int, only: str = "") -> list[Mutant]:
    """About `count` mutants, the same number of every file that has as many; always the same ones. 0: all."""
    files = [f for prefix in FILES for f in sorted((root / prefix).rglob("*.py")) or [root / prefix]]
    found = [m for m in (mutants(f, root) for f in files if only in f.as_posix()) if m]
    share = -(-count // len(found)) if count and found else 0
    kept: list[Mutant] = []
    for of_file in found:
        order = random.Random(of_file[0].path).sample(range(len(of_file)), min(share or len(of_file), len(of_file)))
        kept += [of_file[k] for k in sorted(order)]
    return kept
