"""The functions of NumPy and SciPy that few programs call, and which of ours answers for each: the rest of `table.py`.

Imported, with the ops for it, when a function is called that the table of the common ones does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.frontends.surface import (
    calculus,
    fourier,
    functional,
    histograms,
    linalg,
    nan_reductions,
    padding,
    polynomials,
    quantiles,
    scipy_special,
    statistics,
)
from autodiff.ops import special

# SciPy's ufuncs, by name: scipy.special is not imported for the sake of a table.
SCIPY: dict[str, Callable[..., Any]] = {**special.SCIPY_NAMES, **scipy_special.UFUNCS}

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.pad: padding.pad,
    np.cross: statistics.cross,
    np.cov: statistics.cov,
    np.corrcoef: statistics.corrcoef,
    np.bincount: statistics.bincount,
    np.histogram: histograms.histogram,
    np.median: quantiles.median,
    np.nanmedian: quantiles.nanmedian,
    np.quantile: quantiles.quantile,
    np.percentile: quantiles.percentile,
    np.nanquantile: quantiles.nanquantile,
    np.nanpercentile: quantiles.nanpercentile,
    np.nansum: nan_reductions.nansum,
    np.nanprod: nan_reductions.nanprod,
    np.nancumsum: nan_reductions.nancumsum,
    np.nancumprod: nan_reductions.nancumprod,
    np.nanmean: nan_reductions.nanmean,
    np.nanvar: nan_reductions.nanvar,
    np.nanstd: nan_reductions.nanstd,
    np.nanmax: nan_reductions.nanmax,
    np.nanmin: nan_reductions.nanmin,
    np.nanargmax: nan_reductions.nanargmax,
    np.nanargmin: nan_reductions.nanargmin,
    np.diff: calculus.diff,
    np.gradient: calculus.gradient,
    np.trapezoid: calculus.trapezoid,
    np.ediff1d: calculus.ediff1d,
    np.interp: calculus.interp,
    np.poly: polynomials.poly,
    np.polyval: polynomials.polyval,
    np.polyadd: polynomials.polyadd,
    np.polysub: polynomials.polysub,
    np.polymul: polynomials.polymul,
    np.polyder: polynomials.polyder,
    np.polyint: polynomials.polyint,
    np.polyfit: polynomials.polyfit,
    np.vander: polynomials.vander,
    np.convolve: polynomials.convolve,
    np.correlate: polynomials.correlate,
    **fourier.FUNCTIONS,
    **functional.FUNCTIONS,
    **linalg.FUNCTIONS,
}
