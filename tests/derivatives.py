"""Derivatives by other means, to hold the emitted ones against.

The pairing of a cotangent with a tangent is <ct, t> = Re sum conj(ct) t, on real arrays the plain
sum of products: a complex number counts as the two real numbers it consists of.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.backends.interpreter import run
from autodiff.ir.aval import is_differentiable
from autodiff.ir.build import building, inline
from autodiff.ir.core import Block
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import vjp

Arrays = Sequence[Any]


def directions(arrays: Arrays, wrt: Sequence[int], seed: int = 1) -> list[Any]:
    """A tangent for each operand in `wrt`."""
    rng = np.random.default_rng(seed)
    return [_direction(rng, arrays[k]) for k in wrt]


def _direction(rng: np.random.Generator, x: Any) -> Any:
    t = np.asarray(rng.uniform(-1, 1, np.shape(x)))
    if x.dtype.kind == "c":
        t = t + 1j * rng.uniform(-1, 1, np.shape(x))
    return t.astype(x.dtype)[()]


def floats(block: Block) -> list[int]:
    """The results that carry derivatives."""
    return [k for k, y in enumerate(block.results) if is_differentiable(y.aval.dtype)]


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


def pairing(cts: Arrays, tangents: Arrays) -> tuple[float, float]:
    """<cts, tangents>, and the size of its terms."""
    terms = [np.ravel(np.conj(np.asarray(a, np.result_type(a, float))) * b) for a, b in zip(cts, tangents, strict=True)]
    flat = np.concatenate(terms) if terms else np.zeros(1)
    return float(flat.real.sum()), float(np.abs(flat).sum())


def check_modes_agree(block: Block, arrays: Arrays, wrt: Sequence[int], rtol: float = 1e-12) -> None:
    """<ct, J t> = <J^T ct, t>: forward and reverse mode, each derived from other rules."""
    n = len(block.results)
    if any(v.aval.dtype in (np.float32, np.complex64) for i in block.instrs for v in (*i.operands, *i.results)):
        rtol = 1e-6
    tangents = directions(arrays, wrt)
    forward = run(jvp(block, wrt), [*arrays, *tangents])
    cts = directions(forward, range(n), seed=2)
    reverse = run(vjp(block, wrt), [*arrays, *cts])
    smooth = floats(block)
    left, size = pairing([cts[k] for k in smooth], [forward[n + k] for k in smooth])
    right, other = pairing(reverse[n:], tangents)
    assert abs(left - right) <= rtol * max(size, other) + 1e-300, (left, right, size)


def cotangents(block: Block, wrt: Sequence[int]) -> Block:
    """(x..., ct...) -> (ct_x...): the adjoint alone, to be differentiated again."""
    adjoint, n = vjp(block, wrt), len(block.results)
    with building([p.aval for p in adjoint.params], [p.hint for p in adjoint.params]) as b:
        return b.block(inline(adjoint, b.params)[n:])
