"""PyTensor: a symbolic graph, compiled by its Numba backend."""

from typing import Any

import numpy
import pytensor
import pytensor.tensor as pt

from benchmarks.peer import NotAttempted, bare, is_wide, no_note
from benchmarks.workload import Call, Case, Language, Result, Task, Workload

DISTRIBUTIONS = ("pytensor", "numba")
GRADIENT = True
CORES = 1
DISK_CACHE = True
REFUSALS = (NotImplementedError,)
note = no_note


def _scan(step: Any, start: Any, xs: Any) -> Any:
    single = not isinstance(start, tuple)
    start = (start,) if single else start

    def body(x: Any, *carry: Any) -> Any:
        return step(carry[0] if single else carry, x)

    starts = [pt.as_tensor_variable(each) for each in start]
    carries = pytensor.scan(body, sequences=[xs], outputs_info=starts, return_updates=False)
    last = tuple(each[-1] for each in (carries if isinstance(carries, list | tuple) else [carries]))
    return last[0] if single else last


class _Numpy:
    """`pytensor.tensor`, whose names are NumPy's, but for where it keeps `linalg`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pt, name)


LANGUAGE = Language(
    np=_Numpy(),
    erf=pt.erf,
    sigmoid=pt.sigmoid,
    logsumexp=pt.logsumexp,
    solve_triangular=pt.linalg.solve_triangular,
    scan=_scan,
)


def warm_up() -> None:
    x = pt.dvector()
    pytensor.function([x], x.sum(), mode="NUMBA")(numpy.ones(3))


def prepare(workload: Workload, case: Case) -> Call:
    if case.name.startswith("loop"):
        raise NotAttempted("4,950 nested steps")
    inputs = workload.arguments(case, 0)
    symbols = [pt.as_tensor_variable(numpy.asarray(each)).type() for each in inputs]
    data = [pytensor.shared(each, borrow=True) for each in workload.data(case)]
    hvp = case.task is Task.HVP
    value = workload.loss(LANGUAGE, case)(*symbols[: 1 if hvp else None], *data)
    outputs = _outputs(value, symbols, case)
    compiled = pytensor.function(symbols, outputs, mode="NUMBA", trust_input=True)

    def call(*arguments: Any) -> Result:
        found = compiled(*(numpy.asarray(each) for each in arguments))
        return (float(found[0]), bare(found[1:])) if isinstance(found, list) else found

    return call


def _outputs(value: Any, symbols: list[Any], case: Case) -> Any:
    match case.task:
        case Task.HESSIAN:
            return pytensor.gradient.hessian(value, symbols[0])
        case Task.HVP:
            x, direction = symbols
            return pt.grad((pt.grad(value, x) * direction).sum(), x, consider_constant=[direction])
        case Task.JACOBIAN if is_wide(case):
            return pt.stack([pt.grad(value[row], symbols[0]) for row in range(case.shape[0])])
        case Task.JACOBIAN:
            directions = numpy.eye(case.shape[1])
            return pt.stack([pytensor.gradient.Rop(value, symbols[0], pt.constant(each)) for each in directions], 1)
    return [value, *pt.grad(value, symbols[: case.differentiated])]
