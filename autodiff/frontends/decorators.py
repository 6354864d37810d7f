"""What each decorator does to a traced function: checks of arguments and results, and a transform.

A `Transform` is handed to `Function` (`frontends/function.py`); the plain one is `jit`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.errors import DTypeError, NonScalarLossError
from autodiff.frontends import trees as optree
from autodiff.frontends.call import Call
from autodiff.frontends.transform import Traced, Transform
from autodiff.ir.aval import is_differentiable
from autodiff.ir.build import building, inline
from autodiff.ir.core import Block
from autodiff.passes.checkpoint import checkpointed
from autodiff.passes.stabilize import stabilize
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import value_and_gradient, vjp


class Derivative(Transform):
    """A derivative with respect to some of the arguments."""

    def __init__(self, name: str, which: Sequence[int | str | None], single: bool, has_aux: bool) -> None:
        self.name = name
        self.which = which
        self.single = single
        self.has_aux = has_aux

    def arguments(self, call: Call) -> list[tuple[Any, list[int]]]:
        """Structure and leaves of each argument to differentiate with respect to."""
        return [call.structure(call.argument(which, self.name)) for which in self.which]

    def differentiated(self, call: Call) -> list[int]:
        return [k for _, leaves in self.arguments(call) for k in leaves]

    def check(self, call: Call) -> None:
        arguments = self.arguments(call)
        for k in [k for _, leaves in arguments for k in leaves]:
            if not is_differentiable(call.key[1][k][0].dtype):
                raise DTypeError(
                    f"{self.name}: {call.described(k)}, which is not differentiable",
                    "pass floats: 3.0 instead of 3, x.astype(float) for an array",
                )
        if not any(leaves for _, leaves in arguments):
            names = ", ".join(call.parameters.name(call.argument(which, self.name)) for which in self.which)
            empty = [spec.unflatten([]) for spec, _ in arguments]
            raise DTypeError(
                f"{self.name}: nothing to differentiate: argument {names} of {call.parameters.function} is "
                f"{', '.join(map(repr, empty))}",
                "pass a float array, or choose another argument with argnums",
            )


class Gradient(Derivative):
    """Results of the function, then gradients of the first of them."""

    def __init__(
        self,
        name: str,
        which: Sequence[int | str | None],
        single: bool,
        has_aux: bool,
        value: bool,
        checkpoint: int | str | None = None,
    ) -> None:
        super().__init__(name, which, single, has_aux)
        self.value = value
        self.checkpoint = checkpoint  # how loops keep their state: see `passes/checkpoint.py`

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        self._check_result(traced, call.parameters.function)
        arguments = self.arguments(call)
        forward = checkpointed(stabilize(traced.block), self.checkpoint)
        block = value_and_gradient(forward, [k for _, leaves in arguments for k in leaves])
        n = len(traced.block.results)
        specs = [spec for spec, _ in arguments]
        gradient = specs[0] if self.single else optree.treespec_tuple(specs)
        if self.value:
            value = optree.treespec_tuple(traced.spec.children()) if self.has_aux else traced.spec
            return block, optree.treespec_tuple([value, gradient])
        kept = block.results[n:] if not self.has_aux else (*block.results[n:], *block.results[1:n])
        spec = gradient if not self.has_aux else optree.treespec_tuple([gradient, traced.spec.child(1)])
        return Block(block.params, block.instrs, kept), spec

    def _check_result(self, traced: Traced, name: str) -> None:
        if not self.has_aux:
            self._check_loss(traced, traced.spec, f"{name} must return one float")
            return
        kind = traced.spec.type
        if not (kind and issubclass(kind, tuple | list) and traced.spec.num_children == 2):
            raise NonScalarLossError(
                f"{self.name}: with has_aux=True {name} must return a pair (loss, aux), it returned "
                f"{_returned(traced, traced.spec)}",
                "return loss, aux",
                _origin(traced),
            )
        self._check_loss(traced, traced.spec.child(0), f"the first result of {name} must be one float")

    def _check_loss(self, traced: Traced, spec: Any, wanted: str) -> None:
        aval = traced.block.results[0].aval if spec.is_leaf() else None
        if aval is not None and not aval.shape and aval.dtype.kind == "f":
            return
        remedy = "reduce it: np.sum(y) or np.mean(y)"
        if aval is None:
            remedy = "return the loss alone; for (loss, aux) say has_aux=True"
        elif aval.dtype.kind == "c":
            remedy = "a complex number has no largest direction: return its real part, or abs(y)"
        elif not is_differentiable(aval.dtype):
            remedy = "return a float; integers and booleans have no derivative"
        returned = _returned(traced, spec)
        raise NonScalarLossError(f"{self.name}: {wanted}, it returned {returned}", remedy, _origin(traced))


def _returned(traced: Traced, spec: Any) -> str:
    """A result in a message."""
    if spec.type is type(None):
        return "None"
    if not spec.is_leaf():
        return f"a {spec.type.__name__} of {spec.num_leaves} arrays"
    aval = traced.block.results[0].aval
    return f"an array of shape {aval.shape} and dtype {aval.dtype}" if aval.shape else f"a number of dtype {aval.dtype}"


def _origin(traced: Traced) -> tuple[str, int] | None:
    """The user's line that computed the first result, if any did."""
    results = traced.block.results[:1]
    return next((i.location for i in traced.block.instrs if any(r is s for r in i.results for s in results)), None)


class Pushforward(Transform):
    """Arguments are (primals, tangents); results are (values, tangents)."""

    name = "jvp"

    def differentiated(self, call: Call) -> list[int]:
        return call.structure(0)[1]

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        block = jvp(stabilize(traced.block), call.structure(0)[1])
        # The tangents are already parameters of the traced function, where nothing reads them.
        return _second_argument_used(block, traced, call), optree.treespec_tuple([traced.spec, traced.spec])


class Pullback(Transform):
    """Arguments are (primals, cotangents); results are the primals' cotangents."""

    name = "vjp"

    def differentiated(self, call: Call) -> list[int]:
        return call.structure(0)[1]

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        spec, leaves = call.structure(0)
        block = _second_argument_used(vjp(stabilize(traced.block), leaves), traced, call)
        n = len(traced.block.results)
        return Block(block.params, block.instrs, block.results[n:]), spec


def _second_argument_used(block: Block, traced: Traced, call: Call) -> Block:
    """Bind the parameters that a transform appended to the call's second argument."""
    n = len(traced.block.params)
    with building([p.aval for p in block.params[:n]], [p.hint for p in block.params[:n]]) as b:
        given = [b.params[k] for k in call.structure(1)[1]]
        return b.block(inline(block, (*b.params, *given)))
