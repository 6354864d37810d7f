"""Every entry of the table of kinks (`tests/ops/kinks.py`): value, both modes, two orders, both backends, the tape.

The page `autodiff/docs/kinks.md` is made of the table. After a change of the table, write it again and read the diff:

    python -m pytest tests/ops/test_kinks.py -k page --update-golden
"""

import importlib
import pathlib
import types
import warnings

import numpy as np
import pytest
import scipy.special
from ops import kinks

import autodiff as ad
from autodiff.config import config
from autodiff.frontends.surface import reductions

PAGE = pathlib.Path(__file__).parents[2] / "autodiff" / "docs" / "kinks.md"
ENTRIES = [kink for entries in kinks.TABLE.values() for kink in entries]
# Spellings that are recognised before differentiation (`passes/stabilize.py`), which nested tapes do not do.
SPELLED = ("np.sqrt(x * x)", "np.sqrt(x ** 2)", "np.abs(x) ** 2")
TAPED = [
    pytest.param(k, marks=pytest.mark.xfail(strict=True) if k.source in SPELLED else [], id=str(k))
    for name in ("guards", "guards at a distance", "composed")
    for k in kinks.TABLE[name]
]

# SciPy's names; those that are no ufuncs, and so do not see what is recorded, by ours.
SP = types.SimpleNamespace(**vars(scipy.special))
SP.logsumexp, SP.softmax, SP.log_softmax = reductions.logsumexp, reductions.softmax, reductions.log_softmax
SP.polygamma = ad.math.polygamma


# ---- running an entry ------------------------------------------------------------------------------


def function_of(kink, **names):
    arguments = ", ".join("xyz"[: len(kink.point)])
    return eval(f"lambda {arguments}: {kink.source}", {"inf": np.inf, "nan": np.nan, **names})


def ours(kink):
    return function_of(kink, np=np, sp=SP, nn=ad.nn)


def point_of(kink, dtype=np.float64):
    return [np.asarray(a, dtype) if np.ndim(a) else dtype(a) for a in kink.point]


def derivatives(f, args, numpy, grad, jvp):
    """Value, first derivatives, second ones in two ways, and the sum of the first by forward mode."""

    def loss(*xs):
        return numpy.sum(f(*xs))

    def total(*xs):
        return sum(numpy.sum(part) for part in first(*xs))

    everything = tuple(range(len(args)))
    first, again = grad(loss, argnums=everything), grad(total, argnums=everything)
    ones = tuple(np.ones(a.shape, a.dtype) for a in args)
    _, second = jvp(lambda *xs: first(*xs), tuple(args), ones)
    return {
        "value": f(*args),
        "first": first(*args),
        "second, reverse over reverse": again(*args),
        "second, forward over reverse": second,
        "forward mode": jvp(loss, tuple(args), ones)[1],
    }


def twice_reversed(f, args):
    """Value, first and second derivatives, in reverse mode alone."""

    def loss(*xs):
        return np.sum(f(*xs))

    def total(*xs):
        return sum(np.sum(part) for part in first(*xs))

    everything = tuple(range(len(args)))
    first, second = ad.grad(loss, argnums=everything), ad.grad(total, argnums=everything)
    return {"value": f(*args), "first": first(*args), "second, reverse over reverse": second(*args)}


def run(f, args):
    return derivatives(f, args, np, ad.grad, ad.jvp)


def expected(kink):
    """What `derivatives` gives, of an entry."""
    with np.errstate(all="ignore"):
        slope = sum(float(np.sum(part)) for part in parts(kink, kink.first))
    found = {"value": kink.value, "first": parts(kink, kink.first), "forward mode": slope}
    if kink.second is not None:
        found["second, reverse over reverse"] = parts(kink, kink.second)
        found["second, forward over reverse"] = parts(kink, kink.second)
    return found


def parts(kink, derivative):
    return derivative if len(kink.point) > 1 else (derivative,)


def compare(found, wanted, note, rtol=1e-9):
    """Up to rounding, which for a second derivative has the size of the first ones it is made of."""
    for key, value in wanted.items():
        a, b = flat(found[key]), flat(value)
        around = largest(wanted["first"]) if key not in ("value", "first") else 0.0
        scale = rtol * max(largest(value), 1e-3 * around)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=scale, err_msg=f"{key} of {note}")


def largest(values):
    sizes = np.abs(flat(values))
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))


def flat(values):
    leaves = values if isinstance(values, tuple) else (values,)
    return np.concatenate([np.ravel(np.asarray(v, float)) for v in leaves])


# ---- ours ------------------------------------------------------------------------------------------


@pytest.fixture
def interpreted(monkeypatch):
    monkeypatch.setattr(config, "jit", False)


@pytest.mark.parametrize("kink", ENTRIES, ids=str)
def test_interpreter(kink, interpreted):
    compare(ad.jit(lambda *xs: run(ours(kink), xs))(*point_of(kink)), expected(kink), str(kink))


def test_the_value_is_numpys():
    plain = [k for k in ENTRIES if "sp." not in k.source and "nn." not in k.source]
    for kink in [k for k in plain if k.why not in ("scale", "stable", "denormal")]:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ours(kink)(*point_of(kink))
        compare({"value": value}, {"value": kink.value}, f"{kink} in NumPy")


# Compiling takes more than twice as long for a program of twice the size: a few entries to a kernel.
# Four minutes for all of them: the default run has those with a mask each.
KERNELS = [
    pytest.param(name, start, dtype, marks=[] if (name, dtype) == ("bounds", np.float64) else pytest.mark.slow)
    for dtype in (np.float64, np.float32)
    for name, entries in kinks.TABLE.items()
    for start in range(0, len(entries), 4)
]


