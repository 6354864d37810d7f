"""Functions that call themselves: one program for every depth, or Python's own calls, and never a wrong number."""

import numba
import numpy as np
import pytest

import autodiff as ad


def halved(y):
    if abs(y) < 0.1:
        return y
    return 0.9 * np.sin(halved(0.6 * y))


def slope(f, x, h=1e-6):
    return (f(x + h) - f(x - h)) / (2 * h)


def programs(function):
    info = function.cache_info()
    return info.compiled + info.loaded + info.hits + info.interpreted


def became(function, *args):
    """What became of recursions, in the words of `explain`."""
    lines = function.explain(*args).splitlines()
    return [line.split("recursion: ")[1] for line in lines if "recursion: " in line]


def test_one_program_for_every_depth():
    f = ad.value_and_grad(lambda x: halved(x))
    for x in (0.05, 0.2, 1.3, 40.0, -1e6):
        value, gradient = f(x)
        assert value == pytest.approx(halved(x), rel=1e-14)
        assert gradient == pytest.approx(slope(halved, x, 1e-6 * abs(x)), rel=1e-5, abs=1e-12)
    assert programs(f) == 1
    assert became(f, 1.0) == ["region: its calls are two loops over their tree: one finds them, one answers them"]


def test_the_decorated_function_itself():
    for decorated in map(ad.value_and_grad, (halved, ad.jit(halved), numba.njit(halved))):
        found = [decorated(x)[1] for x in (0.05, 0.2, 1.3)]
        np.testing.assert_allclose(found, [slope(halved, x) for x in (0.05, 0.2, 1.3)], rtol=1e-6)
        assert programs(decorated) == 1


def test_deeper_than_python_goes():
    def deep(n, x):
        return x if n == 0 else deep(n - 1, x * 1.00001)

    value, gradient = ad.value_and_grad(lambda x, n: deep(n, x))(2.0, 100_000)
    assert (value, gradient) == (pytest.approx(2.0 * 1.00001**100_000), pytest.approx(1.00001**100_000))


def test_batches_and_higher_orders():
    x = np.array([0.05, 0.2, 1.3, 40.0])
    f = ad.grad(lambda x: halved(x))
    np.testing.assert_allclose(ad.vmap(f)(x), [f(v) for v in x], rtol=1e-14)
    second = ad.grad(f)
    np.testing.assert_allclose([second(v) for v in x], [slope(f, v) for v in x], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ad.vmap(second)(x), [second(v) for v in x], rtol=1e-13)
    value, tangent = ad.jvp(lambda x: halved(x), (1.3,), (2.0,))
    assert (value, tangent) == (pytest.approx(halved(1.3)), pytest.approx(2.0 * f(1.3)))


def test_within_a_loop_it_is_not_unrolled():
    def f(x):
        total = 0.0
        for k in range(1000):
            total += halved(x + 0.01 * k)
        return total

    decorated = ad.value_and_grad(f)
    value, gradient = decorated(0.3)
    assert value == pytest.approx(f(0.3), rel=1e-12)
    assert gradient == pytest.approx(slope(f, 0.3), rel=1e-6)
    assert [word.split(":")[0] for word in became(decorated, 0.3)] == ["region"]


def fanned(y):
    total = y
    if y > 0.3:
        for k in range(3):
            total = total + fanned(0.4 * y + 0.01 * k) ** 2
    return total


def test_several_calls_in_a_short_loop():
    f = ad.value_and_grad(lambda x: fanned(x))
    for x in (0.2, 1.03, 1.57):
        value, gradient = f(x)
        assert value == pytest.approx(fanned(x), rel=1e-14)
        assert gradient == pytest.approx(slope(fanned, x), rel=1e-6)
    assert programs(f) == 1


def test_arguments_by_position_by_name_and_by_default():
    def rec(y, rate=0.5, *, bias=0.1):
        return y if y < 0.2 else np.sin(rec(bias=bias, y=y * rate)) + bias * rec(0.4 * y, rate, bias=bias)

    f = ad.value_and_grad(lambda x: rec(x) * rec(x, 0.3, bias=x))
    value, gradient = f(1.9)
    assert value == pytest.approx(rec(1.9) * rec(1.9, 0.3, bias=1.9), rel=1e-14)
    assert gradient == pytest.approx(slope(lambda x: rec(x) * rec(x, 0.3, bias=x), 1.9), rel=1e-8)
    assert programs(f) == 1


def many_returns(y):
    if y < 0.1:
        return 0.0
    if y > 5.0:
        return many_returns(y - 3.0) * 2.0
    if y > 1.0:
        z = many_returns(y / 3.0)
        if z > 0.2:
            return z * z
        return z + y
    return y


def in_expressions(y):
    return 1.0 if y < 0.1 else in_expressions(y * 0.5) + (in_expressions(y * 0.3) if y > 1.0 else y)


def rotated(v):
    size = np.sum(v)
    if size < 0.5:
        return v * 2.0
    w = rotated(v * 0.6)
    return np.concatenate([w[1:], w[:1]]) + v


def loops_within(y):
    if y < 0.1:
        return y
    z, total = y, 0.0
    while z > 0.3:
        z = z * 0.7
    for k in range(20):
        total += np.sin(z * k)
    return total * loops_within(0.5 * y)


def is_even(y):
    return True if y < 0.1 else not is_even(y * 0.5)


