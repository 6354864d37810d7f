"""The gradient descent of `particle` and `saddle`, statement by statement as the evals describe it."""

import math


def argmin(f, gradient, x):
    """Of lists of numbers."""
    fx, gx, successes, step = f(x), gradient(x), 0, 1e-5
    while True:
        if math.hypot(*gx) <= 1e-5:
            return x
        if successes == 10:
            step, successes = 2.0 * step, 0
            continue
        y = [a - step * b for a, b in zip(x, gx, strict=True)]
        if math.dist(x, y) <= 1e-5:
            return x
        fy = f(y)
        if fy < fx:
            x, fx, gx, successes = y, fy, gradient(y), successes + 1
        else:
            step, successes = step / 2.0, 0


def argmax(f, gradient, x):
    return argmin(lambda y: -f(y), lambda y: [-slope for slope in gradient(y)], x)
