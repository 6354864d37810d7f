"""Importing autodiff is quick: what is heavy is imported when it is first needed."""

import subprocess
import sys

import numpy as np
import pytest

import autodiff as ad

HEAVY = ("numba", "llvmlite", "scipy", "sklearn", "matplotlib", "tqdm", "optree", "numpy.random", "numpy.polynomial")
# Of the standard library: 1 to 10 ms each, and no program needs them before its first call.
SLOW = ("dataclasses", "difflib", "hashlib", "hmac", "json", "pathlib", "random", "sysconfig", "numpy.fft")
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


def test_what_is_slow_in_the_standard_library_is_not_imported(imported):
    assert [m for m in imported if m in SLOW] == []


def test_ops_that_few_programs_need_are_imported_when_needed(imported):
    rare = {f"autodiff.ops.{name}" for name in ("decompositions", "linear_solve", "matrices", "sparse", "special")}
    rare |= {f"autodiff.frontends.surface.{name}" for name in ("rare", "linalg", "fourier", "scipy_special")}
    assert [m for m in imported if m in rare] == []


@pytest.mark.parametrize(
    "code",
    [
        "np.linalg.norm(x) + np.linalg.slogdet(x)[1]",
        "np.sum(np.abs(np.fft.rfft(x)))",
        "np.sum(np.linalg.diagonal(x)) + np.sum(np.median(x, axis=0))",
        "np.sum(scipy.special.gammaln(x))",
        "np.sum(scipy.sparse.csr_array(np.eye(2)) @ x)",
        "np.sum(anp.linalg.inv([[x[0, 0], 0.0], [0.0, 1.0]]))",
        "np.sum(np.i0(x))",
    ],
)
def test_rare_functions_are_found_at_the_first_call(code):
    """Each in a process that has imported nothing for them yet."""
    found = in_a_new_process(
        "import numpy as np, scipy.special, scipy.sparse, autodiff as ad, autodiff.numpy as anp\n"
        f"ad.config.jit = False\nx = np.array([[2.0, 0.5], [0.25, 3.0]])\nf = lambda x: {code}\n"
        "print(*ad.grad(f)(x).ravel(), *((f(x + d) - f(x - d)) / 2e-6 for d in 1e-6 * np.eye(4).reshape(4, 2, 2)))"
    )
    gradient, differences = np.split(np.array(found, float), 2)
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-7)


def test_all_ops_are_there_when_they_are_asked_for():
    first, second = in_a_new_process(
        "from autodiff.ops import OPS as few\nfrom autodiff import ops\nimport autodiff.numpy, autodiff.scipy.linalg\n"
        "import autodiff.scipy.special, autodiff.scipy.stats, autodiff.scipy.signal, autodiff.nn\n"
        "print(len(few), len(ops.op.OPS))"
    )
    assert first == second


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