def down_by_values(y, depth):
    if depth == 0:
        return y
    if y > 0.0:
        return down_by_values(y * 0.5, depth - 1) + down_by_values(np.sin(y) - 0.3, depth - 1)
    return down_by_values(-y, depth - 1) * 0.7


@pytest.mark.parametrize(
    "f",
    [
        lambda x: many_returns(x),
        lambda x: in_expressions(x),
        lambda x: np.sum(rotated(x * np.arange(1.0, 4.0)) ** 2),
        lambda x: loops_within(x),
        lambda x: x * 2.0 if is_even(x) else x * 3.0,
        lambda x: down_by_values(x, 5),
    ],
    ids=["many_returns", "in_expressions", "arrays", "loops_within", "bools", "depth_of_pythons_and_values"],
)
def test_many_forms(f):
    decorated = ad.value_and_grad(f)
    for x in (0.05, 0.33, 2.2, 7.1):
        value, gradient = decorated(x)
        assert value == pytest.approx(f(x), rel=1e-12)
        assert gradient == pytest.approx(slope(f, x), rel=1e-6, abs=1e-9)
    assert {word.split(":")[0] for word in became(decorated, 0.33)} == {"region"}


# ---- what others see ---------------------------------------------------------------------------------


def written(a, y):
    a[0] = a[0] + y
    return y if y < 0.1 else written(a, 0.5 * y)


def appended(found, y):
    found.append(y * y)
    return y if y < 0.1 else appended(found, 0.5 * y)


def noted(sums, y):
    sums["all"] = sums["all"] + y
    return y if y < 0.1 else noted(sums, 0.5 * y)


def writing(x):
    a = np.zeros(2)
    return written(a, x) + a[0]


def appending(x):
    found = []
    return appended(found, x) + sum(found)


def noting(x):
    sums = {"all": 0.0}
    return noted(sums, x) + sums["all"]


def counting(x):
    total = 0.0

    def add(y):
        nonlocal total
        total = total + y
        return y if y < 0.1 else add(0.5 * y)

    return add(x) + total


def capturing(x):
    a = np.zeros(3)

    def add(y):
        a[1] += y
        return y if y < 0.1 else add(0.5 * y)

    return add(x) + a[1]


@pytest.mark.parametrize("f", [writing, appending, noting, counting, capturing])
def test_what_calls_change_is_changed(f):
    decorated = ad.value_and_grad(f)
    for x in (0.05, 1.0, 3.0):
        value, gradient = decorated(x)
        assert value == pytest.approx(f(x), rel=1e-14)
        assert gradient == pytest.approx(slope(f, x), rel=1e-8)
    assert all(word.startswith("python") for word in became(decorated, 1.0))


# ---- what is left to Python --------------------------------------------------------------------------


def down(x, depth):
    return x if depth == 0 else np.sin(down(1.1 * x, depth - 1))


def nested(y):
    return y - 1.0 if y > 3.0 else nested(nested(y + 1.3))


def shorter(v):
    return np.sum(v) if np.sum(v) < 1.0 else shorter(v[:-1]) * v[-1]


@pytest.mark.parametrize(
    ("f", "why"),
    [
        (lambda x: down(x, 3), "for Python to decide"),
        (lambda x: nested(x), "depends on the answer to another call"),
        (lambda x: shorter(np.array([0.3, 0.5, 0.25, 0.9]) * x), "an array is of shape (4,) in one call and of (3,)"),
    ],
)
def test_left_to_python(f, why):
    decorated = ad.value_and_grad(f)
    for x in (1.03, 1.57):
        value, gradient = decorated(x)
        assert value == pytest.approx(f(x), rel=1e-14)
        assert gradient == pytest.approx(slope(f, x), rel=1e-6)
    assert any(word.startswith("python") and why in word for word in became(decorated, 1.0))


def test_a_recursion_without_an_end_says_what_it_keeps(monkeypatch):
    monkeypatch.setattr(ad.config, "memory", 64)

    def forever(y):
        return y if y < -1.0 else forever(y + 1.0)

    with pytest.raises(MemoryError, match=r"a recursion keeps [\d,]+ items"):
        ad.value_and_grad(lambda x: forever(x))(1.0)


def test_results_of_every_structure():
    def rec(y, n):
        if y < 0.2:
            return {"sum": y, "pair": (1, y * np.ones(2))}
        found = rec(0.5 * y, n + 1)
        return {"sum": found["sum"] + y, "pair": (found["pair"][0] + 1, found["pair"][1] * y)}

    def f(x):
        found = rec(x, 0)
        return found["sum"] * found["pair"][0] + np.sum(found["pair"][1])

    value, gradient = ad.value_and_grad(f)(1.9)
    assert value == pytest.approx(f(1.9), rel=1e-14)
    assert gradient == pytest.approx(slope(f, 1.9), rel=1e-8)


def test_entries_of_a_batch_that_take_no_part():
    def growing(y):
        return y if y > 10.0 else np.sin(growing(y * 1.7)) * y

    def f(x):
        total = x
        for k in range(12):
            if x > 0.1 * k:
                total += growing(x - 0.1 * k + 1e-3)
        return total

    x = np.array([-1.0, 0.35, 0.7, 3.0])
    value, gradient = ad.vmap(ad.value_and_grad(f))(x)
    np.testing.assert_allclose(value, [f(v) for v in x], rtol=1e-13)
    np.testing.assert_allclose(gradient, [ad.grad(f)(v) for v in x], rtol=1e-12)
    np.testing.assert_allclose(gradient, [slope(f, v, 1e-7) for v in x], rtol=1e-5)
