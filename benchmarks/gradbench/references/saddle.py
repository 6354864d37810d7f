"""saddle: the same two descents with gradients by hand, where d outer / d p1 is 2 p1."""

from benchmarks.gradbench.references.descent import argmax, argmin

VALUE, DERIVATIVES = None, ("rr", "ff", "fr", "rf")
SIZES = DEFAULT = TINY = ((),)


def make(size, random):
    return {"start": [1.0, 1.0]}


def expected(function, given):
    start = given["start"]

    def answer(p1):
        return argmax(lambda p2: f(p1, p2), lambda p2: [-2.0 * b for b in p2], start)

    p1 = argmin(lambda p: f(p, answer(p)), lambda p: [2.0 * a for a in p], start)
    return [*p1, *answer(p1)]


def f(p1, p2):
    return sum(a * a for a in p1) - sum(b * b for b in p2)
