"""Loops over the bits of integers: numbers that no derivative runs through, and that decide what is computed."""

import numpy as np

from programs.zoo import WRITES, program, sample


@program(1.3, 21)
def power_by_bits(x, n):
    result = 1.0
    while n > 0:
        if n & 1:
            result = result * x
        x = x * x
        n >>= 1
    return result


@program(sample(301, 8, low=0.2), 11)
def subset_products(x, mask):
    """The sum of the products of all subsets of a set of 8 numbers that share a member with `mask`."""
    total = 0.0
    for subset in range(1, 64):
        if subset & mask == 0:
            continue
        product = 1.0
        for k in range(8):
            if (subset >> k) & 1:
                product *= x[k]
        total += product
    return total


@program(sample(302, 16), no_tape=WRITES)
def walsh_transform(x):
    """Butterflies: the partner of an element is found by flipping a bit."""
    y = x.copy()
    width = 1
    while width < 16:
        for i in range(16):
            if i & width == 0:
                j = i | width
                y[i], y[j] = y[i] + y[j], y[i] - y[j]
        width <<= 1
    return np.sum(y**3)


@program(sample(303, 16), no_tape=WRITES)
def bit_reversal(x):
    y = np.zeros(16)
    for i in range(16):
        j = 0
        for b in range(4):
            j = (j << 1) | ((i >> b) & 1)
        y[j] = x[i] * (1 + (i ^ j))
    return np.sum(np.cumsum(y) ** 2)


@program(0.7, 12345)
def random_signs(x, seed):
    total = 0.0
    for k in range(30):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        if (seed >> 16) & 1:
            total = total * x + k
        else:
            total -= x * x
    return total
