"""Special functions in kernels: SciPy's own numbers, at hard places too; zeta, which is written out."""

import itertools

import numpy as np
import pytest
import scipy.special as sp
from kernels import Kernel, close

from autodiff.backends.interpreter import run
from autodiff.backends.numba.llvm import print_llvm
from autodiff.backends.numba.special_zeta import hurwitz_zeta
from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ops.special import ARITY, OPS_HERE, WRITTEN

HARD = np.array([-np.inf, -30.0, -2.5, -1.0, -1e-300, 0.0, 1e-300, 0.3, 1.0, 2.0, 40.0, 1e10, np.inf, np.nan])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_hard_places(dtype):
    unary = [op for op in OPS_HERE if len(op.partials) == 1]
    x = HARD.astype(dtype)
    with building([aval_of(x)]) as b:
        block = b.block([op(*b.params) for op in unary])
    found = Kernel(block).compiled([x])
    for op, y, expected in zip(unary, found, run(block, [x]), strict=True):
        close([y], [expected], op.name, rtol=1e-13 if dtype == np.float64 else 1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("op", OPS_HERE, ids=lambda op: op.name)
def test_none_needs_numba(op, dtype):
    with building([aval_of(np.ones(3, dtype))] * len(op.partials)) as b:
        assert print_llvm(Kernel(b.block([op(*b.params)])).plan)


# gammainc's parameter and argument, betainc's two parameters and argument
PLACES = ((-1.0, 0.0, 1e-3, 0.7, 3.0, 200.0, np.inf, np.nan), (0.0, 1e-8, 0.3, 1.0, 40.0, np.inf))
FRACTIONS = ((1e-2, 0.5, 1.0, 20.0), (0.05, 2.0, 300.0), (0.0, 1e-6, 0.4, 0.999, 1.0))


@pytest.mark.parametrize("op", [op for op in OPS_HERE if op.name in (*WRITTEN, "zeta")], ids=lambda op: op.name)
def test_functions_written_here_at_hard_places(op):
    grids = {1: (HARD,), 2: PLACES, 3: FRACTIONS}[ARITY[op.name]]
    x = [np.array(column) for column in zip(*itertools.product(*grids), strict=True)]
    if op.name == "zeta":  # of an infinite s, SciPy's is at times inf and at times nan
        x = [column[np.isfinite(x[0])] for column in x]
    with building([aval_of(a) for a in x]) as b:
        block = b.block([op(*b.params)])
    (found,), (expected,) = Kernel(block).compiled(x), run(block, x)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-20)  # second derivatives cancel


def test_zeta_of_many_arguments():
    rng = np.random.default_rng(0)
    for s, x in zip(rng.uniform(1.01, 60.0, 2000), 10 ** rng.uniform(-3.0, 3.0, 2000), strict=True):
        assert hurwitz_zeta(s, x) == pytest.approx(sp.zeta(s, x), rel=2e-15)


@pytest.mark.parametrize(
    ("s", "x"),
    [
        *[(2.0, -0.5), (3.0, -2.3), (2.0, -7.0), (2.0, 0.0), (1.0, 2.0), (0.5, 2.0), (2.5, -0.5), (50.0, 3.0)],
        *[(2.0, 1e300), (3.0, 1e200), (2.0, np.inf), (np.inf, 2.0), (2.0, np.nan), (np.nan, 2.0), (9.0, 1e-5)],
    ],
)
def test_zeta_at_hard_places(s, x):
    with np.errstate(all="ignore"):
        assert hurwitz_zeta(s, np.float64(x)) == pytest.approx(sp.zeta(s, x), rel=4e-15, nan_ok=True)
