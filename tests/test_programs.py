"""The program zoo: every program, by every way, has the value and the derivatives of the oracle.

    test_oracles_agree    complex steps of the twin with differences of what NumPy computes
    test_gradient         value and gradient under `value_and_grad`
    test_second           the gradient of <v, grad f>
    test_forward          `jvp`
    test_on_a_tape        Python runs the program on tensors

The first four of autodiff's run in the interpreter and in kernels. A derivative is compared in directions that are
drawn at random: each element counts. Second derivatives of the oracle are differences, so they agree less closely.
All checks of all programs take many minutes; the default run has a part of each, and the oracle for all.
"""

import builtins
import contextlib
import copy
import dataclasses
import warnings

import numpy as np
import pytest
from programs import PROGRAMS, oracle
from programs.refused import REFUSED
from programs.zoo import leaves, rebuilt

import autodiff as ad
from autodiff.config import config
from autodiff.errors import UncheckedWarning, UnrolledWarning

# What does not work, by check and program: why, and the error.
ON_VALUES = "Python decides on a value, which may differ from entry to entry of a batch"
FAILS = {
    ("batched", "bounds_from_values"): (ON_VALUES, ad.errors.ConcretizationError),
    ("batched", "list_grows_while_values_last"): (ON_VALUES, ad.errors.ConcretizationError),
    ("batched", "text_depends_on_values"): (ON_VALUES, ad.errors.LoopStateError),
    ("batched", "branches_of_two_shapes"): (ON_VALUES, ad.errors.LoopStateError),
    ("batched", "collatz_sequence"): (ON_VALUES, ad.errors.ConcretizationError),
    ("batched", "argument_is_an_answer"): (ON_VALUES, ad.errors.ConcretizationError),
}

# These take seconds to trace or to compile, every time: none of them is in the default run.
LONG = (
    *("american_put_on_a_tree", "billiard", "determinant_with_pivots", "edit_distance", "gauss_seidel_nine_points"),
    *("gaussian_elimination", "insertion_sort", "inside_algorithm", "jacobi_eigenvalues", "lanczos", "matrix_chain"),
    *("matrix_product", "triple_loop_with_jumps"),
)


def some(check, one_in=1, only=lambda p: True):
    """The programs as parameters of a check; one in `one_in` is in the default run."""
    cases = []
    for k, (name, p) in enumerate(PROGRAMS.items()):
        if not only(p):
            continue
        marks = [pytest.mark.slow] * bool(k % one_in or (one_in > 1 and name in LONG))
        if (check, name) in FAILS:
            reason, error = FAILS[check, name]
            marks.append(pytest.mark.xfail(reason=reason, raises=error, strict=True))
        cases.append(pytest.param(p, id=name, marks=marks))
    return pytest.mark.parametrize("program", cases)


@pytest.fixture
def interpreted(no_kernels):
    """Nothing is compiled."""


# ---- comparing ---------------------------------------------------------------------------------------


def arguments(program):
    """Fresh ones, since some programs write into theirs."""
    return copy.deepcopy(program.arguments)


def announced(program):
    """A context in which a long loop is written out with a warning where the program says so, and nowhere else."""
    return pytest.warns(UnrolledWarning) if program.unrolled else contextlib.nullcontext()


def pairing(arrays, tangents):
    """<arrays, tangents>."""
    return sum(float(np.sum(np.float64(a) * t)) for a, t in zip(arrays, tangents, strict=True))


def size(arrays, tangents):
    """How large the terms of the pairing are."""
    return sum(float(np.sum(np.abs(a * t))) for a, t in zip(arrays, tangents, strict=True))


def check_value(found, program):
    assert np.shape(found) == ()
    np.testing.assert_allclose(float(found), oracle.value(program), rtol=program.rtol, atol=program.rtol)


def check_gradient(found, program):
    """Shapes and dtypes are those of the arguments; two directional derivatives are the oracle's."""
    points = oracle.points(program)
    for g, x in zip(found, points, strict=True):
        assert (np.shape(g), np.asarray(g).dtype) == (np.shape(x), np.asarray(x).dtype)
    for seed in (1, 2):
        t = oracle.directions(program, seed)
        difference = abs(pairing(found, t) - oracle.derivative(program, t))
        assert difference <= program.rtol * (1.0 + size(found, t)), wrong_elements(found, program)


def wrong_elements(found, program):
    """A message: where the gradient differs."""
    lines = [f"gradient of {program.name} is wrong"]
    for k, (a, b) in enumerate(zip(found, oracle.gradient(program), strict=True)):
        wrong = ~np.isclose(a, b, rtol=100 * program.rtol, atol=100 * program.rtol)
        places = [tuple(i) for i in np.argwhere(wrong)[:5].tolist()]
        lines += [f"argument {k} at {i}: {np.asarray(a)[i]}, expected {b[i]}" for i in places]
    return "\n".join(lines)


# ---- the checks --------------------------------------------------------------------------------------


@some("oracle")
def test_oracles_agree(program):
    t = oracle.directions(program)
    with np.errstate(all="raise", under="ignore"):
        exact, rough = oracle.derivative(program, t), oracle.differences(program, t)
    np.testing.assert_allclose(rough, exact, rtol=1e-6, atol=1e-7)


