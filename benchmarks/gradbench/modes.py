"""The two ways to a gradient, by the letters that the evals `particle` and `saddle` have for them."""

import autodiff as ad

MODES = {"f": ad.jacfwd, "r": ad.grad}
