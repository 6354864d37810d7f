"""CasADi: a graph of scalars, run by its own virtual machine. For small and sequential problems."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import casadi
import numpy

from benchmarks.peer import NotAttempted, bare, no_note
from benchmarks.workload import Array, Call, Case, Language, Result, Task, Workload

DISTRIBUTIONS = ("casadi",)
GRADIENT = True
CORES = 1
DISK_CACHE = False
REFUSALS = (NotImplementedError,)
note = no_note
MOST_SCALARS = 200_000  # the graph has a node for each, and operation on it


def _sum(x: Any) -> Any:
    return casadi.sum1(casadi.vec(x))


def _scan(step: Any, start: Any, xs: Any) -> Any:
    """`fold` of a function of one step. What the step reads besides the carry is found by tracing it: `p`."""
    carry = casadi.MX.sym("carry", len(start))
    stepped = casadi.vertcat(*step(tuple(carry[k] for k in range(len(start))), None))
    (parameters,) = [each for each in casadi.symvar(stepped) if each.name() != "carry"]
    one = casadi.Function("one", [carry, parameters], [stepped]).expand()
    ended = one.fold(len(xs))(casadi.vertcat(*start), parameters)
    return tuple(ended[k] for k in range(len(start)))


_numpy = SimpleNamespace(
    **{name: getattr(casadi, name) for name in ("exp", "tanh", "sin", "sqrt", "log", "log1p")},
    sum=_sum,
    stack=lambda parts: casadi.vertcat(*parts),
)


def _absent(*_: Any, **__: Any) -> Any:
    raise NotAttempted("not written for CasADi")


LANGUAGE = Language(_numpy, _absent, _absent, _absent, _absent)


def warm_up() -> None:
    x = casadi.SX.sym("x")
    casadi.Function("f", [x], [x + 1])(1.0)


def prepare(workload: Workload, case: Case) -> Call:
    inputs = workload.arguments(case, 0)
    if case.data_dependent:
        raise NotAttempted("a loop that depends on the data")
    if sum(numpy.size(each) for each in (*inputs, *workload.data(case))) > MOST_SCALARS:
        raise NotAttempted("a graph of so many scalars")
    # A loop over scalars stays a loop (of MX, whose nodes are calls); over pairs of bodies it is unrolled, into SX.
    loops = case.trips > 0 and not case.shape
    kind, language = (casadi.MX, replace(LANGUAGE, scan=_scan)) if loops else (casadi.SX, LANGUAGE)
    symbols = [kind.sym(f"x{k}", *numpy.shape(each)) for k, each in enumerate(inputs)]
    data = tuple(casadi.DM(each) for each in workload.data(case))
    n, hvp = case.differentiated, case.task is Task.HVP
    try:
        value = workload.loss(language, case)(*symbols[: 1 if hvp else None], *data)
    except (AttributeError, TypeError, ValueError) as error:  # an array function it does not have
        raise NotAttempted(f"not written for CasADi: {error}") from error
    outputs = _outputs(value, symbols, case, n)
    compiled = casadi.Function("f", symbols, outputs)
    shapes = [numpy.shape(each) for each in inputs[:n]]

    def call(*arguments: Any) -> Result:
        found = compiled(*arguments)
        if len(outputs) == 1:
            return _array(found, inputs[0].shape if hvp else outputs[0].shape)
        return float(found[0]), bare([_array(part, shape) for part, shape in zip(found[1:], shapes, strict=True)])

    return call


def _array(part: Any, shape: tuple[int, ...]) -> Array | float:
    return numpy.asarray(part).reshape(shape) if shape else float(part)


def _outputs(value: Any, symbols: list[Any], case: Case, n: int) -> list[Any]:
    match case.task:
        case Task.HESSIAN:
            return [casadi.densify(casadi.hessian(value, symbols[0])[0])]
        case Task.HVP:
            return [casadi.jtimes(casadi.gradient(value, symbols[0]), *symbols)]
        case Task.JACOBIAN:
            return [casadi.densify(casadi.jacobian(value, symbols[0]))]
    return [value, *(casadi.gradient(value, each) for each in symbols[:n])]
