"""Special functions: SciPy's names, SciPy's values. The tables of them all; each is defined in its family's file.

Formulas: NIST Digital Library of Mathematical Functions (DLMF) and Abramowitz & Stegun (A&S), by
number beside each. Every family is closed under differentiation, so derivatives of any order are
exact: `digamma` differentiates to `zeta`, Bessel functions to their neighbours in order.

Derivatives with respect to a parameter that have no closed form (the order of a Bessel function,
`s` of `zeta`, the parameters of a hypergeometric function) are `refused`: asking for one raises
`NotDifferentiableError`, a constant there is welcome. Those of the incomplete gamma and beta
functions have no closed form either, and are ops of their own (`special_shape.py`).

SciPy is slow to import (0.7 s) and most programs do without it: `special_family.scipy_function` is the one
place that imports it, when a function is first evaluated. Kernels call the same C code (see
`backends/numba/special_functions.py`), apart from those in `WRITTEN`, which SciPy does not offer to them.
"""

from __future__ import annotations

from autodiff.ops import (
    special_bessel,
    special_entropy,
    special_error,
    special_gamma,
    special_incomplete,
    special_integrals,
    special_powers,
)
from autodiff.ops.special_bessel import i0 as i0
from autodiff.ops.special_bessel import i0e as i0e
from autodiff.ops.special_bessel import i1 as i1
from autodiff.ops.special_bessel import i1e as i1e
from autodiff.ops.special_entropy import entr as entr
from autodiff.ops.special_entropy import log_expit as log_expit
from autodiff.ops.special_entropy import xlog1py as xlog1py
from autodiff.ops.special_entropy import xlogy as xlogy
from autodiff.ops.special_error import erf as erf
from autodiff.ops.special_error import erfc as erfc
from autodiff.ops.special_error import erfcinv as erfcinv
from autodiff.ops.special_error import erfinv as erfinv
from autodiff.ops.special_error import log_ndtr as log_ndtr
from autodiff.ops.special_error import ndtr as ndtr
from autodiff.ops.special_error import ndtri as ndtri
from autodiff.ops.special_gamma import betaln as betaln
from autodiff.ops.special_gamma import digamma as digamma
from autodiff.ops.special_gamma import gammaln as gammaln
from autodiff.ops.special_gamma import polygamma as polygamma
from autodiff.ops.special_gamma import zeta as zeta
from autodiff.ops.special_incomplete import betainc as betainc
from autodiff.ops.special_incomplete import gammainc as gammainc
from autodiff.ops.special_incomplete import gammaincc as gammaincc

FAMILIES = (
    *(special_error, special_gamma, special_incomplete, special_entropy, special_bessel),
    *(special_integrals, special_powers),
)
OPS_HERE = tuple(op for family in FAMILIES for op in family.OPS_HERE)
# Those whose kernels call a function: the rest are expressions of other functions.
CALLED = {op.name: op.numpy for op in OPS_HERE if op.scalar.startswith(f"{op.name}(")}
ARITY = {op.name: len(op.partials) for op in OPS_HERE if op.name in CALLED}
# The formulas, and their constant arguments, of those that no C function computes.
WRITTEN = {**special_incomplete.WRITTEN, **special_integrals.WRITTEN}
# SciPy's functions with several results: the op of each, and its place among them.
SEVERAL = special_integrals.SEVERAL
# What SciPy's ufuncs call themselves, where that is not the op's name.
SCIPY_NAMES = {"psi": digamma, "_zeta": zeta, **{op.name: op for op in OPS_HERE}}
