"""lse: SciPy has the function, and its gradient by the name of softmax."""

import numpy as np
from scipy.special import logsumexp, softmax

VALUE, DERIVATIVES = "primal", ("gradient",)
SIZES = tuple((2500 * 2**k,) for k in range(10))
DEFAULT = ((2500,), (80_000,))
TINY = ((1,), (50,))


def make(size, random):
    return {"x": random.uniform(size=size).tolist()}


def expected(function, given):
    x = np.array(given["x"])
    return float(logsumexp(x)) if function == "primal" else softmax(x).tolist()
