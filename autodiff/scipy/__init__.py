"""SciPy, with the functions that NumPy's dispatch does not reach: `import autodiff.scipy.special as sp`.

SciPy's ufuncs (`scipy.special.erf`, ...) reach autodiff by themselves. The functions that SciPy
writes in Python do not: `special.logsumexp`, the distributions of `stats`, the filters of
`signal`. Here these take recorded arrays too, with SciPy's names and signatures; on plain arrays
they call SciPy. Everything else is SciPy's own object. SciPy is imported when it is needed.

>>> import numpy as np
>>> import autodiff as ad
>>> from autodiff.scipy import stats
>>> slope = ad.grad(lambda mean: np.sum(stats.norm.logpdf(np.array([1.0, 2.0]), loc=mean)))
>>> float(slope(0.0))
3.0
"""

from __future__ import annotations

import importlib
from typing import Any

from autodiff.scipy import linalg, signal, sparse, special, stats

__all__ = ["linalg", "signal", "sparse", "special", "stats"]


def __getattr__(name: str) -> Any:
    """SciPy's own, where there is nothing of ours."""
    if name.startswith("__"):
        raise AttributeError(f"module 'autodiff.scipy' has no attribute {name!r}")
    return getattr(importlib.import_module("scipy"), name)
