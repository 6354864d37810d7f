"""PyTorch, eager: a tape recorded anew at every call."""

from types import SimpleNamespace
from typing import Any

import numpy
import torch

from benchmarks.peer import bare, few_trips, is_wide, no_note
from benchmarks.workload import Call, Case, Language, Loss, Result, Task, Workload

DISTRIBUTIONS = ("torch",)
GRADIENT = True
CORES = 1
DISK_CACHE = False
REFUSALS = (NotImplementedError,)
note = no_note


def _convolve(images: Any, kernel: Any) -> Any:
    product = torch.nn.functional.conv2d(images.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), padding=1)
    return product.permute(0, 2, 3, 1)


def _pool(images: Any) -> Any:
    return torch.nn.functional.max_pool2d(images.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def _solve_triangular(factor: Any, b: Any, lower: bool) -> Any:
    return torch.linalg.solve_triangular(factor, b[:, None], upper=not lower)[:, 0]


# NumPy's names, where PyTorch's differ or are stricter.
_numpy = SimpleNamespace(
    **{name: getattr(torch, name) for name in ("abs", "exp", "tanh", "sin", "sqrt", "log", "log1p", "diag", "linalg")},
    **{name: getattr(torch, name) for name in ("sum", "mean", "stack", "einsum", "reshape", "roll", "where")},
    logaddexp=lambda a, b: torch.nn.functional.softplus(b - a) + a,
    maximum=lambda a, least: torch.clamp(a, min=least),
)
LANGUAGE = Language(
    np=_numpy,
    erf=torch.erf,
    sigmoid=torch.sigmoid,
    logsumexp=lambda x, axis=0: torch.logsumexp(x, axis),
    solve_triangular=_solve_triangular,
    convolve=_convolve,
    pool=_pool,
)


def warm_up() -> None:
    torch.set_num_threads(1)
    x = torch.ones(1, requires_grad=True)
    (2 * x).sum().backward()


def prepare(workload: Workload, case: Case) -> Call:
    few_trips(case, most=200)
    return version(workload.loss(LANGUAGE, case), workload, case, lambda function: function)


def version(function: Loss, workload: Workload, case: Case, compiled: Any) -> Call:
    """What a user would write; `compiled` is applied to what PyTorch can compile of it."""
    data = tuple(torch.as_tensor(each) for each in workload.data(case))
    if case.task in (Task.GRADIENT, Task.MINIMISE):
        return _value_and_gradients(compiled(function), data, case)
    match case.task:
        case Task.HESSIAN:
            derivative = torch.func.hessian(function)
        case Task.HVP:

            def derivative(x: Any, direction: Any) -> Any:
                return torch.func.jvp(torch.func.grad(function), (x,), (direction,))[1]

        case _:
            derivative = (torch.func.jacrev if is_wide(case) else torch.func.jacfwd)(function)
    derivative = compiled(derivative)
    return lambda *arguments: derivative(*(torch.as_tensor(each) for each in arguments), *data).numpy()


def _value_and_gradients(function: Loss, data: tuple[Any, ...], case: Case) -> Call:
    n = case.differentiated

    def call(*arguments: Any) -> Result:
        tensors = [torch.as_tensor(each, dtype=None if numpy.ndim(each) else torch.float64) for each in arguments]
        for tensor in tensors[:n]:
            tensor.requires_grad_(True)
        value = function(*tensors, *data)
        gradients = torch.autograd.grad(value, tensors[:n])
        return value.item(), bare([each.numpy() for each in gradients])

    return call
