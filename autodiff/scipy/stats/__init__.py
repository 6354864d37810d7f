"""`scipy.stats`: the densities and distribution functions of its distributions, with recorded arrays.

Continuous ones have pdf, logpdf, cdf, sf, logcdf, logsf and, where an inverse exists, ppf and isf; discrete ones pmf,
logpmf, cdf, sf, logcdf, logsf; `multinomial`, `dirichlet` and `multivariate_normal` their log density and density.
Parameters, `loc` and `scale` may be recorded, and broadcast as in SciPy. Outside of the support a log density is -inf
with derivative 0. Everything else (`rvs`, `fit`, moments, ...) is SciPy's, for plain numbers.
"""

from __future__ import annotations

from autodiff.scipy.dispatch import namespace as _namespace
from autodiff.scipy.stats.continuous import DISTRIBUTIONS as _CONTINUOUS
from autodiff.scipy.stats.discrete import DISTRIBUTIONS as _DISCRETE
from autodiff.scipy.stats.multivariate import DISTRIBUTIONS as _MULTIVARIATE

_OURS = {d.name: d for d in (*_CONTINUOUS, *_DISCRETE, *_MULTIVARIATE)}
globals().update(_OURS)
__getattr__ = _namespace("scipy.stats", {}, globals())


def __dir__() -> list[str]:
    return sorted({*globals()})
