"""The random programs of `make fuzz`, a few hundred of them, and tests that it would notice."""

import dataclasses

import numpy as np
import pytest
from fuzz import checks
from fuzz.dual import STEP, Dual
from fuzz.generator import program
from fuzz.programs import Program, Step
from fuzz.shrink import reproduction, shrunk

from autodiff.ops import transcendental as tr
from autodiff.ops.families import Elementwise


@pytest.mark.parametrize("seed", range(200))
def test_interpreted(seed):
    checks.interpreted(program(seed))


@pytest.mark.parametrize("seed", range(1000, 1008))
def test_compiled(seed):
    checks.compiled(program(seed, size=12))


@pytest.mark.parametrize("seed", range(2000, 2003))
def test_against_jax(seed):
    pytest.importorskip("jax")
    checks.against_jax(program(seed, size=10))


def test_a_seed_is_a_program():
    assert program(3).text() == program(3).text()
    assert program(3).text() != program(4).text()


def test_programs_use_everything():
    text = "".join(program(seed).text() for seed in range(400))
    # A maker whose operands never fit would test nothing.
    for name in (
        "einsum",
        "take_along_axis",
        "argsort",
        "where",
        "@",
        "cumprod",
        "float32",
        "% ",
        "&",
        "median",
        "kron",
    ):
        assert name in text, name


# ---- the oracle ----------------------------------------------------------------------------


def test_duals_know_two_derivatives():
    x = Dual(np.array([0.3, 1.2]) + 1j * STEP, np.ones(2))
    y = np.sin(x) * np.exp(x * 2.0) + 1.0
    e, s, c = np.exp(2 * x.real), np.sin(x.real), np.cos(x.real)
    np.testing.assert_allclose(y.value.real, s * e + 1)
    np.testing.assert_allclose(y.tangent.real, e * (c + 2 * s))
    np.testing.assert_allclose(y.tangent.imag / STEP, e * (3 * s + 4 * c))


# ---- what is planted is found, and made small ----------------------------------------------------


def planted(monkeypatch, op: Elementwise, partial) -> None:
    """Give an op a wrong derivative."""
    monkeypatch.setitem(op.__dict__, "partials", (partial, *op.partials[1:]))


def test_a_wrong_derivative_is_found_and_shrunk(monkeypatch):
    planted(monkeypatch, tr.arctan, lambda y, x: 1.0 / (1.0 + x * x * 1.0000001))
    failing = next(p for p in map(program, range(200)) if "arctan(" in p.text() and fails(p))
    smallest = shrunk(checks.interpreted, failing)
    assert len(smallest.steps) == 1
    assert "np.arctan(" in smallest.text()


def fails(p: Program) -> bool:
    try:
        checks.interpreted(p)
    except checks.Wrong:
        return True
    return False


def test_a_reproduction_runs_and_fails(monkeypatch):
    p = Program({"a": np.float64(0.4)}, (Step("v", "np.tanh(a)", ("a",)),), ("v",))
    text = reproduction(checks.interpreted, p)
    exec(compile(text, "<reproduction>", "exec"), {})
    planted(monkeypatch, tr.tanh, lambda y, x: 1.0 + y * y)
    with pytest.raises(checks.Wrong, match="forward"):
        exec(compile(text, "<reproduction>", "exec"), {})


def test_shrinking_keeps_the_failure():
    # The check fails whenever a sum is left, whatever it is a sum of.
    def no_sums(p: Program) -> None:
        if "np.sum" in p.text():
            raise checks.Wrong("sum", 0, 0, 0.0)

    p = next(p for p in map(program, range(100)) if "np.sum" in p.text() and len(p.steps) > 15)
    smallest = shrunk(no_sums, p)
    assert [s.expression.startswith("np.sum") for s in smallest.steps] == [True]
    assert len(dataclasses.asdict(smallest)["results"]) == 1