def elsewhere(program):
    """The program at other arguments of the same types: its branches and numbers of trips may be others."""
    pairs = zip(oracle.points(program), oracle.directions(program, 3), strict=True)
    new = iter([type(x)(x + 0.02 * t) if np.ndim(x) == 0 else (x + 0.02 * t).astype(x.dtype) for x, t in pairs])
    moved = [rebuilt(x, new) if k in program.wrt else x for k, x in enumerate(program.arguments)]
    return dataclasses.replace(program, arguments=tuple(moved))


def gradient_check(program):
    given = arguments(program)
    with announced(program):
        function = ad.value_and_grad(program.function, argnums=program.wrt, static_argnums=program.static)
        value, gradient = function(*given)
    check_value(value, program)
    check_gradient(leaves(gradient), program)
    for before, after in zip(leaves(list(program.arguments)), leaves(list(given)), strict=True):
        np.testing.assert_array_equal(before, after, "an argument was written to")
    other = elsewhere(program)
    value, gradient = function(*arguments(other))
    check_value(value, other)
    check_gradient(leaves(gradient), other)


@some("gradient", one_in=4)
def test_gradient_interpreted(program, interpreted):
    gradient_check(program)


@some("gradient", one_in=8)
def test_gradient_compiled(program):
    gradient_check(program)


def second_check(program):
    v, w = oracle.directions(program, 1), oracle.directions(program, 2)
    first = ad.grad(program.function, argnums=program.wrt, static_argnums=program.static)

    def along_v(*given):
        return sum(np.sum(g * t) for g, t in zip(leaves(first(*given)), v, strict=True))

    with announced(program):
        found = leaves(ad.grad(along_v, argnums=program.wrt, static_argnums=program.static)(*arguments(program)))
    difference = abs(pairing(found, w) - oracle.second(program, v, w))
    assert difference <= max(1e-5, 100 * program.rtol) * (1.0 + size(found, w)), (found, oracle.second(program, v, w))


@some("second", one_in=15)
def test_second_interpreted(program, interpreted):
    second_check(program)


@some("second", one_in=60)
def test_second_compiled(program):
    second_check(program)


def forward_check(program):
    """Every argument of floats gets a tangent; what is static or an integer is bound before."""
    pairs = zip(oracle.directions(program), oracle.points(program), strict=True)
    t = iter([np.asarray(x, np.asarray(p).dtype)[()] for x, p in pairs])
    given = arguments(program)
    tangents = [rebuilt(given[k], t) for k in program.wrt]

    def function(*moving):
        full = list(given)
        for k, x in zip(program.wrt, moving, strict=True):
            full[k] = x
        return program.function(*full)

    with announced(program):
        value, slope = ad.jvp(function, tuple(given[k] for k in program.wrt), tuple(tangents))
    check_value(value, program)
    expected = oracle.derivative(program, oracle.directions(program))
    np.testing.assert_allclose(slope, expected, rtol=100 * program.rtol, atol=100 * program.rtol)


@some("forward", one_in=15)
def test_forward_interpreted(program, interpreted):
    forward_check(program)


@some("forward", one_in=60)
def test_forward_compiled(program):
    forward_check(program)


@some("tape", one_in=20, only=lambda p: not p.no_tape)
def test_on_a_tape(program):
    given = arguments(program)
    with ad.GradientTape() as tape:
        points = [tape.watch(ad.constant(x)) for x in leaves([given[k] for k in program.wrt])]
        new = iter(points)
        value = program.function(*[rebuilt(x, new) if k in program.wrt else x for k, x in enumerate(given)])
    gradient = tape.gradient(value, points, unconnected_gradients="zero")
    check_value(value, program)
    check_gradient([g.numpy() for g in gradient], program)


def batched_check(program):
    """`vmap` over two points: each has its own path through the branches, its own number of trips."""
    given, points = arguments(program), oracle.points(program)
    shifts = [np.stack([0.0 * t, 1e-3 * t]) for t in oracle.directions(program)]
    new = iter([(x + s).astype(np.asarray(x).dtype) for x, s in zip(points, shifts, strict=True)])
    batch = [rebuilt(x, new) if k in program.wrt else x for k, x in enumerate(given)]
    axes = tuple(0 if k in program.wrt else None for k in range(len(given)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnrolledWarning)
        warnings.simplefilter("ignore", UncheckedWarning)  # what is asserted of entries that differ
        found = ad.vmap(program.function, in_axes=axes, static_argnums=program.static)(*batch)
    other = float(program.function(*oracle.moved(program, [s[1] for s in shifts])))
    check_value(found[0], program)
    np.testing.assert_allclose(found[1], other, rtol=program.rtol, atol=program.rtol)


@some("batched", one_in=15)
def test_batched(program, interpreted):
    batched_check(program)


@pytest.mark.filterwarnings("ignore::autodiff.errors.UnrolledWarning")
@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize("program", [pytest.param(r, id=name) for name, r in REFUSED.items()])
def test_refused(program, tier, monkeypatch):
    monkeypatch.setattr(config, "jit", tier == "compiled")
    kind = getattr(ad.errors, program.error, None) or getattr(builtins, program.error)
    with pytest.raises(kind) as caught:
        ad.grad(program.function)(*copy.deepcopy(program.arguments))
    for word in program.words:
        assert word in str(caught.value)
