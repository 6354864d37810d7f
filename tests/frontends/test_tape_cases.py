"""352 expressions with their gradients, from TensorFlow where it is right: `tests/golden/tape_cases.json`.

Every case is an expression in NumPy's names (`np`), SciPy's (`sp`) and a few of neural networks (`nn`). `np` is NumPy
itself: its functions reach the tape by dispatch. What a case asks for is its mode; its policy says whom to follow where
TensorFlow made a choice (`convention`) or a mistake (`improve`).
"""

import json
import pathlib
import types

import numpy as np
import pytest
import scipy.special

import autodiff as ad
from autodiff import nn
from autodiff.config import config
from autodiff.errors import ArgumentError, DTypeError, NotDifferentiableError
from autodiff.frontends import paths, replay
from autodiff.frontends.surface import reductions

FILE = pathlib.Path(__file__).parents[1] / "golden" / "tape_cases.json"
CASES = {case["id"]: case for case in json.loads(FILE.read_text(encoding="utf-8"))["cases"]}

# Cases that need a function which does not exist yet. As soon as it does, they count.
MISSING = {
    "convolution and pooling": [
        i
        for i, c in CASES.items()
        if any(f"nn.{name}" in c["code"] for name in ("conv", "depthwise", "max_pool", "resize"))
    ],
}
# Where TensorFlow made a choice and we make another, or it is one of several: ours.
CONVENTIONS = {
    # Slope 0 in the exponent wherever the base is not positive; the base itself follows IEEE.
    "edge.pow_0_neg1": [-np.inf, 0.0],
    "edge.pow_neg_frac": [np.nan, 0.0],
    # y x^(y-1) at x = y = 0 is taken as 0 in the base, and 0 in the exponent.
    "edge.x_pow_x_0": [0.0],
    "edge.base_0_exponent_var": [[0.0, 0.0]],
    # sqrt' is inf at 0 and meets a cotangent that is 0 by accident: no reason to hide that.
    "edge.sqrt_squared_0": [[np.nan, 0.121]],
    # A tie of maximum or minimum gives each side half.
    "edge.maximum_0_right": [[1.171 / 2, 0.0, -0.74]],
    "edge.maximum_tie_pair": [[1.171 / 2, 0.0], [1.171 / 2, 0.121]],
    "edge.minimum_tie_pair": [[1.171 / 2, 0.121], [1.171 / 2, 0.0]],
    # The angle of the origin has slope 0.
    "edge.arctan2_0_0": [0.0, 0.0],
    # The gradient of a symmetric matrix is symmetric, whichever triangle is read.
    "linalg.eigh_values_raw": [
        [
            [-33.2867877969121, -33.0759019163353, -17.6036153686003],
            [-33.0759019163353, -30.5558656808945, -16.8654600170279],
            [-17.6036153686003, -16.8654600170279, -7.7763465221933],
        ]
    ],
    # Flat functions are connected, with slope 0.
    "connect.floor": [0.0],
    "connect.sign": [0.0],
}


# ---- the names in the expressions ----------------------------------------------------------------


def selu(x):
    return 1.0507009873554804934 * np.where(x >= 0.0, x, 1.6732632423543772848 * np.expm1(x))


