"""What is asked of a random program: every way to its value and derivatives gives the same numbers.

With f the results, J their Jacobian, s and t two directions and ct cotangents, `interpreted` compares

    values      the traced block          with NumPy running the text
    forward     J t                       with the oracle
    reverse     <J^T ct, s>               with the oracle's <ct, J s>
    second      <d(J^T ct)/dx t, s>       with the oracle's <ct, f'' s t>   (Hessian-vector product)
    optimised   the blocks of these, through stabilize and optimize, with the blocks as they are

(one random direction finds an error in any component), `compiled` the machine code of value and cotangents with the
interpreter, and `against_jax` values and cotangents with JAX, element by element.

Tolerances are relative to the largest number in the whole run of the oracle: values, first and second derivatives of
all steps. Rounding of that size is unavoidable, since a small result may be the difference of large intermediates; the
generator keeps it below 1000, so nothing coarser than 1e-8 passes, and mostly nothing coarser than 1e-10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from derivatives import cotangents
from fuzz.dual import STEP, dual, real
from fuzz.programs import Program
from kernels import Kernel

from autodiff.backends.interpreter import run
from autodiff.ir.core import Block
from autodiff.passes.pipeline import optimize
from autodiff.passes.stabilize import stabilize
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import vjp

ROUNDING = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 1e-4}


class Wrong(AssertionError):
    """Two ways to one number disagree."""

    def __init__(self, what: str, found: Any, expected: Any, tolerance: float) -> None:
        super().__init__(f"{what}: {found!r} instead of {expected!r} (tolerance {tolerance:.1e})")
        self.what = what


class Expected:
    """What the oracle says of a program."""

    def __init__(self, p: Program) -> None:
        env: dict[str, Any] = {**p.duals(), "np": np}
        with np.errstate(all="ignore"):
            for step in p.steps:
                env[step.name] = eval(compile(step.expression, "<step>", "eval"), env)
        self.values = p.run()
        self.results = [dual(env[r]) for r in p.results]
        self.scale = max(1.0, *(_size(x) for name, x in env.items() if name not in ("np", "__builtins__")))
        self.cotangents = p.cotangents(self.values)
        narrow = any(a.dtype == np.float32 for a in p.values) or "float32" in p.text()
        self.rounding = ROUNDING[np.dtype(np.float32 if narrow else np.float64)]

    def paired(self, part: Callable[[Any], Any]) -> float:
        """<ct, part of the results>."""
        return sum(float(np.sum(ct * part(y))) for ct, y in zip(self.cotangents, self.results, strict=True))

    @property
    def weight(self) -> float:
        """How much all cotangents together can add up to."""
        return 1.0 + sum(float(np.sum(np.abs(ct))) for ct in self.cotangents)


def _size(x: Any) -> float:
    """The largest number in a value and its derivatives."""
    if np.asarray(real(x)).dtype.kind not in "fc":
        return 1.0
    x = dual(x)
    parts = (x.value.real, x.tangent.real, x.value.imag / STEP, x.tangent.imag / STEP)
    return max(float(np.max(np.abs(p), initial=0.0)) for p in parts)


def interpreted(p: Program) -> None:
    """Compare the interpreter with NumPy and with the oracle; raise `Wrong` at the first difference."""
    expected, (first, second) = Expected(p), p.directions()
    block, args = p.traced()
    floats, n = p.floats, len(p.results)
    alike("value", run(block, args), expected.values, expected)

    pushed = jvp(block, floats)
    tangents = run(pushed, [*args, *second])[n:]
    alike("forward", tangents, [y.value.imag / STEP for y in expected.results], expected, typed=False)

    pulled, given = vjp(block, floats), [*args, *expected.cotangents]
    cts = run(pulled, given)
    alike("value with cotangents", cts[:n], expected.values, expected)
    equal("reverse", paired(cts[n:], first), expected.paired(lambda y: y.tangent.real), expected)

    curved = jvp(cotangents(block, floats), floats)
    curvature = run(curved, [*given, *second])
    found = paired(curvature[len(floats) :], first)
    equal("second order", found, expected.paired(lambda y: y.tangent.imag / STEP), expected)

    stable = vjp(stabilize(block), floats)
    for what, before, after, inputs in (
        ("optimised reverse", cts, pulled, given),
        ("stabilized reverse", cts, stable, given),
        ("optimised second order", curvature, curved, [*given, *second]),
    ):
        alike(what, run(optimize(after), inputs), before, expected, weight=expected.weight)


def compiled(p: Program, by: str = "native") -> None:
    """Compare the machine code of value and cotangents with the interpreter."""
    expected = Expected(p)
    block, args = p.traced()
    pulled, given = vjp(block, p.floats), [*args, *expected.cotangents]
    reference = run(pulled, given)
    alike("compiled", Kernel(pulled).compiled(given, by=by), reference, expected, weight=expected.weight)


def against_jax(p: Program) -> None:
    """Compare values and cotangents with JAX, in double precision."""
    import jax

    expected = Expected(p)
    jax.config.update("jax_enable_x64", True)
    inputs = [p.values[k] for k in p.floats]

    def function(*changed: Any) -> Any:
        args = [jax.numpy.asarray(a) for a in p.values]
        for k, x in zip(p.floats, changed, strict=True):
            args[k] = x
        return tuple(jax.numpy.asarray(y) for y in p.function(jax.numpy, *args))

    values, pull = jax.vjp(function, *inputs)
    theirs = pull(tuple(ct.astype(y.dtype) for ct, y in zip(map(np.asarray, expected.cotangents), values, strict=True)))
    block, args = p.traced()
    ours = run(vjp(block, p.floats), [*args, *expected.cotangents])
    n = len(values)
    alike("value against jax", ours[:n], values, expected, typed=False)
    alike("cotangent against jax", ours[n:], theirs, expected, weight=expected.weight, typed=False)


def paired(xs: Sequence[Any], ys: Sequence[Any]) -> float:
    return sum(float(np.sum(np.asarray(x, float) * y)) for x, y in zip(xs, ys, strict=True))


def equal(what: str, found: float, wanted: float, expected: Expected) -> None:
    tolerance = expected.rounding * expected.scale * expected.weight
    if not abs(found - wanted) <= tolerance:
        raise Wrong(what, found, wanted, tolerance)


def alike(
    what: str, found: Sequence[Any], wanted: Sequence[Any], expected: Expected, weight: float = 1.0, typed: bool = True
) -> None:
    """The same arrays; `weight` is the size of the cotangents in them, `typed` whether dtypes count."""
    tolerance = expected.rounding * expected.scale * weight
    for k, (a, b) in enumerate(zip(map(np.asarray, found), map(np.asarray, wanted), strict=True)):
        same_type = a.shape == b.shape and (not typed or a.dtype == b.dtype)
        if not same_type:
            raise Wrong(f"type of {what} {k}", (a.shape, a.dtype), (b.shape, b.dtype), 0.0)
        if not np.all(np.abs(a - b) <= tolerance):
            raise Wrong(f"{what} {k}", a, b, tolerance)


def block_and_arguments(p: Program) -> tuple[Block, list[Any]]:
    """A program together with its cotangents, for tests of passes."""
    block, args = p.traced()
    return vjp(block, p.floats), [*args, *p.cotangents(p.run())]
