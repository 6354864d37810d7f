"""particle: the acceleration by hand, the derivative of the trajectory by complex steps."""

from benchmarks.gradbench.references.complex_step import STEP
from benchmarks.gradbench.references.descent import argmin

VALUE, DERIVATIVES = None, ("rr", "ff", "fr", "rf")
SIZES = DEFAULT = TINY = ((),)


def make(size, random):
    return {"w": 0.0}


def expected(function, given):
    def value(w):
        return landing(w[0]).real

    def slope(w):
        return [landing(w[0] + 1j * STEP).imag / STEP]

    return argmin(value, slope, [given["w"]])[0]


def landing(w):
    """For a complex control; comparisons look at the real part."""
    x, y, along, down = 0.0, 8.0, 0.75, 0.0
    while True:
        push_x = push_y = 0.0
        for charge in (10.0 - w, 0.0):
            dx, dy = x - 10.0, y - charge
            cubed = (dx * dx + dy * dy) ** 1.5
            push_x, push_y = push_x + dx / cubed, push_y + dy / cubed
        x, y = x + 0.1 * along, y + 0.1 * down
        if complex(y).real <= 0.0:
            return complex(x - y / down * along) ** 2
        along, down = along + 0.1 * push_x, down + 0.1 * push_y
