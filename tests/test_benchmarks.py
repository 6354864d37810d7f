"""The benchmarks: every workload keeps to the interface, and the check that guards the figures sees what is wrong."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

pytest.importorskip("benchmarks", reason="not part of a distribution")

from benchmarks import check
from benchmarks.catalog import ALWAYS, load_workload, peer_names, workload_names
from benchmarks.peer import MOST_TRIPS, flat, is_wide
from benchmarks.peers.numpy_forward import LANGUAGE
from benchmarks.row import Row
from benchmarks.workload import Case, Task, Workload
from benchmarks.workloads import rosenbrock, second_order

LIGHT = [
    pytest.param(load_workload(name), case, id=f"{name}, {case.name}")
    for name in workload_names()
    for case in load_workload(name).CASES
    if not case.heavy and case.trips < MOST_TRIPS
]


def by_hand(x):
    """Value and gradient of Rosenbrock's function."""
    a, b = x[:-1], x[1:] - x[:-1] ** 2
    gradient = numpy.zeros_like(x)
    gradient[1:] += 200 * b
    gradient[:-1] -= 400 * a * b + 2 * (1 - a)
    return float(numpy.sum(100 * b * b + (1 - a) ** 2)), gradient


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "reference.npz"
    assert check.write_reference(by_hand, rosenbrock, rosenbrock.CASES[1], path) == ""
    return path


def test_the_peers_that_always_run_exist():
    assert set(ALWAYS) <= set(peer_names())


@pytest.mark.parametrize("name", workload_names())
def test_cases_have_names_of_their_own(name):
    names = [case.name for case in load_workload(name).CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("workload", "case"), LIGHT)
def test_the_function_runs_in_plain_numpy(workload: Workload, case: Case):
    arguments = workload.arguments(case, 0)[: 1 if case.task is Task.HVP else None]
    value = workload.loss(LANGUAGE, case)(*arguments, *workload.data(case))
    assert numpy.shape(value) == (case.shape[:1] if case.task is Task.JACOBIAN else ())
    assert numpy.all(numpy.isfinite(value))


@pytest.mark.parametrize(("workload", "case"), LIGHT)
def test_two_seeds_are_two_problems(workload: Workload, case: Case):
    first, second = (workload.arguments(case, seed) for seed in check.SEEDS)
    assert not all(numpy.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert 0 < case.differentiated <= len(first)


def test_a_right_result_passes(reference):
    assert check.agrees(by_hand, rosenbrock, rosenbrock.CASES[1], reference, with_gradient=True) == ""


def test_one_wrong_entry_is_seen(reference):
    def wrong(x):
        value, gradient = by_hand(x)
        gradient[3] *= 1.001
        return value, gradient

    problem = check.agrees(wrong, rosenbrock, rosenbrock.CASES[1], reference, with_gradient=True)
    assert "result 1[3]" in problem
    assert "1 of 100 off" in problem


def test_not_a_number_is_seen(reference):
    problem = check.agrees(
        lambda x: (numpy.nan, by_hand(x)[1]), rosenbrock, rosenbrock.CASES[1], reference, with_gradient=True
    )
    assert "result 0 is nan" in problem


def test_a_buffer_used_twice_is_seen(reference):
    kept = numpy.empty(100)

    def overwrites(x):
        value, kept[:] = by_hand(x)
        return value, kept

    assert "off" in check.agrees(overwrites, rosenbrock, rosenbrock.CASES[1], reference, with_gradient=True)


def test_a_missing_gradient_is_seen(reference):
    problem = check.agrees(lambda x: by_hand(x)[0], rosenbrock, rosenbrock.CASES[1], reference, with_gradient=True)
    assert problem == "1 results, expected 2"


def test_a_wrong_limit_is_seen(tmp_path):
    def wrong(x):
        value, gradient = by_hand(x)
        return value, 1.01 * gradient

    assert "slope by hand" in check.write_reference(wrong, rosenbrock, rosenbrock.CASES[1], tmp_path / "r.npz")


def plain(**_):
    """What compiles a limit, without compiling."""
    return lambda function: function


@pytest.mark.parametrize("task", [Task.HESSIAN, Task.HVP])
def test_second_derivatives_are_checked_by_differences(task, tmp_path):
    (listed,) = (case for case in second_order.CASES if case.task is task)
    case, limit = replace(listed, shape=(20,)), second_order.limit(plain, None, listed)
    assert check.write_reference(limit, second_order, case, tmp_path / "right.npz") == ""
    problem = check.write_reference(lambda *a: 1.01 * limit(*a), second_order, case, tmp_path / "wrong.npz")
    assert "curvature by hand" in problem


def test_only_a_wide_jacobian_is_wide():
    assert is_wide(Case("", (3, 1000)))
    assert not is_wide(Case("", (1000, 3)))


def test_results_are_flattened_in_order():
    assert flat((1.0, [2.0, (3.0,)])) == [1.0, 2.0, 3.0]


def test_a_refusal_is_no_failure():
    row = Row("w", "c", "p")
    assert not row.take_over({"refused": "TypeError: no"})
    assert (row.status, row.detail, row.failed) == ("refused", "TypeError: no", False)


def test_a_wrong_result_is_timed_all_the_same():
    row = Row("w", "c", "p")
    assert row.take_over({"problem": "result 0 is 1, expected 2"})
    assert row.failed
    row.rounds = [3.0, 1.0, 2.0]
    row.summarise([1.0, 2.0, 3.0])
    assert row.median == 2.0


def test_every_language_has_the_same_functions():
    """A workload written for NumPy must find its functions with a peer of the same kind."""
    pytest.importorskip("autograd")
    language = importlib.import_module("benchmarks.peers.hips_autograd").LANGUAGE
    x = numpy.array([[0.3, -1.2], [0.5, 2.0]])
    for name in ("erf", "sigmoid"):
        numpy.testing.assert_allclose(getattr(language, name)(x), getattr(LANGUAGE, name)(x))
    numpy.testing.assert_allclose(language.logsumexp(x, axis=1), LANGUAGE.logsumexp(x, axis=1))
