"""What `vmap` does to a traced function: which axis of which argument is the batch, and where it goes.

The function is traced with one entry of the batch; the block is then batched. Axes are given for
whole arguments, or for parts of them, in containers that agree with the outer levels of the
argument's (a *prefix* of it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends import trees as optree
from autodiff.frontends.call import Call
from autodiff.frontends.questions import Absent
from autodiff.frontends.transform import Traced, Transform
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.core import Block
from autodiff.ops.batching import repeated
from autodiff.ops.movement import transpose
from autodiff.transforms.batch import vectorized

Axis = int | None


class Batch(Transform):
    """One entry of the batch at a time, for all of them at once."""

    name = "vmap"

    def __init__(self, in_axes: Any, out_axes: Any, axis_size: int | None) -> None:
        for name, axes in (("in_axes", in_axes), ("out_axes", out_axes)):
            _check_axes(name, axes)
        self.in_axes = in_axes
        self.out_axes = out_axes
        self.axis_size = axis_size

    # ---- arguments ------------------------------------------------------------------------

    def check(self, call: Call) -> None:
        self._size(call)

    def avals(self, call: Call) -> list[tuple[ArrayAval, str, bool]]:
        return [
            (_without(aval, axis), hint, weak)
            for (aval, hint, weak), axis in zip(call.avals(), self._axes(call), strict=True)
        ]

    def values(self, call: Call) -> list[Any]:
        entry = Absent("is one entry of the batch of vmap, and the entries may differ")
        return [leaf if axis is None else entry for leaf, axis in zip(call.leaves, self._axes(call), strict=True)]

    def _axes(self, call: Call) -> list[Axis]:
        """The batch axis of every leaf, counted from the front; None where there is none."""
        positional, named = call.key[0].children()
        given = self.in_axes
        if isinstance(given, tuple | list):
            if len(given) != positional.num_children:
                raise ArgumentError(
                    f"vmap: in_axes has {len(given)} entries, {call.parameters.function} was called with "
                    f"{positional.num_children} positional arguments",
                    "one entry an argument, or a single int for all; keyword arguments always have their batch on "
                    "axis 0",
                )
            entries: Sequence[Any] = given
        else:
            entries = [given] * positional.num_children
        axes: list[Axis] = []
        for k, (entry, spec) in enumerate(zip(entries, positional.children(), strict=True)):
            axes += spread(entry, spec, "in_axes", f"argument {call.parameters.name(k)}")
        axes += [0] * named.num_leaves
        return [
            _counted(axis, aval, k, call) for k, (axis, (aval, _)) in enumerate(zip(axes, call.key[1], strict=True))
        ]

    def _size(self, call: Call) -> int:
        """The size of the batch."""
        paths = call.key[0].paths()
        found = {
            call.parameters.described(path): (aval.shape[axis], f"axis {axis} of shape {aval.shape}")
            for path, (aval, _), axis in zip(paths, call.key[1], self._axes(call), strict=True)
            if axis is not None
        }
        sizes = {size for size, _ in found.values()} | ({self.axis_size} if self.axis_size is not None else set())
        if len(sizes) > 1:
            listed = [f"{name} has {size} ({where})" for name, (size, where) in found.items()]
            listed += [f"axis_size is {self.axis_size}"] if self.axis_size is not None else []
            raise ShapeError(
                f"vmap: arguments of {call.parameters.function} have batches of different sizes: {', '.join(listed)}",
                "all batch axes must have one size; in_axes=None for an argument that is the same for the whole batch",
            )
        if not sizes:
            raise ArgumentError(
                f"vmap: no argument of {call.parameters.function} has a batch axis"
                + ("" if call.leaves else ", it was called without any array"),
                "pass an array that in_axes gives an axis to, or say axis_size=n",
            )
        return int(sizes.pop())

    # ---- results --------------------------------------------------------------------------

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        size, axes = self._size(call), self._axes(call)
        captured = traced.block.params[traced.n_params :]
        avals = [*(aval for aval, _ in call.key[1]), *(p.aval for p in captured)]
        wanted = spread(self.out_axes, traced.spec, "out_axes", f"the result of {call.parameters.function}")
        with building(avals, [p.hint for p in traced.block.params]) as b:
            args = [_moved(p, axis, 0) for p, axis in zip(b.params, [*axes, *(None for _ in captured)], strict=True)]
            flags = [*(axis is not None for axis in axes), *(False for _ in captured)]
            outs, batched = vectorized(traced.block, args, flags)
            results = [
                _placed(y, flag, axis, size, _where(traced, k, call))
                for k, (y, flag, axis) in enumerate(zip(outs, batched, wanted, strict=True))
            ]
            return b.block(results), traced.spec


def _where(traced: Traced, k: int, call: Call) -> str:
    path = "".join(f"[{p!r}]" for p in traced.spec.paths()[k])
    return f"result{path} of {call.parameters.function}"


def _placed(y: Any, batched: bool, axis: Axis, size: int, where: str) -> Any:
    """A result with the batch on `axis`; None: it has no such axis."""
    if axis is None:
        if batched:
            raise ArgumentError(
                f"vmap: out_axes is None for {where}, which is not the same for the whole batch",
                "give the axis the batch is to have there, such as 0",
            )
        return y
    y = y if batched else repeated(y, size)
    n = y.aval.ndim
    if not -n <= axis < n:
        raise ShapeError(
            f"vmap: out_axes is {axis} for {where}, which has {n} axes, the batch included", f"from {-n} to {n - 1}"
        )
    return _moved(y, 0, axis % n)


def _moved(x: Any, source: Axis, target: int) -> Any:
    if source is None or source == target:
        return x
    order = [k for k in range(x.aval.ndim) if k != source]
    order.insert(target, source)
    return transpose(x, perm=tuple(order))


def _without(aval: ArrayAval, axis: Axis) -> ArrayAval:
    return aval if axis is None else ArrayAval(aval.shape[:axis] + aval.shape[axis + 1 :], aval.dtype)


def _counted(axis: Axis, aval: ArrayAval, k: int, call: Call) -> Axis:
    if axis is None:
        return None
    if not -aval.ndim <= axis < aval.ndim:
        place = call.parameters.described(call.key[0].paths()[k])
        what = f"an array of shape {aval.shape}" if aval.shape else "a number"
        raise ShapeError(
            f"vmap: argument {place} of {call.parameters.function} is {what}, which has no axis {axis} for the batch",
            "in_axes=None for an argument that is the same for the whole batch; np.array([...]) makes a list of "
            "numbers one array",
        )
    return axis % aval.ndim


# ---- axes for parts of a container -----------------------------------------------------------------


def spread(axes: Any, spec: Any, name: str, what: str) -> list[Axis]:
    """One axis per leaf, from a prefix of the container."""
    found, prefix = optree.tree_flatten(axes, none_is_leaf=True)
    return list(_spread(iter(found), prefix, spec, name, what))


def _spread(found: Iterator[Any], prefix: Any, spec: Any, name: str, what: str) -> Iterator[Axis]:
    if prefix.is_leaf():
        axis = next(found)
        yield from [axis] * spec.num_leaves
        return
    if prefix.type is not spec.type or prefix.entries() != spec.entries():
        raise ArgumentError(
            f"vmap: {name} is {_shown(prefix)} where {what} is {_shown(spec)}",
            "axes come as one int (or None) for a container, or in a container of the same kind and size",
        )
    for entry, inner, part in zip(spec.entries(), prefix.children(), spec.children(), strict=True):
        yield from _spread(found, inner, part, name, f"{what}[{entry!r}]")


def _shown(spec: Any) -> str:
    if spec.is_leaf():
        return "one array"
    return "None" if spec.type is type(None) else f"a {spec.type.__name__} of {list(spec.entries())}"


def _check_axes(name: str, axes: Any) -> None:
    for axis in optree.tree_leaves(axes, none_is_leaf=True):
        if axis is not None and (not isinstance(axis, int) or isinstance(axis, bool)):
            raise ArgumentError(f"vmap: {name} must be made of ints and None, it has {axis!r}", "an axis is an int")