def normalized(x, axes, scale, shift, epsilon):
    mean, variance = np.mean(x, axis=axes, keepdims=True), np.var(x, axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * scale + shift


def segment_sum(x, segments, n):
    return ad.constant(np.zeros((n, *x.shape[1:]))).at[segments].add(x)


def segment_mean(x, segments, n):
    return segment_sum(x, segments, n) / np.maximum(np.bincount(segments.numpy(), minlength=n), 1)


NN = {
    **{name: getattr(nn, name) for name in ("relu", "leaky_relu", "elu", "relu6", "silu", "softplus", "softsign")},
    "selu": selu,
    "stop_gradient": ad.stop_gradient,
    "gelu": nn.gelu,
    "top_k": lambda x, k: nn.top_k(x, k)[0],
    "scatter_max": lambda x, i, u: ad.math.tensor_scatter_nd_max(x, i[:, None], u),
    "segment_max": ad.math.unsorted_segment_max,
    "cumlogsumexp": ad.math.cumulative_logsumexp,
    "layer_norm": lambda x, scale, shift, epsilon: normalized(x, -1, scale, shift, epsilon),
    "batch_norm": lambda x, scale, shift, epsilon: normalized(x, tuple(range(x.ndim - 1)), scale, shift, epsilon),
    "softmax_cross_entropy": lambda logits, labels: nn.softmax_cross_entropy_with_logits(labels, logits),
    "sparse_softmax_cross_entropy": lambda logits, labels: nn.sparse_softmax_cross_entropy_with_logits(labels, logits),
    "sigmoid_cross_entropy": lambda logits, labels: nn.sigmoid_cross_entropy_with_logits(labels, logits),
    "triangular_solve": ad.linalg.triangular_solve,
    "lstsq": ad.linalg.lstsq,
    "l2_normalize": ad.math.l2_normalize,
    "div_no_nan": ad.math.divide_no_nan,
    "scatter_add": lambda x, i, u: x.at[i].add(u),
    "scatter_set": lambda x, i, u: x.at[i].set(u),
    "scatter_nd": lambda i, u, shape: ad.constant(np.zeros(shape)).at[tuple(i.numpy().T)].add(u),
    "segment_sum": segment_sum,
    "segment_mean": segment_mean,
    "to_int": lambda x: x.astype(np.int64),
    "to_float": lambda x: x.astype(np.float64),
}
SP = {
    "logsumexp": reductions.logsumexp,
    "softmax": lambda x, axis=-1: reductions.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: reductions.log_softmax(x, axis),
    "expm": ad.linalg.expm,
}
SPECIAL = ("expit", "xlogy", "erf", "erfinv", "gammaln", "digamma", "i0e", "gammainc")
NAMES = {
    "np": np,
    "nn": types.SimpleNamespace(**NN),
    "sp": types.SimpleNamespace(**{f: getattr(scipy.special, f) for f in SPECIAL}, **SP),
}


def array(data, dtype=float):
    """Numbers of the file, where "nan", "inf" and "-inf" are strings, as an array."""
    if isinstance(data, dict):
        return np.asarray(data["real"], float) + 1j * np.asarray(data["imag"], float)
    return np.asarray(np.asarray(data, dtype=float if "complex" in str(dtype) else dtype), dtype)


class Question:
    """A case with its inputs as tensors."""

    def __init__(self, case):
        self.case = case
        self.inputs = {i["name"]: ad.constant(array(i["data"], i["dtype"])) for i in case["inputs"]}
        self.sources = [self.inputs[name] for name in case["wrt"]]
        self.code = compile(case["code"], case["id"], "eval")

    def __call__(self):
        return eval(self.code, {**NAMES, **self.inputs})

    def recorded(self, persistent=False):
        """A tape, and the value of the expression on it."""
        with ad.GradientTape(persistent=persistent) as tape:
            tape.watch(self.sources)
            y = self()
        return tape, y

    def direction(self):
        return [ad.constant(array(self.case["tangents"][name])) for name in self.case["wrt"]]


# ---- what is asked, by mode -------------------------------------------------------------------------


def ask_grad(q):
    tape, y = q.recorded(persistent=True)
    given = q.case.get("cotangent")
    seed = None if given is None else array(given)
    found = tape.gradient(y, q.sources, output_gradients=seed)
    if "grads_zero" in q.case["expected"]:
        zeros = tape.gradient(y, q.sources, output_gradients=seed, unconnected_gradients="zero")
        for ours, right in zip(zeros, q.case["expected"]["grads_zero"], strict=True):
            np.testing.assert_array_equal(ours.numpy(), array(right))
    return y, {"grads": found}


def ask_nth(q):
    (x,), found = q.sources, []
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = found_last = q()
        for _ in range(q.case["n"]):
            found_last = tape.gradient(found_last, x)
            found.append(found_last)
    return y, {"derivatives": found}


def gradient_on_an_outer_tape(q):
    with ad.GradientTape(persistent=True) as outer:
        outer.watch(q.sources)
        with ad.GradientTape() as inner:
            inner.watch(q.sources)
            y = q()
        grads = inner.gradient(y, q.sources)
    return outer, y, grads


def rows(tape, target, sources):
    """The derivatives of every element of the target, stacked: one array a source, None when unconnected."""
    found = []
    for k in range(target.size):
        seed = np.zeros(target.size)
        seed[k] = 1.0
        found.append(tape.gradient(target, sources, output_gradients=seed.reshape(target.shape)))
    return [
        None if parts[0] is None else np.stack([p.numpy() for p in parts]).reshape(target.shape + s.shape)
        for s, parts in zip(sources, zip(*found, strict=True), strict=True)
    ]


def ask_hessian(q):
    outer, y, grads = gradient_on_an_outer_tape(q)
    return y, {"grads": grads, "hessian": [rows(outer, g, q.sources) for g in grads]}


def ask_jacobian(q):
    tape, y = q.recorded(persistent=True)
    return y, {"jacobian": rows(tape, y, q.sources)}


def ask_batch_jacobian(q):
    tape, y = q.recorded(persistent=True)
    full = rows(tape, y, q.sources)
    return y, {"batch_jacobian": [np.stack([np.take(j[k], k, axis=y.ndim - 1) for k in range(len(y))]) for j in full]}


def ask_hvp(q):
    outer, y, grads = gradient_on_an_outer_tape(q)
    return y, {"grads": grads, "hvp": outer.gradient(grads, q.sources, output_gradients=q.direction())}


def ask_grad_penalty(q):
    with ad.GradientTape() as outer:
        outer.watch(q.sources)
        with ad.GradientTape() as inner:
            inner.watch(q.sources)
            y = q()
        grads = inner.gradient(y, q.sources)
        penalty = sum(np.sum(g**2) for g in grads)
    return y, {"grads": grads, "penalty": penalty, "penalty_grads": outer.gradient(penalty, q.sources)}


def ask_jvp(q):
    # By reverse mode twice: the vjp is linear in its cotangent, and its transpose is the jvp.
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            inner.watch(q.sources)
            y = q()
        ct = ad.constant(np.ones(y.shape))
        outer.watch(ct)
        grads = inner.gradient(y, q.sources, output_gradients=ct)
    return y, {"jvp": outer.gradient(grads, ct, output_gradients=q.direction())}


ASK = {name.removeprefix("ask_"): f for name, f in list(globals().items()) if name.startswith("ask_")}


# ---- the answers --------------------------------------------------------------------------------------


def right_answer(case):
    """What we hold to be right, by name."""
    expected = {k: v for k, v in case["expected"].items() if k not in ("value", "grads_zero")}
    if case["policy"] == "improve":
        asked = {"grad": "grads", "nth": "derivatives"}.get(case["mode"], case["mode"])
        expected = {**({"grads": expected["grads"]} if asked == "hessian" else {}), asked: case["better"]}
    if case["id"] in CONVENTIONS:
        expected["grads"] = CONVENTIONS[case["id"]]
    return expected


def compare(ours, right, place):
    if right is None:
        assert ours is None, f"{place}: expected None"
    elif isinstance(ours, list):
        assert len(ours) == len(right), place
        for k, (o, r) in enumerate(zip(ours, right, strict=True)):
            compare(o, r, f"{place}[{k}]")
    else:
        assert ours is not None, f"{place}: None, expected {right}"
        right = array(right)
        ours = ours.numpy() if isinstance(ours, ad.Tensor) else ours
        assert ours.shape == right.shape, place
        scale = np.max(np.abs(right[np.isfinite(right)]), initial=0.0)
        np.testing.assert_allclose(ours, right, rtol=1e-9, atol=1e-12 * max(scale, 1e-3), err_msg=place)


def reason_to_skip(case, table):
    return next((reason for reason, ids in table.items() if case["id"] in ids), "")


@pytest.mark.parametrize("tier", ["interpreted", pytest.param("compiled", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case(case, tier, monkeypatch):
    monkeypatch.setattr(replay, "_PLANS", type(replay._PLANS)())
    paths.tree.forget()
    monkeypatch.setattr(config, "hot_after", 0 if tier == "compiled" else 10**9)
    try:
        y, found = ASK[case["mode"]](Question(case))
    except (NotDifferentiableError, ArgumentError, AttributeError, DTypeError):
        reason = reason_to_skip(case, MISSING)
        if not reason:
            raise
        pytest.skip(f"not there yet: {reason}")
    right = right_answer(case)
    assert set(found) >= set(right), "a mode asks for everything in the file"
    value = case["better_value"] if "better_value" in case else case["expected"]["value"]
    if case["policy"] != "improve" or case["mode"] != "grad":
        compare(y, value, "value")
    for name, answer in right.items():
        compare(found[name], answer, name)


def test_tables_name_cases():
    for table in (MISSING,):
        for ids in table.values():
            assert ids
            assert set(ids) <= set(CASES)
    assert {CASES[i]["policy"] for i in CONVENTIONS} == {"convention"}
