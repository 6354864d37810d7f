"""Derivatives by other means, to hold the emitted ones against."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.backends.interpreter import run
from autodiff.ir.build import building, inline
from autodiff.ir.core import Block
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import vjp

Arrays = Sequence[Any]


def directions(arrays: Arrays, wrt: Sequence[int], seed: int = 1) -> list[Any]:
    """A tangent for each operand in `wrt`."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(-1, 1, np.shape(arrays[k]))).astype(arrays[k].dtype)[()] for k in wrt]


def moved(arrays: Arrays, wrt: Sequence[int], tangents: Arrays, step: Any) -> list[Any]:
    """The arrays, moved by `step` along the tangents."""
    new = list(arrays)
    for k, t in zip(wrt, tangents, strict=True):
        new[k] = arrays[k] + step * t
    return new


def richardson(f: Callable[..., Arrays], arrays: Arrays, wrt: Sequence[int], tangents: Arrays) -> list[Any]:
    """Directional derivative by differences; nan in lanes where a kink is too near to tell."""
    found = []
    coarse, fine = (_extrapolated(f, arrays, wrt, tangents, h) for h in (1e-3, 1.3e-4))
    for a, b in zip(coarse, fine, strict=True):
        sure = np.abs(a - b) <= 1e-5 * (1 + np.abs(a))
        found.append(np.where(sure, a, np.nan))
    return found


def check_differences(found: Arrays, expected: Arrays, note: str = "") -> None:
    """`found` agrees with what `richardson` gives, wherever that is sure."""
    for a, b in zip(found, expected, strict=True):
        sure = ~np.isnan(b)
        assert np.mean(sure) >= 0.5 if sure.size > 2 else True, f"{note}: differences tell nothing"
        np.testing.assert_allclose(np.asarray(a)[sure], b[sure], rtol=1e-6, atol=1e-7, err_msg=note)


def _extrapolated(
    f: Callable[..., Arrays], arrays: Arrays, wrt: Sequence[int], tangents: Arrays, h: float
) -> list[Any]:
    """Central differences, extrapolated from three steps (error h**6)."""
    steps = [h / 2**k for k in range(3)]
    table: list[list[Any]] = []
    for h in steps:
        ahead, behind = f(*moved(arrays, wrt, tangents, h)), f(*moved(arrays, wrt, tangents, -h))
        table.append([(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)])
    for order in (4.0, 16.0):
        table = [
            [(order * b - a) / (order - 1) for a, b in zip(coarse, fine, strict=True)]
            for coarse, fine in itertools.pairwise(table)
        ]
    return table[0]


def complex_step(f: Callable[..., Arrays], arrays: Arrays, wrt: Sequence[int], tangents: Arrays) -> list[Any] | None:
    """Directional derivative from one evaluation at x + i h t, or None when f has no complex version.

    Squire & Trapp, "Using complex variables to estimate derivatives of real functions", 1998.
    """
    h = 1e-100
    floats = [k for k, a in enumerate(arrays) if a.dtype.kind == "f"]
    try:
        complex_arrays = [a.astype(complex) if k in floats else a for k, a in enumerate(arrays)]
        with np.errstate(all="ignore"):
            return [np.imag(y) / h for y in f(*moved(complex_arrays, wrt, tangents, 1j * h))]
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return None


def pairing(a: Arrays, b: Arrays) -> tuple[float, float]:
    """<a, b>, and the size of its terms."""
    terms = [np.ravel(np.asarray(x, float) * y) for x, y in zip(a, b, strict=True)]
    flat = np.concatenate(terms) if terms else np.zeros(1)
    return float(flat.sum()), float(np.abs(flat).sum())


def check_modes_agree(block: Block, arrays: Arrays, wrt: Sequence[int], rtol: float = 1e-12) -> None:
    """<ct, J t> = <J^T ct, t>: forward and reverse mode, each derived from other rules."""
    n = len(block.results)
    if any(v.aval.dtype == np.float32 for i in block.instrs for v in (*i.operands, *i.results)):
        rtol = 1e-6
    tangents = directions(arrays, wrt)
    forward = run(jvp(block, wrt), [*arrays, *tangents])
    cts = [np.random.default_rng(2).uniform(-1, 1, np.shape(y)).astype(y.dtype) for y in forward[:n]]
    cts = [ct if ct.shape else ct[()] for ct in map(np.asarray, cts)]
    reverse = run(vjp(block, wrt), [*arrays, *cts])
    floats = [k for k in range(n) if forward[k].dtype.kind == "f"]
    left, size = pairing([cts[k] for k in floats], [forward[n + k] for k in floats])
    right, other = pairing(reverse[n:], tangents)
    assert abs(left - right) <= rtol * max(size, other) + 1e-300, (left, right, size)


def cotangents(block: Block, wrt: Sequence[int]) -> Block:
    """(x..., ct...) -> (ct_x...): the adjoint alone, to be differentiated again."""
    adjoint, n = vjp(block, wrt), len(block.results)
    with building([p.aval for p in adjoint.params], [p.hint for p in adjoint.params]) as b:
        return b.block(inline(adjoint, b.params)[n:])
