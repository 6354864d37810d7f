"""Which files are mutated, and which tests are to notice: near and fast ones first.

Stages run in this order until one fails; a mutant that passes all has survived.
"""

from __future__ import annotations

import random
from pathlib import Path

from mutants.operators import Mutant, mutants

OP_TESTS = ["tests/ops/test_derivatives.py", "tests/ops/test_kinks.py", "tests/ops/test_linalg.py"]
ENGINE_TESTS = [
    "tests/transforms",
    "tests/passes/test_passes.py",
    "tests/frontends/test_tape_connection.py",
    "tests/ir",
]
STABLE_TESTS = ["tests/passes/test_stabilize.py"]
MASK_TESTS = ["tests/transforms/test_masks.py"]
RANDOM = ["tests/fuzz/test_programs.py", "-k", "interpreted"]
PLACE, NEAR = "autodiff/frontends/surface", "tests/frontends/surface"
SURFACE = ["tests/frontends/surface", "tests/frontends/test_surface.py"]
WHOLE = ["tests/frontends", "tests/test_api.py", "tests/ops/test_kinks.py"]

# Files with calculus in them, and the stages of tests for their mutants.
FILES: dict[str, list[list[str]]] = {
    "autodiff/ops": [OP_TESTS, MASK_TESTS, RANDOM, SURFACE],
    "autodiff/transforms": [ENGINE_TESTS, RANDOM, WHOLE],
    "autodiff/passes/simplify.py": [ENGINE_TESTS, RANDOM, WHOLE],
    "autodiff/passes/stabilize.py": [STABLE_TESTS, ENGINE_TESTS, WHOLE],
    "autodiff/passes/cse.py": [ENGINE_TESTS, RANDOM, WHOLE],
    f"{PLACE}/reductions.py": [[f"{NEAR}/test_nan_reductions.py", "tests/frontends/test_surface.py"], RANDOM, SURFACE],
    f"{PLACE}/calculus.py": [[f"{NEAR}/test_calculus.py"], RANDOM, SURFACE],
    f"{PLACE}/products.py": [["tests/frontends/test_surface.py"], RANDOM, SURFACE],
    f"{PLACE}/quantiles.py": [[f"{NEAR}/test_ordering.py"], RANDOM, SURFACE],
}


def stages(mutant: Mutant, root: Path) -> list[list[str]]:
    """Arguments of pytest, one list a stage."""
    found = next(tests for prefix, tests in FILES.items() if mutant.path.startswith(prefix))
    listed = list(found)
    # Of the tests of ops, those of the ops concerned.
    if 0 < len(mutant.ops) <= 12:
        listed[0] = [*listed[0], "-k", " or ".join(mutant.ops)]
    elif RANDOM in listed:
        # What breaks many ops shows in random programs before it shows op by op.
        listed = [RANDOM, *(stage for stage in listed if stage is not RANDOM)]
    return listed


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
