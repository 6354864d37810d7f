"""The arguments of `GradientTape.gradient`: taken apart, checked, and named when they cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, DTypeError, ShapeError
from autodiff.frontends import trees as optree
from autodiff.frontends.array import ArrayMethods, plain_array
from autodiff.frontends.surface.common import as_dtype
from autodiff.frontends.surface.storage import held
from autodiff.frontends.tensor import constant
from autodiff.ir.aval import is_differentiable
from autodiff.ir.build import emitter


def wants_zeros(unconnected: Any) -> bool:
    """Read `unconnected_gradients`, in either case of letters."""
    if unconnected == "none":
        return False
    if not isinstance(unconnected, str) or unconnected.lower() not in ("none", "zero"):
        raise ArgumentError(f"Unknown value for unconnected_gradients: {unconnected!r}", "use 'none' or 'zero'")
    return unconnected.lower() == "zero"


def described(x: Any) -> str:
    """What kind of object it is, for a message."""
    return "None" if x is None else f"a Python {type(x).__name__} ({x!r:.40})"


def leaves_of(structure: Any, name: str) -> tuple[list[Any], Any]:
    """The tensors and variables of a nested structure, and how it is built (None: it is one itself)."""
    if isinstance(structure, ArrayMethods):
        return [held(structure)], None
    if structure is None:
        raise DTypeError(f"gradient: {name} is None", "give a tensor or a nested structure of tensors")
    leaves, spec = optree.tree_flatten(structure, none_is_leaf=True)
    for k, leaf in enumerate(leaves):
        if not isinstance(leaf, ArrayMethods):
            place = name + "".join(f"[{p!r}]" for p in spec.paths()[k])
            kind = "a NumPy array" if isinstance(leaf, np.ndarray) else described(leaf)
            raise DTypeError(f"gradient: {place} is {kind}, which was never watched", "wrap it: x = tape.watch(x)")
    return list(map(held, leaves)), spec


def differentiable(targets: list[Any], cotangents: list[Any]) -> tuple[list[Any], list[Any]]:
    """Without the integer targets, which have no gradient."""
    if all(t.aval.dtype.kind in "fc" for t in targets):
        return targets, cotangents
    pairs = [(t, c) for t, c in zip(targets, cotangents, strict=True) if is_differentiable(t.dtype)]
    if targets and not pairs:
        dtypes = ", ".join(sorted({str(t.dtype) for t in targets}))
        raise DTypeError(f"gradient: the target has dtype {dtypes}, which has no gradient", "use a float target")
    return [t for t, _ in pairs], [c for _, c in pairs]


def check_source(source: Any, k: int) -> None:
    """Refuse integer and boolean sources."""
    if not is_differentiable(source.dtype):
        raise DTypeError(
            f"gradient: source {k} has dtype {source.dtype}, which is not differentiable",
            "cast it to float before it is used: x = x.astype(float)",
        )


def sources_of(structure: Any) -> tuple[list[Any], Any]:
    """`leaves_of` the sources, all of which have a derivative; a flat list has the structure `list`."""
    sources: list[Any] = []
    if type(structure) is list:
        spec: Any = list
        for x in structure:
            if not isinstance(x, ArrayMethods):
                sources.clear()
                break
            sources.append(held(x))
    if not sources:
        sources, spec = leaves_of(structure, "sources")
    for k, source in enumerate(sources):
        if source.aval.dtype.kind not in "fc":
            check_source(source, k)
    return sources, spec


def nested(leaves: list[Any], spec: Any) -> Any:
    """One result per source, in the structure of the sources."""
    if spec is None:
        return leaves[0]
    return leaves if spec is list else optree.tree_unflatten(spec, leaves)


def check_targets(targets: list[Any], name: str) -> None:
    """Refuse integer and boolean targets."""
    for t in targets:
        if not is_differentiable(t.dtype):
            raise DTypeError(f"{name}: the target has dtype {t.dtype}, which has no gradient", "use float targets")


def check_rows(target: Any, source: Any) -> None:
    """Refuse what has no rows, or not as many rows as the target."""
    if not isinstance(target, ArrayMethods):
        raise DTypeError(f"batch_jacobian: the target is {described(target)}", "give one tensor of shape (b, ...)")
    sources, _ = leaves_of(source, "source")
    for name, x in [("target", target), *(("source", s) for s in sources)]:
        if len(x.shape) < 2:
            raise ShapeError(
                f"batch_jacobian: shape {x.shape} of the {name} must have rank at least 2",
                "the first axis counts the rows: x[:, None] gives it a second; jacobian() takes any shape",
            )
    for s in sources:
        if s.shape[0] != target.shape[0]:
            raise ShapeError(
                f"batch_jacobian: need the first dimension of target shape {target.shape} and source shape {s.shape} "
                "to match",
                "rows of the target belong to rows of the source; jacobian() takes any shape",
            )


def cotangents_of(given: Any, targets: list[Any], spec: Any) -> list[Any]:
    """One cotangent (or None for ones) per target, checked against its shape."""
    if given is None:
        return [None] * len(targets)
    if spec is None:
        leaves = [given]
    else:
        try:
            leaves = spec.flatten_up_to(given)
        except ValueError as error:
            raise ArgumentError(f"output_gradients must have the structure of target: {error}") from None
    return [_cotangent(c, t, k) for k, (c, t) in enumerate(zip(leaves, targets, strict=True))]


def _cotangent(given: Any, target: Any, k: int) -> Any:
    if given is None:
        return None
    aval = target.aval
    ct = given if isinstance(given, ArrayMethods) else constant(plain_array(given))
    ct = emitter().lift(ct)
    if ct.aval.shape != aval.shape:
        raise ShapeError(
            f"output_gradients: entry {k} has shape {ct.aval.shape}, its target has shape {aval.shape}",
            "give one cotangent per element of the target",
        )
    return as_dtype(ct, aval.dtype)
