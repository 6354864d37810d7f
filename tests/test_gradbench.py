"""GradBench: every eval's answers through the protocol, the rules of the protocol, and the comparison of answers."""

import io
import json

import numpy as np
import pytest

pytest.importorskip("benchmarks", reason="not part of a distribution")

from benchmarks.gradbench import protocol, race, report, tool
from benchmarks.gradbench.compare import Mismatch, largest_error
from benchmarks.gradbench.conversation import ToolError, ToolProcess, in_process
from benchmarks.gradbench.evals import det
from benchmarks.gradbench.function import Function
from benchmarks.gradbench.references import particle
from benchmarks.gradbench.references.complex_step import STEP

EXACT = 1e-9  # GradBench is content with 1e-4
# Kernels of these take many seconds to compile: interpreted here, compiled among the slow tests.
LARGE = ("gmm", "ba", "ht")


def run_tiny(name, sizes):
    answers = list(race.run(in_process(), name, sizes, min_runs=1, min_seconds=0.0))
    assert answers
    assert not [answer for answer in answers if answer.failure or answer.error > EXACT]


@pytest.mark.parametrize("name", [name for name in tool.EVALS if name not in LARGE])
def test_answers_are_those_of_the_reference(name):
    run_tiny(name, race.reference(name).TINY[:1])


@pytest.mark.parametrize("name", LARGE)
def test_answers_of_large_programs_are_those_of_the_reference(name, no_kernels):
    run_tiny(name, race.reference(name).TINY)


@pytest.mark.slow
@pytest.mark.parametrize("name", tool.EVALS)
def test_answers_of_all_tiny_sizes_are_those_of_the_reference(name):
    run_tiny(name, race.reference(name).TINY)


def test_a_large_determinant_is_expanded_one_minor_after_the_other(no_kernels, monkeypatch):
    monkeypatch.setattr(det, "TOGETHER", 2)
    run_tiny("det", [(5,)])


@pytest.mark.parametrize(("name", "vector"), [("ba", "cam"), ("ht", "theta")])
def test_no_rotation_has_a_derivative(name, vector, no_kernels):
    """The axis of a rotation by nothing is 0 / 0, on the side of a branch that is not taken."""
    by = race.reference(name)
    given = by.make(by.TINY[-1], np.random.RandomState(race.SEED))
    given[vector][:3] = [0.0, 0.0, 0.0]
    for name_of_function, function in tool.find(name).items():
        output = protocol.evaluate(function, given)["output"]
        assert largest_error(by.expected(name_of_function, given), output) <= EXACT


@pytest.mark.parametrize("name", tool.EVALS)
def test_sizes_are_distinct_and_every_function_exists(name):
    by = race.reference(name)
    for sizes in (by.SIZES, by.DEFAULT, by.TINY):
        assert len(set(sizes)) == len(sizes) > 0
    assert {function for function in (by.VALUE, *by.DERIVATIVES) if function} == set(tool.find(name))


def test_the_tool_is_a_program():
    """Also when something prints: only answers go to standard output."""
    with ToolProcess() as conversation:
        answers = list(race.run(conversation, "hello", race.reference("hello").SIZES, 1, 0.0))
        assert all(answer.correct for answer in answers)
        with pytest.raises(ToolError, match="no function 'cube', only square, double"):
            conversation.ask("evaluate", module="hello", function="cube", input=1.0)
        assert conversation.ask("evaluate", module="hello", function="square", input=3)["output"] == 9.0


# ---- the protocol ------------------------------------------------------------------------------


def fails():
    raise ZeroDivisionError("by nothing")


FUNCTIONS = {
    "numpy": Function(lambda x: {"a": np.arange(2), "b": (np.float64(0.5), True)}, lambda given: (given,)),
    "infinite": Function(lambda: np.inf, lambda given: ()),
    "fails": Function(fails, lambda given: ()),
}


def ask(**message):
    return json.loads(protocol.answer(json.dumps({"id": 7, **message}), lambda name: FUNCTIONS))


def evaluate(function, given):
    return ask(kind="evaluate", module="any", function=function, input=given)


