"""Elementwise ops by name, on mpmath's numbers.

Definitions, not algorithms: 60 digits are enough for any cancellation. Inverse functions are roots,
found from SciPy's value; derivatives in shape parameters are mpmath's, of the function they belong to.
"""

from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf
from scipy import special


def _trunc(x: Any) -> Any:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def _cbrt(x: Any) -> Any:
    return mp.cbrt(x) if x >= 0 else -mp.cbrt(-x)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _relative_entropy(x: Any, y: Any) -> Any:
    return x * mp.log(x / y)


def _real(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of functions that mpmath continues into the complex plane: on the axis, the real part."""
    return lambda *x: mp.re(function(*x))


def _p(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def _q(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def _i(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def _student(df: Any, t: Any) -> Any:
    tail = _i(df / 2, mpf(1) / 2, df / (df + t * t)) / 2
    return tail if t < 0 else 1 - tail


def _owens_t(h: Any, a: Any) -> Any:
    return mp.quad(lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * mp.pi)


def _huber(delta: Any, r: Any) -> Any:
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def _inverse(function: Callable[..., Any], guess: Callable[..., float]) -> Callable[..., Any]:
    """The x for which function(*parameters, x) is p."""

    def root(*args: Any) -> Any:
        *parameters, p = args
        return mp.findroot(lambda x: function(*parameters, x) - p, mpf(guess(*map(float, args))))

    return root


def _parameter(function: Callable[..., Any], *orders: int) -> Callable[..., Any]:
    """function(*parameters, x), differentiated in its parameters as often as `orders` says."""

    def derivative(*args: Any) -> Any:
        parameters, x = args[: len(orders)], args[-1]
        return mp.diff(lambda *p: function(*p, x), parameters, orders)

    return derivative


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    # arithmetic
    "add": lambda x, y: x + y,
    "joined": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "floordiv": lambda x, y: mp.floor(x / y),
    "mod": lambda x, y: x - y * mp.floor(x / y),
    "fmod": lambda x, y: x - y * _trunc(x / y),
    "neg": lambda x: -x,
    "pos": lambda x: +x,
    "abs": abs,
    "fabs": abs,
    "square": lambda x: x * x,
    "one_minus_square": lambda x: 1 - x * x,
    "reciprocal": lambda x: 1 / x,
    "sign": mp.sign,
    "floor": mp.floor,
    "ceil": mp.ceil,
    "rint": mp.nint,
    "trunc": _trunc,
    "maximum": max,
    "minimum": min,
    "fmax": max,
    "fmin": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "select": lambda c, x, y: x if c else y,
    "tie": lambda x, source: x,
    "identity": lambda x: x,
    # powers, exponentials, logarithms, trigonometry
    "pow": lambda x, y: x**y,
    "sqrt": mp.sqrt,
    "root": mp.sqrt,
    "radical": lambda x, exponent: x**exponent,
    "cbrt": _cbrt,
    "hypot": mp.hypot,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "exp2": lambda x: mpf(2) ** x,
    "log": mp.log,
    "log1p": mp.log1p,
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "logaddexp": lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "arctan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "sigmoid": _sigmoid,
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "relu": lambda x: max(x, mpf(0)),
    # special functions
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "erfinv": mp.erfinv,
    "erfcinv": lambda x: mp.erfinv(1 - x),
    "ndtr": mp.ncdf,
    "log_ndtr": lambda x: mp.log(mp.ncdf(x)),
    "ndtri": lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1),
    "gammaln": lambda x: mp.log(abs(mp.gamma(x))),
    "gamma": mp.gamma,
    "digamma": mp.digamma,
    "zeta": mp.zeta,
    "beta": mp.beta,
    "betaln": lambda a, b: mp.log(mp.beta(a, b)),
    "gammainc": _p,
    "gammaincc": _q,
    "betainc": _i,
    "erfi": mp.erfi,
    "dawsn": lambda x: mp.exp(-x * x) * mp.erfi(x) * mp.sqrt(mp.pi) / 2,
    "ndtri_exp": lambda x: mp.sqrt(2) * mp.erfinv(2 * mp.exp(x) - 1),
    "owens_t": _owens_t,
    "loggamma": mp.loggamma,
    "rgamma": mp.rgamma,
    "poch": mp.rf,
    "binom": mp.binomial,
    "gammainc_a": _parameter(_p, 1),
    "gammainc_aa": _parameter(_p, 2),
    "gammainc_aaa": _parameter(_p, 3),
    "gammaincinv": _inverse(_p, special.gammaincinv),
    "gammainccinv": _inverse(_q, special.gammainccinv),
    "betaincc": lambda a, b, x: 1 - _i(a, b, x),
    "betainc_a": _parameter(_i, 1, 0),
    "betainc_b": _parameter(_i, 0, 1),
    "betainc_aa": _parameter(_i, 2, 0),
    "betainc_ab": _parameter(_i, 1, 1),
    "betainc_bb": _parameter(_i, 0, 2),
    "betaincinv": _inverse(_i, special.betaincinv),
    "betainccinv": _inverse(lambda a, b, x: 1 - _i(a, b, x), special.betainccinv),
    "stdtr": _student,
    "stdtrit": _inverse(_student, special.stdtrit),
    "expi": mp.ei,
    "exp1": mp.e1,
    "expn": mp.expint,
    "spence": _real(lambda x: mp.polylog(2, 1 - x)),
    "sine_integral": mp.si,
    "cosine_integral": mp.ci,
    "sinh_integral": mp.shi,
    "cosh_integral": mp.chi,
    "fresnel_sine": mp.fresnels,
    "fresnel_cosine": mp.fresnelc,
    "ellipk": mp.ellipk,
    "ellipkm1": lambda p: mp.ellipk(1 - p),
    "ellipe": mp.ellipe,
    "ellipkinc": mp.ellipf,
    "ellipeinc": mp.ellipe,
    "hyp0f1": mp.hyp0f1,
    "hyp1f1": mp.hyp1f1,
    "hyp2f1": mp.hyp2f1,
    "hyperu": mp.hyperu,
    "lambertw_principal": _real(mp.lambertw),
    "lambertw_minus": _real(lambda x: mp.lambertw(x, -1)),
    "exp10": lambda x: mpf(10) ** x,
    "exprel": lambda x: mp.expm1(x) / x,
    "cosm1": lambda x: mp.cos(x) - 1,
    "powm1": lambda x, y: x**y - 1,
    "boxcox": lambda x, s: (x**s - 1) / s,
    "boxcox1p": lambda x, s: ((1 + x) ** s - 1) / s,
    "inv_boxcox": lambda y, s: (1 + s * y) ** (1 / s),
    "inv_boxcox1p": lambda y, s: (1 + s * y) ** (1 / s) - 1,
    "huber": _huber,
    "pseudo_huber": lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
    "sindg": lambda x: mp.sin(x * mp.pi / 180),
    "cosdg": lambda x: mp.cos(x * mp.pi / 180),
    "tandg": lambda x: mp.tan(x * mp.pi / 180),
    "cotdg": lambda x: mp.cot(x * mp.pi / 180),
    "yv": mp.bessely,
    "y0": lambda x: mp.bessely(0, x),
    "y1": lambda x: mp.bessely(1, x),
    "kv": mp.besselk,
    "kve": lambda v, x: mp.exp(x) * mp.besselk(v, x),
    "k0": lambda x: mp.besselk(0, x),
    "k1": lambda x: mp.besselk(1, x),
    "k0e": lambda x: mp.exp(x) * mp.besselk(0, x),
    "k1e": lambda x: mp.exp(x) * mp.besselk(1, x),
    "xlogy": lambda x, y: x * mp.log(y),
    "xlog1py": lambda x, y: x * mp.log1p(y),
    "entr": lambda x: -x * mp.log(x),
    "rel_entr": _relative_entropy,
    "kl_div": lambda x, y: _relative_entropy(x, y) - x + y,
    "logit": lambda x: mp.log(x / (1 - x)),
    "log_expit": lambda x: mp.log(_sigmoid(x)),
    "jv": mp.besselj,
    "iv": mp.besseli,
    "ive": lambda v, x: mp.exp(-abs(x)) * mp.besseli(v, x),
    "j0": lambda x: mp.besselj(0, x),
    "j1": lambda x: mp.besselj(1, x),
    "i0": lambda x: mp.besseli(0, x),
    "i1": lambda x: mp.besseli(1, x),
    "i0e": lambda x: mp.exp(-abs(x)) * mp.besseli(0, x),
    "i1e": lambda x: mp.exp(-abs(x)) * mp.besseli(1, x),
}

# Those that take a tenth of a second and more for one number: the tests look at one, at order one. Order two
# of what they are derivatives of tests them again.
SLOWEST = {
    "logm",
    *("owens_t", "gammainc_a", "gammainc_aa", "gammainc_aaa", "gammaincinv", "gammainccinv", "stdtrit"),
    *("betainc_a", "betainc_b", "betainc_aa", "betainc_ab", "betainc_bb", "betaincinv", "betainccinv"),
}
# Those that take milliseconds: tests give them few numbers.
COSTLY = {
    *SLOWEST,
    *("gammainc", "gammaincc", "betainc", "betaincc", "zeta", "beta", "betaln", "poch", "binom", "stdtr"),
    *("erfinv", "ndtri", "ndtri_exp", "spence", "ellipkinc", "ellipeinc", "hyp1f1", "hyp2f1", "hyperu", "expn"),
    *("coshm", "cosm", "sinhm", "sinm", "tanhm", "tanm"),
    *("jv", "iv", "ive", "yv", "kv", "kve", "y0", "y1", "k0", "k1", "k0e", "k1e"),
}
