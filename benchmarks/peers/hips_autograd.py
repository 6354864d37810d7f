"""HIPS autograd: a tape over NumPy, no compilation."""

import autograd
import autograd.numpy as anp
import autograd.scipy.linalg
import autograd.scipy.special
import numpy

from benchmarks.peer import bind, few_trips, is_wide, no_note
from benchmarks.workload import Array, Call, Case, Language, Loss, Task, Workload

DISTRIBUTIONS = ("autograd", "numpy")
GRADIENT = True
CORES = 1
DISK_CACHE = False
REFUSALS = (NotImplementedError,)
LANGUAGE = Language(
    np=anp,
    erf=autograd.scipy.special.erf,
    sigmoid=autograd.scipy.special.expit,
    logsumexp=autograd.scipy.special.logsumexp,
    solve_triangular=autograd.scipy.linalg.solve_triangular,
)
note = no_note


def warm_up() -> None:
    autograd.value_and_grad(lambda x: x * x)(1.0)


def prepare(workload: Workload, case: Case) -> Call:
    few_trips(case, most=200)  # a thousand steps of an integrator take a second
    return bind(_derivative(workload.loss(LANGUAGE, case), case), workload.data(case))


def _derivative(function: Loss, case: Case) -> Call:
    match case.task:
        case Task.HESSIAN:
            return autograd.hessian(function)
        case Task.HVP:
            return autograd.hessian_vector_product(function)
        case Task.JACOBIAN:
            return autograd.jacobian(function) if is_wide(case) else _by_columns(function)
    return _value_and_gradients(function, case) if case.differentiated > 1 else autograd.value_and_grad(function)


def _value_and_gradients(function: Loss, case: Case) -> Call:
    """`value_and_grad` takes one argument number; a tuple in that place has one gradient per entry."""
    n = case.differentiated
    derivative = autograd.value_and_grad(lambda leading, rest: function(*leading, *rest))
    return lambda *arguments: derivative(arguments[:n], arguments[n:])


def _by_columns(function: Loss) -> Call:
    """`jacobian` is reverse mode, one pass per row: a tall one goes forward instead, as its users would."""
    pushforward = autograd.make_jvp(function)

    def jacobian(x: Array, *data: Array) -> Array:
        at_x = pushforward(x, *data)
        return numpy.stack([at_x(direction)[1] for direction in numpy.eye(len(x))], axis=1)

    return jacobian
