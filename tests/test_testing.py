"""`check_grads` passes what is right, and finds what is wrong and where."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.errors import DTypeError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.op import OPS, Call
from autodiff.testing import GradientCheckError, check_grads, richardson


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    """Compile nothing: these tests are about derivatives."""
    monkeypatch.setattr(config, "jit", False)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (lambda x: np.sum(np.sin(x) * np.exp(-x)), (np.linspace(-1, 2, 5),)),
        (lambda x: x**3, (2.0,)),
        (lambda x, w: np.tanh(x @ w), (np.ones((2, 3)), np.full((3, 2), 0.1))),
        (lambda p: {"a": p["w"] * 2.0, "b": [np.sum(p["w"] ** 2)]}, ({"w": np.array([1.0, 2.0])},)),
        (lambda x: np.sum(x * x), (np.array([1.0, 2.0], np.float32),)),
        (lambda x: np.sum(x) * 1e-12, (np.ones(3),)),
        (lambda x: np.sum(x**2) * 1e12, (np.ones(3),)),
        (lambda x: 0.0 * np.sum(x) + 1.0, (np.ones(3),)),
        (ad.grad(lambda x: np.sum(x**4)), (np.array([1.0, -2.0]),)),
    ],
)
def test_right_derivatives_pass(function, args):
    report = check_grads(function, args, verbose=False)
    assert len(report.comparisons) == 3
    assert all(c.worst() < 2e-2 for c in report.comparisons)


def test_second_order():
    report = check_grads(lambda x, y: np.sum(np.exp(x) * y**2), (np.array([0.1, 0.2]), 2.0), order=2, verbose=False)
    assert report.comparisons[0].worst() < 1e-6


def test_the_table(capsys):
    def area(x):
        return np.sum(x**2)

    report = check_grads(area, (np.ones(2),), directions=2)
    printed = capsys.readouterr().out
    assert printed == f"{report}\n"
    lines = printed.splitlines()
    assert lines[0] == "area: directional derivatives"
    assert lines[1].split() == ["differences", "forward", "mode", "reverse", "mode"]
    assert [line.split()[0] for line in lines[2:]] == ["0", "1"]
    check_grads(area, (np.ones(2),), verbose=False)
    assert capsys.readouterr().out == ""


def op_of(numpy, slope, forward=1.0, reverse=1.0):
    """An op with the derivative `slope(x)`, off by a factor in one mode or the other."""
    op = Call(
        name="op_of_a_test",
        numpy=numpy,
        shape=lambda x: ArrayAval(x.shape, x.dtype),
        rule=lambda ct, y, operands, active: [reverse * slope(operands[0]) * ct],
        tangent=lambda tangents, y, operands: forward * slope(operands[0]) * tangents[0],
    )
    del OPS["op_of_a_test"]
    return op


def square(**off):
    return op_of(np.square, lambda x: 2.0 * x, **off)


def test_an_op_with_the_right_derivative_passes():
    check_grads(lambda x: np.sum(square()(x)), (np.array([1.0, 2.0, 3.0]),), order=2, verbose=False)


@pytest.mark.parametrize("off", [{"forward": 1.001}, {"reverse": 0.999}, {"forward": -1.0, "reverse": -1.0}])
def test_wrong_derivatives_are_found(off):
    op = square(**off)

    def loss(x):
        return np.sum(op(x))

    with pytest.raises(GradientCheckError) as caught:
        check_grads(loss, (np.array([1.0, 2.0, 3.0]),), verbose=False)
    text = str(caught.value)
    assert isinstance(caught.value, AssertionError)
    assert len(text.splitlines()) < 15
    for part in ("loss: direction 0", "differences", "forward mode", "reverse mode", "relative disagreement", "remedy"):
        assert part in text


def test_the_element_that_is_off_is_named():
    op = square(forward=3.0, reverse=3.0)
    with pytest.raises(GradientCheckError, match=r"argument x\[2\]: slope by differences 6, .*reverse mode 18"):
        check_grads(
            lambda k, x: k * np.sum(op(x[2:])) + np.sum(x[:2] ** 2), (1.0, np.array([1.0, 2.0, 3.0])), verbose=False
        )


def test_errors_of_second_order_are_found():
    doubled = op_of(lambda x: 2.0 * x, lambda x: 2.0, reverse=1.01)
    op = op_of(np.square, doubled)
    args = (np.array([1.0, 2.0]),)
    check_grads(lambda x: np.sum(op(x)), args, verbose=False)
    with pytest.raises(GradientCheckError):
        check_grads(lambda x: np.sum(op(x)), args, order=2, verbose=False)


def test_a_kink_is_no_match():
    with pytest.raises(GradientCheckError, match="kink"):
        check_grads(lambda x: np.sum(ad.nn.leaky_relu(x)), (np.array([0.0]),), verbose=False)


def test_a_path_that_is_cut_is_found():
    with pytest.raises(GradientCheckError):
        check_grads(lambda x: np.sum(x * ad.stop_gradient(x)), (np.array([1.0, 2.0]),), verbose=False)


def test_the_tolerance_is_the_users():
    function, args = (lambda x: np.sum(np.sin(x))), (np.ones(3),)
    with pytest.raises(GradientCheckError, match="allowed 0e"):
        check_grads(function, args, rtol=0.0, verbose=False)
    check_grads(function, args, rtol=1e-3, verbose=False)


def test_arguments_that_are_no_floats():
    with pytest.raises(DTypeError, match=r"check_grads: .* int64"):
        check_grads(lambda x: x, (1,))
    with pytest.raises(DTypeError, match=r"check_grads: .* <U3"):
        check_grads(lambda x: x, ("abc",))


def test_extrapolated_differences():
    assert richardson(lambda h: np.exp(h), 1e-2) == pytest.approx(1.0, rel=1e-11)
    assert np.isnan(richardson(lambda h: np.nan, 1e-2))


def test_the_element_is_found_among_many_and_inside_containers():
    op = square(forward=3.0, reverse=3.0)

    def loss(a, params):
        return np.sum(a) + np.sum(np.sin(params["w"])) + op(params["w"])[123, 45]

    with pytest.raises(GradientCheckError, match=r"argument params\['w'\]\[123, 45\]: slope by differences"):
        check_grads(loss, (np.ones(3), {"w": np.full((200, 100), 0.5)}), verbose=False)


def test_complex_arguments_and_results():
    z = np.array([1 + 2j, -0.5j, 0.3])
    check_grads(lambda z: {"a": np.exp(z) * np.conj(z), "b": np.abs(z)}, (z,), order=2, verbose=False)
