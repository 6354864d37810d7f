"""llsq: the gradient is minus the Vandermonde matrix, transposed, times the residuals."""

import numpy as np

VALUE, DERIVATIVES = "primal", ("gradient",)
SIZES = tuple((128, n) for n in (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8196, 16392))
DEFAULT = ((128, 256), (128, 4096))
TINY = ((7, 16), (1, 3))


def make(size, random):
    m, n = size
    return {"x": random.uniform(size=m).tolist(), "n": n}


def expected(function, given):
    x, n = np.array(given["x"]), given["n"]
    t = np.array([-1.0 + 2.0 * i / (n - 1) for i in range(n)])
    powers = np.vander(t, len(x), increasing=True)
    residuals = np.sign(t) - powers @ x
    return float(residuals @ residuals / 2.0) if function == "primal" else (-powers.T @ residuals).tolist()