@pytest.mark.parametrize(("group", "start", "dtype"), KERNELS)
def test_kernel(group, start, dtype):
    entries = [k for k in kinks.TABLE[group][start : start + 4] if dtype is np.float64 or in_single(k)]
    arguments = [point_of(k, dtype) for k in entries]
    if not entries:
        pytest.skip("nothing here is within the range of float32")

    def program(points):
        return [twice_reversed(ours(k), args) for k, args in zip(entries, points, strict=True)]

    compiled = ad.jit(program)
    found = compiled(arguments)
    assert compiled.cache_info().interpreted == 0
    for kink, result in zip(entries, found, strict=True):
        wanted = {key: value for key, value in expected(kink).items() if key in result}
        compare(result, wanted, f"{kink} in {dtype.__name__}", 1e-9 if dtype is np.float64 else 1e-4)


def in_single(kink):
    """Whether an entry says the same in float32: its point is one there, and no number is out of range."""
    numbers = flat(
        (*kink.point, kink.value, *parts(kink, kink.first), *(parts(kink, kink.second) if kink.second else ()))
    )
    sizes = np.abs(numbers[np.isfinite(numbers) & (numbers != 0.0)])
    if str(kink) in kinks.DOUBLE_ONLY or not np.all((sizes > 1e-20) & (sizes < 1e20)):
        return False
    return all(np.array_equal(np.float32(a), a, equal_nan=True) for a in kink.point)


@pytest.mark.parametrize("kink", TAPED)
def test_tape(kink, interpreted):
    args = [ad.constant(a) for a in point_of(kink)]
    with ad.GradientTape() as outer:
        for a in args:
            outer.watch(a)
        with ad.GradientTape() as inner:
            for a in args:
                inner.watch(a)
            y = np.sum(ours(kink)(*args))
        first = inner.gradient(y, args, unconnected_gradients="zero")
        total = sum(np.sum(part) for part in first)
    second = outer.gradient(total, args, unconnected_gradients="zero")
    found = {"first": tuple(g.numpy() for g in first), "second, reverse over reverse": tuple(g.numpy() for g in second)}
    compare(found, {key: value for key, value in expected(kink).items() if key in found}, str(kink))


# ---- JAX -------------------------------------------------------------------------------------------


def jax_names():
    jax = pytest.importorskip("jax")
    jnp, special = importlib.import_module("jax.numpy"), importlib.import_module("jax.scipy.special")

    jax.config.update("jax_enable_x64", True)
    sp = types.SimpleNamespace(**vars(special))
    sp.softmax, sp.log_softmax, sp.log_expit = jax.nn.softmax, jax.nn.log_softmax, jax.nn.log_sigmoid
    nn = types.SimpleNamespace(**vars(jax.nn))
    nn.softsign, nn.gelu = jax.nn.soft_sign, lambda x: jax.nn.gelu(x, approximate=False)
    return jax, {"np": jnp, "sp": sp, "nn": nn}


def in_jax(kink):
    """What the `jax` column says of an entry, with `...` filled in."""
    given = kink.jax or (..., ..., ...)
    own = (kink.value, kink.first, kink.second)
    return [a if b is ... else b for a, b in zip(own, given, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("kink", [k for k in ENTRIES if k.jax != "none"], ids=str)
def test_jax_gives_what_the_table_says(kink):
    jax, names = jax_names()
    args = [names["np"].asarray(a, "float64") for a in kink.point]
    found = derivatives(function_of(kink, **names), args, names["np"], jax.grad, jax.jvp)
    value, first, second = in_jax(kink)
    wanted = {"value": value, "first": parts(kink, first)}
    if second is not None:
        wanted["second, reverse over reverse"] = parts(kink, second)
    compare(found, wanted, f"{kink} in JAX")


# ---- the table and its page ------------------------------------------------------------------------


def test_every_difference_has_a_reason():
    assert len(ENTRIES) >= 300
    assert len({str(k) for k in ENTRIES}) == len(ENTRIES)
    for kink in ENTRIES:
        assert bool(kink.jax) == bool(kink.why), kink
        assert not kink.why or kink.why in kinks.WHY, kink
    assert {k.why for k in ENTRIES if k.why} == set(kinks.WHY)


def shown(value):
    """A number, or numbers, as the page has them."""
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return (
            ", ".join(map(shown, value))
            if any(isinstance(v, list) for v in value)
            else f"({', '.join(map(shown, value))})"
        )
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:.6g}"


def page():
    lines = [kinks.RULES.strip(), ""]
    lines += ["| reason | why ours is not JAX's |", "|---|---|"]
    lines += [f"| {key} | {' '.join(text.split())} |" for key, text in kinks.WHY.items()]
    for name, entries in kinks.TABLE.items():
        lines += [
            "",
            f"## {name.capitalize()}",
            "",
            "| function | at | value | first | second | JAX | reason |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [row(k) for k in entries]
    return "\n".join(lines) + "\n"


def row(kink):
    source = kink.source.replace("|", "\\|")
    theirs = (
        "–"
        if kink.jax == "none"
        else "same"
        if kink.jax is None
        else "; ".join("same" if v is ... else shown(v) for v in kink.jax)
    )
    cells = [
        f"`{source}`",
        ", ".join(map(shown, kink.point)),
        *map(shown, (kink.value, kink.first, kink.second)),
        theirs,
        kink.why,
    ]
    return f"| {' | '.join(cells)} |"


def test_page_is_up_to_date(request):
    if request.config.getoption("--update-golden", default=False):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "run with --update-golden, read the diff"
