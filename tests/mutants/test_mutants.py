"""`make mutants` in small: what is mutated, that a mutant runs in place of the original, and that tests notice."""

import subprocess
import sys
from pathlib import Path

import pytest
from mutants.equivalent import EQUIVALENT
from mutants.operators import mutants
from mutants.selection import FILES, chosen, stages

ROOT = Path(__file__).parents[2]


def of_file(name):
    return mutants(ROOT / f"autodiff/ops/{name}.py", ROOT)


def test_every_mutant_is_a_program_of_its_own():
    original = (ROOT / "autodiff/ops/contraction.py").read_text()
    sources = [m.source(ROOT) for m in of_file("contraction")]
    assert len(sources) == len(set(sources)) > 10
    for source in sources:
        compile(source, "<mutant>", "exec")
        assert source != original


def test_mutants_know_the_ops_they_break():
    by_text = {(m.before, m.after): m.ops for m in of_file("transcendental")}
    assert by_text["-sin(x)", "sin(x)"] == ("cos",)


def test_values_and_shapes_are_left_alone():
    lines = (ROOT / "autodiff/ops/reduction.py").read_text().splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("def _recurrence_numpy"))
    assert not [m for m in of_file("reduction") if start < m.line <= start + 8]


def test_the_choice_is_always_the_same_and_has_every_file():
    found = chosen(ROOT, 60)
    assert [m.name for m in found] == [m.name for m in chosen(ROOT, 60)]
    assert {prefix for prefix in FILES if any(m.path.startswith(prefix) for m in found)} == set(FILES)
    assert len(found) >= 60
    assert all(stages(m, ROOT) for m in found)


def test_equivalent_mutants_exist():
    # A name that is no mutant's any more excuses nothing: the code has changed, and so should the list.
    assert EQUIVALENT.keys() <= {m.name for m in chosen(ROOT, 0)}


THREE = {"cos(x) -> sin(x)": True, "-sin(x) -> sin(x)": True, "none": False}
RUN = """
import sys
from pathlib import Path
from mutants.operators import mutants
from mutants.runner import noticed, preload
root = Path(sys.argv[1])
found = mutants(root / "autodiff/ops/transcendental.py", root)
mutant = next((m for m in found if m.name.endswith("] " + sys.argv[2])), None)
preload()
some = ["tests/ops/test_derivatives.py", "-k", "test_pushforward and (float64-sin] or float64-cos])"]
sys.exit(noticed(mutant, some, root))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("name", THREE)
def test_tests_notice(name):
    run = subprocess.run([sys.executable, "-c", RUN, str(ROOT), name], env={"PYTHONPATH": str(ROOT / "tests")})
    assert bool(run.returncode) == THREE[name]
