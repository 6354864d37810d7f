"""Numbers at which elementary functions are tested: of the whole range of a dtype, and special ones."""

import llvmlite.binding
import numba
import numpy as np

BINARY = {"arctan2", "power", "hypot"}
TRIGONOMETRIC = {"sin", "cos", "tan"}
FAR = np.array([2.0**20, 2.0**20 + 1, 1e10, 1e22, 1e38, 6381956970095103.0 * 2.0**40])
DTYPES = [np.float64, np.float32]
DOMAINS = {
    "log": lambda x: x > 0,
    "log2": lambda x: x > 0,
    "log10": lambda x: x > 0,
    "log1p": lambda x: x > -1,
    "arcsin": lambda x: abs(x) <= 1,
    "arccos": lambda x: abs(x) <= 1,
    "arctanh": lambda x: abs(x) < 1,
    "arccosh": lambda x: x >= 1,
    # Where the result has long been 0, 1 or inf mpmath only loses time; the special values cover it.
    **dict.fromkeys(["exp", "exp2", "expm1", "sinh", "cosh", "tanh", "sigmoid", "softplus"], lambda x: abs(x) < 1200),
    **dict.fromkeys(["erf", "erfc"], lambda x: abs(x) < 40),
}
EVERYWHERE = np.isfinite
# With vectors of two float64 (SSE2, NEON) LLVM may rightly find that the scalar loop costs no more.
AVX2 = llvmlite.binding.get_host_cpu_features().get("avx2", False) and numba.config.CPU_NAME != "generic"


def sample(rng, dtype, count, domain=EVERYWHERE):
    """About `count` numbers of the domain: magnitudes of the whole range, near 0, near 1, near over- and underflow."""
    info = np.finfo(dtype)
    lowest, highest = np.log2(float(info.smallest_subnormal)), info.maxexp
    kinds = [
        2.0 ** rng.uniform(lowest, highest, 2 * count),
        2.0 ** rng.uniform(-12, 12, 2 * count),
        rng.uniform(0, 2, 2 * count),
        1 + rng.normal(size=count) * 2.0 ** rng.uniform(-info.nmant, -2, count),
        rng.uniform(0, -0.72 * lowest, count),
        highest * np.log(2) * rng.uniform(0.98, 1.04, count),
    ]
    with np.errstate(over="ignore"):
        x = np.concatenate(kinds).astype(dtype)
    x = rng.choice([-1, 1], x.size).astype(dtype) * x
    x = x[np.isfinite(x) & domain(x)]
    return rng.permutation(x)[:count]


def operands(name, dtype, count=2000):
    rng = np.random.default_rng(7)
    if name in TRIGONOMETRIC:
        near_zeros = (rng.integers(1, 2**20, count // 2) * (np.pi / 2)).astype(dtype)
        return (np.concatenate([sample(rng, dtype, count), near_zeros, FAR]).astype(dtype),)
    if name not in BINARY:
        return (sample(rng, dtype, count, DOMAINS.get(name, EVERYWHERE)),)
    x, y = sample(rng, dtype, count), sample(rng, dtype, count)
    if name == "power":
        x = abs(x)
        bits = rng.uniform(-1.1, 1.1, count) * np.finfo(dtype).maxexp  # of the result: all of the range
        with np.errstate(all="ignore"):
            y = np.where(rng.random(count) < 0.8, bits / np.log2(x.astype(np.float64)), y).astype(dtype)
            keep = np.isfinite(y) & (abs(y * np.log2(x.astype(np.float64))) < 5000)
        x, y = x[keep], y[keep]
    return x, y


def special_values(dtype):
    info = np.finfo(dtype)
    tiny = [0.0, info.smallest_subnormal, info.smallest_normal / 3, info.smallest_normal]
    edges = [88.7, 88.8, 89.4, 103.9, 104.1, 709.7, 709.8, 710.4, 710.5, 745.1, 745.2, 1074.0, 1075.5]
    plain = [0.5, 1.0, 1.0 + info.eps, 1.5, 2.0, 3.0, 127.5, 128.0, 1023.5, 1024.0, 2.0**53, 2.0**53 - 1]
    values = np.array([*tiny, *edges, *plain, info.max, np.inf, np.nan], dtype)
    return np.concatenate([values, -values])
