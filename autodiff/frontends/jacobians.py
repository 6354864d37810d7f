"""What `jacobian` and its kind do to a traced function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.errors import ArgumentError, DTypeError
from autodiff.frontends import trees as optree
from autodiff.frontends.call import Call
from autodiff.frontends.decorators import Derivative
from autodiff.frontends.transform import Traced
from autodiff.ir.aval import ArrayAval, is_differentiable
from autodiff.ir.build import building, inline
from autodiff.ir.core import Block, Literal
from autodiff.ops.families import zeros_like
from autodiff.passes.stabilize import stabilize
from autodiff.transforms.jacobian import columns, rows

FORWARD, REVERSE, SHORTER = "forward", "reverse", "shorter"


class Jacobian(Derivative):
    """The derivative of every result with respect to every argument asked for."""

    def __init__(self, name: str, mode: str, which: Sequence[int | str | None], single: bool, has_aux: bool) -> None:
        super().__init__(name, which, single, has_aux)
        self.mode = mode

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        spec = self._result_spec(traced, call.parameters.function)
        n = spec.num_leaves
        self._check_results(traced, spec, call.parameters.function)
        arguments = self.arguments(call)
        source_specs = [s for s, _ in arguments]
        source_spec = source_specs[0] if self.single else optree.treespec_tuple(source_specs)
        leaves = [k for _, found in arguments for k in found]
        params = traced.block.params
        with building([p.aval for p in params], [p.hint for p in params]) as b:
            outs = inline(stabilize(traced.block), b.params)
            found = self._derivatives(list(b.instrs), outs[:n], [b.params[k] for k in leaves])
            aux = outs[n:] if self.has_aux else ()
            block = b.block((*found, *aux))
        whole = spec.compose(source_spec)
        return block, optree.treespec_tuple([whole, traced.spec.child(1)]) if self.has_aux else whole

    def _derivatives(self, instrs: list[Any], targets: Sequence[Any], sources: Sequence[Any]) -> list[Any]:
        """One per target and source, target by target."""
        if self._forward(targets, sources):
            found = [columns(instrs, s, targets) for s in sources]
            table = [list(of_target) for of_target in zip(*found, strict=True)]
        else:
            table = [[None] * len(sources) if isinstance(t, Literal) else rows(instrs, t, sources) for t in targets]
        return [
            zeros_like(ArrayAval(t.aval.shape + s.aval.shape, s.aval.dtype)) if d is None else d
            for t, of_target in zip(targets, table, strict=True)
            for s, d in zip(sources, of_target, strict=True)
        ]

    def _forward(self, targets: Sequence[Any], sources: Sequence[Any]) -> bool:
        if self.mode != SHORTER:
            return self.mode == FORWARD
        return sum(s.aval.size for s in sources) <= sum(t.aval.size for t in targets)

    def _result_spec(self, traced: Traced, function: str) -> Any:
        """The structure of what is differentiated."""
        if not self.has_aux:
            return traced.spec
        kind = traced.spec.type
        if not (kind and issubclass(kind, tuple | list) and traced.spec.num_children == 2):
            raise ArgumentError(
                f"{self.name}: with has_aux=True {function} must return a pair (result, aux)", "return result, aux"
            )
        return traced.spec.child(0)

    def _check_results(self, traced: Traced, spec: Any, function: str) -> None:
        for k, path in enumerate(spec.paths()):
            aval = traced.block.results[k].aval
            if not is_differentiable(aval.dtype):
                place = "".join(f"[{p!r}]" for p in path)
                raise DTypeError(
                    f"{self.name}: result{place} of {function} has dtype {aval.dtype}, which is not differentiable",
                    "return floats; with has_aux=True the second of two results is not differentiated",
                )
