"""Recordings that follow the path of earlier ones: the answers are those of a tape that has seen nothing."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.frontends import paths, replay


@pytest.fixture(autouse=True)
def nothing_seen(monkeypatch):
    monkeypatch.setattr(config, "hot_after", 10**9)
    monkeypatch.setattr(replay, "_PLANS", type(replay._PLANS)())
    paths.tree.forget()


@pytest.fixture
def walks(monkeypatch):
    """How often the instructions of a recording were walked through."""
    seen, relevant = [], replay.relevant
    monkeypatch.setattr(replay, "relevant", lambda *args: seen.append(1) or relevant(*args))
    return seen


def gradient(f, *arguments, sources=None):
    """Value and gradients of a function of tensors, by a tape of its own."""
    tensors = [ad.constant(a) for a in arguments]
    with ad.GradientTape() as tape:
        tape.watch([t for k, t in enumerate(tensors) if sources is None or k in sources])
        y = f(*tensors)
    return np.asarray(y), [None if g is None else np.asarray(g) for g in tape.gradient(y, tensors)]


def check(f, *arguments, sources=None):
    """The same with the tree as it is, and with an empty one."""
    found = gradient(f, *arguments, sources=sources)
    root, size, plans = paths.tree.root, paths.tree.size, replay._PLANS.copy()
    paths.tree.forget()
    replay._PLANS.clear()
    right = gradient(f, *arguments, sources=sources)
    paths.tree.root, paths.tree.size = root, size
    replay._PLANS.clear()
    replay._PLANS.update(plans)
    np.testing.assert_array_equal(found[0], right[0])
    for ours, theirs in zip(found[1], right[1], strict=True):
        assert (ours is None) == (theirs is None)
        np.testing.assert_array_equal(ours, theirs)


A, B = np.array([0.3, -1.2, 2.0]), np.array([1.5, 0.7, -0.4])


def test_the_second_recording_is_a_look_up(walks):
    for k in range(4):
        gradient(lambda x, y, k=k: np.sum(np.sin(x) * y + float(k + 3)), A + k, B)
    assert len(walks) == 1


def test_other_operations_beside_it_do_not_matter(walks):
    def f(x, y):
        np.exp(y)  # nobody asks for it
        return np.sum(x * y)

    check(f, A, B)
    check(f, B, A)
    assert len(walks) == 3


PAIRS = {
    "one operand twice, or two": (lambda x, y: np.sum(x * x), lambda x, y: np.sum(x * y)),
    "in the other order": (lambda x, y: np.sum(x / y), lambda x, y: np.sum(y / x)),
    "later uses": (lambda x, y: np.sum(x * y * x), lambda x, y: np.sum(x * y * y)),
    "another parameter": (lambda x, y: np.sum(np.cumsum(x) * y), lambda x, y: np.sum(np.flip(x) * y)),
    "another result": (lambda x, y: (np.sin(x) * y)[0], lambda x, y: (np.sin(x) * y)[1]),
    "a plain number, or a special one": (lambda x, y: np.sum(x**3.0 * y), lambda x, y: np.sum(x**2.0 * y)),
    "zero of either sign": (lambda x, y: np.sum(y / (x * 0.0)), lambda x, y: np.sum(y / (x * -0.0))),
    "no number": (lambda x, y: np.sum(x * 3.0), lambda x, y: np.sum(x * float("nan"))),
    "infinite": (lambda x, y: np.sum(x / 3.0 * y), lambda x, y: np.sum(x / float("inf") * y)),
    "a number, or an array": (lambda x, y: np.sum(x * 3.0), lambda x, y: np.sum(x * np.array([1.0, 2.0, 3.0]))),
    "integers": (lambda x, y: np.sum(x * 3), lambda x, y: np.sum(x * True)),
    "three operands": (lambda x, y: np.sum(np.where(x > 0, x, y)), lambda x, y: np.sum(np.where(y > 0, x, y))),
}


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_what_differs_is_told_apart(pair, dtype):
    with np.errstate(all="ignore"):
        for f in (*pair, *pair[::-1]):
            check(f, A.astype(dtype), B.astype(dtype))


def test_numbers_that_are_special_once_rounded():
    """0.5000000001 is 0.5 in single precision: a constant of the program, not an input."""
    for c in (0.3, 0.5 + 1e-10, 0.7, 1e39, 0.25, -1e-60, 0.6):
        with np.errstate(over="ignore"):
            check(lambda x, c=c: np.sum(x * c), A.astype("f4"))


def test_what_is_watched_is_told_apart():
    for sources in ([0], [1], [0, 1], [1], []):
        check(lambda x, y: np.sum(x * y + x), A, B, sources=sources)


def test_other_shapes_and_dtypes():
    for dtype in ("f8", "f4", "f8"):
        for n in (3, 2, 3, 1):
            check(lambda x, y: np.sum(x * y), A[:n].astype(dtype), B[:n].astype(dtype))


def test_a_number_used_twice():
    """Literals have no names: which use is which is known by their order."""

    def f(x, one, other):
        return np.sum(np.sin(x * one) * other + x * other)

    for one, other in [(0.3, 0.3), (0.3, 0.7), (0.7, 0.7), (0.2, 0.9)]:
        check(lambda x, one=one, other=other: f(x, one, other), A)


def test_values_asked_for_in_between():
    def f(x, y):
        z = np.sin(x) * y
        z.numpy()
        return np.sum(z * x)

    for _ in range(3):
        check(f, A, B)


def test_watched_late():
    """What was used before the watch stays constant, on the path of a recording where it did not."""

    def f(late):
        x, y = ad.Variable(A), ad.constant(B)
        with ad.GradientTape() as tape:
            if not late:
                tape.watch(y)
            z = x * y
            if late:
                with pytest.warns(ad.errors.LateWatchWarning):
                    tape.watch(y)
            z = np.sum(z * y)
        return [np.asarray(g) for g in tape.gradient(z, [x, y])]

    for late in (False, True, False, True):
        by_x, by_y = f(late)
        np.testing.assert_array_equal(by_x, B * B)
        np.testing.assert_array_equal(by_y, A * B if late else 2 * A * B)


def test_several_gradients_of_one_recording():
    for _ in range(3):
        x = ad.Variable(A)
        with ad.GradientTape(persistent=True) as tape:
            y = np.sin(x)
            z = y * y
            first = tape.gradient(z, y)
            w = np.sum(z * x)
        np.testing.assert_allclose(first, 2 * np.sin(A))
        np.testing.assert_allclose(tape.gradient(w, x), np.sin(A) ** 2 + 2 * A * np.sin(A) * np.cos(A))
        np.testing.assert_allclose(tape.gradient([w, z], z), A + 1.0)
        np.testing.assert_allclose(tape.gradient(z, x, ad.constant(B)), 2 * np.sin(A) * np.cos(A) * B)


def test_nested_tapes():
    for _ in range(3):
        x = ad.Variable(A)
        with ad.GradientTape() as outer:
            with ad.GradientTape() as inner:
                y = np.sum(x**3)
            slope = inner.gradient(y, x)
        np.testing.assert_allclose(outer.gradient(slope, x), 6 * A)


def test_random_programs():
    """Recordings that part and meet again at random, each compared with one that has seen nothing."""
    generator = np.random.default_rng(0)
    unary = [np.sin, np.exp, np.negative, lambda a: a * 0.3, lambda a: a * 0.5, lambda a: 2.0 - a, lambda a: a[::-1]]
    binary = [np.add, np.multiply, np.subtract, np.maximum]
    for _ in range(60):
        count = generator.integers(1, 6)
        steps = [(generator.integers(11), *generator.integers(0, k + 2, size=2)) for k in range(count)]

        def f(x, y, steps=steps):
            values = [x, y]
            for which, i, j in steps:
                found = unary[which](values[i]) if which < 7 else binary[which - 7](values[i], values[j])
                values.append(found)
            return np.sum(values[-1] * 0.7)

        check(f, A, B, sources=[[0], [1], [0, 1]][generator.integers(3)])


def test_the_tree_is_forgotten_when_it_is_large(monkeypatch):
    monkeypatch.setattr(paths, "LIMIT", 20)
    for n in range(1, 30):
        check(lambda x: np.sum(np.sin(x) * x), np.linspace(0.0, 1.0, n))
        assert paths.tree.size <= 20
