"""Black-Scholes prices of European calls: their sum, and its gradient with respect to all five inputs.

Five arrays in and five out. At 1e4 options the arithmetic is measured, at 1e6 the memory as well.
"""

import math
from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss, Tolerance

TITLE = "Black-Scholes"
# Deep out of the money a price is the difference of two nearly equal numbers.
CLOSE = Tolerance(1e-6, 1e-8)
CASES = (
    Case("n=1e4", (10_000,), differentiated=5, tolerance=CLOSE),
    Case("n=1e6", (1_000_000,), differentiated=5, tolerance=CLOSE, heavy=True),
)
RANGES = {"spot": (60, 140), "strike": (60, 140), "years": (0.1, 2), "rate": (0.0, 0.1), "volatility": (0.1, 0.6)}
SQRT_HALF = math.sqrt(0.5)
NORMAL_DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    generator = numpy.random.default_rng(seed)
    return tuple(generator.uniform(low, high, case.shape) for low, high in RANGES.values())


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def normal_cdf(x):
        return 0.5 + 0.5 * lang.erf(SQRT_HALF * x)

    def total_price(spot, strike, years, rate, volatility):
        spread = volatility * np.sqrt(years)
        d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
        discounted = strike * np.exp(-rate * years)
        return np.sum(spot * normal_cdf(d1) - discounted * normal_cdf(d1 - spread))

    return total_price


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit(fastmath=True)
    def into(spot, strike, years, rate, volatility, ct_spot, ct_strike, ct_years, ct_rate, ct_volatility):
        value = 0.0
        for i in range(spot.size):
            root = math.sqrt(years[i])
            spread = volatility[i] * root
            drift = rate[i] + 0.5 * volatility[i] * volatility[i]
            d1 = (vm.log(spot[i] / strike[i]) + drift * years[i]) / spread
            d2 = d1 - spread
            e1, e2 = vm.exp(-0.5 * d1 * d1), vm.exp(-0.5 * d2 * d2)
            tail1 = 0.5 * vm.erfc_positive(abs(d1) * SQRT_HALF, e1)
            tail2 = 0.5 * vm.erfc_positive(abs(d2) * SQRT_HALF, e2)
            cdf1 = 1.0 - tail1 if d1 >= 0 else tail1
            cdf2 = 1.0 - tail2 if d2 >= 0 else tail2
            vega = spot[i] * e1 * NORMAL_DENSITY_AT_0 * root
            bond = strike[i] * vm.exp(-rate[i] * years[i]) * cdf2
            value += spot[i] * cdf1 - bond
            ct_spot[i] = cdf1
            ct_strike[i] = -bond / strike[i]
            ct_years[i] = rate[i] * bond + 0.5 * vega * volatility[i] / years[i]
            ct_rate[i] = bond * years[i]
            ct_volatility[i] = vega
        return value

    def value_and_gradients(*inputs):
        gradients = [numpy.empty_like(each) for each in inputs]
        return into(*inputs, *gradients), gradients

    return value_and_gradients
