"""Importing autodiff is quick: what is heavy is imported when it is first needed."""

import subprocess
import sys

import pytest

import autodiff as ad

HEAVY = ("numba", "llvmlite", "scipy", "sklearn", "matplotlib", "tqdm", "optree", "numpy.random", "numpy.polynomial")
LATER = ("data", "linalg", "math", "nn", "numpy", "scipy", "testing")


def in_a_new_process(code: str) -> list[str]:
    """The words that `code` prints."""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout.split()


@pytest.fixture(scope="module")
def imported():
    """The modules that `import autodiff` brings with it, beyond NumPy's own."""
    return in_a_new_process(
        "import sys, numpy\nbefore = set(sys.modules)\nimport autodiff\nprint(*sorted(set(sys.modules) - before))"
    )


def test_nothing_heavy_is_imported(imported):
    assert "autodiff.frontends.tracer" in imported
    assert [m for m in imported if m in HEAVY or m.partition(".")[0] in HEAVY] == []


def test_subpackages_are_imported_when_needed(imported):
    assert [m for m in imported for name in LATER if f"{m}.".startswith(f"autodiff.{name}.")] == []


def test_what_plans_and_compiles_kernels_is_imported_when_needed(imported):
    assert [m for m in imported if m in {f"autodiff.backends.numba.{n}" for n in ("compile", "fuse", "llvm")}] == []


@pytest.mark.parametrize("name", LATER)
def test_a_subpackage_is_there_when_it_is_asked_for(name):
    (found,) = in_a_new_process(f"import autodiff as ad; print(ad.{name}.__name__)")
    assert found == f"autodiff.{name}"
    assert name in dir(ad)
    assert name in ad.__all__


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match="'autodiff' has no attribute 'gradd'"):
        exec("ad.gradd", {"ad": ad})
    with pytest.raises(ImportError):
        exec("from autodiff import gradd", {})


def test_scipy_is_imported_by_no_function_that_does_not_need_it():
    code = (
        "import sys, numpy as np, autodiff as ad\nad.config.jit = False\n"
        "ad.grad(lambda x: np.sum(np.tanh(x) * x))(np.ones(3))\n"
        "print(*[m for m in ('scipy', 'numba', 'llvmlite') if m in sys.modules] or ['none'])"
    )
    assert in_a_new_process(code) == ["none"]