def test_every_message_is_answered_on_a_line_of_its_own():
    messages = [{"id": 0, "kind": "start", "eval": "hello"}, {"id": 1, "kind": "analysis", "of": 0, "valid": True}]
    out = io.StringIO()
    protocol.serve([json.dumps(message) + "\n" for message in messages], out, tool.find)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [{"id": 0, "tool": "autodiff"}, {"id": 1}]


def test_results_become_plain_json():
    assert evaluate("numpy", {})["output"] == {"a": [0, 1], "b": [0.5, True]}


def test_runs_are_as_many_as_asked_for_and_as_long():
    reply = evaluate("numpy", {"min_runs": 5, "min_seconds": 0.0})
    names = [timing["name"] for timing in reply["timings"]]
    assert names == ["prepare", *["evaluate"] * 5]
    assert all(type(timing["nanoseconds"]) is int for timing in reply["timings"])
    reply = evaluate("numpy", {"min_runs": 1, "min_seconds": 0.002})
    assert sum(timing["nanoseconds"] for timing in reply["timings"][1:]) >= 2_000_000


@pytest.mark.parametrize(
    ("function", "said"), [("fails", "ZeroDivisionError: by nothing"), ("infinite", "no plain JSON"), ("no", "numpy")]
)
def test_a_failure_is_an_answer_without_output(function, said, capsys):
    reply = evaluate(function, {})
    assert reply["id"] == 7
    assert reply["success"] is False
    assert said in reply["error"]
    assert "output" not in reply


def test_an_eval_that_is_not_known_is_undefined(capsys):
    reply = json.loads(protocol.answer('{"id": 1, "kind": "define", "module": "weather"}', tool.find))
    assert not reply["success"]
    assert "'weather'" in reply["error"]


# ---- the comparison ----------------------------------------------------------------------------


def test_errors_are_absolute_for_small_numbers_and_relative_for_large_ones():
    assert largest_error({"a": [0.0, 1e-3]}, {"a": [0.0, 2e-3]}) == pytest.approx(1e-3)
    assert largest_error(1e6, 1.001e6) == pytest.approx(5e-4, rel=1e-2)
    assert largest_error(2, 2.0) == 0.0


@pytest.mark.parametrize(
    ("expected", "found", "said"),
    [
        ([1.0], [1.0, 2.0], "output: the length should be 1, is 2"),
        ({"a": 1.0}, {"b": 1.0}, "the keys"),
        ([1.0], 1.0, "the length should be 1, is 'float'"),
        ({"a": [3, 4]}, {"a": [3, 5]}, r"output.a\[1\]: an integer should be 4, is 5"),
        (1.0, True, "the value"),
        ("x", 1.0, "the value"),
        ([1.0], [float("nan")], r"output\[0\] is nan"),
    ],
)
def test_trees_that_differ_say_where(expected, found, said):
    with pytest.raises(Mismatch, match=said):
        largest_error(expected, found)


def test_the_table_shows_times_and_names_what_is_wrong():
    good = race.Answer("lse", (5,), "primal", False, 1.5, 2e-6, 3, 1e-12)
    slow = race.Answer("lse", (5,), "gradient", True, 2.5, 5e-3, 3, 1e-12)
    wrong = race.Answer("lse", (6,), "gradient", True, 2.5, 5e-3, 3, 0.1)
    failed = race.Answer("lse", (7,), "gradient", True, failure="out of memory")
    shown = report.table([good, slow, wrong, failed]).splitlines()
    assert " ".join(shown[1].split()) == "lse 5 gradient 1.5 s 2 us 2.5 s 5 ms 2500.00 1e-12"
    assert shown[2].endswith("WRONG")
    assert shown[3].endswith("FAILED")


def test_the_reference_of_particle_has_the_golden_numbers():
    assert particle.landing(0.0).real == pytest.approx(3.1990790025082054, rel=1e-12)
    assert particle.landing(1j * STEP).imag / STEP == pytest.approx(-19.404636450028217, rel=1e-12)
    assert particle.expected("rr", {"w": 0.0}) == pytest.approx(0.2071918746486116, rel=1e-12)
