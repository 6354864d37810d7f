"""Gradient descent with the step size of the evals `particle` and `saddle`: doubled after ten successes, halved after
a failure."""

import numpy as np

ENOUGH = 1e-5  # gradients and steps below this length end the descent
FIRST_STEP = 1e-5
SUCCESSES = 10


def length(x):
    return np.sqrt(np.sum(x * x))


def argmin(f, gradient, x):
    """Where `f` is smallest, from `x` on; `gradient` is that of `f`."""
    step, successes = FIRST_STEP, 0
    fx, gx = f(x), gradient(x)
    while length(gx) > ENOUGH:
        if successes == SUCCESSES:
            step, successes = 2.0 * step, 0
            continue
        y = x - step * gx
        if length(x - y) <= ENOUGH:
            break
        fy = f(y)
        if fy < fx:
            x, fx, gx = y, fy, gradient(y)
            successes += 1
        else:
            step, successes = 0.5 * step, 0
    return x


def argmax(f, gradient, x):
    return argmin(lambda y: -f(y), lambda y: -gradient(y), x)
